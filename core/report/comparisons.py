"""Compare recorded runs and configurations on their common test set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from core.errors import RequestError
from core.evaluation.comparison import MARGIN, Comparison, Verdict, compare, verdict_of
from core.evaluation.intervals import holm
from core.evaluation.seeds import SeedComparison, compare_seeds
from core.report.settings_differences import differing_values
from core.report.undertraining import describe_undertraining
from core.store import queries
from core.store.engine import Store
from core.store.records import Run

_BETWEEN_RUNS: dict[Verdict, str] = {"helped": "better", "hurt": "worse"}


@dataclass(frozen=True)
class RunComparison:
    """Run A compared with run B on their common test set.

    ``settings``: the settings that differ. ``versions``: the package versions, device and dtype that differ. A's value
    comes first. ``undertraining``: the signs that A, which does not beat its best baseline B, is under-trained.
    """

    a: Run
    b: Run
    labels: tuple[str, ...]
    result: Comparison
    settings: dict[str, list[object]]
    versions: dict[str, list[object]]
    undertraining: str | None = None

    @property
    def verdict(self) -> str:
        """The verdict in a word, see `verdict_word`."""
        return self.word_for(self.result.verdict)

    @property
    def opposite_verdict(self) -> str:
        """The verdict on B compared with A in a word."""
        opposite: dict[Verdict, Verdict] = {"helped": "hurt", "hurt": "helped"}
        return verdict_word(opposite.get(self.result.verdict, self.result.verdict), self.b, self.a)

    def word_for(self, verdict: Verdict) -> str:
        """Return another verdict on these runs in a word, such as one that uses an adjusted p."""
        return verdict_word(verdict, self.a, self.b)


@dataclass(frozen=True)
class ConfigurationComparison:
    """Configuration A compared with configuration B over their common seeds."""

    a: tuple[Run, ...]
    b: tuple[Run, ...]
    result: SeedComparison

    @property
    def verdict(self) -> str:
        """The verdict in a word, see `verdict_word`."""
        return verdict_word(self.result.verdict, self.a[0], self.b[0])


def verdict_word(verdict: Verdict, a: Run, b: Run) -> str:
    """Return a verdict on A in a word: helped or hurt compared with a baseline, else better or worse; or inconclusive.

    A baseline neither helps nor hurts, and two adapters are better or worse than each other.
    """
    if verdict not in _BETWEEN_RUNS:
        return "inconclusive"
    is_against_baseline = a.kind != "baseline" and b.kind == "baseline"
    return verdict if is_against_baseline else _BETWEEN_RUNS[verdict]


def compare_runs(store: Store, a_id: int, b_id: int, margin: float = MARGIN) -> RunComparison:
    """Compare two complete runs. Raises `RequestError` that states the difference if they are not comparable."""
    a, b = queries.run(store, a_id), queries.run(store, b_id)
    labels = common_labels(store, a, b)
    true, predicted_a = queries.labels_and_predictions(store, a.id, labels)
    _, predicted_b = queries.labels_and_predictions(store, b.id, labels)
    if not len(predicted_a) == len(predicted_b) > 0:
        raise RequestError(
            f"Runs {a.id} and {b.id} cannot be compared: predictions are missing.", code="no_predictions"
        )
    result = compare(true, predicted_a, predicted_b, len(labels), margin)
    return RunComparison(
        a,
        b,
        labels,
        result,
        settings=differing_values([recorded_settings(a), recorded_settings(b)]),
        versions=differing_values(software_and_device(a, b)),
        undertraining=(
            describe_undertraining(store, a) if result.verdict != "helped" and _is_baseline_of(store, a, b) else None
        ),
    )


def _is_baseline_of(store: Store, run: Run, other: Run) -> bool:
    """Return whether another run is the best baseline of a run, or a repetition of it."""
    if run.baseline_id is None or run.baseline_id == other.id:
        return run.baseline_id == other.id
    baseline = queries.run(store, run.baseline_id)
    return (baseline.group_key, baseline.seed) == (other.group_key, other.seed)


def compare_configurations(store: Store, a_id: int, b_id: int) -> ConfigurationComparison | None:
    """Compare the configurations of two runs, paired by seed; None if they share fewer than two seeds.

    A deterministic run (a baseline such as TF-IDF) is paired with every seed. Archived and trashed runs are
    excluded. Raises `RequestError` if the two runs are not comparable.
    """
    a, b = queries.run(store, a_id), queries.run(store, b_id)
    labels = common_labels(store, a, b)
    pairs = _pair_by_seed(queries.runs_of_configuration(store, a), queries.runs_of_configuration(store, b))
    if len(pairs) < 2 or a.group_key == b.group_key:
        return None
    runs_a, runs_b = zip(*pairs, strict=True)
    return _compare_pairs(store, runs_a, runs_b, labels)


def compare_paired_runs(store: Store, a_ids: Sequence[int], b_ids: Sequence[int]) -> ConfigurationComparison:
    """Compare two configurations by these runs only, paired in their order.

    Raises `RequestError` if the runs are not comparable.
    """
    runs_a, runs_b = (tuple(queries.run(store, run_id) for run_id in ids) for ids in (a_ids, b_ids))
    labels = [common_labels(store, *pair) for pair in zip(runs_a, runs_b, strict=True)]
    return _compare_pairs(store, runs_a, runs_b, labels[0])


def _compare_pairs(
    store: Store, runs_a: tuple[Run, ...], runs_b: tuple[Run, ...], labels: Sequence[str]
) -> ConfigurationComparison:
    true, _ = queries.labels_and_predictions(store, runs_a[0].id, labels)
    predicted = [
        np.stack([queries.labels_and_predictions(store, run.id, labels)[1] for run in side])
        for side in (runs_a, runs_b)
    ]
    return ConfigurationComparison(runs_a, runs_b, compare_seeds(true, predicted[0], predicted[1], len(labels)))


def holm_adjusted_p(comparisons: Sequence[RunComparison]) -> list[float]:
    """Return the p values of several comparisons, Holm-adjusted for their number."""
    return holm([comparison.result.p for comparison in comparisons])


def adjust_verdicts(comparisons: Sequence[RunComparison]) -> list[RunComparison]:
    """Return several comparisons with their Holm-adjusted p values, and the verdicts that follow from these."""
    return [
        replace(comparison, result=replace(comparison.result, p=p, verdict=verdict_of(comparison.result.macro_f1, p)))
        for comparison, p in zip(comparisons, holm_adjusted_p(comparisons), strict=True)
    ]


def _pair_by_seed(runs_a: Sequence[Run], runs_b: Sequence[Run]) -> list[tuple[Run, Run]]:
    if not runs_a or not runs_b:
        return []
    if all(run.seed is None for run in runs_b):
        return [(run, runs_b[-1]) for run in runs_a if run.seed is not None]
    if all(run.seed is None for run in runs_a):
        return [(runs_a[-1], run) for run in runs_b if run.seed is not None]
    by_seed = {run.seed: run for run in runs_b}
    return [(run, by_seed[run.seed]) for run in runs_a if run.seed in by_seed]


def common_labels(store: Store, a: Run, b: Run) -> tuple[str, ...]:
    """Return the labels of two complete runs' common test set. Raises `RequestError` if they have none."""
    for run in (a, b):
        if run.state != "complete" or run.dataset_id is None:
            raise RequestError(
                f"Run {run.id} is {run.state} and has no predictions to compare.", code="run_is_incomplete"
            )
    assert a.dataset_id is not None and b.dataset_id is not None
    data_a, data_b = queries.dataset(store, a.dataset_id), queries.dataset(store, b.dataset_id)
    if data_a.evaluation_fingerprint == data_b.evaluation_fingerprint:
        return tuple(data_a.labels)
    if sorted(data_a.labels) != sorted(data_b.labels):
        code, reason = (
            "other_labels",
            f"their labels differ ({', '.join(data_a.labels)} and {', '.join(data_b.labels)})",
        )
    elif data_a.labels != data_b.labels:
        code = "other_label_order"
        reason = f"the order of their labels differs ({', '.join(data_a.labels)} and {', '.join(data_b.labels)})"
    else:
        code, reason = "other_examples", f"their test examples differ ({data_a.name} and {data_b.name})"
    raise RequestError(f"Runs {a.id} and {b.id} cannot be compared example by example: {reason}.", code=code)


def recorded_settings(run: Run) -> dict[str, Any]:
    """Return a run's settings, and the run that it continues."""
    return run.config | ({"continues": f"run {run.parent_id}"} if run.parent_id else {})


def software_and_device(*runs: Run) -> list[Mapping[str, Any]]:
    """Return the package versions of each run, and its device and dtype if recorded for all."""
    recorded = {name for name in ("device", "training_dtype") if all(name in run.environment for run in runs)}
    return [
        run.environment.get("packages", {})
        | {name.replace("_", " "): run.environment[name] for name in sorted(recorded)}
        for run in runs
    ]
