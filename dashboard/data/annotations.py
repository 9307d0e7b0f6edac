"""What people noted on texts; it belongs to the text, and shows wherever the text does."""

import pandas as pd

from core.store import queries
from core.store.engine import Store
from core.store.records import ANNOTATION_FIELDS, content_hash
from dashboard.data.cache import any_change, cached


@cached(any_change, keep=2)
def _annotations(db: Store) -> pd.DataFrame:
    return queries.annotations(db).set_index("content_hash")


def annotated(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame of examples (``text``) with what was noted on each: tag, note and proposed_label, else None."""
    known = _annotations()
    if known.empty:
        return frame.assign(**dict.fromkeys(ANNOTATION_FIELDS, None))
    hashes = frame["text"].map(content_hash)
    noted = {name: hashes.map(known[name]).astype(object) for name in ANNOTATION_FIELDS}
    return frame.assign(**{name: column.where(column.notna(), None) for name, column in noted.items()})


def annotations() -> pd.DataFrame:
    """Return all that was noted, on whatever text: tag, note and proposed_label, by the hash of the text."""
    return _annotations()[list(ANNOTATION_FIELDS)]


def tags() -> list[str]:
    """Return the tags that are in use, in their order."""
    return sorted(set(annotations()["tag"].dropna()))
