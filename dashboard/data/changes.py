"""Changes made in the dashboard: names, notes, tags, archive, trash, annotations and saved views.

Each function raises `RequestError` with the reason if the change is not possible. In that case
nothing has changed, except that `delete_runs` may already have deleted some of the runs.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from core.store import run_edits, view_edits
from core.store.run_edits import Fields
from dashboard import access
from dashboard.data.cache import store, write

R = TypeVar("R")


def _write(action: Callable[[], R]) -> R:
    access.check_may_change()
    return write(action)


def edit_run(run_id: int, name: str | None = None, notes: str | None = None, tags: list[str] | None = None) -> None:
    """Change name, notes and tags of a run; None leaves a field unchanged."""
    _write(lambda: run_edits.edit_run(store(), run_id, name, notes, tags))


def archive_runs(run_ids: list[int], *, archived: bool = True) -> None:
    """Archive or unarchive runs."""
    _write(lambda: run_edits.archive_runs(store(), run_ids, archived=archived))


def trash_runs(run_ids: list[int]) -> None:
    """Move runs to the trash."""
    _write(lambda: run_edits.trash_runs(store(), run_ids))


def restore_runs(run_ids: list[int]) -> None:
    """Move runs out of the trash."""
    _write(lambda: run_edits.restore_runs(store(), run_ids))


def delete_runs(run_ids: list[int]) -> list[str]:
    """Delete runs in the trash permanently, with their predictions and files.

    Return a sentence for each folder that was kept because another run may own it.
    """
    return _write(lambda: run_edits.delete_trashed_runs(store(), run_ids))


def annotate(changes: Mapping[str, Mapping[str, str | None]]) -> dict[str, Fields]:
    """Set annotation fields.

    ``changes``: new field values by example text. Return the earlier values of the fields that changed.
    """
    return _write(lambda: run_edits.annotate(store(), changes))


def annotate_alike(
    texts: Sequence[str],
    *,
    add_tags: Iterable[str] = (),
    remove_tags: Iterable[str] = (),
    proposed_label: str | None = None,
) -> dict[str, Fields]:
    """Annotate several texts alike; see `run_edits.annotate_alike`."""
    return _write(
        lambda: run_edits.annotate_alike(
            store(), texts, add_tags=add_tags, remove_tags=remove_tags, proposed_label=proposed_label
        )
    )


def save_view(page: str, name: str, parameters: Mapping[str, list[str]]) -> str:
    """Save a view of a page in place of an earlier one of the same name; return the name as it is stored."""
    return _write(lambda: view_edits.save_view(store(), page, name, parameters))


def delete_view(page: str, name: str) -> None:
    """Delete a saved view of a page."""
    _write(lambda: view_edits.delete_view(store(), page, name))
