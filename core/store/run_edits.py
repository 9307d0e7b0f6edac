"""Edit runs (name, notes, tags, archive, trash, deletion) and the annotations of texts."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, exists, insert, select, update
from sqlalchemy.orm import Session

from core.errors import RequestError
from core.store import queries
from core.store.artifact_ownership import delete_adapter_folder, delete_work_folder
from core.store.engine import Store
from core.store.queries.annotation_queries import is_newest_annotation
from core.store.queries.reading import MAX_IN_VALUES
from core.store.queries.run_queries import run_from_row
from core.store.records import ANNOTATION_FIELDS, Run, content_hash, is_running, require_not_running
from core.store.schema import AnnotationRow, DatasetRow, RunRow, now
from core.text.formatting import format_count
from core.text.redact import redact_secrets
from core.text.sanitize import UNSTORABLE

MAX_NAME_LENGTH = 200
MAX_TAG_LENGTH = 50
MAX_NOTE_LENGTH = 10_000
"""Maximum number of characters of an annotation's note."""


def edit_run(store: Store, run_id: int, name: str, notes: str, tags: Iterable[str]) -> None:
    """Set a run's name, notes and tags together; empty notes clear them.

    Raises `RequestError` for an empty or overlong name, an overlong tag, and text that cannot be stored or
    contains a secret; in that case nothing is changed.
    """
    check_storable("The notes", notes)
    _update(store, [run_id], name=clean_name(name), tags=_clean_tags(tags), notes=notes.strip() or None)


def clean_name(text: str, owner: str = "run") -> str:
    """Return the name of a run or of another ``owner`` without superfluous spaces.

    Raises `RequestError` for an empty or overlong name, and text that cannot be stored or contains a secret.
    """
    check_storable("The name", text)
    name = " ".join(text.split())
    if not 0 < len(name) <= MAX_NAME_LENGTH:
        raise RequestError(
            f"A {owner}'s name must have 1 to {MAX_NAME_LENGTH} characters; this one has {len(name)}.",
            code="name_length",
        )
    return name


def _clean_tags(texts: Iterable[str]) -> list[str]:
    tags = list(dict.fromkeys(" ".join(tag.split()) for tag in texts if tag.strip()))
    for tag in tags:
        _check_tag(tag)
    return tags


def check_storable(field: str, text: str) -> None:
    """Raise `RequestError` for text that cannot be stored, or appears to contain a secret."""
    if UNSTORABLE.search(text):
        raise RequestError(
            f"{field} contains a character that cannot be stored (NUL or a lone surrogate).", code="unstorable_text"
        )
    if redact_secrets(text) != text:
        raise RequestError(
            f"{field} seems to contain a token, a key or a password. Remove it: secrets are never stored.",
            code="secret_in_text",
        )


def _check_tag(tag: str) -> None:
    check_storable("The tag", tag)
    if len(tag) > MAX_TAG_LENGTH:
        raise RequestError(
            f"A tag has at most {MAX_TAG_LENGTH} characters; this one has {len(tag)}: {tag[:20]}…", code="tag_length"
        )


def archive_runs(store: Store, run_ids: Sequence[int], *, archived: bool = True) -> None:
    """Archive runs; with ``archived=False``, unarchive them."""
    _update(store, run_ids, archived=archived)


def trash_runs(store: Store, run_ids: Sequence[int]) -> None:
    """Move runs to the trash, from which they can be restored.

    Raises `RequestError` if any of them is still running; in that case no run is moved.
    """
    for run_id in run_ids:
        require_not_running(queries.run(store, run_id))
    _update(store, run_ids, deleted_at=now())


def restore_runs(store: Store, run_ids: Sequence[int]) -> None:
    """Restore runs from the trash."""
    _update(store, run_ids, deleted_at=None)


def delete_run(store: Store, run_id: int) -> list[str]:
    """Delete a run with all its rows and files, and its data set if no other run uses it.

    Return a sentence for each folder that was not deleted, with the reason. Raises `RequestError` if the run is
    still running, or its files cannot be deleted; in the latter case the run is already deleted from the database.
    """
    run = queries.run(store, run_id)
    require_not_running(run)
    with store.write_session() as session:
        _delete_rows(session, [run])
    return _delete_folders(store, [run])


def delete_trashed_runs(store: Store, run_ids: Sequence[int]) -> list[str]:
    """Delete the given runs that are in the trash; return a sentence for each folder that was not deleted.

    Raises `RequestError` that names the runs that were not deleted, and the folders that cannot be deleted.
    """
    is_selected = (RunRow.id.in_(run_ids), RunRow.deleted_at.is_not(None))
    with store.write_session() as session:
        trashed = [run_from_row(row) for row in session.scalars(select(RunRow).where(*is_selected))]
        trashed = [run for run in trashed if not is_running(run)]
        _delete_rows(session, trashed)
    not_deleted = sorted({*run_ids} - {run.id for run in trashed})
    names = ", ".join(f"#{run_id}" for run_id in not_deleted)
    problems = [f"Not deleted, because they are running or no longer in the trash: {names}."] if not_deleted else []
    return _delete_folders(store, trashed, problems)


def _delete_rows(session: Session, runs: Sequence[Run]) -> None:
    run_ids = [run.id for run in runs]
    # Explicit, because ON DELETE SET NULL would not update changed_at of the linked runs.
    for column in (RunRow.baseline_id, RunRow.parent_id):
        session.execute(update(RunRow).where(column.in_(run_ids)).values({column: None}))
    session.execute(delete(RunRow).where(RunRow.id.in_(run_ids)))
    is_used = exists().where(RunRow.dataset_id == DatasetRow.id)
    dataset_ids = {run.dataset_id for run in runs if run.dataset_id is not None}
    session.execute(delete(DatasetRow).where(DatasetRow.id.in_(dataset_ids), ~is_used))


def _delete_folders(store: Store, runs: Sequence[Run], problems: Sequence[str] = ()) -> list[str]:
    """Delete the files of deleted runs; return a sentence for each folder that was not deleted.

    Raises `RequestError` with ``problems`` and the folders that cannot be deleted.
    """
    kept, problems = [], list(problems)
    for run in runs:
        for delete_folder, path in ((delete_adapter_folder, run.adapter_path), (delete_work_folder, run.work_path)):
            try:
                kept.append(delete_folder(store, run))
            except OSError as error:
                problems.append(
                    f"Run {run.id} is deleted, but not its folder {store.folder / str(path)} "
                    f"({error.strerror or error}). Delete it manually."
                )
    sentences = [sentence for sentence in kept if sentence]
    if problems:
        raise RequestError(" ".join([*problems, *sentences]), code="incomplete_deletion")
    return sentences


def _update(store: Store, run_ids: Sequence[int], **columns: Any) -> None:
    for run_id in run_ids:
        queries.run(store, run_id)  # raises for an unknown id
    with store.write_session() as session:
        session.execute(update(RunRow).where(RunRow.id.in_(run_ids)).values(**columns))


def annotate(store: Store, changes: Mapping[str, Mapping[str, str | None]]) -> int:
    """Set annotation fields; ``changes`` maps each text to its new field values, and None clears a field.

    Return the number of texts whose annotation changed. Earlier annotations are kept; the newest applies.
    Raises `RequestError` as `validate_annotation` does; in that case nothing is changed.
    """
    for fields in changes.values():
        validate_annotation(fields)
    by_hash = {content_hash(text): fields for text, fields in changes.items()}
    with store.write_session() as session:
        current = current_annotations(session, list(by_hash))
        empty = dict.fromkeys(ANNOTATION_FIELDS)
        merged = {hash_: {**current.get(hash_, empty), **fields} for hash_, fields in by_hash.items()}
        rows = [
            {"content_hash": hash_, **fields, "created_at": now()}
            for hash_, fields in merged.items()
            if fields != current.get(hash_, empty)
        ]
        if rows:
            session.execute(insert(AnnotationRow), rows)
    return len(rows)


def validate_annotation(fields: Mapping[str, str | None]) -> None:
    """Raise `RequestError` for an annotation that is too long, cannot be stored, or contains a secret."""
    _check_tag(fields.get("tag") or "")
    check_storable("The proposed label", fields.get("proposed_label") or "")
    note = fields.get("note") or ""
    check_storable("The note", note)
    if len(note) > MAX_NOTE_LENGTH:
        raise RequestError(
            f"A note has at most {format_count(MAX_NOTE_LENGTH)} characters; this one has {format_count(len(note))}.",
            code="note_length",
        )


def current_annotations(session: Session, hashes: Sequence[str]) -> dict[str, dict[str, str | None]]:
    """Return the newest annotations of texts, by content hash; for use within `core.store` only."""
    current: dict[str, dict[str, str | None]] = {}
    for start in range(0, len(hashes), MAX_IN_VALUES):
        part = hashes[start : start + MAX_IN_VALUES]
        for row in session.scalars(select(AnnotationRow).where(is_newest_annotation(part))):
            current[row.content_hash] = {name: getattr(row, name) for name in ANNOTATION_FIELDS}
    return current
