"""What people change in the record: names, notes, tags, the archive, the trash, and annotations of texts."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, exists, insert, select, update
from sqlalchemy.orm import Session

from core.errors import RequestError
from core.store import queries
from core.store.artifact_ownership import delete_adapter_folder, delete_work_folder
from core.store.engine import Store
from core.store.records import ANNOTATION_FIELDS, Run, content_hash, is_running, require_not_running
from core.store.schema import AnnotationRow, DatasetRow, RunRow, now
from core.text.formatting import format_count
from core.text.redact import redact_secrets
from core.text.sanitize import UNSTORABLE

MAX_NAME_LENGTH = 200
MAX_TAG_LENGTH = 50
MAX_NOTE_LENGTH = 10_000
"""The most characters of a note on a text."""


def edit_run(store: Store, run_id: int, name: str, notes: str, tags: Iterable[str]) -> None:
    """Change name, note and tags at once; an empty note takes it away.

    Raises `RequestError` for a name that is empty or too long, for a tag that is too long, and for
    what can't be stored or must not be; then nothing is changed.
    """
    _refuse_odd("The note", notes)
    _update(store, [run_id], name=_name(name), tags=_tags(tags), notes=notes.strip() or None)


def _name(text: str) -> str:
    _refuse_odd("The name", text)
    name = " ".join(text.split())
    if not 0 < len(name) <= MAX_NAME_LENGTH:
        raise RequestError(f"A run's name has 1 to {MAX_NAME_LENGTH} characters; this one has {len(name)}.")
    return name


def _tags(texts: Iterable[str]) -> list[str]:
    tags = list(dict.fromkeys(" ".join(tag.split()) for tag in texts if tag.strip()))
    for tag in tags:
        _check_tag(tag)
    return tags


def _refuse_odd(what: str, text: str) -> None:
    """Raise `RequestError` for a text that no database can hold, and for one that seems to hold a secret."""
    if UNSTORABLE.search(text):
        raise RequestError(f"{what} holds a character that can't be stored (NUL, or half of one).")
    if redact_secrets(text) != text:
        raise RequestError(f"{what} seems to hold a token, a key or a password, which is never recorded.")


def _check_tag(tag: str) -> None:
    _refuse_odd("The tag", tag)
    if len(tag) > MAX_TAG_LENGTH:
        raise RequestError(f"A tag has at most {MAX_TAG_LENGTH} characters; this one has {len(tag)}: {tag[:20]}…")


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


def delete_run(store: Store, run_id: int) -> list[str]:
    """Delete a run, what hangs on it, its files, and its data set where no other run uses it.

    Files that may be another's are left; a sentence for each folder of them is returned. Raises
    `RequestError` for a run that is still running, and where its files can't be deleted.
    """
    run = _at_rest(store, run_id)
    with store.write_session() as session:
        _delete(session, [run])
    return _without_files(store, [run])


def delete_trashed_runs(store: Store, run_ids: Sequence[int]) -> list[str]:
    """Delete those of some runs that lie in the trash, for good, as `delete_run` does; return what it returns.

    Raises `RequestError` that names the others, which stay as they are, and the folders that can't be deleted.
    """
    trashed = (RunRow.id.in_(run_ids), RunRow.deleted_at.is_not(None))
    with store.write_session() as session:
        found = [queries.run_from_row(row) for row in session.scalars(select(RunRow).where(*trashed))]
        found = [run for run in found if not is_running(run)]
        _delete(session, found)
    kept = sorted({*run_ids} - {run.id for run in found})
    names = ", ".join(f"#{number}" for number in kept)
    refused = [f"Not deleted, as no longer at rest in the trash: {names}."] if kept else []
    return _without_files(store, found, refused)


def _delete(session: Session, runs: Sequence[Run]) -> None:
    run_ids = [run.id for run in runs]
    # The database would take the link away unseen; so the marks of those who had it move too.
    session.execute(update(RunRow).where(RunRow.baseline_id.in_(run_ids)).values(baseline_id=None))
    session.execute(delete(RunRow).where(RunRow.id.in_(run_ids)))
    used = exists().where(RunRow.dataset_id == DatasetRow.id)
    mine = {run.dataset_id for run in runs if run.dataset_id is not None}
    session.execute(delete(DatasetRow).where(DatasetRow.id.in_(mine), ~used))


def _without_files(store: Store, runs: Sequence[Run], refused: Sequence[str] = ()) -> list[str]:
    """Delete the files of runs that are gone; return a sentence for each folder that may be another's.

    Raises `RequestError` for folders that can't be deleted, and for what was ``refused`` before.
    """
    left, problems = [], list(refused)
    for run in runs:
        for delete_folder, path in ((delete_adapter_folder, run.adapter_path), (delete_work_folder, run.work_path)):
            try:
                left.append(delete_folder(store, run))
            except OSError as error:
                why = error.strerror or error
                folder = store.folder / str(path)
                problems.append(f"Run {run.id} is deleted, but its folder {folder} remains ({why}): delete it by hand.")
    told = [sentence for sentence in left if sentence]
    if problems:
        raise RequestError(" ".join([*problems, *told]))
    return told


def _at_rest(store: Store, run_id: int) -> Run:
    run = queries.run(store, run_id)
    require_not_running(run)
    return run


def _update(store: Store, run_ids: Sequence[int], **columns: Any) -> None:
    for run_id in run_ids:
        queries.run(store, run_id)  # refuses a number that no run has
    with store.write_session() as session:
        session.execute(update(RunRow).where(RunRow.id.in_(run_ids)).values(**columns))


def annotate(store: Store, changes: Mapping[str, Mapping[str, str | None]]) -> int:
    """Set annotation fields (`ANNOTATION_FIELDS`) of texts; None clears a field.

    Return the number of texts whose annotation changed. Earlier annotations stay in the table; the newest applies. Raises `RequestError` as `validate_annotation` does; then nothing is changed.
    """
    for fields in changes.values():
        validate_annotation(fields)
    hashes = {content_hash(text): fields for text, fields in changes.items()}
    with store.write_session() as session:
        known = _noted(session, list(hashes))
        nothing = dict.fromkeys(ANNOTATION_FIELDS)
        merged = {hash_: {**known.get(hash_, nothing), **fields} for hash_, fields in hashes.items()}
        rows = [
            {"content_hash": hash_, **noted, "created_at": now()}
            for hash_, noted in merged.items()
            if noted != known.get(hash_, nothing)
        ]
        if rows:
            session.execute(insert(AnnotationRow), rows)
    return len(rows)


def validate_annotation(fields: Mapping[str, str | None]) -> None:
    """Raise `RequestError` where what a person notes on a text is too long, can't be stored or must not be."""
    _check_tag(fields.get("tag") or "")
    note = fields.get("note") or ""
    _refuse_odd("The note", note)
    if len(note) > MAX_NOTE_LENGTH:
        raise RequestError(
            f"A note has at most {format_count(MAX_NOTE_LENGTH)} characters; this one has {format_count(len(note))}."
        )


def _noted(session: Session, hashes: Sequence[str]) -> dict[str, dict[str, str | None]]:
    """Return what is noted on texts, by their hash."""
    noted: dict[str, dict[str, str | None]] = {}
    for place in range(0, len(hashes), queries.MAX_IN_VALUES):
        part = hashes[place : place + queries.MAX_IN_VALUES]
        for row in session.scalars(select(AnnotationRow).where(queries.is_newest_annotation(part))):
            noted[row.content_hash] = {name: getattr(row, name) for name in ANNOTATION_FIELDS}
    return noted
