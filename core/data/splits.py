"""Draw training, validation and test splits from a source, with their fingerprints."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.config import RunConfig, flag
from core.data.checks import check_splits
from core.data.sources import SPLITS, Source
from core.errors import RequestError

_DRAWING_ORDER = ("test", "validation", "train")
_WEIGHTS = {"train": 60, "validation": 15, "test": 25}
"""Relative sizes in the suggestion for a source that is too small."""
_SEEDS = {"test": 0, "validation": 1, "train": 2}
"""Fixed seeds: the seed of a run never changes a split."""


@dataclass(frozen=True)
class Split:
    """Examples in order: n texts, n label codes (indices into the labels) and n dicts of other columns."""

    texts: tuple[str, ...]
    labels: NDArray[np.int64]
    extra: tuple[dict[str, Any], ...]

    def __len__(self) -> int:
        return len(self.texts)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the texts and label codes, in order."""
        return _hash([self.texts, self.labels.tolist()])


@dataclass(frozen=True)
class DataSet:
    """One version of labeled text with its splits, identified by its `fingerprint`."""

    name: str
    source: str
    revision: str | None
    text_column: str
    label_column: str
    labels: tuple[str, ...]
    splits: dict[str, Split]
    excluded: dict[str, int]
    sanitized_rows: int = 0

    @property
    def train(self) -> Split:
        """The examples for fitting."""
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
        """Results of `core.data.checks.check_splits`, and the number of sanitized rows (``mended``)."""
        texts = {name: part.texts for name, part in self.splits.items()}
        labels = {name: [self.labels[code] for code in part.labels] for name, part in self.splits.items()}
        return check_splits(texts, labels, self.excluded) | {"mended": self.sanitized_rows}

    @cached_property
    def evaluation_fingerprint(self) -> str:
        """Hash of the test texts, their labels and the label names; equal for comparable runs."""
        return _hash([self.test.fingerprint, self.labels])

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all splits, the label names and their source."""
        parts = [self.splits[name].fingerprint for name in SPLITS]
        return _hash([self.name, self.source, self.text_column, self.label_column, self.labels, parts])


def draw_splits(source: Source, config: RunConfig) -> DataSet:
    """Draw the splits: test first, then validation, then training; shuffled and stratified.

    The test split depends only on the source and ``test_size``, and a smaller training split is a prefix of a larger
    one. Each label has at least one example in each split. Raises `RequestError` for a source that is too small or a
    label that is too rare.
    """
    codes = pd.Categorical(source.frame["label"], categories=list(source.labels)).codes.astype(np.int64)
    pools = _pools(source)
    _check_sizes(source, config, codes, pools)
    free = np.ones(len(codes), dtype=bool)
    splits = {}
    for position, name in enumerate(_DRAWING_ORDER):
        later = sum(bool((pools[other] & pools[name]).any()) for other in _DRAWING_ORDER[position + 1 :])
        candidates = np.flatnonzero(free & pools[name])
        size = getattr(config, f"{name}_size")
        chosen = candidates[stratified_order(codes[candidates], np.random.default_rng(_SEEDS[name]), later)[:size]]
        free[chosen] = False
        splits[name] = _take(source.frame, codes, chosen)
    return DataSet(
        name=source.name,
        source=source.source,
        revision=source.revision,
        text_column=source.text_column,
        label_column=source.label_column,
        labels=source.labels,
        splits={name: splits[name] for name in SPLITS},
        excluded=source.excluded,
        sanitized_rows=source.sanitized_rows,
    )


def stratified_order(codes: NDArray[np.int64], rng: np.random.Generator, leave: int = 0) -> NDArray[np.intp]:
    """Return an order of the examples in which every prefix is stratified.

    ``codes``: n label codes. The k-th of a label's c examples is placed near the fraction k / c of the order, and one
    example of each label at the front. ``leave`` examples of each label are excluded.
    """
    keys = np.full(len(codes), np.nan)
    for code in np.unique(codes):
        members = rng.permutation(np.flatnonzero(codes == code))
        kept = members[: max(len(members) - leave, 0)]
        keys[kept] = (np.arange(len(kept)) + rng.random(len(kept))) / len(members)
        keys[kept[:1]] = rng.random() - 1  # before all others
    order = np.argsort(keys, kind="stable")
    return order[: int(np.isfinite(keys).sum())]


def _pools(source: Source) -> dict[str, NDArray[np.bool_]]:
    """Return which rows each split may be drawn from; splits with the same pool share one array.

    A split that the source lacks is drawn from its training split, else from its first one.
    """
    if not source.split_names:
        return dict.fromkeys(SPLITS, np.ones(len(source.frame), dtype=bool))
    given = source.frame["split"].to_numpy()
    masks = {name: np.asarray(given == name, dtype=bool) for name in source.split_names.values()}
    fallback = next(source.split_names[name] for name in SPLITS if name in source.split_names)
    return {name: masks[source.split_names.get(name, fallback)] for name in SPLITS}


def _check_sizes(
    source: Source, config: RunConfig, codes: NDArray[np.int64], pools: dict[str, NDArray[np.bool_]]
) -> None:
    sizes = {name: getattr(config, f"{name}_size") for name in SPLITS}
    for name, size in sizes.items():
        if size < len(source.labels):
            raise RequestError(
                f"{flag(name + '_size')} {size} is less than the number of labels ({len(source.labels)})."
            )
    shares = {name: [other for other in SPLITS if pools[other] is pools[name]] for name in SPLITS}
    for name, pool in pools.items():
        counts = np.bincount(codes[pool], minlength=len(source.labels))
        needed = len(shares[name])
        if (counts < needed).any():
            rare = int(counts.argmin())
            raise RequestError(_too_rare_message(source, name, source.labels[rare], int(counts[rare]), needed))
    for name, pool in pools.items():
        if sum(sizes[other] for other in shares[name]) > pool.sum():
            raise RequestError(_too_small_message(source, sizes, pools, shares, name))


def _too_small_message(
    source: Source,
    sizes: dict[str, int],
    pools: dict[str, NDArray[np.bool_]],
    shares: dict[str, list[str]],
    split_name: str,
) -> str:
    requested = " + ".join(f"{sizes[name]:,} {name}" for name in shares[split_name])
    fitting = {}
    for name in SPLITS:
        rows, sharing = int(pools[name].sum()), shares[name]
        minimum, weight = len(source.labels), sum(_WEIGHTS[other] for other in sharing)
        fits = sum(sizes[other] for other in sharing) <= rows
        share = (rows - minimum * len(sharing)) * _WEIGHTS[name] // weight
        fitting[name] = sizes[name] if fits else minimum + share
    flags = " ".join(f"{flag(name + '_size')} {size}" for name, size in fitting.items())
    return (
        f"{source.name} has {int(pools[split_name].sum()):,} usable rows for {', '.join(shares[split_name])}; "
        f"{requested} examples were requested. For example: {flags}"
    )


def _too_rare_message(source: Source, split_name: str, label: str, count: int, needed: int) -> str:
    examples = "1 example" if count == 1 else f"{count} examples"
    return (
        f"Label '{label}' has {examples} for {split_name}; each label needs at least {needed}. "
        f"Add examples of it, merge it with another label, or remove it. "
        f"Is --label-column '{source.label_column}' right?"
    )


def _take(frame: pd.DataFrame, codes: NDArray[np.int64], rows: NDArray[np.intp]) -> Split:
    chosen = frame.iloc[rows]
    return Split(tuple(chosen["text"]), codes[rows], tuple(chosen["extra"]))


def _hash(parts: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()
