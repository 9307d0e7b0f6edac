"""Choose the sizes of the splits of a source, and refuse those that do not fit it."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from core.config import AUTO_SIZES, RunConfig, flag
from core.data.sources import SPLITS, Source
from core.errors import RequestError

_SHARES = {"train": 60, "validation": 15, "test": 25}
_SMALL_SHARES = {"train": 50, "validation": 25, "test": 25}
"""Of few rows: with 15%, the validation split could not tell one epoch from another."""
_SMALL = 200
"""A pool with fewer rows gets `_SMALL_SHARES`."""


def choose_sizes(
    source: Source, config: RunConfig, codes: NDArray[np.int64], pools: Mapping[str, NDArray[np.bool_]]
) -> dict[str, int]:
    """Return the size of each split: the config's, or for ``auto`` its default, or fewer where the rows are few.

    ``codes``: class indices of the source's n rows; ``pools``: for each split, a mask of the rows that it is drawn
    from; splits with the same rows share an array. Raises `RequestError` if the source or one of its labels has too
    few examples.
    """
    requested = {name: getattr(config, f"{name}_size") for name in SPLITS}
    minimum = len(source.labels)
    for name, size in requested.items():
        if size != "auto" and size < minimum:
            raise RequestError(
                f"{flag(name + '_size')} {size} is less than the {minimum} labels.", code="size_below_labels"
            )
    pool_splits = {name: [other for other in SPLITS if pools[other] is pools[name]] for name in SPLITS}
    for name, pool in pools.items():
        counts = np.bincount(codes[pool], minlength=minimum)
        if (counts < len(pool_splits[name])).any():
            raise _rare_label_error(source, name, counts, pool_splits)
    sizes: dict[str, int] = {}
    for name, names in pool_splits.items():
        if name not in sizes:
            sizes |= _fit_sizes(int(pools[name].sum()), {other: requested[other] for other in names}, minimum)
    for name, names in pool_splits.items():
        if sum(sizes[other] for other in names) > pools[name].sum():
            raise _too_few_rows_error(source, requested, pools, pool_splits, name)
    return sizes


def _fit_sizes(rows: int, requested: Mapping[str, int | str], minimum: int) -> dict[str, int]:
    """Return the sizes of splits that share rows; they exceed the rows only if the requested numbers do.

    Validation and test depend on the rows alone where that fits, so that runs with several training sizes share them.
    """
    fixed = {name: size for name, size in requested.items() if isinstance(size, int)}
    automatic = [name for name in requested if name not in fixed]
    sizes = {name: fixed.get(name, AUTO_SIZES[f"{name}_size"]) for name in requested}
    if not automatic or sum(sizes.values()) <= rows:
        return sizes
    sizes = _divide(rows, list(requested), minimum) | fixed
    if "train" in automatic:
        sizes["train"] = rows - sum(size for name, size in sizes.items() if name != "train")
        sizes["train"] = min(sizes["train"], AUTO_SIZES["train_size"])
    if sum(sizes.values()) <= rows and sizes.get("train", minimum) >= minimum:
        return sizes
    return _divide(rows - sum(fixed.values()), automatic, minimum) | fixed


def _divide(rows: int, names: Sequence[str], minimum: int) -> dict[str, int]:
    """Divide rows among splits, each with at least ``minimum`` and at most its default; the first gets the rest."""
    shares = _SMALL_SHARES if rows < _SMALL else _SHARES
    total = sum(shares[name] for name in names)
    first, *others = names
    sizes = {name: min(max(rows * shares[name] // total, minimum), AUTO_SIZES[f"{name}_size"]) for name in others}
    return {first: min(max(rows - sum(sizes.values()), minimum), AUTO_SIZES[f"{first}_size"]), **sizes}


def _too_few_rows_error(
    source: Source,
    requested: Mapping[str, int | str],
    pools: Mapping[str, NDArray[np.bool_]],
    pool_splits: Mapping[str, list[str]],
    split: str,
) -> RequestError:
    """Return the error for splits that do not fit into their pool, with sizes that do."""
    too_large = " + ".join(f"{requested[name]:,} {name}" for name in pool_splits[split] if requested[name] != "auto")
    suggested: dict[str, int] = {}
    for name, names in pool_splits.items():
        rows, fixed = int(pools[name].sum()), {other: requested[other] for other in names}
        sizes = {other: size for other, size in fixed.items() if isinstance(size, int)}
        is_kept = sizes == fixed and sum(sizes.values()) <= rows
        suggested |= sizes if is_kept else _divide(rows, names, len(source.labels))
    flags = " ".join(f"{flag(name + '_size')} {suggested[name]}" for name in SPLITS)
    return RequestError(
        f"{source.name} has {int(pools[split].sum()):,} usable rows for {', '.join(pool_splits[split])}, but "
        f"{too_large} examples are requested. For example: {flags}",
        code="too_few_rows",
    )


def _rare_label_error(
    source: Source, split: str, counts: NDArray[np.int64], pool_splits: Mapping[str, list[str]]
) -> RequestError:
    rarest, names = int(counts.argmin()), pool_splits[split]
    examples = "1 example" if counts[rarest] == 1 else f"{int(counts[rarest])} examples"
    lacks = split != "train" and "train" not in names
    advice = f", or pass --splits {split}=NAME to draw {split} examples from another split" if lacks else ""
    return RequestError(
        f"Label '{source.labels[rarest]}' has {examples} for {', '.join(names)}; every label needs at least "
        f"{len(names)} to be learned and measured. Add examples, merge the label with another one, or remove "
        f"it{advice}. Is --label-column '{source.label_column}' correct?",
        code="rare_label",
    )
