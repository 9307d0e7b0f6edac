"""Tables of the Run page: classes, metrics, costs, calibration and rechecks."""

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
    show_full_height_table,
    style_cells,
)

MAX_CLASS_ROWS = 12
"""A longer table of classes scrolls."""
_SCROLL_PIXELS = 460
HEADLINE = ("macro_f1", "accuracy")
"""Metrics at the top of the page."""
CALIBRATION = ("log_loss", "brier", "ece")


def show_classes(metrics: pd.DataFrame) -> None:
    """Show the metrics of each class with their intervals; of many classes, the worst first."""
    if len(metrics) > MAX_CLASS_ROWS:
        metrics = metrics.sort_values("f1", kind="stable")
    table = pd.DataFrame({"class": metrics["label"].to_numpy()})
    for figure in select_figures("class_metrics"):
        table[figure.title] = cell_column(figure_cells(metrics, figure.name))
    height: Any = "content" if len(table) <= MAX_CLASS_ROWS else _SCROLL_PIXELS
    config = column_config(table, table.columns[1:])
    st.dataframe(style_cells(table), hide_index=True, height=height, column_config=config, placeholder=DASH)


def show_metrics(metrics: pd.DataFrame) -> None:
    """Show the metrics besides the headline, with their intervals; a dash for those that the run lacks."""
    figures = [figure for figure in select_figures("metrics") if figure.listed and figure.group != "baseline"]
    values = metrics.reindex([figure.name for figure in figures])
    rows = [
        {"metric": figure.title, "value": figure.format(*values.loc[figure.name])}
        for figure in figures
        if figure.name not in HEADLINE
    ]
    show_full_height_table(
        _explain(pd.DataFrame(rows, columns=["metric", "value"]), "metric"), right_aligned=("value",)
    )


def show_costs(costs: pd.DataFrame) -> None:
    """Show the costs of runs: a row per cost, a column per run."""
    show_full_height_table(_explain(costs, "cost"), right_aligned=costs.columns[1:])


def _explain(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Add a column that explains the terms in ``column``."""
    return table.assign(**{"description": [help_for(term) or "" for term in table[column]]})


def show_calibration(figures: pd.DataFrame) -> None:
    """Show the calibration metrics, a row each, before and after temperature scaling."""
    table = pd.DataFrame({"figure": [FIGURES[name].title for name in CALIBRATION]})
    for when, rows in figures.groupby("when", sort=False):
        values = rows.set_index("name")[["value", "low", "high"]]
        table[str(when)] = [_format_calibration(name, *values.loc[name]) for name in CALIBRATION]
    show_full_height_table(_explain(table, "figure"), right_aligned=table.columns[1:])


def _format_calibration(name: str, value: float, low: float, high: float) -> str:
    """Return a metric with its interval; an ECE with the range of a perfectly calibrated model."""
    figure = FIGURES[name]
    if figure.interval is None and value == value:
        perfect = f"{figure.format_value(low)}–{figure.format_value(high)}"
        return f"{figure.format_value(value)}; a perfectly calibrated run: {perfect}"
    return figure.format(value, low, high)


def show_rechecks(rechecks: pd.DataFrame) -> None:
    """Show the results of predicting the test set again, a row per recheck."""
    table = pd.DataFrame(
        {
            "when": rechecks["created_at"].map(lambda when: f"{when:%Y-%m-%d %H:%M}"),
            "result": rechecks["drifted"].map({True: "drifted", False: "no drift"}),
            **{
                FIGURES[name].title: list(map(FIGURES[name].format, rechecks[name]))
                for name in ("changed_labels", "max_difference")
            },
        }
    )
    show_full_height_table(table, right_aligned=table.columns[2:])
