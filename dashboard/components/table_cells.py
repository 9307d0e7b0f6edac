"""Cells and plain tables: every number through the one formatting module, undefined ones as a dash."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from core.text.formatting import DASH, format_class_score, format_points, format_score
from core.text.sanitize import escape_invisible
from dashboard.components.glossary import help_for

Cells = list["Told"]


class Told(float):
    """A number as a table's cell: sorted by its value, so that 9 stands before 10, and shown as its text."""

    text: str

    def __new__(cls, value: float | None, text: str) -> "Told":
        """Make a cell; None has no place in the order."""
        cell = super().__new__(cls, float("nan") if value is None else value)
        cell.text = text
        return cell


def told(write: Callable[..., str], values: Iterable[Any], *more: Iterable[Any]) -> Cells:
    """Return cells of values, each written with what stands in the same row of the other columns."""
    return [Told(row[0], write(*row)) for row in zip(values, *more, strict=True)]


def scores(frame: pd.DataFrame, name: str) -> Cells:
    """Return the cells of a share with its interval, from the three columns of that name."""
    return told(format_score, frame[name], frame[f"{name}_low"], frame[f"{name}_high"])


def class_scores(frame: pd.DataFrame, name: str, support: str = "support") -> Cells:
    """Return the cells of a class's share with its interval; of one with few examples their number."""
    return told(format_class_score, frame[name], frame[f"{name}_low"], frame[f"{name}_high"], frame[support])


def gaps(frame: pd.DataFrame, name: str) -> Cells:
    """Return the cells of a difference in points with its interval."""
    return told(format_points, frame[name], frame[f"{name}_low"], frame[f"{name}_high"])


def column(cells: Cells) -> pd.Series:
    """Return cells as a column that keeps them as they are."""
    return pd.Series(cells, dtype=object)


def text_of(cell: object) -> str:
    """Return what stands in a cell on the screen; a dash for nothing."""
    if isinstance(cell, Told):
        return cell.text
    return DASH if cell is None or cell != cell else str(cell)


def as_told(shown: pd.DataFrame) -> Any:
    """Return a table whose cells read as told and sort by their values."""
    return shown.style.format(lambda cell: escape_invisible(text_of(cell)))


def static(shown: pd.DataFrame, numbers: Any = ()) -> None:
    """Show a table as tall as its rows, the columns named ``numbers`` aligned to the right."""
    st.dataframe(shown, hide_index=True, height="content", column_config=heads(shown, numbers))


def heads(shown: pd.DataFrame, numbers: Any = ()) -> dict[str, Any]:
    """Return a table's column heads: each with its help line, those of numbers aligned to the right."""
    right = set(map(str, numbers))
    return {
        name: st.column_config.Column(help=help_for(name), alignment="right" if name in right else None)
        for name in map(str, shown.columns)
    }


def frame(shown: pd.DataFrame) -> None:
    """Show a frame of text."""
    static(with_visible_texts(shown))


def with_visible_texts(shown: pd.DataFrame) -> pd.DataFrame:
    """Return a frame in which nothing hides in a text."""
    return shown.map(lambda value: escape_invisible(value) if isinstance(value, str) else value)


def facts(values: Mapping[str, Any]) -> None:
    """Show names with their values; those without a value are left out."""
    rows = {
        escape_invisible(name): escape_invisible(str(value))
        for name, value in values.items()
        if value not in (None, "", DASH)
    }
    static(pd.DataFrame({"": list(rows), "value": list(rows.values())}))
