"""Tables of runs held against each other: first as told, cell by cell, for the screen and for the files alike."""

from typing import Literal

import pandas as pd
import streamlit as st

from core.catalog.figures import FIGURES, select_figures
from core.text.formatting import (
    DASH,
    MIN_SUPPORT,
    format_count,
    format_p_value,
)
from dashboard.components.glossary import help_for
from dashboard.components.table_cells import (
    Cells,
    FormattedNumber,
    cell_column,
    cell_text,
    class_score_cells,
    column_config,
    difference_cells,
    figure_cells,
    format_cells,
    style_cells,
)

F1_OF = "F1 of "
_HEADLINE = ("macro_f1", "accuracy")
_COSTS = ("train_seconds", "trainable_parameters", "adapter_bytes", "peak_memory_bytes")
_OTHER_METRICS = tuple(
    figure.name
    for figure in select_figures("metrics")
    if figure.listed and figure.group != "baseline" and figure.name not in _HEADLINE
)
MOST_STYLED = 100
"""Cells that sort by their value take time to draw: a longer table has plain texts."""


def class_changes(frame: pd.DataFrame, runs: list[str]) -> pd.DataFrame:
    """Return a row a class as told: both runs' F1, the differences with their intervals, Holm's p, the flips."""
    shown = pd.DataFrame({"class": frame["label"]})
    for run, name in zip(runs, ("a", "b"), strict=True):
        shown[f"{F1_OF}{run}"] = cell_column(class_score_cells(frame, name))
    for name, title in (("f1", "F1"), ("recall", "recall"), ("precision", "precision")):
        shown[f"{title}, points"] = cell_column(difference_cells(frame, name))
    shown["p (Holm)"] = cell_column(_p_values(frame["p"]))
    for name in ("gained", "lost"):
        shown[name] = cell_column(format_cells(format_count, frame[name]))
    shown["test examples"] = cell_column(format_cells(_examples, frame["support"]))
    return shown


def run_metrics(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a row a run as told: its metrics, what it cost, and how it stands to the first where that is known."""
    worst = [
        FormattedNumber(cell, f"{name} {cell.text}")
        for name, cell in zip(frame["worst_class"], figure_cells(frame, "worst_f1"), strict=True)
    ]
    shown = pd.DataFrame({"run": frame["label"], "kind": frame["kind"]})
    for name in _HEADLINE:
        shown[FIGURES[name].title] = cell_column(figure_cells(frame, name))
    shown["worst class"] = cell_column(worst)
    for name in (*_COSTS, *_OTHER_METRICS):
        shown[FIGURES[name].title] = cell_column(figure_cells(frame, name))
    if "gap" in frame:
        shown.insert(3, "against the first", cell_column(difference_cells(frame, "gap")))
        shown.insert(4, "verdict", frame["verdict"].replace("", DASH))
        shown.insert(5, "p (Holm)", cell_column(_p_values(frame["p"])))
    return shown


def show(shown: pd.DataFrame) -> None:
    """Show a table as told, as tall as its rows; a click on a head sorts by value."""
    if len(shown) <= MOST_STYLED:
        numbers = [name for name in shown if any(isinstance(cell, FormattedNumber) for cell in shown[name])]
        cells = style_cells(shown)
    else:
        numbers, cells = [], shown.map(cell_text)
    height: Literal["content", 440] = "content" if len(shown) <= 20 else 440
    config = column_config(shown, numbers)
    for name in config:
        if name.startswith(F1_OF):
            config[name] |= {"help": help_for("F1")}
    st.dataframe(cells, hide_index=True, height=height, placeholder=DASH, column_config=config)


def _p_values(values: pd.Series) -> Cells:
    return format_cells(lambda p: DASH if p != p else format_p_value(p).removeprefix("= "), values)


def _examples(support: float) -> str:
    return format_count(support) + (" (too few)" if support < MIN_SUPPORT else "")
