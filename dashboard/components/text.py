"""Sentences that several screens share, and how text from strangers is kept from being read as Markdown."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import chain
from itertools import count as count_from
from typing import TYPE_CHECKING, Any

from core.text.formatting import DASH, format_count, format_points, format_score

NEARLY_ALL = 0.85
"""From this share of the machine's memory on a system may kill a process."""

if TYPE_CHECKING:
    from core.report.verdicts import RunComparison
    from core.store.records import Run


def unique_names(names: Iterable[str], ours: Iterable[str]) -> list[str]:
    """Return names for the data's own columns that differ from ours and from each other.

    ``text`` becomes ``text (data)``, the next such ``text (data 2)``.
    """
    taken, found = set(ours), []
    for name in names:
        others = chain([name, f"{name} (data)"], (f"{name} (data {number})" for number in count_from(2)))
        found.append(next(other for other in others if other not in taken))
        taken.add(found[-1])
    return found


def missing_baseline(row: Any) -> str:
    """Return why the best run, from a row of them, is not held against a baseline."""
    return "No adapter beats it yet." if row.kind == "baseline" else "There is no baseline to hold it against yet."


def baseline_verdict(compared: "RunComparison") -> str:
    """Return the verdict on a run against the baseline that it has to beat."""
    gap = compared.result.macro_f1
    baseline, hurt = f"#{compared.b.id} {compared.b.name}", "" if compared.a.kind == "baseline" else ": hurt"
    if compared.result.verdict == "helped":
        return (
            f"It beats the baseline {baseline} by {format_score(gap.value, gap.low, gap.high)} points "
            "of macro F1: helped."
        )
    if compared.result.verdict == "hurt":
        behind = format_score(*(None if end is None else -end for end in (gap.value, gap.high, gap.low)))
        return f"It lies {behind} points of macro F1 behind the baseline {baseline}{hurt}."
    difference = format_points(gap.value, gap.low, gap.high)
    return f"Against the baseline {baseline}: {difference} points of macro F1. No evidence either way."


def format_time(when: datetime | None) -> str:
    """Return a time as people write it, in UTC."""
    return DASH if when is None else f"{when:%Y-%m-%d %H:%M} UTC"


def describe_status(run: "Run") -> str:
    """Return why a run has no scores."""
    where = f" in the phase «{run.phase}»" if run.phase else ""
    failed = "ran out of memory" if run.error_type in ("OutOfMemory", "MemoryError") else "failed"
    return {
        "failed": f"This run {failed}{where}.",
        "cancelled": f"This run was stopped{where}.",
        "crashed": f"This run fell silent{where}: its process is gone.{_want_of_memory(run)}",
        "running": f"This run is at work{where}. Its scores come when it is done.",
    }.get(run.state, f"This run is {run.state}.")


def _want_of_memory(run: "Run") -> str:
    """Return that a run held nearly all of the machine's memory when it was last heard of; empty where it did not."""
    held, there = run.peak_memory_bytes, run.environment.get("memory_bytes")
    if not held or not isinstance(there, int) or held < NEARLY_ALL * there:
        return ""
    size = f"{held / 1e9:,.0f} of {there / 1e9:,.0f} GB"
    return f" It held {size} when last heard of: it may have been killed for want of memory."


def cost_chart_note(unknown: Sequence[str], title: str) -> str:
    """Return how to read the chart of cost against quality, and which runs are not in it: those of unknown cost."""
    read = "Bars: 95 % intervals. Line: the best score that each cost buys; it may be luck where intervals overlap."
    left_out = f" Left out, as nobody recorded their {title.partition(',')[0]}: {', '.join(unknown[:5])}"
    more = f" and {format_count(len(unknown) - 5)} more" if len(unknown) > 5 else ""
    return f"{read} Runs that cost nothing stand at 0.{left_out + more + '.' if unknown else ''}"


def shown_of(shown: int, total: int, what: str, which: str) -> str:
    """Return that a chart shows some of what there is; empty where it shows all."""
    return "" if shown >= total else f"Shown: {format_count(shown)} of {format_count(total)} {what}, those {which}. "
