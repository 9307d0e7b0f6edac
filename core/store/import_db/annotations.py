"""Import the annotations of another database."""

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from core.errors import RequestError
from core.store.engine import Store
from core.store.import_db.result import ImportProblem
from core.store.queries.annotation_queries import is_newest_annotation
from core.store.queries.reading import MAX_IN_VALUES
from core.store.records import ANNOTATION_FIELDS
from core.store.run_edits import Fields, validate_annotation
from core.store.schema import AnnotationRow, now
from core.store.tags import join_tags, split_tags


def import_annotations(store: Store, source: Store) -> tuple[int, list[ImportProblem]]:
    """Add the annotations of ``source`` to ``store``; return the number of changed texts, and the problems.

    Existing values are kept, and tags are added to them. An earlier value that was changed or removed here is not
    added again.
    """
    with source.read_session() as reading:
        newest = reading.scalars(select(AnnotationRow).where(is_newest_annotation()).order_by(AnnotationRow.id))
        imported = {row.content_hash: _fields(row) for row in newest}
    rows: list[dict[str, Any]] = []
    problems: list[ImportProblem] = []
    with store.write_session() as session:
        earlier = _load_annotations(session, list(imported))
        for hash_, fields in imported.items():
            history = earlier.get(hash_, [])
            current = history[-1] if history else dict.fromkeys(ANNOTATION_FIELDS)
            merged, conflicts = _merge(hash_, current, fields, history)
            problems.extend(conflicts)
            try:
                validate_annotation(merged)
            except RequestError as error:
                problems.append(ImportProblem("invalid_annotation", f"text {hash_[:12]}", str(error)))
                continue
            if merged != current:
                rows.append({"content_hash": hash_, **merged, "created_at": now()})
        if rows:
            session.execute(insert(AnnotationRow), rows)
    return len(rows), problems


def _fields(row: AnnotationRow) -> Fields:
    return {name: getattr(row, name) for name in ANNOTATION_FIELDS}


def _load_annotations(session: Session, hashes: list[str]) -> dict[str, list[Fields]]:
    """Return all annotations of texts, oldest first, by content hash."""
    annotations: dict[str, list[Fields]] = defaultdict(list)
    for start in range(0, len(hashes), MAX_IN_VALUES):
        is_selected = AnnotationRow.content_hash.in_(hashes[start : start + MAX_IN_VALUES])
        for row in session.scalars(select(AnnotationRow).where(is_selected).order_by(AnnotationRow.id)):
            annotations[row.content_hash].append(_fields(row))
    return annotations


def _merge(
    hash_: str, current: Fields, imported: Fields, history: Collection[Fields]
) -> tuple[Fields, list[ImportProblem]]:
    """Return the current fields, completed by the imported ones, and the conflicts between them."""
    merged, conflicts = dict(current), []
    earlier_tags = {tag for fields in history for tag in split_tags(fields["tag"])}
    new_tags = {*split_tags(imported["tag"])} - earlier_tags
    if new_tags:
        merged["tag"] = join_tags([*split_tags(current["tag"]), *new_tags])
    for name in ("note", "proposed_label"):
        value = imported[name]
        was_here = value in [fields[name] for fields in history]
        if value is None or was_here:
            continue
        if current[name] is None:
            merged[name] = value
        else:
            message = f"its {name} {current[name]!r} was kept; the other database has {value!r}."
            conflicts.append(ImportProblem("annotation_conflict", f"text {hash_[:12]}", message))
    return merged, conflicts
