"""Sentences of the Searches page."""

from typing import TYPE_CHECKING

from core.search.stopping import STOP_REASONS
from core.text.formatting import format_count, format_percent

if TYPE_CHECKING:
    import pandas as pd

    from core.search.studies import SearchRecord


def summary(search: "SearchRecord", *, is_running: bool) -> str:
    """Return the best score of a search, the number of trials by state, and whether it has ended."""
    trials = search.trials
    complete = trials[trials["state"] == "complete"]
    best = complete.sort_values(["value", "number"], ascending=[False, True]).head(1)
    head = [f"Best validation macro F1 {format_percent(row.value)}, trial {row.number}." for row in best.itertuples()]
    counts = trials["state"].value_counts()
    states = ("complete", "pruned", "failed", "running")
    parts = [f"{format_count(counts[state])} {state}" for state in states if counts.get(state)]
    return " ".join([*head, f"{', '.join(parts) or 'No trials yet'}.", _describe_end(search, is_running=is_running)])


def _describe_end(search: "SearchRecord", *, is_running: bool) -> str:
    if is_running:
        return "Running."
    if search.is_unfinished or search.stopped is None:
        return "Interrupted: the same command continues it."
    return f"Ended: {STOP_REASONS.get(search.stopped, search.stopped)}."


def edge_note(trials: "pd.DataFrame") -> str:
    """Return what is drawn at the lower edge of the optimization history; empty if nothing is."""
    notes = {
        "scores below the axis": bool((trials["value"] < trials["height"]).any()),
        "trials without a score": bool(trials["value"].isna().any()),
    }
    shown = [note for note, applies in notes.items() if applies]
    return f"At the lower edge: {' and '.join(shown)}." if shown else ""


def missing_check(*, is_running: bool) -> str:
    """Return why the winner of a search is not checked yet."""
    if is_running:
        return "It is checked with fresh seeds after the last trial."
    return "Not checked yet: the same command, without --no-check, trains the best trials again with fresh seeds."
