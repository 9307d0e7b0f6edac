"""Recorded runs against each other: what is read from the store, judged by the evidence, said in words."""

from dataclasses import dataclass

from core.config import differences
from core.errors import RequestError
from core.evaluation.comparison import Comparison, compare
from core.formatting import p_value, points
from core.store import queries
from core.store.engine import Store
from core.store.records import Run


@dataclass(frozen=True)
class RunComparison:
    """Run A against run B on their common test set; ``settings`` are those in which they differ, A's first."""

    a: Run
    b: Run
    labels: tuple[str, ...]
    result: Comparison
    settings: dict[str, list[object]]


def compare_runs(store: Store, a_id: int, b_id: int) -> RunComparison:
    """Compare two complete runs. Raises `RequestError` where they can't be compared, with the part that differs."""
    a, b = queries.run(store, a_id), queries.run(store, b_id)
    for run in (a, b):
        if run.state != "complete" or run.dataset_id is None:
            raise RequestError(f"Run {run.id} is {run.state}: it has no predictions to compare.")
    labels = _common_labels(store, a, b)
    true, predicted_a = queries.outcomes(store, a.id, labels)
    _, predicted_b = queries.outcomes(store, b.id, labels)
    result = compare(true, predicted_a, predicted_b, len(labels))
    return RunComparison(a, b, labels, result, differences([a.config, b.config]))


def sentence(comparison: RunComparison) -> str:
    """Return the verdict in one sentence, with the difference, its interval, p, n and the flips."""
    result, gap = comparison.result, comparison.result.macro_f1
    head = f"{result.verdict[0].upper()}{result.verdict[1:]}"
    if gap.value is None:
        return f"{head}: macro F1 is undefined for one of the runs."
    interval = "" if gap.low is None or gap.high is None else f"95 % {points(gap.low)} to {points(gap.high)}, "
    return (
        f"{head}: macro F1 {points(gap.value)} points ({interval}p {p_value(result.p)}, n = {result.n:,}); "
        f"{result.fixed} fixed, {result.broken} broken."
    )


def _common_labels(store: Store, a: Run, b: Run) -> tuple[str, ...]:
    assert a.dataset_id is not None and b.dataset_id is not None
    ours, theirs = queries.dataset(store, a.dataset_id), queries.dataset(store, b.dataset_id)
    if ours.evaluation_fingerprint == theirs.evaluation_fingerprint:
        return tuple(ours.labels)
    if ours.labels != theirs.labels:
        reason = f"their labels differ ({', '.join(ours.labels)} and {', '.join(theirs.labels)})"
    else:
        reason = f"their test examples differ ({ours.name} and {theirs.name})"
    raise RequestError(f"Runs {a.id} and {b.id} can't be compared example by example: {reason}.")
