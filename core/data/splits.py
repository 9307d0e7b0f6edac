"""Draw the training, validation and test splits of a source, and identify them by fingerprints."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.config import RunConfig
from core.data.checks import check_splits
from core.data.sources import SPLITS, Source
from core.data.split_sizes import choose_sizes

_DRAWING_ORDER = ("test", "validation", "train")
_SEEDS = {"test": 0, "validation": 1, "train": 2}
"""Fixed, so that the splits do not depend on a run's seed."""


@dataclass(frozen=True)
class Split:
    """Examples in order: n texts, n class indices (indices into the labels), and n dicts of other columns."""

    texts: tuple[str, ...]
    labels: NDArray[np.int64]
    extra: tuple[dict[str, Any], ...]

    def __len__(self) -> int:
        return len(self.texts)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the texts and class indices, in order."""
        return _hash([self.texts, self.labels.tolist()])


@dataclass(frozen=True)
class DataSet:
    """One version of labeled text with its splits, identified by `fingerprint` in the database.

    ``usable_rows``: the number of rows that the splits were drawn from; ``notes``: sentences for the user about how the
    source was read. Neither is stored.
    """

    name: str
    source: str
    revision: str | None
    text_column: str
    label_column: str
    labels: tuple[str, ...]
    splits: dict[str, Split]
    excluded_rows: dict[str, int]
    sanitized_rows: int = 0
    usable_rows: int = 0
    notes: tuple[str, ...] = ()

    @property
    def train(self) -> Split:
        """The examples to train on."""
        return self.splits["train"]

    @property
    def validation(self) -> Split:
        """The examples for model selection."""
        return self.splits["validation"]

    @property
    def test(self) -> Split:
        """The examples for the final evaluation."""
        return self.splits["test"]

    @cached_property
    def checks(self) -> dict[str, Any]:
        """The data quality checks as JSON, see `core.data.checks.check_splits`.

        ``mended`` is the number of rows in which unstorable characters were replaced.
        """
        texts = {name: split.texts for name, split in self.splits.items()}
        labels = {name: [self.labels[code] for code in split.labels] for name, split in self.splits.items()}
        return check_splits(texts, labels, self.excluded_rows) | {"mended": self.sanitized_rows}

    @cached_property
    def evaluation_fingerprint(self) -> str:
        """SHA-256 of the test texts, their labels and the label names: equal for comparable runs."""
        return _hash([self.test.fingerprint, self.labels])

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all splits, the label names and the source."""
        fingerprints = [self.splits[name].fingerprint for name in SPLITS]
        return _hash([self.name, self.source, self.text_column, self.label_column, self.labels, fingerprints])


def draw_splits(source: Source, config: RunConfig) -> DataSet:
    """Draw the splits, shuffled and stratified: test first, then validation, then training.

    The test split depends on the source and its size only, and a smaller training split is a prefix of a larger one.
    Every label has an example in every split. Raises `RequestError` if the source or one of its labels has too few
    examples.
    """
    codes = pd.Categorical(source.frame["label"], categories=list(source.labels)).codes.astype(np.int64)
    pools = _split_pools(source)
    sizes = choose_sizes(source, config, codes, pools)
    available = np.ones(len(codes), dtype=bool)
    splits = {}
    for position, name in enumerate(_DRAWING_ORDER):
        later_splits = sum(bool((pools[other] & pools[name]).any()) for other in _DRAWING_ORDER[position + 1 :])
        candidates = np.flatnonzero(available & pools[name])
        order = stratified_order(codes[candidates], np.random.default_rng(_SEEDS[name]), later_splits)
        chosen = candidates[order[: sizes[name]]]
        available[chosen] = False
        splits[name] = _select_rows(source.frame, codes, chosen)
    return DataSet(
        name=source.name,
        source=source.source,
        revision=source.revision,
        text_column=source.text_column,
        label_column=source.label_column,
        labels=source.labels,
        splits={name: splits[name] for name in SPLITS},
        excluded_rows=source.excluded_rows,
        sanitized_rows=source.sanitized_rows,
        usable_rows=len(source.frame),
        notes=source.notes,
    )


def stratified_order(codes: NDArray[np.int64], rng: np.random.Generator, reserve: int = 0) -> NDArray[np.intp]:
    """Return a random order of the examples in which every prefix is stratified.

    ``codes``: n class indices. The k-th of a label's c examples is near the share k / c of the order, and
    one example of each label comes first. ``reserve`` examples of each label are excluded.
    """
    keys = np.full(len(codes), np.nan)
    for code in np.unique(codes):
        members = rng.permutation(np.flatnonzero(codes == code))
        kept = members[: max(len(members) - reserve, 0)]
        keys[kept] = (np.arange(len(kept)) + rng.random(len(kept))) / len(members)
        keys[kept[:1]] = rng.random() - 1  # before all others
    order = np.argsort(keys, kind="stable")
    return order[: int(np.isfinite(keys).sum())]


def _split_pools(source: Source) -> dict[str, NDArray[np.bool_]]:
    """Return a mask of the rows from which each split is drawn; splits with the same rows share an array.

    A split that the source lacks is drawn from the source's training split, or from its first one.
    """
    if not source.assigned_splits:
        return dict.fromkeys(SPLITS, np.ones(len(source.frame), dtype=bool))
    source_splits = source.frame["split"].to_numpy()
    masks = {name: np.asarray(source_splits == name, dtype=bool) for name in source.assigned_splits.values()}
    default = next(source.assigned_splits[name] for name in SPLITS if name in source.assigned_splits)
    return {name: masks[source.assigned_splits.get(name, default)] for name in SPLITS}


def _select_rows(frame: pd.DataFrame, codes: NDArray[np.int64], rows: NDArray[np.intp]) -> Split:
    selected = frame.iloc[rows]
    return Split(tuple(selected["text"]), codes[rows], tuple(selected["extra"]))


def _hash(parts: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()
