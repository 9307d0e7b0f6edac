"""Tables of one run: its classes, figures, costs, calibration and rechecks."""

from typing import Any

import pandas as pd
import streamlit as st

from core.catalog.figures import FIGURES, select_figures
from core.text.formatting import DASH
from dashboard.components.glossary import help_for
from dashboard.components.table_cells import (
    cell_column,
    column_config,
    figure_cells,
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
    for figure in select_figures("class_metrics"):
        shown[figure.title] = cell_column(figure_cells(frame, figure.name))
    height: Any = "content" if len(shown) <= AT_ONCE else LONG
    config = column_config(shown, shown.columns[1:])
    st.dataframe(style_cells(shown), hide_index=True, height=height, column_config=config, placeholder=DASH)


LONG = 460  # pixels


HEADLINE = ("macro_f1", "accuracy")
"""Metrics that the top of the page shows."""


def metrics(frame: pd.DataFrame) -> None:
    """Show the metrics besides the headline, with their intervals; a dash for those that the run lacks."""
    figures = [figure for figure in select_figures("metrics") if figure.listed and figure.group != "baseline"]
    known = frame.reindex([figure.name for figure in figures])
    rows = [
        {"metric": figure.title, "value": figure.format(*known.loc[figure.name])}
        for figure in figures
        if figure.name not in HEADLINE
    ]
    show_static_table(explained(pd.DataFrame(rows, columns=["metric", "value"]), "metric"), numbers=("value",))


def costs(frame: pd.DataFrame) -> None:
    """Show what runs cost, a row a cost, a column a run."""
    show_static_table(explained(frame, "cost"), numbers=frame.columns[1:])


def explained(frame: pd.DataFrame, of: str) -> pd.DataFrame:
    """Return a table with what each of its rows means, after the column ``of`` that names it."""
    return frame.assign(**{"what it means": [help_for(name) or "" for name in frame[of]]})


CALIBRATION = ("log_loss", "brier", "ece")


def calibration(frame: pd.DataFrame) -> None:
    """Show the calibration metrics, a row each, before and after temperature scaling."""
    shown = pd.DataFrame({"figure": [FIGURES[name].title for name in CALIBRATION]})
    for when, own in frame.groupby("when", sort=False):
        of_when = own.set_index("name")[["value", "low", "high"]]
        shown[str(when)] = [_calibrated(name, *of_when.loc[name]) for name in CALIBRATION]
    show_static_table(explained(shown, "figure"), numbers=shown.columns[1:])


def _calibrated(name: str, value: float, low: float, high: float) -> str:
    """Return a metric with its interval; an ECE with the range of a perfectly calibrated model."""
    figure = FIGURES[name]
    if figure.interval is None and value == value:
        calibrated_range = f"{figure.format_value(low)}–{figure.format_value(high)}"
        return f"{figure.format_value(value)}; a perfectly calibrated run: {calibrated_range}"
    return figure.format(value, low, high)


def rechecks(frame: pd.DataFrame) -> None:
    """Show what predicting the test set again gave, a row a time."""
    shown = pd.DataFrame(
        {
            "when": frame["created_at"].map(lambda when: f"{when:%Y-%m-%d %H:%M}"),
            "result": frame["drifted"].map({True: "drifted", False: "nothing drifted"}),
            **{
                FIGURES[name].title: list(map(FIGURES[name].format, frame[name]))
                for name in ("changed_labels", "max_difference")
            },
        }
    )
    show_static_table(shown, numbers=shown.columns[2:])
