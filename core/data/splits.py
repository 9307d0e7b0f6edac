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

from core.config import RunConfig, flag
from core.data.checks import check_splits
from core.data.sources import SPLITS, Source
from core.errors import RequestError

_DRAWING_ORDER = ("test", "validation", "train")
_SUGGESTED_SHARES = {"train": 60, "validation": 15, "test": 25}
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
    """One version of labeled text with its splits, identified by `fingerprint` in the database."""

    name: str
    source: str
    revision: str | None
    text_column: str
    label_column: str
    labels: tuple[str, ...]
    splits: dict[str, Split]
    excluded_rows: dict[str, int]
    sanitized_rows: int = 0

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

    The test split depends on the source and ``test_size`` only, and a smaller training split is a
    prefix of a larger one. Every label has an example in every split. Raises `RequestError` if the
    source or one of its labels has too few examples.
    """
    codes = pd.Categorical(source.frame["label"], categories=list(source.labels)).codes.astype(np.int64)
    pools = _split_pools(source)
    _require_enough_examples(source, config, codes, pools)
    available = np.ones(len(codes), dtype=bool)
    splits = {}
    for position, name in enumerate(_DRAWING_ORDER):
        later_splits = sum(bool((pools[other] & pools[name]).any()) for other in _DRAWING_ORDER[position + 1 :])
        candidates = np.flatnonzero(available & pools[name])
        order = stratified_order(codes[candidates], np.random.default_rng(_SEEDS[name]), later_splits)
        chosen = candidates[order[: getattr(config, f"{name}_size")]]
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


def _require_enough_examples(
    source: Source, config: RunConfig, codes: NDArray[np.int64], pools: dict[str, NDArray[np.bool_]]
) -> None:
    sizes = {name: getattr(config, f"{name}_size") for name in SPLITS}
    for name, size in sizes.items():
        if size < len(source.labels):
            raise RequestError(
                f"{flag(name + '_size')} {size} is less than the {len(source.labels)} labels.", code="size_below_labels"
            )
    pool_splits = {name: [other for other in SPLITS if pools[other] is pools[name]] for name in SPLITS}
    for name, pool in pools.items():
        counts = np.bincount(codes[pool], minlength=len(source.labels))
        required = len(pool_splits[name])
        if (counts < required).any():
            rarest = int(counts.argmin())
            raise _rare_label_error(source, name, source.labels[rarest], int(counts[rarest]), required)
    for name, pool in pools.items():
        if sum(sizes[other] for other in pool_splits[name]) > pool.sum():
            raise _too_few_rows_error(source, sizes, pools, pool_splits, name)


def _too_few_rows_error(
    source: Source,
    sizes: dict[str, int],
    pools: dict[str, NDArray[np.bool_]],
    pool_splits: dict[str, list[str]],
    split: str,
) -> RequestError:
    """Return the error for splits that do not fit into their pool, with sizes that do."""
    requested = " + ".join(f"{sizes[name]:,} {name}" for name in pool_splits[split])
    suggested = {}
    for name in SPLITS:
        rows, names = int(pools[name].sum()), pool_splits[name]
        minimum, total_share = len(source.labels), sum(_SUGGESTED_SHARES[other] for other in names)
        fits = sum(sizes[other] for other in names) <= rows
        free = rows - minimum * len(names)
        suggested[name] = sizes[name] if fits else minimum + free * _SUGGESTED_SHARES[name] // total_share
    flags = " ".join(f"{flag(name + '_size')} {size}" for name, size in suggested.items())
    return RequestError(
        f"{source.name} has {int(pools[split].sum()):,} usable rows for {', '.join(pool_splits[split])}, but "
        f"{requested} examples are requested. For example: {flags}",
        code="too_few_rows",
    )


def _rare_label_error(source: Source, split: str, label: str, count: int, required: int) -> RequestError:
    examples = "1 example" if count == 1 else f"{count} examples"
    return RequestError(
        f"Label '{label}' has {examples} for {split}; every label needs at least {required} to be learned and "
        "measured. Add examples, merge the label with another one, or remove it. "
        f"Is --label-column '{source.label_column}' correct?",
        code="rare_label",
    )


def _select_rows(frame: pd.DataFrame, codes: NDArray[np.int64], rows: NDArray[np.intp]) -> Split:
    selected = frame.iloc[rows]
    return Split(tuple(selected["text"]), codes[rows], tuple(selected["extra"]))


def _hash(parts: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()
