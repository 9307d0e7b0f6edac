"""Edit runs (name, notes, tags, archive, trash, deletion) and the annotations of texts."""

from collections.abc import Callable, Iterable, Mapping, Sequence
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
from core.store.tags import MAX_TAGS, join_tags, split_tags
from core.text.formatting import format_count
from core.text.redact import redact_secrets
from core.text.sanitize import UNSTORABLE, escape_invisible

MAX_NAME_LENGTH = 200
MAX_TAG_LENGTH = 50
MAX_NOTE_LENGTH = 10_000
"""Maximum number of characters of an annotation's note."""

Fields = dict[str, str | None]
"""Values of the fields of an annotation, by `ANNOTATION_FIELDS`."""


def edit_run(
    store: Store,
    run_id: int,
    name: str | None = None,
    notes: str | None = None,
    tags: Iterable[str] | None = None,
) -> None:
    """Set a run's name, notes and tags together; None leaves a field unchanged, empty notes clear them.

    Raises `RequestError` for an empty or overlong name, an overlong tag, and text that cannot be stored or
    contains a secret; in that case nothing is changed.
    """
    changes: dict[str, Any] = {}
    if name is not None:
        changes["name"] = clean_name(name)
    if notes is not None:
        check_storable("The notes", notes)
        changes["notes"] = notes.strip() or None
    if tags is not None:
        changes["tags"] = _clean_tags(tags)
    _update(store, [run_id], **changes)


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
        check_storable("The tag", tag)
        _check_tag_length(tag)
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


def _check_tag_length(tag: str) -> None:
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


def annotate(store: Store, changes: Mapping[str, Mapping[str, str | None]]) -> dict[str, Fields]:
    """Set annotation fields; ``changes`` maps each text to its new field values, and None clears a field.

    Return the earlier values of the fields that changed, by text: to undo the change, set them again. Earlier
    annotations are kept; the newest applies. Raises `RequestError` as `validate_annotation` does; in that case
    nothing is changed.
    """
    return _annotate(store, list(changes), lambda text, _: changes[text])


def annotate_alike(
    store: Store,
    texts: Sequence[str],
    *,
    add_tags: Iterable[str] = (),
    remove_tags: Iterable[str] = (),
    proposed_label: str | None = None,
) -> dict[str, Fields]:
    """Add tags to texts, remove tags from them, and propose a label for all of them unless it is None.

    Returns and raises as `annotate`.
    """
    added, removed = split_tags(join_tags(add_tags)), {*split_tags(join_tags(remove_tags))}
    label = {} if proposed_label is None else {"proposed_label": proposed_label}

    def change(_: str, current: Fields) -> Fields:
        # Screens show a tag without its invisible characters, and so it is removed.
        kept = [tag for tag in split_tags(current["tag"]) if not {tag, escape_invisible(tag)} & removed]
        return {"tag": join_tags([*kept, *added]), **label}

    return _annotate(store, texts, change)


def _annotate(
    store: Store, texts: Sequence[str], change: Callable[[str, Fields], Mapping[str, str | None]]
) -> dict[str, Fields]:
    """Annotate texts. ``change``: returns new field values from a text and its current annotation."""
    by_hash = {content_hash(text): text for text in texts}
    empty: Fields = dict.fromkeys(ANNOTATION_FIELDS)
    rows, earlier = [], {}
    with store.write_session() as session:
        stored = current_annotations(session, list(by_hash))
        for hash_, text in by_hash.items():
            current = stored.get(hash_, empty)
            fields = dict(change(text, current))
            validate_annotation(fields)
            if "tag" in fields:
                fields["tag"] = join_tags([fields["tag"] or ""])
            replaced = {name: current[name] for name, value in fields.items() if value != current[name]}
            if replaced:
                rows.append({"content_hash": hash_, **current, **fields, "created_at": now()})
                earlier[text] = replaced
        if rows:
            session.execute(insert(AnnotationRow), rows)
    return earlier


def validate_annotation(fields: Mapping[str, str | None]) -> None:
    """Raise `RequestError` for an annotation that is too long, cannot be stored, or contains a secret."""
    tags = split_tags(fields.get("tag"))
    check_storable("The tag", fields.get("tag") or "")
    for tag in tags:
        _check_tag_length(tag)
    if len(tags) > MAX_TAGS:
        count = format_count(len(tags))
        raise RequestError(f"A text has at most {MAX_TAGS} tags; this one has {count}.", code="tag_count")
    check_storable("The proposed label", fields.get("proposed_label") or "")
    note = fields.get("note") or ""
    check_storable("The note", note)
    if len(note) > MAX_NOTE_LENGTH:
        raise RequestError(
            f"A note has at most {format_count(MAX_NOTE_LENGTH)} characters; this one has {format_count(len(note))}.",
            code="note_length",
        )


def current_annotations(session: Session, hashes: Sequence[str]) -> dict[str, Fields]:
    """Return the newest annotations of texts, by content hash; for use within `core.store` only."""
    current: dict[str, Fields] = {}
    for start in range(0, len(hashes), MAX_IN_VALUES):
        part = hashes[start : start + MAX_IN_VALUES]
        for row in session.scalars(select(AnnotationRow).where(is_newest_annotation(part))):
            current[row.content_hash] = {name: getattr(row, name) for name in ANNOTATION_FIELDS}
    return current
