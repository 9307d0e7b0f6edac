"""Sentences of the Runs page."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from core.text.formatting import format_bytes, format_count, format_percent, format_score
from core.text.sanitize import to_single_line

MAX_NAMED = 8
"""With more runs, only this many are named."""

NO_RUNS = {
    "active": "All runs on this test set are archived or in the trash. Choose Archived or Trash to see them.",
    "archived": (
        "No archived runs on this test set. To archive runs, select them and click Archive; nothing is deleted."
    ),
    "trash": "No runs on this test set are in the trash.",
}
"""Message if there are no runs, by view (active, archived, trash)."""

TABLE_HELP = "Click a row to select it: actions appear here. Click a column header to sort all rows."


def best_configuration(row: Any) -> str:
    """Return the headline, from a row of `rank_configurations`."""
    if row.seeds > 1:
        score = f"{format_percent(row.mean)} ± {format_percent(row.deviation)}"
    else:
        score = format_score(row.macro_f1, row.macro_f1_low, row.macro_f1_high)
    baseline = ", a baseline" if row.kind == "baseline" else ""
    return f"Best configuration: {configuration(row)}{baseline}, macro F1 {score}"


def configuration(row: Any) -> str:
    """Return the name of a configuration with its seeds; of one with a single run, the run's label."""
    if row.runs == 1:
        return str(row.label)
    if row.seeds == 1:
        return f"{row.name} ({format_count(row.runs)} runs)"
    repeated = f", {format_count(row.runs)} runs" if row.runs > row.seeds else ""
    return f"{row.name} ({format_count(row.seeds)} seeds{repeated})"


def seed_note(row: Any, excluded: Mapping[str, int]) -> str:
    """Return what the mean of a configuration is based on: one seed, and the runs that it excludes, by reason."""
    is_single = row.seeds == 1 and row.kind != "baseline"
    parts = ["One seed: run more to see how much the score varies with it."] if is_single else []
    if excluded:
        reasons = ", ".join(f"{format_count(number)} {reason}" for reason, number in excluded.items())
        parts.append(f"Excluded runs of this configuration: {reasons}.")
    return " ".join(parts)


def baseline_note(verdict: str) -> str:
    """Return in words what the verdict on the best configuration against its baseline means."""
    return {"helped": "Fine-tuning helped.", "hurt": "Fine-tuning hurt."}.get(verdict, "Fine-tuning: inconclusive.")


def next_configuration(name: str, verdict: str) -> str:
    """Return how the best configuration compares with the next one."""
    if verdict == "inconclusive":
        return f"Tied with {name}."
    return f"{'Better' if verdict in ('helped', 'better') else 'Worse'} than {name}."


def row_range(first: int, last: int, total: int, unit: str) -> str:
    """Return the range of the rows shown and the total; ``unit``: what a row is."""
    if total > last - first + 1:
        return f"{format_count(first)}–{format_count(last)} of {format_count(total)} {unit}s"
    return f"{format_count(total)} {unit}{'' if total == 1 else 's'}"


def excluded_note(excluded: Mapping[str, int]) -> str:
    """Return the runs that no mean contains, by reason; empty without any."""
    reasons = ", ".join(f"{format_count(number)} {reason}" for reason, number in excluded.items())
    return f"Not in means: {reasons}" if reasons else ""


def table_help(page: pd.DataFrame, *, grouped: bool) -> str:
    """Return how to read and use the table: selecting, sorting, scores over seeds, the pinned row."""
    means = " Scores and intervals are means over the runs of a row." if grouped else ""
    pinned = " The first row is the best baseline, pinned." if page["pinned"].any() else ""
    return f"{TABLE_HELP}{means}{pinned}"


def left_out(missing: Sequence[tuple[str, str]]) -> str:
    """Return what an opened view asks for that no longer exists, from parameters and values."""
    nouns = {"columns": "column", "group": "grouping", "chosen": "run"}
    parts = [f"{nouns.get(key, key.replace('_', ' '))} {to_single_line(value)}" for key, value in missing]
    return f"This view was opened without what no longer exists here: {_name_some(parts)}."


def selection(labels: Sequence[str]) -> str:
    """Return which runs are selected, on all pages of the table."""
    return f"{format_count(len(labels))} selected: {_name_some(labels)}"


def configuration_verdict(name: str, baseline: str, verdict: str | None) -> str:
    """Return the verdict on a selected configuration against its baseline over their common seeds."""
    return f"{name} vs {baseline}: {verdict or 'fewer than two seeds in common.'}"


def deletion_warning(labels: Sequence[str], bytes_: float, dependents: int) -> str:
    """Return what a permanent deletion deletes; ``dependents``: the number of runs with one of these as baseline."""
    files = f" and {'its' if len(labels) == 1 else 'their'} files ({format_bytes(bytes_)})" if bytes_ else ""
    baseline, link = "this run" if len(labels) == 1 else "one of these", ""
    if dependents == 1:
        link = f" 1 other run has {baseline} as its baseline: it keeps the recorded difference, but no longer names "
        link += "the baseline."
    elif dependents:
        link = f" {format_count(dependents)} other runs have {baseline} as their baseline: they keep the recorded "
        link += "difference, but no longer name the baseline."
    return (
        f"This deletes {_name_some(labels)} with all predictions, metrics, curves and logs{files}. "
        f"A data set that no other run uses is deleted too.{link}"
    )


def runs_drawn(shown: int, total: int) -> str:
    """Return which of the runs the cost chart shows; empty if it shows all."""
    which = "the best runs, the Pareto front, and the best baseline of each method"
    return "" if shown >= total else f"Shown: {format_count(shown)} of {format_count(total)} runs: {which}. "


def _name_some(labels: Sequence[str]) -> str:
    more = f" and {format_count(len(labels) - MAX_NAMED)} more" if len(labels) > MAX_NAMED else ""
    return ", ".join(labels[:MAX_NAMED]) + more
