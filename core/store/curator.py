"""What people change in the record: names, notes, tags, the archive, the trash, and annotations of texts."""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import delete, exists, insert, select, update

from core.errors import RequestError
from core.store import queries
from core.store.engine import Store
from core.store.records import Run, content_hash
from core.store.schema import AnnotationRow, DatasetRow, RunRow, now

LONGEST_NAME = 200
LONGEST_TAG = 50


@dataclass(frozen=True)
class Annotation:
    """What a person says of a text; all three None takes back what was said before."""

    tag: str | None = None
    note: str | None = None
    proposed_label: str | None = None


def rename_run(store: Store, run_id: int, name: str) -> None:
    """Give a run another name. Raises `RequestError` for one that is empty or too long."""
    _update(store, [run_id], name=_name(name))


def note_run(store: Store, run_id: int, notes: str) -> None:
    """Keep a note on a run; an empty one takes it away."""
    _update(store, [run_id], notes=notes.strip() or None)


def tag_run(store: Store, run_id: int, tags: Iterable[str]) -> None:
    """Replace a run's tags. Raises `RequestError` for one that is too long."""
    _update(store, [run_id], tags=_tags(tags))


def describe_run(store: Store, run_id: int, name: str, notes: str, tags: Iterable[str]) -> None:
    """Change name, note and tags at once; where one is refused (`RequestError`) none is changed."""
    _update(store, [run_id], name=_name(name), tags=_tags(tags), notes=notes.strip() or None)


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not 0 < len(name) <= LONGEST_NAME:
        raise RequestError(f"A run's name has 1 to {LONGEST_NAME} characters; this one has {len(name)}.")
    return name


def _tags(texts: Iterable[str]) -> list[str]:
    tags = list(dict.fromkeys(" ".join(tag.split()) for tag in texts if tag.strip()))
    for tag in tags:
        if len(tag) > LONGEST_TAG:
            raise RequestError(f"A tag has at most {LONGEST_TAG} characters; this one has {len(tag)}: {tag[:20]}…")
    return tags


def archive_runs(store: Store, run_ids: Sequence[int], *, archived: bool = True) -> None:
    """Put runs into the archive, or take them out again."""
    _update(store, run_ids, archived=archived)


def trash_runs(store: Store, run_ids: Sequence[int]) -> None:
    """Put runs into the trash: nothing sees them, and nothing of them is lost.

    Raises `RequestError` where one of them is still running; then none is moved.
    """
    for run_id in run_ids:
        _at_rest(store, run_id)
    _update(store, run_ids, deleted_at=now())


def restore_runs(store: Store, run_ids: Sequence[int]) -> None:
    """Take runs out of the trash."""
    _update(store, run_ids, deleted_at=None)


def delete_run(store: Store, run_id: int) -> None:
    """Delete a run, what hangs on it, its files, and its data set where no other run uses it.

    Raises `RequestError` for a run that is still running.
    """
    run = _at_rest(store, run_id)
    with store.session.begin() as session:
        session.execute(delete(RunRow).where(RunRow.id == run_id))
        if run.dataset_id is not None:
            used = exists().where(RunRow.dataset_id == run.dataset_id)
            session.execute(delete(DatasetRow).where(DatasetRow.id == run.dataset_id, ~used))
    folder = run.folder(store.folder)
    if folder is not None and folder.is_dir():
        shutil.rmtree(folder)


def _at_rest(store: Store, run_id: int) -> Run:
    run = queries.run(store, run_id)
    if run.state == "running":
        raise RequestError(f"Run {run_id} is still running (process {run.pid} on {run.host}). Stop it first.")
    return run


def _update(store: Store, run_ids: Sequence[int], **columns: Any) -> None:
    for run_id in run_ids:
        queries.run(store, run_id)  # refuses a number that no run has
    with store.session.begin() as session:
        session.execute(update(RunRow).where(RunRow.id.in_(run_ids)).values(**columns))


def annotate(store: Store, said: dict[str, Annotation]) -> int:
    """Keep what a person says of texts, by text; return of how many texts it is new.

    What was said before stays in the table; the newest holds.
    """
    hashes = {content_hash(text): one for text, one in said.items()}
    with store.session.begin() as session:
        earlier = queries.newest_annotations(list(hashes))
        known = {row.content_hash: row for row in session.scalars(select(AnnotationRow).where(earlier))}
        rows = [
            {"content_hash": hash_, **asdict(one), "created_at": now()}
            for hash_, one in hashes.items()
            if one != _said(known.get(hash_))
        ]
        if rows:
            session.execute(insert(AnnotationRow), rows)
    return len(rows)


def _said(row: AnnotationRow | None) -> Annotation:
    return Annotation(row.tag, row.note, row.proposed_label) if row else Annotation()
