"""What people change from the screens: names, notes, tags, the archive, the trash, and annotations."""

from core.store import curator
from core.store.curator import Annotation
from dashboard.cache import reachable, store

# Each raises `RequestError` with the reason where it can't be done; then nothing is changed.


def rename(run_id: int, name: str) -> None:
    """Give a run another name."""
    reachable(lambda: curator.rename_run(store(), run_id, name))


def note(run_id: int, notes: str) -> None:
    """Keep a note on a run; an empty one takes it away."""
    reachable(lambda: curator.note_run(store(), run_id, notes))


def tag(run_id: int, tags: list[str]) -> None:
    """Replace a run's tags."""
    reachable(lambda: curator.tag_run(store(), run_id, tags))


def describe(run_id: int, name: str, notes: str, tags: list[str]) -> None:
    """Change name, note and tags of a run at once."""
    reachable(lambda: curator.describe_run(store(), run_id, name, notes, tags))


def archive(run_ids: list[int], *, archived: bool = True) -> None:
    """Put runs into the archive, or take them out again."""
    reachable(lambda: curator.archive_runs(store(), run_ids, archived=archived))


def to_trash(run_ids: list[int]) -> None:
    """Put runs into the trash, from where they can be brought back whole."""
    reachable(lambda: curator.trash_runs(store(), run_ids))


def restore(run_ids: list[int]) -> None:
    """Take runs out of the trash."""
    reachable(lambda: curator.restore_runs(store(), run_ids))


def delete(run_id: int) -> None:
    """Delete a run for good, with its predictions and files."""
    reachable(lambda: curator.delete_run(store(), run_id))


def annotate(said: dict[str, Annotation]) -> int:
    """Keep what a person says of texts, by text; return of how many texts it is new."""
    return reachable(lambda: curator.annotate(store(), said))
