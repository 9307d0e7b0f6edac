"""Sentences and names that several pages share."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import chain
from itertools import count as count_from
from typing import TYPE_CHECKING, Any

from core.text.formatting import DASH, format_count, format_p_value, format_points, format_score

MEMORY_LIMIT = 0.85
"""Above this share of the machine's memory, the system may kill a process."""

if TYPE_CHECKING:
    from core.report.comparisons import RunComparison
    from core.store.records import Run


def unique_names(names: Iterable[str], reserved: Iterable[str]) -> list[str]:
    """Return names of the source's columns, changed if they are reserved or repeat.

    ``text`` becomes ``text (data)``, the next such ``text (data 2)``.
    """
    taken, unique = set(reserved), []
    for name in names:
        candidates = chain([name, f"{name} (data)"], (f"{name} (data {number})" for number in count_from(2)))
        unique.append(next(candidate for candidate in candidates if candidate not in taken))
        taken.add(unique[-1])
    return unique


def missing_baseline(row: Any) -> str:
    """Return why a run, given by its row, is not compared with a baseline."""
    return "No adapter beats it yet." if row.kind == "baseline" else "There is no baseline to compare it with yet."


def baseline_verdict(compared: "RunComparison") -> str:
    """Return the verdict on a run against its baseline."""
    gap, baseline = compared.result.macro_f1, f"the baseline #{compared.b.id} {compared.b.name}"
    head = compared.verdict.capitalize()
    if compared.result.verdict == "helped":
        return f"{head}: {format_score(gap.value, gap.low, gap.high)} points of macro F1 above {baseline}."
    if compared.result.verdict == "hurt":
        deficit = format_score(*(None if end is None else -end for end in (gap.value, gap.high, gap.low)))
        return f"{head}: {deficit} points of macro F1 below {baseline}."
    difference, p = format_points(gap.value, gap.low, gap.high), format_p_value(compared.result.p)
    return f"{head}: {difference} points of macro F1 compared with {baseline}, p {p}."


def format_time(when: datetime | None) -> str:
    """Return a time in UTC such as ``2026-01-31 12:00 UTC``."""
    return DASH if when is None else f"{when:%Y-%m-%d %H:%M} UTC"


def describe_status(run: "Run") -> str:
    """Return why a run has no scores."""
    phase = f" in phase {run.phase}" if run.phase else ""
    failed = "ran out of memory" if run.error_type in ("OutOfMemory", "MemoryError") else "failed"
    return {
        "failed": f"This run {failed}{phase}.",
        "cancelled": f"This run was cancelled{phase}.",
        "crashed": f"This run crashed{phase}: its process sends no heartbeat.{_memory_warning(run)}",
        "validated": "Evaluated on the validation split only, as a trial of a search.",
        "pruned": "Pruned: its validation macro F1 was below that of other trials.",
        "running": f"This run is running{phase and f' ({phase.strip()})'}. Scores appear when it is complete.",
    }.get(run.state, f"This run is {run.state}.")


def _memory_warning(run: "Run") -> str:
    """Return a warning if a crashed run used nearly all of the machine's memory; else an empty text."""
    used, total = run.peak_memory_bytes, run.environment.get("memory_bytes")
    if not used or not isinstance(total, int) or used < MEMORY_LIMIT * total:
        return ""
    return f" It used {used / 1e9:,.0f} of {total / 1e9:,.0f} GB of memory: the system may have killed it."


def cost_chart_note(unknown: Sequence[str], title: str, *, below: int) -> str:
    """Return how to read the chart of cost and quality, and the runs without a recorded cost, which it omits.

    ``below``: the number of runs whose score is below the axis.
    """
    note = "Bars: 95% intervals. Line: Pareto front."
    if below:
        note += f" Triangles at the lower edge: {format_count(below)} run{'s' if below > 1 else ''} with lower scores."
    if not unknown:
        return note
    more = f" and {format_count(len(unknown) - 5)} more" if len(unknown) > 5 else ""
    return f"{note} Not shown, {title.partition(',')[0]} not recorded: {', '.join(unknown[:5])}{more}."


def describe_subset(shown: int, total: int, what: str, which: str) -> str:
    """Return which of several things a chart shows; empty if it shows all."""
    return "" if shown >= total else f"Shown: {format_count(shown)} of {format_count(total)} {what}, those {which}. "
