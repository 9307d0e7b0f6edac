"""Annotations of texts: each belongs to a text and appears wherever that text does."""

from collections import Counter

import pandas as pd

from core.store import queries
from core.store.engine import Store
from core.store.records import ANNOTATION_FIELDS, content_hash
from core.store.tags import split_tags
from dashboard.data.cache import cached, database_key
from dashboard.data.predictions import predictions_with_outcomes
from dashboard.data.table import runs_key

MAX_TAGS_OFFERED = 200
"""Browsers get slow with thousands of options."""


@cached(database_key, keep=2)
def _annotations(db: Store) -> pd.DataFrame:
    return queries.annotations(db).set_index("content_hash")


@cached(runs_key, keep=8)
def text_hashes(db: Store, run_id: int) -> pd.Series:
    """Return the hash of each text in `predictions_with_outcomes`."""
    return predictions_with_outcomes(run_id)["text"].map(content_hash)


def annotated(frame: pd.DataFrame, hashes: pd.Series | None = None) -> pd.DataFrame:
    """Return examples (``text``) with their annotations: tag, note and proposed_label, None if missing.

    ``hashes``: of the texts, if they are known.
    """
    annotations = _annotations()
    if annotations.empty:
        return frame.assign(**dict.fromkeys(ANNOTATION_FIELDS, None))
    hashes = frame["text"].map(content_hash) if hashes is None else hashes
    columns = {name: hashes.map(annotations[name]).astype(object) for name in ANNOTATION_FIELDS}
    return frame.assign(**{name: column.where(column.notna(), None) for name, column in columns.items()})


def has_tag(frame: pd.DataFrame, tag: str) -> pd.Series:
    """Return which rows of a frame of `annotated` examples have a tag, among others or alone."""
    return frame["tag"].map(lambda tags: tag in split_tags(tags)).astype(bool)


@cached(database_key, keep=2)
def tags(db: Store) -> list[str]:
    """Return the most frequent tags of all annotations, sorted."""
    counts = Counter(tag for text in _annotations()["tag"].dropna() for tag in split_tags(text))
    return sorted(tag for tag, _ in counts.most_common(MAX_TAGS_OFFERED))
