"""Format verdicts on recorded runs as sentences."""

from core.evaluation.comparison import Comparison
from core.evaluation.intervals import Estimate
from core.evaluation.power import ALPHA
from core.report.comparisons import ConfigurationComparison, RunComparison
from core.text.formatting import format_p_value, format_points


def verdict_sentence(comparison: RunComparison, note: str = "") -> str:
    """Return the verdict with its evidence, then ``note``, then the signs of under-training.

    If the verdict is inconclusive, it states the minimum detectable effect of this test set.
    """
    result = comparison.result
    is_inconclusive = comparison.verdict == "inconclusive"
    head = "Inconclusive" if is_inconclusive else _subject(comparison)
    if result.macro_f1.value is None:
        return f"{head}: macro F1 is undefined for one of the runs."
    evidence = f"{_difference(result.macro_f1)}, p {format_p_value(result.p)}, n = {result.n:,})"
    sentence = f"{head}: {evidence}: {result.gained} gained, {result.lost} lost."
    sentence += _inconclusive_reason(result) + _detectable(result) if is_inconclusive else ""
    return " ".join(part for part in (sentence, note, comparison.undertraining) if part)


def _subject(comparison: RunComparison) -> str:
    a, b = comparison.a, comparison.b
    if comparison.verdict in ("better", "worse"):
        return f"Run {a.id} is {comparison.verdict} than run {b.id}"
    return f"{'Adapter' if a.kind == 'adapter' else 'Run'} {a.id} {comparison.verdict}"


def _inconclusive_reason(result: Comparison) -> str:
    """Return why a difference whose interval excludes 0 is inconclusive; empty if its interval contains 0."""
    low, high = result.macro_f1.low, result.macro_f1.high
    if low is None or high is None or low <= 0 <= high:
        return ""
    return " The interval excludes 0, but p is not below .05."


def configuration_sentence(comparison: ConfigurationComparison) -> str:
    """Return the verdict on a configuration, with the sign-flip test over its seeds."""
    result = comparison.result
    seeds = len(result.per_seed)
    verb = "is " if comparison.verdict in ("better", "worse") else ""
    head = "inconclusive" if comparison.verdict == "inconclusive" else f"this configuration {verb}{comparison.verdict}"
    smallest = format_p_value(result.smallest_p)[2:]
    signs = f"Sign-flip test over seeds: p {format_p_value(result.p_signs)}"
    if result.smallest_p >= ALPHA:
        signs = f"With {seeds} seeds a sign test cannot go below p = {smallest}"
    return f"Over {seeds} seeds {head}: {_difference(result.macro_f1)}, n = {result.n:,}). {signs}."


def margin_sentence(result: Comparison) -> str:
    """Return whether A is shown to be equivalent to B, or non-inferior to B, within the margin."""
    margin = f"{format_points(result.margin.margin)[1:]} points"
    is_shown = result.margin.p_no_worse < ALPHA
    if result.margin.p_alike < ALPHA:
        return f"Equivalent within {margin} (two one-sided tests, p {format_p_value(result.margin.p_alike)})."
    head = "Non-inferior" if is_shown else "Not shown to be non-inferior"
    return f"{head} within a margin of {margin} (p {format_p_value(result.margin.p_no_worse)})."


def _difference(difference: Estimate) -> str:
    low, high = format_points(difference.low), format_points(difference.high)
    interval = f" (95% CI {low} to {high}" if difference.low is not None else " ("
    return f"macro F1 {format_points(difference.value)} points{interval}"


def _detectable(result: Comparison) -> str:
    """Return the minimum detectable effect of this test set, or that accuracy differs."""
    if result.p_accuracy < ALPHA:
        difference = format_points(result.accuracy.value, result.accuracy.low, result.accuracy.high)
        p = format_p_value(result.p_accuracy)
        return f" Accuracy differs: {difference} points, McNemar p {p}; some classes gain and others lose."
    if result.detectable is None:
        return " This test set is too small to detect any difference."
    effect = format_points(result.detectable)[1:]
    sentence = f" Smallest gap this test set can detect: {effect} points of accuracy"
    if result.needed is None or result.needed <= result.n:
        return f"{sentence}."
    observed = format_points(result.accuracy.value)
    return f"{sentence}; the observed {observed} would need about {_round_to_two_digits(result.needed)} examples."


def _round_to_two_digits(number: int) -> str:
    digits = len(str(number))
    return f"{round(number, 2 - digits):,}" if digits > 2 else str(number)
