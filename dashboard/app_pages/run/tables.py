"""Tables of one run: its classes, figures, costs, calibration and rechecks."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from core.text.formatting import DASH, format_count, format_number, format_percent, format_score
from dashboard.components.glossary import help_for
from dashboard.components.table_cells import (
    cell_column,
    class_score_cells,
    column_config,
    format_cells,
    show_static_table,
    style_cells,
)

AT_ONCE = 12
"""A longer table of classes scrolls."""


def classes(frame: pd.DataFrame, *, worst_first: bool = False) -> None:
    """Show precision, recall and F1 of each class with their intervals; a long table scrolls."""
    if worst_first:
        frame = frame.sort_values("f1", kind="stable")
    shown = pd.DataFrame({"class": frame["label"].to_numpy()})
    for name, title in (("f1", "F1"), ("precision", "precision"), ("recall", "recall")):
        shown[title] = cell_column(class_score_cells(frame, name))
    shown["test examples"] = cell_column(format_cells(format_count, frame["support"]))
    height: Any = "content" if len(shown) <= AT_ONCE else LONG
    config = column_config(shown, shown.columns[1:])
    st.dataframe(style_cells(shown), hide_index=True, height=height, column_config=config, placeholder=DASH)


LONG = 460  # pixels


METRICS: dict[str, tuple[str, Callable[..., str]]] = {
    "balanced_accuracy": ("balanced accuracy", format_score),
    "mcc": ("Matthews correlation", format_number),
    "log_loss": ("log loss", format_number),
    "brier": ("Brier score", format_number),
}


def metrics(frame: pd.DataFrame) -> None:
    """Show the figures that do not stand in the headline, with their intervals."""
    known = {name: METRICS[name] for name in METRICS if name in frame.index}
    rows = [{"metric": title, "value": write(*frame.loc[name])} for name, (title, write) in known.items()]
    show_static_table(explained(pd.DataFrame(rows, columns=["metric", "value"]), "metric"), numbers=("value",))


def costs(frame: pd.DataFrame) -> None:
    """Show what runs cost, a row a cost, a column a run."""
    show_static_table(explained(frame, "cost"), numbers=frame.columns[1:])


def explained(frame: pd.DataFrame, of: str) -> pd.DataFrame:
    """Return a table with what each of its rows means, after the column ``of`` that names it."""
    return frame.assign(**{"what it means": [help_for(name) or "" for name in frame[of]]})


CALIBRATION = {
    "log_loss": ("log loss", format_number),
    "brier": ("Brier score", format_number),
    "ece": ("ECE, %", format_percent),
}


def calibration(frame: pd.DataFrame) -> None:
    """Show what a run's probabilities are worth, a row a figure, a column before and after."""
    shown = pd.DataFrame({"figure": [title for title, _ in CALIBRATION.values()]})
    for when, own in frame.groupby("when", sort=False):
        of_when = own.set_index("name")[["value", "low", "high"]]
        shown[str(when)] = [_calibrated(name, *of_when.loc[name]) for name in CALIBRATION]
    show_static_table(explained(shown, "figure"), numbers=shown.columns[1:])


def _calibrated(name: str, value: float, low: float, high: float) -> str:
    """Return a figure with its interval; of an ECE that of a perfectly calibrated run, said so."""
    if name == "ece" and value == value:
        return f"{format_percent(value)}; a perfectly calibrated run: {format_percent(low)}–{format_percent(high)}"
    return format_number(value, low, high)


def rechecks(frame: pd.DataFrame) -> None:
    """Show what predicting the test set again gave, a row a time."""
    shown = pd.DataFrame(
        {
            "when": frame["created_at"].map(lambda when: f"{when:%Y-%m-%d %H:%M}"),
            "result": frame["drifted"].map({True: "drifted", False: "nothing drifted"}),
            "labels changed": list(map(format_count, frame["changed_labels"])),
            "a probability moved by at most": list(map(format_number, frame["max_difference"])),
        }
    )
    show_static_table(shown, numbers=shown.columns[2:])
