"""What the page of all runs says in whole sentences."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from core.text.formatting import format_bytes, format_count, format_percent, format_score

NAMED = 8
"""Of more runs only so many are named."""


NOTHING = {
    "active": "All runs on this test set are in the archive or in the trash: «archived» and «trash» show them.",
    "archived": "The archive is empty. Tick runs and choose «Archive»: they leave the list, nothing of them is lost.",
    "trash": "The trash is empty.",
}
"""By what the page shows."""


def of_seeds(figures: Sequence[float]) -> str:
    """Return what the seeds of the best run's configuration reach together."""
    from core.evaluation.seeds import spread

    over = spread(figures)
    if over is None or over.deviation is None:
        return ""
    mean_and_deviation = f"{format_percent(over.mean)} ± {format_percent(over.deviation)}"
    return f"Over the {format_count(over.n)} seeds of its configuration: macro F1 {mean_and_deviation}."


def against_next(label: str, seeds: int, *, told_apart: bool) -> str:
    """Return how the best adapter stands to the next configuration; ``seeds``: how many runs that has."""
    other = f"{label} ({format_count(seeds)} seeds)" if seeds > 1 else label
    return f"It is better than {other}, the next adapter." if told_apart else f"Not told apart from {other}."


def rows_of(first: int, last: int, total: int, *, grouped: bool) -> str:
    """Return which rows of how many are on the screen."""
    what = "configuration" if grouped else "run"
    if total > last - first + 1:
        return f"{format_count(first)}–{format_count(last)} of {format_count(total)} {what}s"
    return f"{format_count(total)} {what}{'' if total == 1 else 's'}"


def how_to_read(page: pd.DataFrame, *, grouped: bool, trash: bool) -> str:
    """Return what a page of the table needs to be read: what stands on top, what ± means, what a click does."""
    top = "On top, out of its order: the best baseline. " if page["pinned"].any() else ""
    seeds = "± is the standard deviation over the seeds; «vs best baseline» of several seeds is the mean of the "
    seeds += "recorded differences: tick a line for its interval over seeds. "
    clicks = "A click on a column's head sorts all runs, a second one the other way round. "
    opens = "Tick a run to open it, several to compare them."
    ticks = "Tick runs to restore them or to delete them for good." if trash else opens
    return f"{top}{seeds if grouped else ''}{clicks}{ticks}"


def chosen(labels: Sequence[str]) -> str:
    """Return which runs are ticked, on this page and on others."""
    return f"{format_count(len(labels))} chosen: {_named(labels)}."


def over_seeds(label: str, baseline: str, sentence: str | None) -> str:
    """Return what the seeds of a ticked configuration say of it, against its baseline."""
    return f"{label} against {baseline}: {sentence or 'fewer than two seeds in common.'}"


def runs_are(number: int, where: str) -> str:
    """Return that so many runs are somewhere now."""
    return f"{format_count(number)} {'run is' if number == 1 else 'runs are'} {where}."


def what_is_lost(labels: Sequence[str], bytes_: float, measured: int) -> str:
    """Return what goes with runs that are deleted for good; ``measured``: how many others they are the baseline of."""
    files = f" and {'its' if len(labels) == 1 else 'their'} files ({format_bytes(bytes_)})" if bytes_ else ""
    whose = f"{format_count(measured)} other {'run was' if measured == 1 else 'runs were'}"
    others = f" {whose} measured against them: the recorded difference stays, the link goes." if measured else ""
    return (
        f"Lost for good: {_named(labels)}, with all predictions, figures, learning curves and log{files}. "
        f"A data set that no other run uses goes too.{others}"
    )


def drawn(shown: int, total: int) -> str:
    """Return that the chart of cost against quality shows some of the runs; empty where it shows all."""
    which = "the best, those that no other run beats on both, and the best baseline of each kind"
    return "" if shown >= total else f"Drawn: {format_count(shown)} of {format_count(total)} runs, {which}. "


def _named(labels: Sequence[str]) -> str:
    more = f" and {format_count(len(labels) - NAMED)} more" if len(labels) > NAMED else ""
    return ", ".join(labels[:NAMED]) + more


def best_so_far(row: Any) -> str:
    """Return the headline of the page of all runs, from a row of them."""
    what = "" if row.kind != "baseline" else ", a baseline"
    return (
        f"Best so far: {row.label}{what}, macro F1 {format_score(row.macro_f1, row.macro_f1_low, row.macro_f1_high)}."
    )
