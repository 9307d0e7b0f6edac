"""Slices: groups of texts on which a run makes more or fewer errors than on the others."""

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

from core.evaluation.intervals import Estimate, Floats, difference_of_proportions, fisher_test, holm, proportion
from core.evaluation.tokenization import tokenize
from core.text.formatting import format_setting

MIN_SIZE = 10
"""Minimum number of examples inside a slice, and outside."""
MAX_VALUES = 200
"""Maximum number of words, and of values of one column, that become slices: the most frequent ones."""
WORD_SHARES = (0.02, 0.5)
"""Minimum and maximum share of the texts for a word to become a slice."""
MAX_DISTINCT_NUMBERS = 10
"""A numeric column with more distinct values is sliced by quarters, not by value."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Slice:
    """Examples with a common property, and a run's error rate on them.

    ``error_rate``: on the slice; ``rest``: on all other examples; ``difference``: the first minus the
    second. ``p``: of Fisher's exact test; ``p_adjusted``: Holm-adjusted over all tested slices.
    ``members``: [size], the positions of the examples in ascending order.
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
    """A slice before the test; ``mask``: [n]."""

    name: str
    kind: str
    mask: Mask


_LETTERS = re.compile(r"[^\W\d_]{2,}")  # at least two letters: "I" alone is not text in capitals
_NEGATION = re.compile(
    "not?|never|none|nobody|nothing|neither|nor|nowhere|cannot|.*n't"
    "|(?:ai|are|ca|could|did|do|does|had|has|have|is|should|was|were|wo|would)nt"  # typed without the apostrophe
)

_WORD_TESTS: tuple[tuple[str, str, Callable[[str], bool]], ...] = (
    ("digits", "with digits", lambda word: any(map(str.isdigit, word))),
    ("negation", "with a negation", lambda word: _NEGATION.fullmatch(word) is not None),
)
"""Kind, name and test of slices by words. Negations are English; other languages have slices by frequent words."""

_TEXT_TESTS: tuple[tuple[str, str, Callable[[str], bool]], ...] = (
    ("question", "with a question mark", lambda text: any(mark in text for mark in "?？؟")),
    ("exclamation", "with an exclamation mark", lambda text: any(mark in text for mark in "!！")),
    ("capitals", "with a word in capitals", lambda text: any(w.isupper() and _LETTERS.search(w) for w in text.split())),
)
"""Kind, name and test of slices by punctuation marks and capitals."""


def find_slices(
    texts: Sequence[str],
    wrong: Mask,
    truncated: Mask | None = None,
    extra: Sequence[Mapping[str, Any] | None] | None = None,
) -> tuple[Slice, ...]:
    """Return all slices with their error rates, sorted by adjusted p and then by size of the difference.

    ``wrong``: [n], whether the prediction is wrong; ``truncated``: [n], whether the text was truncated for
    the model; ``extra``: n dicts of the other columns of the source. The slices depend on texts and
    columns only, never on ``wrong``, so that the adjusted p controls the error rate. Of a slice and its
    complement only one is tested. Empty for fewer than 20 examples, and for a run without errors or
    without correct predictions.
    """
    n, wrong = len(texts), np.asarray(wrong, dtype=np.bool_)
    all_wrong = int(wrong.sum())
    if n < 2 * MIN_SIZE or all_wrong in (0, n):
        return ()
    candidates = _deduplicate(_candidates(texts, truncated, extra or ()), n)
    sizes = np.array([candidate.mask.sum() for candidate in candidates], dtype=np.int64)
    errors = np.array([(candidate.mask & wrong).sum() for candidate in candidates], dtype=np.int64)
    p = fisher_test(errors, sizes, all_wrong, n).tolist()
    slices = [
        _slice(*row, all_wrong, n) for row in zip(candidates, sizes.tolist(), errors.tolist(), p, holm(p), strict=True)
    ]
    return tuple(sorted(slices, key=lambda slice_: (slice_.p_adjusted, -abs(slice_.difference.value or 0))))


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


def _deduplicate(candidates: Iterable[_Candidate], n: int) -> list[_Candidate]:
    """Return the candidates that are large enough, and the first of equal or complementary ones."""
    kept: dict[bytes, _Candidate] = {}
    for candidate in candidates:
        if MIN_SIZE <= candidate.mask.sum() <= n - MIN_SIZE:
            kept.setdefault(np.packbits(candidate.mask ^ candidate.mask[0]).tobytes(), candidate)
    return list(kept.values())


def _candidates(
    texts: Sequence[str], truncated: Mask | None, extra: Sequence[Mapping[str, Any] | None]
) -> Iterator[_Candidate]:
    lengths, vocabulary, incidence = _count_words(texts)
    yield from _by_quarters(lengths, "length", "shorter than", "longer than", unit="word")
    if truncated is not None:
        yield _Candidate("truncated", "truncated", np.asarray(truncated, dtype=np.bool_))
    for kind, name, matches in _WORD_TESTS:
        word_ids = [word_id for word_id, word in enumerate(vocabulary) if matches(word)]
        yield _Candidate(name, kind, _with_words(incidence, word_ids))
    for kind, name, matches in _TEXT_TESTS:
        yield _Candidate(name, kind, np.fromiter(map(matches, texts), dtype=np.bool_, count=len(texts)))
    yield from _by_columns(extra)
    yield from _by_frequent_words(vocabulary, incidence)


def _count_words(texts: Sequence[str]) -> tuple[Floats, list[str], Any]:
    """Return the number of words of each text [n], the vocabulary [v], and the sparse incidence matrix [n, v]."""
    vocabulary: dict[str, int] = {}
    lengths, word_ids = np.zeros(len(texts)), []
    for row, text in enumerate(texts):
        words = tokenize(text)
        lengths[row] = len(words)
        word_ids.append([vocabulary.setdefault(word, len(vocabulary)) for word in dict.fromkeys(words)])
    rows = np.repeat(np.arange(len(texts)), [len(ids) for ids in word_ids])
    columns = np.fromiter(chain.from_iterable(word_ids), dtype=np.int64, count=len(rows))
    ones = np.ones(len(rows), dtype=np.bool_)
    return lengths, list(vocabulary), csc_array((ones, (rows, columns)), shape=(len(texts), len(vocabulary)))


def _with_words(incidence: Any, word_ids: Sequence[int]) -> Mask:
    """Return which texts have any of these words, [n]."""
    mask = np.zeros(incidence.shape[0], dtype=np.bool_)
    mask[incidence[:, word_ids].indices] = True
    return mask


def _by_frequent_words(vocabulary: Sequence[str], incidence: Any) -> Iterator[_Candidate]:
    """Yield a candidate for each word that is neither rare nor in most texts, the most frequent words first."""
    n, counts = incidence.shape[0], np.diff(incidence.indptr)
    minimum, maximum = max(MIN_SIZE, ceil(WORD_SHARES[0] * n)), WORD_SHARES[1] * n
    usable = np.flatnonzero((counts >= minimum) & (counts <= maximum)).tolist()
    for word_id in sorted(usable, key=lambda word_id: (-counts[word_id], vocabulary[word_id]))[:MAX_VALUES]:
        yield _Candidate(f"with the word «{vocabulary[word_id]}»", "word", _with_words(incidence, [word_id]))


def _by_columns(extra: Sequence[Mapping[str, Any] | None]) -> Iterator[_Candidate]:
    """Yield candidates by the values of each column of text or numbers, and one of the examples without a value."""
    rows = [row or {} for row in extra]
    for column in dict.fromkeys(name for row in rows for name in row):
        values = [_none_if_missing(row.get(column)) for row in rows]
        if not all(value is None or isinstance(value, str | int | float) for value in values):
            continue
        yield _Candidate(f"without {column}", "column", np.array([value is None for value in values]))
        distinct = {value for value in values if value is not None}
        if len(distinct) > MAX_DISTINCT_NUMBERS and all(map(_is_finite_number, distinct)):
            numbers = np.array([np.nan if value is None else float(value) for value in values])
            yield from _by_quarters(numbers, "column", f"{column} below", f"{column} above")
        else:
            yield from _by_values(column, values)


def _by_values(column: str, values: Sequence[str | int | float | None]) -> Iterator[_Candidate]:
    """Yield a candidate for each value of a column; values with the same format, such as 1 and "1", are equal."""
    texts = [None if value is None else format_setting(value) for value in values]
    frequent = Counter(text for text in texts if text is not None).most_common(MAX_VALUES)
    codes = {text: code for code, (text, _) in enumerate(frequent)}
    coded = np.array([-1 if text is None else codes.get(text, -1) for text in texts])
    for text, code in codes.items():
        yield _Candidate(f"{column} is {text}", "column", coded == code)


def _by_quarters(values: Floats, kind: str, below: str, above: str, unit: str = "") -> Iterator[_Candidate]:
    """Yield the lowest and the highest quarter of values [n], as closely as ties allow; NaN is in neither."""
    distinct, counts = np.unique(values[np.isfinite(values)], return_counts=True)
    cumulative = np.cumsum(counts) / counts.sum()
    low = distinct[np.abs(cumulative - counts / counts.sum() - 0.25).argmin()]
    high = distinct[np.abs(1 - cumulative - 0.25).argmin()]
    yield _Candidate(f"{below} {_format_bound(low, unit)}", kind, values < low)
    yield _Candidate(f"{above} {_format_bound(high, unit)}", kind, values > high)


def _format_bound(value: float, unit: str) -> str:
    """Return a bound with few digits: ``1.204``, ``1925.5``, ``2015``, ``1 word``, ``40 words``."""
    digits = 4 if abs(value) < 1e3 else 6
    text = f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:.{digits}g}"
    return f"{text} {unit}{'' if value == 1 else 's'}" if unit else text


def _none_if_missing(value: Any) -> Any:
    """Return a value, or None for NaN and for an empty text."""
    return None if value is None or value == "" or (isinstance(value, float) and value != value) else value


def _is_finite_number(value: str | int | float) -> bool:
    return not isinstance(value, str | bool) and abs(value) <= sys.float_info.max
