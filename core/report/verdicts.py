"""Recorded runs against each other: what is read from the store, judged by the evidence, said in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np

from core.catalog.methods import METHODS
from core.config import differing_values
from core.errors import RequestError
from core.evaluation.comparison import MARGIN, Comparison, compare
from core.evaluation.intervals import Estimate, holm
from core.evaluation.power import ALPHA
from core.evaluation.seeds import SeedComparison, compare_seeds
from core.store import queries
from core.store.engine import Store
from core.store.records import Run
from core.text.formatting import format_count, format_p_value, format_points, format_setting

FEW_STEPS = 100
"""Fewer training steps than this are a likely reason for an adapter that learnt nothing."""


@dataclass(frozen=True)
class RunComparison:
    """Run A against run B on their common test set.

    ``settings`` are those in which they differ, A's first; ``versions`` the packages, device or format that
    differ, likewise: then a gap may be theirs.
    """

    a: Run
    b: Run
    labels: tuple[str, ...]
    result: Comparison
    settings: dict[str, list[object]]
    versions: dict[str, list[object]]


@dataclass(frozen=True)
class ConfigurationComparison:
    """Configuration A against configuration B over the seeds that both have."""

    a: tuple[Run, ...]
    b: tuple[Run, ...]
    result: SeedComparison


def compare_runs(store: Store, a_id: int, b_id: int, margin: float = MARGIN) -> RunComparison:
    """Compare two complete runs. Raises `RequestError` where they can't be compared, with the part that differs."""
    a, b = queries.run(store, a_id), queries.run(store, b_id)
    labels = _common_labels(store, a, b)
    true, predicted_a = queries.labels_and_predictions(store, a.id, labels)
    _, predicted_b = queries.labels_and_predictions(store, b.id, labels)
    if not len(predicted_a) == len(predicted_b) > 0:
        raise RequestError(f"Runs {a.id} and {b.id} can't be compared: one of them has no stored predictions.")
    return RunComparison(
        a,
        b,
        labels,
        result=compare(true, predicted_a, predicted_b, len(labels), margin),
        settings=differing_values([a.config, b.config]),
        versions=differing_values(_surroundings(a, b)),
    )


def compare_configurations(store: Store, a_id: int, b_id: int) -> ConfigurationComparison | None:
    """Compare the groups of two runs, paired by seed; None where they share fewer than two seeds.

    A run without chance (a baseline such as TF-IDF) stands beside every seed. A run in the archive
    or in the trash belongs to no group. Raises `RequestError` where the two runs can't be compared.
    """
    a, b = queries.run(store, a_id), queries.run(store, b_id)
    labels = _common_labels(store, a, b)
    pairs = _paired(queries.runs_of_configuration(store, a), queries.runs_of_configuration(store, b))
    if len(pairs) < 2 or a.group_key == b.group_key:
        return None
    ours, theirs = zip(*pairs, strict=True)
    true, _ = queries.labels_and_predictions(store, a.id, labels)
    predicted = [
        np.stack([queries.labels_and_predictions(store, run.id, labels)[1] for run in side]) for side in (ours, theirs)
    ]
    return ConfigurationComparison(ours, theirs, compare_seeds(true, predicted[0], predicted[1], len(labels)))


def holm_adjusted_p(comparisons: Sequence[RunComparison]) -> list[float]:
    """Return the p values of several runs against one baseline, Holm-adjusted for their number."""
    return holm([one.result.p for one in comparisons])


def verdict_sentence(comparison: RunComparison) -> str:
    """Return the verdict in words, with its evidence; where there is none, what it would take to know."""
    result = comparison.result
    subject = f"{'Adapter' if comparison.a.kind == 'adapter' else 'Run'} {comparison.a.id}"
    none = result.verdict == "no evidence either way"
    head = "No evidence either way" if none else f"{subject} {result.verdict}"
    if result.macro_f1.value is None:
        return f"{head}: macro F1 is undefined for one of the runs."
    evidence = f"{_gap(result.macro_f1)}, p {format_p_value(result.p)}, n = {result.n:,})"
    return f"{head}: {evidence}: {result.gained} gained, {result.lost} lost.{_needed(result) if none else ''}"


def configuration_sentence(comparison: ConfigurationComparison) -> str:
    """Return the verdict on a configuration in words, with what its few seeds can't say."""
    result = comparison.result
    seeds = len(result.per_seed)
    head = "no evidence either way" if result.verdict.startswith("no") else f"this configuration {result.verdict}"
    signs = f"; over seeds alone p {format_p_value(result.p_signs)}, at best {format_p_value(result.smallest_p)[2:]} with {seeds}"
    return f"Over {seeds} seeds {head}: {_gap(result.macro_f1)}, n = {result.n:,}{signs})."


def margin_sentence(result: Comparison) -> str:
    """Say whether A is shown to be no worse than B, by the margin; a failure to show it proves nothing."""
    margin = f"{format_points(result.margin.margin)[1:]} points"
    shown = result.margin.p_no_worse < ALPHA
    if result.margin.p_alike < ALPHA:
        return f"Alike to within {margin} (two one-sided tests, p {format_p_value(result.margin.p_alike)})."
    head = "At most" if shown else "Not shown to be at most"
    return f"{head} {margin} worse (p {format_p_value(result.margin.p_no_worse)})."


def training_warning(store: Store, run: Run) -> str | None:
    """Say what speaks for an adapter's being under-trained, where it does not beat its best baseline.

    None also where the two can't be compared.
    """
    if run.kind == "baseline" or run.baseline_id is None or run.state != "complete":
        return None
    try:
        if compare_runs(store, run.id, run.baseline_id).result.verdict == "helped":
            return None
    except RequestError:
        return None
    history = queries.history(store, [run.id])
    losses = history.loc[history["name"] == "loss", "value"].dropna()
    steps, rate = int(history["step"].max()) if len(history) else 0, run.config.get("lr")
    usual = METHODS[run.method].learning_rate if run.method in METHODS else None
    assert run.dataset_id is not None
    chance = log(len(queries.dataset(store, run.dataset_id).labels))
    reasons = [
        *([f"{format_count(steps)} training steps"] if steps < FEW_STEPS else []),
        *([f"a learning rate of {format_setting(rate)}"] if rate and usual and rate < usual / 10 else []),
        *(["a training loss that stayed at chance"] if len(losses) and losses.iloc[-1] > 0.95 * chance else []),
    ]
    return f"It looks under-trained: {', '.join(reasons)}. Try more --epochs or a higher --lr." if reasons else None


def _gap(difference: Estimate) -> str:
    interval = (
        f" (95 % {format_points(difference.low)} to {format_points(difference.high)}"
        if difference.low is not None
        else " ("
    )
    return f"macro F1 {format_points(difference.value)} points{interval}"


def _needed(result: Comparison) -> str:
    """Return what this test set could have shown; of an accuracy that does differ, that it does."""
    if result.p_accuracy < ALPHA:
        gap = format_points(result.accuracy.value, result.accuracy.low, result.accuracy.high)
        p = format_p_value(result.p_accuracy)
        return f" Accuracy differs: {gap} points, McNemar p {p}: some classes gain what others lose."
    if result.detectable is None:
        return " This test set is too small to show any difference."
    shown = f" This test set could only show differences in accuracy of {format_points(result.detectable)[1:]} points or more"
    if result.needed is None or result.needed <= result.n:
        return f"{shown}."
    return f"{shown}; the observed {format_points(result.accuracy.value)} would need about {_about(result.needed)} examples."


def _about(number: int) -> str:
    digits = len(str(number))
    return f"{round(number, 2 - digits):,}" if digits > 2 else str(number)


def _paired(ours: Sequence[Run], theirs: Sequence[Run]) -> list[tuple[Run, Run]]:
    if not ours or not theirs:
        return []
    if all(run.seed is None for run in theirs):
        return [(run, theirs[-1]) for run in ours if run.seed is not None]
    if all(run.seed is None for run in ours):
        return [(ours[-1], run) for run in theirs if run.seed is not None]
    by_seed = {run.seed: run for run in theirs}
    return [(run, by_seed[run.seed]) for run in ours if run.seed in by_seed]


def _common_labels(store: Store, a: Run, b: Run) -> tuple[str, ...]:
    """Return the labels of two runs' common test set; refuse runs that have none."""
    for run in (a, b):
        if run.state != "complete" or run.dataset_id is None:
            raise RequestError(f"Run {run.id} is {run.state}: it has no predictions to compare.")
    assert a.dataset_id is not None and b.dataset_id is not None
    ours, theirs = queries.dataset(store, a.dataset_id), queries.dataset(store, b.dataset_id)
    if ours.evaluation_fingerprint == theirs.evaluation_fingerprint:
        return tuple(ours.labels)
    if sorted(ours.labels) != sorted(theirs.labels):
        reason = f"their labels differ ({', '.join(ours.labels)} and {', '.join(theirs.labels)})"
    elif ours.labels != theirs.labels:
        reason = f"their labels stand in another order ({', '.join(ours.labels)} and {', '.join(theirs.labels)})"
    else:
        reason = f"their test examples differ ({ours.name} and {theirs.name})"
    raise RequestError(f"Runs {a.id} and {b.id} can't be compared example by example: {reason}.")


def _surroundings(*runs: Run) -> list[Mapping[str, Any]]:
    """Return under what each run took place: versions, and where all are known, the device and the number format."""
    known = {name for name in ("device", "training_dtype") if all(name in run.environment for run in runs)}
    return [
        run.environment.get("packages", {}) | {name.replace("_", " "): run.environment[name] for name in sorted(known)}
        for run in runs
    ]
