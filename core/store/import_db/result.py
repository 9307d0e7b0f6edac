"""What an import of another database did."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ImportProblem:
    """Something that was not imported or not imported completely.

    ``kind``: one of running, not_copied, missing_files, linked_files, changed_files, missing_baseline,
    changed_since, annotation_conflict, invalid_annotation. ``where``: the run or text in the other database.
    """

    kind: str
    where: str
    message: str


@dataclass(frozen=True)
class ImportResult:
    """The imported runs and those that were here already, by their id in the other database.

    ``annotations``: the number of texts whose annotation was added or completed.
    """

    imported: Mapping[int, int]
    already_present: Mapping[int, int]
    annotations: int
    problems: tuple[ImportProblem, ...]

    @property
    def is_complete(self) -> bool:
        """Whether every run of the other database is here now."""
        return not any(problem.kind in ("running", "not_copied") for problem in self.problems)
