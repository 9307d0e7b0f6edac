"""Sections that answer whether the runs were worth it: against their best baselines, and against each other."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

from core.catalog.figures import FIGURES, MACRO_F1_DIFFERENCE, Figure
from core.errors import RequestError
from core.report.comparisons import (
    ConfigurationComparison,
    RunComparison,
    adjust_verdicts,
    compare_configurations,
    compare_runs,
)
from core.report.document.blocks import Block, Cell, Column, Facts, Interval, Paragraph, Section, Table
from core.report.document.selection import Configuration, Selection, best_baseline, run_label
from core.report.truncation import truncation_note
from core.report.verdicts import configuration_sentence, verdict_sentence
from core.store.records import Run
from core.text.formatting import DASH, format_count, format_p_value, format_points, format_verdict_counts

MAX_ALL_PAIRS = 8
"""With more configurations, each is compared with the best one only."""
_COSTS = (FIGURES["train_seconds"], FIGURES["adapter_bytes"])
_BAND_NOTE = "Gray band: differences in accuracy that are too small for this test set to detect."

Row: TypeAlias = tuple[Cell, ...]


@dataclass(frozen=True)
class Outcome:
    """A configuration compared with another: one run of each, and all common seeds if several are selected."""

    a: Configuration
    b: Configuration
    compared: RunComparison
    over_seeds: ConfigurationComparison | None

    @property
    def verdict(self) -> str:
        """The verdict in a word, over the seeds if there are several."""
        return (self.over_seeds or self.compared).verdict

    @property
    def sentence(self) -> str:
        """The verdict as a sentence."""
        return configuration_sentence(self.over_seeds) if self.over_seeds else verdict_sentence(self.compared)


def show_verdicts(selection: Selection) -> Section:
    """Return the verdicts on the runs compared with their best baselines."""
    configurations = [entry for entry in selection.configurations if entry.typical.kind != "baseline"]
    compared, reasons = _compare_with_baselines(selection, [run for entry in configurations for run in entry.runs])
    outcomes = [
        _outcome(selection, entry, Configuration((pair.b,), pair.b), pair)
        for entry in configurations
        if (pair := compared.get(entry.typical.id))
    ]
    rows = [row for outcome in outcomes for row in _baseline_rows(outcome, compared)]
    blocks: list[Block] = [Paragraph(_answer(configurations, outcomes), "lead")]
    if rows:
        blocks.append(_verdict_table(rows, outcomes, len(compared), "Difference from the best baseline", _COSTS))
        blocks += _details(outcomes)
        missing = [run_label(run) for entry in configurations for run in entry.runs if run.id not in compared]
        reasons += [f"Without a baseline to compare with: {', '.join(missing)}."] if missing else []
    blocks += [Paragraph(reason, "warning") for reason in (*reasons, *selection.excluded)]
    return Section("Verdict", tuple(blocks))


def _compare_with_baselines(selection: Selection, runs: Sequence[Run]) -> tuple[dict[int, RunComparison], list[str]]:
    """Return the adjusted comparison of each run with its best baseline, and why others cannot be compared."""
    compared, reasons = {}, []
    for run in runs:
        baseline = best_baseline(selection.store, run)
        if baseline is None:
            continue
        try:
            compared[run.id] = compare_runs(selection.store, run.id, baseline)
        except RequestError as error:  # a baseline without predictions
            reasons.append(str(error))
    return dict(zip(compared, adjust_verdicts(list(compared.values())), strict=True)), reasons


def _outcome(selection: Selection, a: Configuration, b: Configuration, compared: RunComparison) -> Outcome:
    has_seeds = max(a.seeds, b.seeds) > 1
    over_seeds = compare_configurations(selection.store, compared.a.id, compared.b.id) if has_seeds else None
    return Outcome(a, b, compared, over_seeds)


def _answer(configurations: Sequence[Configuration], outcomes: Sequence[Outcome]) -> str:
    """Return the sentence that answers whether the runs were worth it."""
    if not configurations:
        return "All of these runs are baselines. Select a fine-tuned run to learn whether it beats them."
    if not outcomes:
        return "There is no baseline to compare these runs with."
    if len(outcomes) == 1:
        return outcomes[0].sentence
    baselines = {outcome.b.label for outcome in outcomes}
    reference = f"the best baseline, {baselines.pop()}" if len(baselines) == 1 else "their best baselines"
    counts = format_verdict_counts(Counter(outcome.verdict for outcome in outcomes))
    return f"Compared with {reference}: {counts}."


def _details(outcomes: Sequence[Outcome]) -> list[Block]:
    """Return the verdicts as sentences, unless there is only one, and what the runs did not read."""
    notes = (truncation_note(outcome.compared.a) for outcome in outcomes)
    sentences = Facts(tuple((outcome.a.label, outcome.sentence) for outcome in outcomes))
    return [*([sentences] if len(outcomes) > 1 else []), *(Paragraph(note, "warning") for note in notes if note)]


def _baseline_rows(outcome: Outcome, compared: dict[int, RunComparison]) -> list[Row]:
    rows = [(*_run_row(pair), *_costs(pair)) for run in outcome.a.runs if (pair := compared.get(run.id))]
    if outcome.over_seeds is None:
        return rows
    return [(*_seeds_row(outcome, outcome.over_seeds), *(DASH for _ in _COSTS)), *rows]


def _costs(compared: RunComparison) -> list[str]:
    """Return the costs of a run, each with that of the other run below."""
    return [f"{figure.format_row(compared.a)}\nvs {figure.format_row(compared.b)}" for figure in _COSTS]


def _run_row(compared: RunComparison) -> Row:
    difference, verdict = compared.result.macro_f1, compared.verdict
    is_conclusive = verdict != "inconclusive"
    interval = Interval(
        format_points(difference.value, difference.low, difference.high),
        *(difference.value, difference.low, difference.high),
        is_conclusive=is_conclusive,
        undetectable=None if is_conclusive else compared.result.detectable,
    )
    p_value = DASH if difference.value is None else f"p {format_p_value(compared.result.p)}"
    flips = f"{format_count(compared.result.gained)} gained\n{format_count(compared.result.lost)} lost"
    return f"{run_label(compared.a)}\nvs {run_label(compared.b)}", interval, f"{verdict}\n{p_value}", flips


def _seeds_row(outcome: Outcome, over_seeds: ConfigurationComparison) -> Row:
    difference, verdict = over_seeds.result.macro_f1, over_seeds.verdict
    interval = Interval(
        format_points(difference.value, difference.low, difference.high),
        *(difference.value, difference.low, difference.high),
        is_conclusive=verdict != "inconclusive",
    )
    seeds = f"over {len(over_seeds.result.per_seed)} seeds"
    return f"{outcome.a.label}\nvs {outcome.b.label}", interval, f"{verdict}\n{seeds}", DASH


def _verdict_table(
    rows: Sequence[Row], outcomes: Sequence[Outcome], tests: int, caption: str, costs: Sequence[Figure] = ()
) -> Table:
    """Return the table of verdicts; ``tests``: the number of p values, which are adjusted for it."""
    intervals = [cell for row in rows for cell in row if isinstance(cell, Interval)]
    notes = [
        "95% intervals against zero; positive favors the first.",
        f"p is Holm-adjusted for {tests} comparisons; the intervals are not adjusted." if tests > 1 else "",
        "Verdicts over seeds are not adjusted." if any(outcome.over_seeds for outcome in outcomes) else "",
        _BAND_NOTE if any(interval.undetectable for interval in intervals) else "",
    ]
    columns = (
        Column("Run"),
        Column("Macro F1, points", FIGURES[MACRO_F1_DIFFERENCE].explanation, axis="difference"),
        Column("Verdict", FIGURES["p_adjusted"].explanation),
        Column("Examples", f"{FIGURES['gained'].help} {FIGURES['lost'].help}", is_number=True),
        *(Column(figure.heading, figure.explanation, is_number=True) for figure in costs),
    )
    return Table(columns, tuple(rows), caption, " ".join(note for note in notes if note))


def show_pairs(selection: Selection) -> Section | None:
    """Return the verdicts on all pairs of configurations or, of many, on each compared with the best one."""
    configurations = selection.configurations
    if len(configurations) < 2:
        return None
    is_complete = len(configurations) <= MAX_ALL_PAIRS
    best = configurations[0]
    pairs = list(combinations(configurations, 2)) if is_complete else [(best, other) for other in configurations[1:]]
    if len(pairs) == 1 and best_baseline(selection.store, best.typical) == configurations[1].typical.id:
        return None  # the verdict above
    outcomes = [_outcome(selection, a, b, compare_runs(selection.store, a.typical.id, b.typical.id)) for a, b in pairs]
    adjusted = adjust_verdicts([outcome.compared for outcome in outcomes if outcome.over_seeds is None])
    run_rows = map(_run_row, adjusted)
    rows = [_seeds_row(outcome, outcome.over_seeds) if outcome.over_seeds else next(run_rows) for outcome in outcomes]
    caption = "Difference of each pair" if is_complete else f"Difference from {best.label}, which scores highest"
    return Section("Between the runs", (_verdict_table(rows, outcomes, len(adjusted), caption),))
