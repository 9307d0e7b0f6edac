"""The tables of `benchmarks.recipe`, computed from recorded runs."""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from cli.console import print_table, print_text
from core.evaluation.intervals import Estimate
from core.evaluation.seeds import SeedComparison, SeedSummary, compare_seeds, summarize_seeds
from core.report.comparisons import compare_runs
from core.store import queries
from core.store.engine import Store
from core.store.records import Run
from core.text.formatting import DASH, format_count, format_p_value, format_percent, format_points

VERDICTS = {"helped": "helped", "no evidence either way": "no evidence", "hurt": "hurt"}

BASELINE_COLUMNS = (
    *("data", "train", "labels", "tokens", "steps", "macro F1"),
    *("best baseline", "its F1", "difference", "verdict", "per seed"),
)
REFERENCE_COLUMNS = (
    "data",
    "macro F1",
    "reference",
    "difference",
    "p",
    "seconds",
    "reference s",
    "baselines s",
    "ratio",
)
ESTIMATE_COLUMNS = {"value": "", "low": "_low", "high": "_high"}


@dataclass(frozen=True)
class DatasetResult:
    """The figures of one data set; seconds and steps are means over the seeds.

    ``macro_f1`` and ``reference_macro_f1``: over the seeds. ``gain``: the recipe minus the best baseline;
    ``difference``: the recipe minus the reference, both paired by seed. ``baseline_seconds``: of all baselines
    together. Figures without a complete run are None. ``problems``: a sentence for each run that is missing.
    """

    dataset: str
    problems: tuple[str, ...] = ()
    train_examples: int | None = None
    labels: int | None = None
    max_length: int | None = None
    steps: float | None = None
    macro_f1: SeedSummary | None = None
    baseline: str | None = None
    baseline_macro_f1: float | None = None
    gain: SeedComparison | None = None
    verdicts: tuple[str, ...] = ()
    reference_macro_f1: SeedSummary | None = None
    difference: SeedComparison | None = None
    seconds: float | None = None
    reference_seconds: float | None = None
    baseline_seconds: float | None = None


def summarize(
    store: Store,
    dataset: str,
    baselines: Sequence[Sequence[Run | None]],
    recipe: Sequence[Run | None],
    reference: Sequence[Run | None],
) -> DatasetResult:
    """Return the figures of a data set from its runs: one of each recipe and a list of baselines per seed."""
    every = [run for runs in (*baselines, recipe, reference) for run in runs]
    problems = tuple(dict.fromkeys(problem for run in every if (problem := describe_problem(run))))
    complete = [[run for run in runs if is_complete(run)] for runs in baselines]
    best = [max(runs, key=lambda run: macro_f1(store, run) or 0.0, default=None) for runs in complete]
    verdicts = tuple(seed_verdict(store, *pair) for pair in zip(recipe, best, strict=True))
    first = next((run for run in [*recipe, *reference] if is_complete(run)), None)
    if first is None or first.dataset_id is None:
        return DatasetResult(dataset, problems, verdicts=verdicts)
    balance = queries.class_balance(store, first.dataset_id)
    named = Counter(run.name for run in best if run is not None)
    return DatasetResult(
        dataset,
        problems,
        train_examples=int(balance.loc[balance["split"] == "train", "count"].sum()),
        labels=len(queries.dataset(store, first.dataset_id).labels),
        max_length=first.config.get("max_length"),
        steps=mean([last_step(store, run) for run in recipe if is_complete(run)]),
        macro_f1=summarize_seeds([macro_f1(store, run) for run in recipe if is_complete(run)]),
        baseline=" or ".join(named) or None,
        baseline_macro_f1=mean([macro_f1(store, run) for run in best if run is not None]),
        gain=compare_paired(store, recipe, best),
        verdicts=verdicts,
        reference_macro_f1=summarize_seeds([macro_f1(store, run) for run in reference if is_complete(run)]),
        difference=compare_paired(store, recipe, reference),
        seconds=mean([seconds(run) for run in recipe if is_complete(run)]),
        reference_seconds=mean([seconds(run) for run in reference if is_complete(run)]),
        baseline_seconds=mean([sum(map(seconds, runs)) for runs in complete if runs]),
    )


def is_complete(run: Run | None) -> TypeGuard[Run]:
    """Return whether there is a run and it is complete."""
    return run is not None and run.state == "complete"


def describe_problem(run: Run | None) -> str | None:
    """Return why a run has no figures; None if it has."""
    if run is None:
        return "A run is not recorded yet. Run the benchmark without --only-report."
    if is_complete(run):
        return None
    seed = "" if run.seed is None else f", seed {run.seed}"
    return f"Run {run.id} ({run.name}{seed}) {run.state}: {run.error_message or 'it was stopped'}"


def macro_f1(store: Store, run: Run) -> float | None:
    """Return the macro F1 of a run on the test split."""
    metrics = queries.metrics(store, [run.id])
    values = metrics.loc[(metrics["split"] == "test") & (metrics["name"] == "macro_f1"), "value"].dropna()
    return float(values.iloc[0]) if len(values) else None


def last_step(store: Store, run: Run) -> float | None:
    """Return the number of optimizer steps of a run."""
    steps = queries.history(store, [run.id])["step"]
    return float(steps.max()) if len(steps) else None


def seconds(run: Run) -> float:
    """Return the seconds of training and of evaluation on the test split."""
    return (run.train_seconds or 0.0) + (run.evaluation_seconds or 0.0)


def mean(values: Sequence[float | None]) -> float | None:
    """Return the mean of the values that are not None; None if there are none."""
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None


def compare_paired(store: Store, a: Sequence[Run | None], b: Sequence[Run | None]) -> SeedComparison | None:
    """Compare the runs of two configurations, paired by position; None without a pair of complete runs."""
    pairs = [(run_a, run_b) for run_a, run_b in zip(a, b, strict=True) if is_complete(run_a) and is_complete(run_b)]
    if not pairs or pairs[0][0].dataset_id is None:
        return None
    labels = queries.dataset(store, pairs[0][0].dataset_id).labels
    true, _ = queries.labels_and_predictions(store, pairs[0][0].id, labels)
    predicted = [
        np.stack([queries.labels_and_predictions(store, run.id, labels)[1] for run in side])
        for side in zip(*pairs, strict=True)
    ]
    return compare_seeds(true, predicted[0], predicted[1], len(labels))


def seed_verdict(store: Store, run: Run | None, baseline: Run | None) -> str:
    """Return the verdict on one run compared with a baseline, or the state of the one that is not complete."""
    if is_complete(run) and is_complete(baseline):
        return VERDICTS[compare_runs(store, run.id, baseline.id).result.verdict]
    incomplete = baseline if is_complete(run) else run
    return "not recorded" if incomplete is None else incomplete.state


def print_results(results: Sequence[DatasetResult]) -> None:
    """Print a table of the recipe against its baselines, one against the reference, and a summary."""
    print("Default recipe against the best baseline (macro F1 in %, differences in points with their 95% interval)")
    print_table(
        BASELINE_COLUMNS,
        [baseline_cells(result) for result in results],
    )
    print(
        "Default recipe against the reference recipe (p: sign-flip test over the seeds; seconds: training + evaluation)"
    )
    print_table(
        REFERENCE_COLUMNS,
        [reference_cells(result) for result in results],
    )
    for result in results:
        for problem in result.problems:
            print_text(f"{short_name(result)}: {problem}")
    print(summary_line(results))


def baseline_cells(result: DatasetResult) -> tuple[str, ...]:
    """Return the row of a data set in the first table."""
    return (
        short_name(result),
        format_count(result.train_examples),
        format_count(result.labels),
        format_count(result.max_length),
        format_count(result.steps),
        format_spread(result.macro_f1),
        result.baseline or DASH,
        format_percent(result.baseline_macro_f1),
        format_difference(result.gain),
        VERDICTS[result.gain.verdict] if result.gain else DASH,
        count_verdicts(result.verdicts) or "failed",
    )


def reference_cells(result: DatasetResult) -> tuple[str, ...]:
    """Return the row of a data set in the second table."""
    ratio = result.seconds / result.reference_seconds if result.seconds and result.reference_seconds else None
    return (
        short_name(result),
        format_spread(result.macro_f1),
        format_spread(result.reference_macro_f1),
        format_difference(result.difference),
        format_p_value(result.difference.p_signs).removeprefix("= ") if result.difference else DASH,
        *(format_count(value) for value in (result.seconds, result.reference_seconds, result.baseline_seconds)),
        f"{ratio:.1f}×" if ratio else DASH,
    )


def summary_line(results: Sequence[DatasetResult]) -> str:
    """Return the number of runs with each verdict, and the mean difference to the reference."""
    verdicts = [verdict for result in results for verdict in result.verdicts]
    differences = [value for result in results if (value := difference_value(result)) is not None]
    better = sum(value > 0 for value in differences)
    return (
        f"{len(results)} data sets, {len(verdicts)} runs of the default recipe: {count_verdicts(verdicts) or 'none'}. "
        f"Macro F1 minus the reference's: {format_points(mean(differences))} points on average, "
        f"higher on {better} of {len(differences)} data sets."
    )


def difference_value(result: DatasetResult) -> float | None:
    """Return the mean macro F1 of the recipe minus that of the reference."""
    return result.difference.macro_f1.value if result.difference else None


def short_name(result: DatasetResult) -> str:
    """Return the name of a data set, without the folder and the extension of a file."""
    return Path(result.dataset).stem


def count_verdicts(verdicts: Sequence[str]) -> str:
    """Return ``2 helped, 1 no evidence``."""
    counts = Counter(verdicts)
    order = sorted(counts, key=lambda verdict: ([*VERDICTS.values(), verdict].index(verdict), verdict))
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in order)


def format_spread(summary: SeedSummary | None) -> str:
    """Return mean ± standard deviation over the seeds, in percent."""
    if summary is None:
        return DASH
    deviation = "" if summary.deviation is None else f" ± {format_percent(summary.deviation)}"
    return f"{format_percent(summary.mean)}{deviation}"


def format_difference(comparison: SeedComparison | None) -> str:
    """Return a difference in points with its interval."""
    estimate = comparison.macro_f1 if comparison else Estimate(None)
    return format_points(estimate.value, estimate.low, estimate.high)


def save_results(results: Sequence[DatasetResult], path: Path) -> None:
    """Save the figures as CSV, a row per data set."""
    rows = [csv_row(result) for result in results]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def csv_row(result: DatasetResult) -> dict[str, Any]:
    """Return the values of a data set; a summary and a comparison become several columns."""
    row: dict[str, Any] = {}
    for field in fields(result):
        value = getattr(result, field.name)
        if field.name in ("macro_f1", "reference_macro_f1"):
            row |= {field.name: value and value.mean, f"{field.name}_deviation": value and value.deviation}
        elif field.name in ("gain", "difference"):
            estimate = asdict(value.macro_f1) if value else {}
            row |= {f"{field.name}{suffix}": estimate.get(key) for key, suffix in ESTIMATE_COLUMNS.items()}
            row |= {f"{field.name}_verdict": value and value.verdict, f"{field.name}_p": value and value.p_signs}
        else:
            row[field.name] = "; ".join(value) if isinstance(value, tuple) else value
    return row
