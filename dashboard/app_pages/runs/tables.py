"""The table of runs: a run a row, or runs that differ in the seed alone as one."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from core.catalog.figures import FIGURES
from core.text.formatting import DASH, format_count, format_percent, format_points
from dashboard import state
from dashboard.components.table_cells import column_config
from dashboard.components.text import format_time

ROWS_HIGH = 15
"""So many rows stand on the screen at once, that what is done with ticked ones stays in sight."""
_ROW = 35  # pixels
LONG_NAME = 200  # pixels: a pinned column must leave room for the others
_WIDTHS = {"vs best baseline": 150, "verdict": 105}  # the browser measures the first rows alone


@dataclass(frozen=True)
class Column:
    """A column of the table: the field of the runs that it shows and sorts by, and how a row's cell reads."""

    field: str
    write: Callable[[Any], str]
    number: bool = True
    help: str | None = None


def _plain(field: str) -> Column:
    return Column(field, lambda row: _known(getattr(row, field)), number=False)


def _known(value: Any) -> str:
    return DASH if value is None or value != value or value == "" else str(value)


def _figure(name: str) -> Column:
    """Return the column of a figure: with its interval, or of several seeds with their standard deviation."""
    figure = FIGURES[name]

    def write(row: Any) -> str:
        deviation = getattr(row, f"{name}_deviation", None)
        if deviation is not None and deviation == deviation:
            return f"{figure.format_value(getattr(row, name))} ± {figure.format_value(deviation)}"
        return figure.format_row(row)

    return Column(name, write, help=figure.explanation)


def _gap(row: Any) -> str:
    """Return how a run stands to its baseline; a baseline says that it is one."""
    if row.kind == "baseline":
        return "best baseline" if row.is_best_baseline else "baseline"
    deviation = getattr(row, "gap_deviation", None)
    if deviation is not None and deviation == deviation:
        return f"{format_points(row.gap)} ± {format_percent(deviation)}"
    return format_points(row.gap, row.gap_low, row.gap_high)


def _seed(row: Any) -> str:
    return f"{format_count(row.seeds)} seeds" if getattr(row, "seeds", 1) > 1 else format_count(row.seed)


_NAMED_COLUMNS = {
    "#": Column("id", lambda row: str(row.id) if len(row.ids) == 1 else f"{row.id} +{len(row.ids) - 1}"),
    "name": Column("name", lambda row: row.name if len(row.ids) == 1 else f"{row.name} ×{len(row.ids)}", number=False),
    "macro F1": _figure("macro_f1"),
    "vs best baseline": Column("gap", _gap),
    "verdict": Column("verdict", lambda row: row.verdict.removesuffix(" either way"), number=False),
    "status": _plain("state"),
    "kind": _plain("kind"),
    "method": _plain("title"),
    "worst class F1": _figure("worst_f1"),
    "worst class": _plain("worst_class"),
    "accuracy": _figure("accuracy"),
    "range": Column(
        "macro_f1_lowest",
        lambda row: (
            DASH if row.seeds == 1 else f"{format_percent(row.macro_f1_lowest)}–{format_percent(row.macro_f1_highest)}"
        ),
    ),
    "training": _figure("train_seconds"),
    "trained weights": _figure("trainable_parameters"),
    "size": _figure("adapter_bytes"),
    "peak memory": _figure("peak_memory_bytes"),
    "speed": _figure("train_examples_per_second"),
    "seed": Column("seed", _seed),
    "model": _plain("model"),
    "training set": _plain("version"),
    "started": Column("created_at", lambda row: format_time(row.created_at)),
    "tags": Column("tags", lambda row: ", ".join(row.tags) or DASH, number=False),
    "note": _plain("notes"),
}
_NAMED_FIELDS = {column.field for column in _NAMED_COLUMNS.values()}
COLUMNS = _NAMED_COLUMNS | {
    figure.title: _figure(figure.name)
    for figure in FIGURES.values()
    if figure.listed and figure.group != "baseline" and figure.name not in _NAMED_FIELDS
}
"""By title, in the order of the screen: the most important first, which a phone shows."""
ALWAYS = ("#", "name")
OF_GROUPS = "range"
USUAL = (
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


def written(frame: pd.DataFrame, titles: list[str]) -> pd.DataFrame:
    """Return the cells of these columns as they read, a row a run or a group of them."""
    rows = list(frame.itertuples(index=False))
    return pd.DataFrame({title: [COLUMNS[title].write(row) for row in rows] for title in titles}, dtype=object)


def choose(shown: pd.DataFrame, ids: list[list[int]], chosen: list[int], on_head: Callable[[str], None]) -> None:
    """Show a table whose rows can be ticked; what is ticked goes to the address.

    ``ids``: the runs that each row stands for. ``chosen``: those ticked so far. ``on_head`` hears of a
    click on a column's head: the browser could sort this page alone, all runs are sorted by us.
    """
    rows = [place for place, own in enumerate(ids) if set(own) <= set(chosen)]
    wanted: Any = {"selection": {"rows": rows, "columns": []}}
    key = f"runs {hash((tuple(map(tuple, ids)), tuple(shown.columns)))}"
    known = st.session_state.get(key)
    if known is not None and (known["selection"]["rows"] != rows or known["selection"]["columns"]):
        st.session_state[key] = wanted
    config = column_config(shown, [title for title in shown if COLUMNS[title].number])
    for title in shown:
        if COLUMNS[title].help is not None:
            config[title] |= {"help": COLUMNS[title].help}
    for name in ALWAYS:
        config[name] |= {"pinned": True}
    long = {"name": LONG_NAME} if shown["name"].str.len().max() > LONG_NAME / 8 else {}
    for name, width in (_WIDTHS | long).items():
        if name in config:
            config[name] |= {"width": width}
    st.dataframe(
        shown,
        hide_index=True,
        key=key,
        height="content" if len(shown) <= ROWS_HIGH else ROWS_HIGH * _ROW + _ROW + 2,
        on_select=partial(_hear, key, ids, on_head),
        selection_mode=["multi-row", "single-column"],
        selection_default=wanted,
        column_config=config,
        alt="Runs",
    )


def _hear(key: str, ids: list[list[int]], on_head: Callable[[str], None]) -> None:
    """Keep in the address what is ticked on this page, beside what is ticked on others."""
    selection = st.session_state[key]["selection"]
    here = {number for own in ids for number in own}
    ticked = [number for row in selection["rows"] if row < len(ids) for number in ids[row]]
    state.select_runs([number for number in state.selected_runs() if number not in here] + ticked)
    for title in selection["columns"]:
        on_head(title)
