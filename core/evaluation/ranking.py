"""ROC AUC and average precision with bootstrap intervals, fast enough for every run."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.evaluation.intervals import RESAMPLES, TAILS, UNDEFINED, Estimate, Floats, bca_interval, expanded_tails

MAX_RESAMPLES = 2_000
"""Maximum number of resamples of the ranking metrics: each reads all examples of each label."""
MIN_RESAMPLES = 400
_MAX_STEPS = 500_000_000  # maximum of examples x labels x resamples, for speed
_MAX_DELETIONS = 1_000
_CHUNK = 250_000  # maximum number of resampled counts in memory at once

Counts = NDArray[np.int32]


@dataclass(frozen=True)
class Ranking:
    """One label's examples in descending order of probability, [n]; equal probabilities form a tie.

    ``positives``: [p], the ranks of the examples with the label. For each of the t ties with positives:
    ``first``, the index of its first one in ``positives``, and ``starts`` and ``ends``, its range of ranks.
    """

    order: NDArray[np.int64]
    positives: NDArray[np.int64]
    first: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]


def ranking_estimates(
    true: NDArray[np.int64], probabilities: Floats, n_resamples: int = RESAMPLES, seed: int = 0
) -> tuple[Estimate, Estimate]:
    """Return ROC AUC and average precision, each the mean over the labels, one-vs-rest.

    ``true``: [n] class indices; ``probabilities``: [n, k]. With two labels both are of the second one.
    Undefined if a label has no example, or all of them. The intervals are BCa over resampled
    examples, their tails expanded for rare labels, from at most `MAX_RESAMPLES` resamples, fewer for
    many examples and labels. A label that a resample lacks is excluded from its mean.
    """
    n, labels = probabilities.shape
    columns = range(labels) if labels != 2 else (1,)
    support = np.bincount(true, minlength=labels)
    if any(support[column] in (0, n) for column in columns):
        return UNDEFINED, UNDEFINED
    rankings = [rank_label(true == column, probabilities[:, column]) for column in columns]
    values = ranking_scores(rankings, np.ones((1, n), dtype=np.int32))[0]
    if not n_resamples:
        return Estimate(float(values[0])), Estimate(float(values[1]))
    affordable = _MAX_STEPS // (n * len(columns))
    n_resamples = min(n_resamples, MAX_RESAMPLES, max(affordable, MIN_RESAMPLES))
    resampled = np.concatenate([ranking_scores(rankings, counts) for counts in draw_counts(n, n_resamples, seed)])
    jackknife = _jackknife(rankings, n)
    roc_auc, average_precision = (
        _interval(true, float(values[column]), resampled[:, column], jackknife[:, column]) for column in (0, 1)
    )
    return roc_auc, average_precision


def _interval(true: NDArray[np.int64], value: float, replicates: Floats, jackknife: Floats) -> Estimate:
    """Return the BCa interval, with tails expanded for rare labels."""
    weights = np.ones(len(jackknife))
    tails = TAILS if len(jackknife) < len(true) else expanded_tails(jackknife, weights, true)
    return bca_interval(value, replicates, jackknife, weights, tails)


def ranking_scores(rankings: list[Ranking], counts: Counts) -> Floats:
    """Return ROC AUC and average precision, [b, 2]; ``counts``: [b, n], the weight of each example."""
    scores = np.stack([_label_scores(ranking, counts) for ranking in rankings])
    defined = np.isfinite(scores)
    means = np.where(defined, scores, 0).sum(axis=0) / np.maximum(defined.sum(axis=0), 1)
    return np.where(defined.any(axis=0), means, np.nan)


def rank_label(positive: NDArray[np.bool_], scores: Floats) -> Ranking:
    """Rank the examples in descending order of the probability of one label."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    bounds = np.flatnonzero(np.diff(ranked, prepend=np.inf, append=-np.inf))
    positives = np.flatnonzero(positive[order])
    ties, first = np.unique(np.searchsorted(bounds, positives, side="right") - 1, return_index=True)
    return Ranking(order, positives, first, starts=bounds[ties], ends=bounds[ties + 1])


def _label_scores(ranking: Ranking, counts: Counts) -> Floats:
    """Return one label's ROC AUC and average precision, [b, 2]; NaN if it has no example, or all of them."""
    ranked = counts[:, ranking.order]
    cumulative = np.zeros((len(counts), ranked.shape[1] + 1), dtype=np.int32)
    np.cumsum(ranked, axis=1, out=cumulative[:, 1:])
    ends = cumulative[:, ranking.ends]
    true_positives = np.add.reduceat(ranked[:, ranking.positives], ranking.first, axis=1)
    cumulative_true_positives = true_positives.cumsum(axis=1, dtype=np.int32)
    positives, total = cumulative_true_positives[:, -1].astype(np.float64), cumulative[:, -1]
    false_positives, ties = ends - cumulative_true_positives, ends - cumulative[:, ranking.starts] - true_positives
    weights = true_positives.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        above = np.einsum("bt,bt->b", weights, false_positives - ties / 2)
        roc_auc = 1 - above / (positives * (total - positives))
        precision = cumulative_true_positives / np.maximum(ends, 1)
        average_precision = np.einsum("bt,bt->b", weights, precision) / positives
    defined = (positives > 0) & (positives < total)
    return np.where(defined[:, None], np.column_stack([roc_auc, average_precision]), np.nan)


def draw_counts(n: int, n_resamples: int, seed: int) -> Iterator[Counts]:
    """Draw n examples with replacement; yield how often each was drawn, [b, n], ``n_resamples`` rows in total."""
    rng = np.random.default_rng(seed)
    step = max(1, _CHUNK // n)
    for start in range(0, n_resamples, step):
        rows = min(step, n_resamples - start)
        drawn = rng.integers(0, n, size=(rows, n)) + n * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(np.int32)


def _jackknife(rankings: list[Ranking], n: int) -> Floats:
    """Return the scores without one example each, [n, 2]; for many examples, without one of equal blocks each."""
    blocks = min(n, _MAX_DELETIONS)
    block = np.arange(n) % blocks
    step = max(1, _CHUNK // n)
    parts = [
        ranking_scores(rankings, (block != np.arange(start, min(start + step, blocks))[:, None]).astype(np.int32))
        for start in range(0, blocks, step)
    ]
    return np.concatenate(parts)
