"""The result of importing another database."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ImportProblem:
    """A run, an annotation or a saved view that was not imported, or not completely.

    ``kind``: one of running, not_copied, missing_files, linked_files, changed_files, missing_baseline,
    missing_parent, changed_since, annotation_conflict, invalid_annotation, view_conflict,
    invalid_view. ``where``: the run, text or view in the other database.
    """

    kind: str
    where: str
    message: str


@dataclass(frozen=True)
class ImportResult:
    """The imported runs and the runs that were already present: id here by id in the other database.

    ``annotations``: the number of texts whose annotation was added or completed. ``views``: the number of saved views
    that were added.
    """

    imported: Mapping[int, int]
    already_present: Mapping[int, int]
    annotations: int
    views: int
    problems: tuple[ImportProblem, ...]

    @property
    def is_complete(self) -> bool:
        """Whether this database now contains every run of the other one."""
        return not any(problem.kind in ("running", "not_copied") for problem in self.problems)
