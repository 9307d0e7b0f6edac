"""Table cells and plain tables: formatted numbers that still sort by value, and safe text."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from core.catalog.figures import FIGURES
from core.text.formatting import DASH, format_class_score, format_points, format_score
from core.text.sanitize import escape_invisible
from dashboard.components.glossary import help_for


class FormattedNumber(float):
    """A table cell that sorts by its value and shows a text; None sorts as NaN."""

    text: str

    def __new__(cls, value: float | None, text: str) -> "FormattedNumber":
        """Make a cell from a value and the text to show."""
        cell = super().__new__(cls, float("nan") if value is None else value)
        cell.text = text
        return cell


Cells = list[FormattedNumber]


def format_cells(format_: Callable[..., str], values: Iterable[Any], *more: Iterable[Any]) -> Cells:
    """Return a cell for each value; ``format_`` gets the value and those of the same row in ``more``."""
    return [FormattedNumber(row[0], format_(*row)) for row in zip(values, *more, strict=True)]


def figure_cells(frame: pd.DataFrame, name: str) -> Cells:
    """Return the cells of a registered metric, cost or count, from its columns."""
    figure = FIGURES[name]
    return format_cells(figure.format, *(frame[column] for column in figure.columns))


def score_cells(frame: pd.DataFrame, name: str) -> Cells:
    """Return the cells of a score (a fraction from 0 to 1) with its interval.

    The columns are ``name``, ``name_low`` and ``name_high``.
    """
    return format_cells(format_score, frame[name], frame[f"{name}_low"], frame[f"{name}_high"])


def class_score_cells(frame: pd.DataFrame, name: str, support: str = "support") -> Cells:
    """Return the cells of a class's score (a fraction from 0 to 1) with its interval.

    A class with few test examples shows their number instead of the interval.
    """
    return format_cells(format_class_score, frame[name], frame[f"{name}_low"], frame[f"{name}_high"], frame[support])


def difference_cells(frame: pd.DataFrame, name: str) -> Cells:
    """Return the cells of a difference in points with its interval."""
    return format_cells(format_points, frame[name], frame[f"{name}_low"], frame[f"{name}_high"])


def cell_column(cells: Cells) -> pd.Series:
    """Return cells as a column of objects, which keeps their texts."""
    return pd.Series(cells, dtype=object)


def cell_text(cell: object) -> str:
    """Return the text that the screen shows for a cell; a dash for missing values."""
    if isinstance(cell, FormattedNumber):
        return cell.text
    return DASH if cell is None or cell != cell else str(cell)


def style_cells(table: pd.DataFrame) -> Any:
    """Return a pandas Styler that only shows each cell's text; the values are kept, so that it still sorts by value."""
    return table.style.format(lambda cell: escape_invisible(cell_text(cell)))


def sanitize_cells(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose texts, such as those of examples, are safe to show."""
    return table.map(lambda value: escape_invisible(value) if isinstance(value, str) else value)


def column_config(table: pd.DataFrame, right_aligned: Iterable[Any] = ()) -> dict[str, Any]:
    """Return Streamlit's column configuration: a help text for each title, and the right-aligned columns."""
    right_aligned_names = set(map(str, right_aligned))
    return {
        name: st.column_config.Column(help=help_for(name), alignment="right" if name in right_aligned_names else None)
        for name in map(str, table.columns)
    }


def show_full_height_table(table: pd.DataFrame, right_aligned: Iterable[Any] = ()) -> None:
    """Show a table as tall as its rows."""
    st.dataframe(
        sanitize_cells(table), hide_index=True, height="content", column_config=column_config(table, right_aligned)
    )


def show_properties(values: Mapping[str, Any]) -> None:
    """Show names and values as a table; names without a value are omitted."""
    rows = {name: str(value) for name, value in values.items() if value not in (None, "", DASH)}
    show_full_height_table(pd.DataFrame({"": list(rows), "value": list(rows.values())}))
