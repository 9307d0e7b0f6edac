"""Format verdicts on recorded runs as sentences."""

from math import log

from core.catalog.methods import METHODS
from core.errors import RequestError
from core.evaluation.comparison import Comparison
from core.evaluation.intervals import Estimate
from core.evaluation.power import ALPHA
from core.report.comparisons import ConfigurationComparison, RunComparison, compare_runs
from core.store import queries
from core.store.engine import Store
from core.store.records import Run
from core.text.formatting import format_count, format_p_value, format_points, format_setting

FEW_STEPS = 100
"""A run with fewer training steps may be under-trained."""


def verdict_sentence(comparison: RunComparison) -> str:
    """Return the verdict with its evidence; if inconclusive, with the minimum detectable effect of this test set."""
    result = comparison.result
    subject = f"{'Adapter' if comparison.a.kind == 'adapter' else 'Run'} {comparison.a.id}"
    is_inconclusive = result.verdict == "no evidence either way"
    head = "No evidence either way" if is_inconclusive else f"{subject} {result.verdict}"
    if result.macro_f1.value is None:
        return f"{head}: macro F1 is undefined for one of the runs."
    evidence = f"{_difference(result.macro_f1)}, p {format_p_value(result.p)}, n = {result.n:,})"
    sentence = f"{head}: {evidence}: {result.gained} gained, {result.lost} lost."
    return sentence + (_detectable(result) if is_inconclusive else "")


def configuration_sentence(comparison: ConfigurationComparison) -> str:
    """Return the verdict on a configuration, with the sign-flip test over its seeds."""
    result = comparison.result
    seeds = len(result.per_seed)
    head = "no evidence either way" if result.verdict.startswith("no") else f"this configuration {result.verdict}"
    smallest = format_p_value(result.smallest_p)[2:]
    signs = f"sign-flip test over seeds: p {format_p_value(result.p_signs)}"
    limit = f"the smallest possible with {seeds} seeds is {smallest}"
    return f"Over {seeds} seeds {head}: {_difference(result.macro_f1)}, n = {result.n:,}; {signs}; {limit})."


def margin_sentence(result: Comparison) -> str:
    """Return whether A is shown to be equivalent to B, or non-inferior to B, within the margin."""
    margin = f"{format_points(result.margin.margin)[1:]} points"
    is_shown = result.margin.p_no_worse < ALPHA
    if result.margin.p_alike < ALPHA:
        return f"Equivalent within {margin} (two one-sided tests, p {format_p_value(result.margin.p_alike)})."
    head = "Non-inferior" if is_shown else "Not shown to be non-inferior"
    return f"{head} within a margin of {margin} (p {format_p_value(result.margin.p_no_worse)})."


def training_warning(store: Store, run: Run, comparison: RunComparison | None = None) -> str | None:
    """Return the signs of under-training of an adapter that does not beat its best baseline.

    ``comparison``: the comparison of the two, if it exists already. None without such signs, or if the two are not
    comparable.
    """
    if run.kind == "baseline" or run.baseline_id is None or run.state != "complete":
        return None
    try:
        comparison = comparison or compare_runs(store, run.id, run.baseline_id)
    except RequestError:
        return None
    if comparison.result.verdict == "helped":
        return None
    history = queries.history(store, [run.id])
    losses = history.loc[history["name"] == "loss", "value"].dropna()
    steps, learning_rate = int(history["step"].max()) if len(history) else 0, run.config.get("lr")
    default = METHODS[run.method].learning_rate if run.method in METHODS else None
    assert run.dataset_id is not None
    uniform_loss = log(len(queries.dataset(store, run.dataset_id).labels))
    reasons = [
        *([f"{format_count(steps)} training steps"] if steps < FEW_STEPS else []),
        *(
            [f"a learning rate of {format_setting(learning_rate)}"]
            if learning_rate and default and learning_rate < default / 10
            else []
        ),
        *(
            ["a training loss no lower than that of uniform guesses"]
            if len(losses) and losses.iloc[-1] > 0.95 * uniform_loss
            else []
        ),
    ]
    return f"Likely under-trained: {', '.join(reasons)}. Try more --epochs or a higher --lr." if reasons else None


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
    sentence = f" This test set detects differences in accuracy of {effect} points or more"
    if result.needed is None or result.needed <= result.n:
        return f"{sentence}."
    observed = format_points(result.accuracy.value)
    return f"{sentence}; the observed {observed} would need about {_round_to_two_digits(result.needed)} examples."


def _round_to_two_digits(number: int) -> str:
    digits = len(str(number))
    return f"{round(number, 2 - digits):,}" if digits > 2 else str(number)
