"""Sentences and names that several pages share."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from itertools import count as count_from
from typing import TYPE_CHECKING, Any

from core.text.formatting import format_count

MAX_NAMED = 8
"""With more configurations, their number is stated instead of their names."""
MAX_LISTED = 5
"""Of more runs, only this many are named."""
MEMORY_LIMIT = 0.85
"""Above this share of the machine's memory, the system may kill a process."""
TOO_FEW_JUDGES = "Suspect labels need two kinds of runs on this data, such as TF-IDF and LoRA: one alone may be wrong."

if TYPE_CHECKING:
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


def runs_changed(number: int, status: str) -> str:
    """Return what happened to runs, such as "2 runs archived"."""
    return f"{format_count(number)} {'run' if number == 1 else 'runs'} {status}."


def mean_changes(sizes: Mapping[str, int]) -> str:
    """Return over how many seeds the means of configurations are now; ``sizes``: number of seeds by name."""
    if len(sizes) > MAX_NAMED:
        return f"The means of {format_count(len(sizes))} configurations change."
    return " ".join(
        f"The mean of {name} is now over {format_count(seeds)} seed{'' if seeds == 1 else 's'}."
        for name, seeds in sizes.items()
    )


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
    return f"{note} Not shown, {title.partition(',')[0]} not recorded: {name_some(unknown)}."


def name_some(labels: Sequence[str]) -> str:
    """Return labels as a list; of many, the first ones and the number of the others."""
    more = f" and {format_count(len(labels) - MAX_LISTED)} more" if len(labels) > MAX_LISTED else ""
    return ", ".join(labels[:MAX_LISTED]) + more


def describe_subset(shown: int, total: int, what: str, which: str) -> str:
    """Return which of several things a chart shows; empty if it shows all."""
    return "" if shown >= total else f"Shown: {format_count(shown)} of {format_count(total)} {what}, those {which}. "
