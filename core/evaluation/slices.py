"""Kinds of texts on which a run errs more, or less, than elsewhere."""

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

from core.evaluation.intervals import (
    Estimate,
    Floats,
    difference_of_proportions,
    fisher_test,
    holm,
    proportion,
)
from core.evaluation.tokenization import words
from core.text.formatting import format_setting

FEWEST = 10
"""A slice has at least so many examples inside, and leaves as many outside."""
MOST = 200
"""The most words, and the most values of one column, that are looked at: the most frequent ones."""
WORD_SHARES = (0.02, 0.5)
"""A word is looked at if it stands in at least, and at most, this share of the texts."""
FEW_VALUES = 10
"""A column of numbers with no more different values than this is looked at value by value, not by quarters."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Slice:
    """Examples with something in common, and how often a run errs on them.

    ``error_rate`` is theirs and ``rest`` that of all others, ``difference`` the first less the
    second. ``p`` is Fisher's exact one, ``p_adjusted`` Holm's over all slices that were looked at.
    ``members``: [size], the examples' positions, ascending.
    """

    name: str
    kind: str
    size: int
    errors: int
    error_rate: Estimate
    rest: Estimate
    difference: Estimate
    p: float
    p_adjusted: float
    members: NDArray[np.int64]


@dataclass(frozen=True)
class _Candidate:
    """A slice before it is tested; ``mask``: [n]."""

    name: str
    kind: str
    mask: Mask


_LETTERS = re.compile(r"[^\W\d_]{2,}")  # «I» and «A» are no shouting
_NEGATION = re.compile(
    "not?|never|none|nobody|nothing|neither|nor|nowhere|cannot|.*n't"
    "|(?:ai|are|ca|could|did|do|does|had|has|have|is|should|was|were|wo|would)nt"  # typed without the apostrophe
)

_OF_WORDS: tuple[tuple[str, str, Callable[[str], bool]], ...] = (
    ("digits", "with digits", lambda word: any(map(str.isdigit, word))),
    ("negation", "with a negation", lambda word: _NEGATION.fullmatch(word) is not None),
)
"""Kind, name and test of what one of a text's words is. Negations are English; elsewhere frequent words show them."""

_OF_TEXTS: tuple[tuple[str, str, Callable[[str], bool]], ...] = (
    ("question", "with a question mark", lambda text: any(sign in text for sign in "?？؟")),
    ("exclamation", "with an exclamation mark", lambda text: any(sign in text for sign in "!！")),
    ("capitals", "with a word in capitals", lambda text: any(w.isupper() and _LETTERS.search(w) for w in text.split())),
)
"""Kind, name and test of what a text is."""


def find_slices(
    texts: Sequence[str],
    wrong: Mask,
    truncated: Mask | None = None,
    extra: Sequence[Mapping[str, Any] | None] | None = None,
) -> tuple[Slice, ...]:
    """Return every slice with its error rate against the rest's: the smallest adjusted p, then the largest gap first.

    ``wrong``: [n], whether the run errs; ``truncated``: [n], whether it saw only the text's
    beginning; ``extra``: n dicts of the source's other columns. What is looked at depends on the
    texts and columns alone, never on ``wrong``, so the adjusted p keeps its error rate. A slice and
    its complement ask the same question and are looked at once. Empty for fewer than 20 examples,
    and for a run that errs never or always: it does so alike everywhere.
    """
    n, wrong = len(texts), np.asarray(wrong, dtype=np.bool_)
    all_wrong = int(wrong.sum())
    if n < 2 * FEWEST or all_wrong in (0, n):
        return ()
    found = _distinct(_candidates(texts, truncated, extra or ()), n)
    sizes = np.array([one.mask.sum() for one in found], dtype=np.int64)
    errors = np.array([(one.mask & wrong).sum() for one in found], dtype=np.int64)
    p = fisher_test(errors, sizes, all_wrong, n).tolist()
    slices = [
        _slice(*row, all_wrong, n) for row in zip(found, sizes.tolist(), errors.tolist(), p, holm(p), strict=True)
    ]
    return tuple(sorted(slices, key=lambda one: (one.p_adjusted, -abs(one.difference.value or 0))))


def _slice(candidate: _Candidate, size: int, errors: int, p: float, p_adjusted: float, all_wrong: int, n: int) -> Slice:
    return Slice(
        name=candidate.name,
        kind=candidate.kind,
        size=size,
        errors=errors,
        error_rate=proportion(errors, size),
        rest=proportion(all_wrong - errors, n - size),
        difference=difference_of_proportions(errors, size, all_wrong - errors, n - size),
        p=p,
        p_adjusted=p_adjusted,
        members=np.flatnonzero(candidate.mask),
    )


def _distinct(candidates: Iterable[_Candidate], n: int) -> list[_Candidate]:
    """Keep candidates of enough examples; of equal or complementary ones the first."""
    kept: dict[bytes, _Candidate] = {}
    for one in candidates:
        if FEWEST <= one.mask.sum() <= n - FEWEST:
            kept.setdefault(np.packbits(one.mask ^ one.mask[0]).tobytes(), one)
    return list(kept.values())


def _candidates(
    texts: Sequence[str], truncated: Mask | None, extra: Sequence[Mapping[str, Any] | None]
) -> Iterator[_Candidate]:
    lengths, vocabulary, incidence = _counted(texts)
    yield from _quarters(lengths, "length", "shorter than", "longer than", unit="word")
    if truncated is not None:
        yield _Candidate("truncated", "truncated", np.asarray(truncated, dtype=np.bool_))
    for kind, name, holds in _OF_WORDS:
        codes = [code for code, word in enumerate(vocabulary) if holds(word)]
        yield _Candidate(name, kind, _holding(incidence, codes))
    for kind, name, holds in _OF_TEXTS:
        yield _Candidate(name, kind, np.fromiter(map(holds, texts), dtype=np.bool_, count=len(texts)))
    yield from _of_columns(extra)
    yield from _of_frequent_words(vocabulary, incidence)


def _counted(texts: Sequence[str]) -> tuple[Floats, list[str], Any]:
    """Return each text's number of words [n], the vocabulary [v], and which holds which: [n, v], sparse by columns."""
    codes: dict[str, int] = {}
    lengths, held = np.zeros(len(texts)), []
    for row, text in enumerate(texts):
        there = words(text)
        lengths[row] = len(there)
        held.append([codes.setdefault(word, len(codes)) for word in dict.fromkeys(there)])
    rows = np.repeat(np.arange(len(texts)), [len(one) for one in held])
    columns = np.fromiter(chain.from_iterable(held), dtype=np.int64, count=len(rows))
    ones = np.ones(len(rows), dtype=np.bool_)
    return lengths, list(codes), csc_array((ones, (rows, columns)), shape=(len(texts), len(codes)))


def _holding(incidence: Any, codes: Sequence[int]) -> Mask:
    """Return which texts hold any of these words: [n]."""
    mask = np.zeros(incidence.shape[0], dtype=np.bool_)
    mask[incidence[:, codes].indices] = True
    return mask


def _of_frequent_words(vocabulary: Sequence[str], incidence: Any) -> Iterator[_Candidate]:
    """Offer each word that is neither rare nor everywhere, the most frequent first."""
    n, counts = incidence.shape[0], np.diff(incidence.indptr)
    least, most = max(FEWEST, ceil(WORD_SHARES[0] * n)), WORD_SHARES[1] * n
    usable = np.flatnonzero((counts >= least) & (counts <= most)).tolist()
    for code in sorted(usable, key=lambda code: (-counts[code], vocabulary[code]))[:MOST]:
        yield _Candidate(f"with the word «{vocabulary[code]}»", "word", _holding(incidence, [code]))


def _of_columns(extra: Sequence[Mapping[str, Any] | None]) -> Iterator[_Candidate]:
    """Offer the values of each column that holds plain ones only, and the examples without any."""
    rows = [row or {} for row in extra]
    for column in dict.fromkeys(name for row in rows for name in row):
        values = [_known(row.get(column)) for row in rows]
        if not all(value is None or isinstance(value, str | int | float) for value in values):
            continue
        yield _Candidate(f"without {column}", "column", np.array([value is None for value in values]))
        different = {value for value in values if value is not None}
        if len(different) > FEW_VALUES and all(map(_is_number, different)):
            numbers = np.array([np.nan if value is None else float(value) for value in values])
            yield from _quarters(numbers, "column", f"{column} below", f"{column} above")
        else:
            yield from _of_values(column, values)


def _of_values(column: str, values: Sequence[str | int | float | None]) -> Iterator[_Candidate]:
    """Offer the values of a column by how they read: 1 and «1» are one."""
    read = [None if value is None else format_setting(value) for value in values]
    frequent = Counter(value for value in read if value is not None).most_common(MOST)
    codes = {value: code for code, (value, _) in enumerate(frequent)}
    coded = np.array([-1 if value is None else codes.get(value, -1) for value in read])
    for value, code in codes.items():
        yield _Candidate(f"{column} is {value}", "column", coded == code)


def _quarters(values: Floats, kind: str, below: str, above: str, unit: str = "") -> Iterator[_Candidate]:
    """Offer the lowest and the highest quarter of values [n], as nearly as equal ones allow; NaN is in neither."""
    different, counts = np.unique(values[np.isfinite(values)], return_counts=True)
    up_to = np.cumsum(counts) / counts.sum()
    low = different[np.abs(up_to - counts / counts.sum() - 0.25).argmin()]
    high = different[np.abs(1 - up_to - 0.25).argmin()]
    yield _Candidate(f"{below} {_figure(low, unit)}", kind, values < low)
    yield _Candidate(f"{above} {_figure(high, unit)}", kind, values > high)


def _figure(value: float, unit: str) -> str:
    """Return a bound as a person would write it: ``1.204``, ``1925.5``, ``2015``, ``1 word``, ``40 words``."""
    digits = 4 if abs(value) < 1e3 else 6
    text = f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:.{digits}g}"
    return f"{text} {unit}{'' if value == 1 else 's'}" if unit else text


def _known(value: Any) -> Any:
    """Return a value, or None for one that says nothing: NaN, or an empty text."""
    return None if value is None or value == "" or (isinstance(value, float) and value != value) else value


def _is_number(value: str | int | float) -> bool:
    return not isinstance(value, str | bool) and abs(value) <= sys.float_info.max
