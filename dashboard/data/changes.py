"""What people change from the screens: names, notes, tags, the archive, the trash, and annotations."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from core.store import run_edits
from dashboard import access
from dashboard.data.cache import store, written

R = TypeVar("R")


def _changed(action: Callable[[], R]) -> R:
    """Change something in the database, for a visitor who may."""
    access.check_may_change()
    return written(action)


# Each raises `RequestError` with the reason where it can't be done; then nothing is changed, but by `empty_trash`.


def describe(run_id: int, name: str, notes: str, tags: list[str]) -> None:
    """Change name, note and tags of a run at once."""
    _changed(lambda: run_edits.edit_run(store(), run_id, name, notes, tags))


def archive(run_ids: list[int], *, archived: bool = True) -> None:
    """Put runs into the archive, or take them out again."""
    _changed(lambda: run_edits.archive_runs(store(), run_ids, archived=archived))


def to_trash(run_ids: list[int]) -> None:
    """Put runs into the trash, from where they can be brought back whole."""
    _changed(lambda: run_edits.trash_runs(store(), run_ids))


def restore(run_ids: list[int]) -> None:
    """Take runs out of the trash."""
    _changed(lambda: run_edits.restore_runs(store(), run_ids))


def empty_trash(run_ids: list[int]) -> list[str]:
    """Delete runs for good, with their predictions and files, those alone that lie in the trash.

    Return a sentence for each folder that was left, as it may be another's.
    """
    return _changed(lambda: run_edits.delete_trashed_runs(store(), run_ids))


def annotate(changes: Mapping[str, Mapping[str, str | None]]) -> int:
    """Change what is noted on texts, by text, of each the given fields; return on how many texts that is new."""
    return _changed(lambda: run_edits.annotate(store(), changes))
