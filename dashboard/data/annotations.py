"""Annotations of texts: each belongs to a text and appears wherever that text does."""

from collections import Counter

import pandas as pd

from core.store import queries
from core.store.engine import Store
from core.store.records import ANNOTATION_FIELDS, content_hash
from core.store.tags import split_tags
from dashboard.data.cache import cached, database_key

MAX_TAGS_OFFERED = 200
"""Browsers get slow with thousands of options."""


@cached(database_key, keep=2)
def _annotations(db: Store) -> pd.DataFrame:
    return queries.annotations(db).set_index("content_hash")


def annotated(frame: pd.DataFrame) -> pd.DataFrame:
    """Return examples (``text``) with their annotations: tag, note and proposed_label, None if missing."""
    annotations = _annotations()
    if annotations.empty:
        return frame.assign(**dict.fromkeys(ANNOTATION_FIELDS, None))
    hashes = frame["text"].map(content_hash)
    columns = {name: hashes.map(annotations[name]).astype(object) for name in ANNOTATION_FIELDS}
    return frame.assign(**{name: column.where(column.notna(), None) for name, column in columns.items()})


def has_tag(frame: pd.DataFrame, tag: str) -> pd.Series:
    """Return which rows of a frame of `annotated` examples have a tag, among others or alone."""
    return frame["tag"].map(lambda tags: tag in split_tags(tags)).astype(bool)


def annotations() -> pd.DataFrame:
    """Return all annotations of any text: tag, note and proposed_label by the hash of the text."""
    return _annotations()[list(ANNOTATION_FIELDS)]


@cached(database_key, keep=2)
def tags(db: Store) -> list[str]:
    """Return the most frequent tags of all annotations, sorted."""
    counts = Counter(tag for text in annotations()["tag"].dropna() for tag in split_tags(text))
    return sorted(tag for tag, _ in counts.most_common(MAX_TAGS_OFFERED))
