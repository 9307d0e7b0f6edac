"""From a source to its training, validation and test splits, and the fingerprints that name them."""

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
_WEIGHTS = {"train": 60, "validation": 15, "test": 25}  # how a suggestion divides what there is
_SEEDS = {"test": 0, "validation": 1, "train": 2}  # fixed: a run's own seed never moves an example


@dataclass(frozen=True)
class Split:
    """Some examples in their order: n texts, n label codes (indices into the labels), n dicts."""

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
    """One version of labelled text with its splits; `fingerprint` is its name in the database."""

    name: str
    source: str
    revision: str | None
    text_column: str
    label_column: str
    labels: tuple[str, ...]
    splits: dict[str, Split]
    left_out: dict[str, int]
    mended: int = 0

    @property
    def train(self) -> Split:
        """The examples that weights are fitted on."""
        return self.splits["train"]

    @property
    def validation(self) -> Split:
        """The examples that choices are made on."""
        return self.splits["validation"]

    @property
    def test(self) -> Split:
        """The examples that are read once, at the end."""
        return self.splits["test"]

    @cached_property
    def checks(self) -> dict[str, Any]:
        """What to know of the data before believing a score: see `core.data.checks.check_splits`.

        ``mended`` counts the rows in which characters that no database can hold were replaced.
        """
        texts = {name: part.texts for name, part in self.splits.items()}
        labels = {name: [self.labels[code] for code in part.labels] for name, part in self.splits.items()}
        return check_splits(texts, labels, self.left_out) | {"mended": self.mended}

    @cached_property
    def evaluation_fingerprint(self) -> str:
        """Hash of test texts, their labels and the label names: equal where runs are comparable."""
        return _hash([self.test.fingerprint, self.labels])

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all splits, the label names, and where they are from."""
        parts = [self.splits[name].fingerprint for name in SPLITS]
        return _hash([self.name, self.source, self.text_column, self.label_column, self.labels, parts])


def draw_splits(source: Source, config: RunConfig) -> DataSet:
    """Draw the splits: test first, then validation, then training; shuffled and stratified.

    The test split depends on the source and ``test_size`` alone, and a smaller training split is
    the beginning of a larger one. Each label has at least one example in each split; a source that
    is too small, or a label too rare for that, raises `RequestError`.
    """
    codes = pd.Categorical(source.frame["label"], categories=list(source.labels)).codes.astype(np.int64)
    pools = _pools(source)
    _refuse_what_cannot_be_drawn(source, config, codes, pools)
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
        left_out=source.left_out,
        mended=source.mended,
    )


def stratified_order(codes: NDArray[np.int64], rng: np.random.Generator, leave: int = 0) -> NDArray[np.intp]:
    """Return an order of the examples in which every beginning is stratified.

    ``codes``: n label codes. The k-th of a label's c examples stands near the share k / c of the
    order, and one of each label stands at the front. ``leave`` examples of each label are left out.
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
    """Return which rows each split may be drawn from; splits that share theirs have the same array.

    A split that the source lacks is drawn from its training split, else from what it has.
    """
    if not source.own:
        return dict.fromkeys(SPLITS, np.ones(len(source.frame), dtype=bool))
    given = source.frame["split"].to_numpy()
    masks = {name: np.asarray(given == name, dtype=bool) for name in source.own.values()}
    instead = next(source.own[name] for name in SPLITS if name in source.own)
    return {name: masks[source.own.get(name, instead)] for name in SPLITS}


def _refuse_what_cannot_be_drawn(
    source: Source, config: RunConfig, codes: NDArray[np.int64], pools: dict[str, NDArray[np.bool_]]
) -> None:
    sizes = {name: getattr(config, f"{name}_size") for name in SPLITS}
    for name, size in sizes.items():
        if size < len(source.labels):
            raise RequestError(f"{flag(name + '_size')} {size} is less than the {len(source.labels)} labels.")
    shares = {name: [other for other in SPLITS if pools[other] is pools[name]] for name in SPLITS}
    for name, pool in pools.items():
        counts = np.bincount(codes[pool], minlength=len(source.labels))
        needed = len(shares[name])
        if (counts < needed).any():
            rare = int(counts.argmin())
            raise RequestError(_too_rare(source, name, source.labels[rare], int(counts[rare]), needed))
    for name, pool in pools.items():
        if sum(sizes[other] for other in shares[name]) > pool.sum():
            raise RequestError(_too_small(source, sizes, pools, shares, name))


def _too_small(
    source: Source,
    sizes: dict[str, int],
    pools: dict[str, NDArray[np.bool_]],
    shares: dict[str, list[str]],
    lacking: str,
) -> str:
    asked = " + ".join(f"{sizes[name]:,} {name}" for name in shares[lacking])
    fitting = {}
    for name in SPLITS:
        rows, alike = int(pools[name].sum()), shares[name]
        least, weight = len(source.labels), sum(_WEIGHTS[other] for other in alike)
        fits = sum(sizes[other] for other in alike) <= rows
        fitting[name] = sizes[name] if fits else least + (rows - least * len(alike)) * _WEIGHTS[name] // weight
    flags = " ".join(f"{flag(name + '_size')} {size}" for name, size in fitting.items())
    return (
        f"{source.name} has {int(pools[lacking].sum()):,} usable rows to draw {', '.join(shares[lacking])} from; "
        f"{asked} examples were asked for. For example: {flags}"
    )


def _too_rare(source: Source, split_name: str, label: str, count: int, needed: int) -> str:
    examples = "1 example" if count == 1 else f"{count} examples"
    return (
        f"Label '{label}' has {examples} to draw {split_name} from; each label needs at least {needed}, so that "
        f"it can be learnt and measured. Add examples of it, merge it with another label, or leave it out. "
        f"Is --label-column '{source.label_column}' right?"
    )


def _take(frame: pd.DataFrame, codes: NDArray[np.int64], rows: NDArray[np.intp]) -> Split:
    chosen = frame.iloc[rows]
    return Split(tuple(chosen["text"]), codes[rows], tuple(chosen["extra"]))


def _hash(parts: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()
