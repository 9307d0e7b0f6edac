"""The table of runs: one row per run, or per configuration if seeds are grouped."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from core.catalog.figures import FIGURES
from core.config import RunConfig
from core.text.formatting import DASH, format_count, format_percent, format_points, format_time
from dashboard import data, state
from dashboard.components.glossary import help_for

MAX_VISIBLE_ROWS = 15
"""A longer table scrolls, so that the chart below it stays near."""
_ROW_PIXELS = 35
_MAX_NAME_PIXELS = 200  # a pinned column must leave room for the others
_WIDTHS = {"vs best baseline": 150, "verdict": 105, "range": 95}  # the browser measures only the first rows


@dataclass(frozen=True)
class Column:
    """A column of the table.

    ``title``: its head. ``field``: the column of the runs that it sorts by. ``write``: returns the
    text of a row's cell.
    """

    title: str
    field: str
    write: Callable[[Any], str]
    is_number: bool = False
    help: str | None = None


def _text_column(title: str, field: str) -> Column:
    return Column(title, field, lambda row: _text_or_dash(getattr(row, field)), help=help_for(title))


def _setting_column(title: str, field: str) -> Column:
    help_ = RunConfig.model_fields[field.removeprefix(data.SETTING)].description
    return Column(title, field, lambda row: _text_or_dash(getattr(row, field, None)), is_number=True, help=help_)


def _text_or_dash(value: Any) -> str:
    return DASH if value is None or value != value or value == "" else str(value)


def _figure_column(name: str) -> Column:
    """Return the column of a figure with its interval."""
    figure = FIGURES[name]
    return Column(figure.title, name, figure.format_row, is_number=True, help=figure.explanation)


def _other_column(title: str, field: str, write: Callable[[Any], str], *, is_number: bool = True) -> Column:
    return Column(title, field, write, is_number, help_for(title))


def _id(row: Any) -> str:
    return str(row.id) if len(row.ids) == 1 else f"{row.id} +{len(row.ids) - 1}"


def _gap(row: Any) -> str:
    """Return the difference to the baseline; for a baseline, that it is one."""
    if row.kind == "baseline":
        return "best baseline" if row.is_best_baseline else "baseline"
    return format_points(row.gap, row.gap_low, row.gap_high)


def _deviation(row: Any) -> str:
    return DASH if row.seeds == 1 else format_percent(row.macro_f1_deviation)


def _range(row: Any) -> str:
    if row.seeds == 1:
        return DASH
    return f"{format_percent(row.macro_f1_lowest)}–{format_percent(row.macro_f1_highest)}"


def _seed(row: Any) -> str:
    if len(row.ids) == 1:
        return format_count(row.seed)
    if row.seeds == 1:
        return f"{format_count(len(row.ids))} runs"
    seeds = f"{format_count(row.seeds)} seeds"
    return f"{seeds}, {format_count(len(row.ids))} runs" if len(row.ids) > row.seeds else seeds


def _insert_after(columns: dict[str, Column], key: str, inserted: dict[str, Column]) -> dict[str, Column]:
    place = list(columns).index(key) + 1
    items = list(columns.items())
    return dict([*items[:place], *inserted.items(), *items[place:]])


_MAIN_COLUMNS = {
    "#": _other_column("#", "id", _id),
    "name": _text_column("name", "name"),
    "macro F1": _figure_column("macro_f1"),
    "vs best baseline": _other_column("vs best baseline", "gap", _gap),
    "verdict": _text_column("verdict", "verdict"),
    "status": _text_column("status", "state"),
    "kind": _text_column("kind", "kind"),
    "method": _text_column("method", "title"),
    "worst class F1": _figure_column("worst_f1"),
    "worst class": _text_column("worst class", "worst_class"),
    "accuracy": _figure_column("accuracy"),
    "seed SD": _other_column("seed SD", "macro_f1_deviation", _deviation),
    "range": _other_column("range", "macro_f1_lowest", _range),
    "training": _figure_column("train_seconds"),
    "trained weights": _figure_column("trainable_parameters"),
    "size": _figure_column("adapter_bytes"),
    "peak memory": _figure_column("peak_memory_bytes"),
    "speed": _figure_column("train_examples_per_second"),
    "seed": _other_column("seed", "seed", _seed),
    "model": _text_column("model", "model"),
    "training set": _text_column("training set", "version"),
    "started": _other_column("started", "created_at", lambda row: format_time(row.created_at)),
    "tags": _other_column("tags", "tags", lambda row: ", ".join(row.tags) or DASH, is_number=False),
    "note": _text_column("notes", "notes"),
}
SETTINGS = {
    name.replace("_", " "): f"{data.SETTING}{name}"
    for name in RunConfig.model_fields
    if name not in ("method", "model", "seed", "dataset")
}
"""The columns of settings: their field by their value in the URL."""
_MAIN_FIELDS = {column.field for column in _MAIN_COLUMNS.values()}
_SETTING_COLUMNS = {title: _setting_column(title, field) for title, field in SETTINGS.items()}
COLUMNS = _insert_after(_MAIN_COLUMNS, "method", _SETTING_COLUMNS) | {
    figure.title: _figure_column(figure.name)
    for figure in FIGURES.values()
    if figure.listed and figure.group != "baseline" and figure.name not in _MAIN_FIELDS
}
"""The columns by their value in the URL, the most important first; settings and every other listed figure follow."""
TITLES = {key: column.title for key, column in COLUMNS.items()}
PINNED = ("#", "name")
ONLY_GROUPED = ("seed SD", "range")
DEFAULT_COLUMNS = (
    "macro F1",
    "vs best baseline",
    "verdict",
    "status",
    "method",
    "worst class F1",
    "worst class",
    "training",
    "trained weights",
    "size",
    "seed",
    "tags",
)


def format_runs(rows: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return the cells of the table as text, under the titles of its columns."""
    tuples = list(rows.itertuples(index=False))
    cells = {COLUMNS[key].title: [COLUMNS[key].write(row) for row in tuples] for key in columns}
    return pd.DataFrame(cells, dtype=object)


def show_runs(
    cells: pd.DataFrame, ids: list[list[int]], selected: list[int], on_column_click: Callable[[str], None]
) -> None:
    """Show the table; its selected rows are a URL parameter.

    ``ids``: the run ids of each row. ``selected``: the selected run ids. ``on_column_click`` gets the
    clicked column's value in the URL: the browser would sort this page of the table only.
    """
    rows = [place for place, run_ids in enumerate(ids) if set(run_ids) <= set(selected)]
    selection: Any = {"selection": {"rows": rows, "columns": []}}
    key = f"runs {hash((tuple(map(tuple, ids)), tuple(cells.columns)))}"
    current = st.session_state.get(key)
    if current is not None and (current["selection"]["rows"] != rows or current["selection"]["columns"]):
        st.session_state[key] = selection
    st.dataframe(
        cells,
        hide_index=True,
        key=key,
        height="content" if len(cells) <= MAX_VISIBLE_ROWS else (MAX_VISIBLE_ROWS + 1) * _ROW_PIXELS + 2,
        on_select=partial(_save_selection, key, ids, on_column_click),
        selection_mode=["multi-row", "single-column"],
        selection_default=selection,
        column_config=_column_config(cells),
        alt="Runs",
    )


def _column_config(cells: pd.DataFrame) -> dict[str, Any]:
    config: dict[str, Any] = {
        column.title: st.column_config.Column(
            help=column.help,
            alignment="right" if column.is_number else None,
            pinned=key in PINNED or None,
            width=_WIDTHS.get(key),
        )
        for key, column in COLUMNS.items()
        if column.title in cells
    }
    if len(cells):
        config["name"] |= {"width": min(_MAX_NAME_PIXELS, 24 + 7 * int(cells["name"].str.len().max()))}
    return config


def _save_selection(key: str, ids: list[list[int]], on_column_click: Callable[[str], None]) -> None:
    """Write the selection on this page of the table to the URL, beside that on other pages."""
    selection = st.session_state[key]["selection"]
    on_page = {run_id for run_ids in ids for run_id in run_ids}
    selected = [run_id for row in selection["rows"] if row < len(ids) for run_id in ids[row]]
    state.select_runs([run_id for run_id in state.selected_runs() if run_id not in on_page] + selected)
    for title in selection["columns"]:
        on_column_click(next(column for column, column_title in TITLES.items() if column_title == title))
