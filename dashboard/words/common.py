"""Sentences that several screens share, and how text from strangers is kept from being read as Markdown."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import chain
from itertools import count as count_from
from typing import TYPE_CHECKING, Any

from core.formatting import (
    DASH,
    count,
    points,
    score,
)

if TYPE_CHECKING:
    from core.store.records import Run
    from core.verdicts import RunComparison


def plain(text: object) -> str:
    r"""Return text that Markdown shows as it stands: ``*a*`` becomes ``\*a\*``."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(str(text).split()))


def named_apart(names: Iterable[str], ours: Iterable[str]) -> list[str]:
    """Return names for the data's own columns that differ from ours and from each other.

    ``text`` becomes ``text (data)``, the next such ``text (data 2)``.
    """
    taken, found = set(ours), []
    for name in names:
        others = chain([name, f"{name} (data)"], (f"{name} (data {number})" for number in count_from(2)))
        found.append(next(other for other in others if other not in taken))
        taken.add(found[-1])
    return found


def without_rival(row: Any) -> str:
    """Return why the best run, from a row of them, is not held against a baseline."""
    return "No adapter beats it yet." if row.kind == "baseline" else "There is no baseline to hold it against yet."


def against_baseline(compared: "RunComparison") -> str:
    """Return the verdict on a run against the baseline that it has to beat."""
    gap = compared.result.macro_f1
    baseline, hurt = f"#{compared.b.id} {compared.b.name}", "" if compared.a.kind == "baseline" else ": hurt"
    if compared.result.verdict == "helped":
        return f"It beats the baseline {baseline} by {score(gap.value, gap.low, gap.high)} points of macro F1: helped."
    if compared.result.verdict == "hurt":
        behind = score(*(None if end is None else -end for end in (gap.value, gap.high, gap.low)))
        return f"It lies {behind} points of macro F1 behind the baseline {baseline}{hurt}."
    difference = points(gap.value, gap.low, gap.high)
    return f"Against the baseline {baseline}: {difference} points of macro F1. No evidence either way."


def moment(when: datetime | None) -> str:
    """Return a time as people write it, in UTC."""
    return DASH if when is None else f"{when:%Y-%m-%d %H:%M} UTC"


def failure_of(run: "Run") -> str:
    """Return why a run has no scores."""
    where = f" in the phase «{run.phase}»" if run.phase else ""
    return {
        "failed": f"This run failed{where}.",
        "cancelled": f"This run was stopped{where}.",
        "crashed": f"This run fell silent{where}: its process is gone.",
        "running": f"This run is at work{where}. Its scores come when it is done.",
    }.get(run.state, f"This run is {run.state}.")


def left_out_of_costs(unknown: Sequence[str], title: str) -> str:
    """Return how to read the chart of cost against quality, and which runs are not in it: those of unknown cost."""
    read = "Bars: 95 % intervals. Line: the best score that each cost buys; it may be luck where intervals overlap."
    left_out = f" Left out, as nobody recorded their {title.partition(',')[0]}: {', '.join(unknown[:5])}"
    more = f" and {count(len(unknown) - 5)} more" if len(unknown) > 5 else ""
    return f"{read} Runs that cost nothing stand at 0.{left_out + more + '.' if unknown else ''}"


def most_of(shown: int, total: int, what: str, which: str) -> str:
    """Return that a chart shows some of what there is; empty where it shows all."""
    return "" if shown >= total else f"Shown: {count(shown)} of {count(total)} {what}, those {which}. "
