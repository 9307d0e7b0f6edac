"""Read people's annotations of texts."""

from collections.abc import Sequence

import pandas as pd
from sqlalchemy import ColumnElement, func, select

from core.store.engine import Store
from core.store.queries.reading import read_frame
from core.store.records import ANNOTATION_FIELDS
from core.store.schema import AnnotationRow


def annotations(store: Store) -> pd.DataFrame:
    """Return each annotated text's newest annotation: content_hash, tag, note, proposed_label, created_at."""
    table = AnnotationRow
    columns = [getattr(table, name) for name in ("content_hash", *ANNOTATION_FIELDS, "created_at")]
    frame = read_frame(store, select(*columns).where(is_newest_annotation()).order_by(table.id))
    return frame[frame[list(ANNOTATION_FIELDS)].notna().any(axis=1)].reset_index(drop=True)


def is_newest_annotation(hashes: Sequence[str] | None = None) -> ColumnElement[bool]:
    """Return the condition that selects each text's newest annotation; for this package only."""
    newest = select(func.max(AnnotationRow.id)).group_by(AnnotationRow.content_hash)
    if hashes is not None:
        newest = newest.where(AnnotationRow.content_hash.in_(hashes))
    return AnnotationRow.id.in_(newest)
