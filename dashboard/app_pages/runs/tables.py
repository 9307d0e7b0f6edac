"""The columns of the table of runs: one row per run, or per group of runs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from core.catalog.figures import FIGURES
from core.config import RunConfig
from core.text.formatting import DASH, format_count, format_percent, format_points, format_time
from dashboard import data
from dashboard.app_pages.runs.marks import Mark, curve_marks, difference_marks, score_marks
from dashboard.app_pages.runs.run_table import Cell, Head, Row
from dashboard.components import links
from dashboard.components.glossary import help_for

MAX_TAGS = 4
"""Tags beside a name; the column of the tags shows all."""


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
    return DASH if len(row.ids) == 1 or row.seeds == 1 else format_percent(row.macro_f1_deviation)


def _range(row: Any) -> str:
    if len(row.ids) == 1 or row.seeds == 1:
        return DASH
    return f"{format_percent(row.macro_f1_lowest)}–{format_percent(row.macro_f1_highest)}"


def _curve(row: Any) -> str:
    """Return the first and the last value of a learning curve."""
    return f"{format_percent(row.curve[0])}–{format_percent(row.curve[-1])}" if len(row.curve) > 1 else DASH


def _seed(row: Any) -> str:
    if getattr(row, "configurations", 1) > 1:
        return f"{format_count(len(row.ids))} runs"
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
    "curve": _other_column("validation curve", "curve", _curve),
    "status": _text_column("status", "state"),
    "kind": _text_column("kind", "kind"),
    "method": _text_column("method", "title"),
    "worst class F1": _figure_column("worst_f1"),
    "worst class": _text_column("worst class", "worst_class"),
    "accuracy": _figure_column("accuracy"),
    "seed SD": _other_column("SD", "macro_f1_deviation", _deviation),
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
DEFAULT_COLUMNS = ("macro F1", "vs best baseline", "verdict", "method", "training", "curve", "seed")


def format_runs(rows: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return the cells of the table as text, under the titles of its columns."""
    tuples = list(rows.itertuples(index=False))
    cells = {COLUMNS[key].title: [COLUMNS[key].write(row) for row in tuples] for key in columns}
    return pd.DataFrame(cells, dtype=object)


def table_heads(columns: list[str], sort: str, *, descending: bool) -> list[Head]:
    """Return the heads of the table; ``sort``: the column that it is sorted by."""
    order = "descending" if descending else "ascending"
    return [
        Head(
            key,
            COLUMNS[key].title,
            COLUMNS[key].help,
            align="right" if COLUMNS[key].is_number else "",
            sortable=key != "curve",
            sort=order if key == sort else "",
        )
        for key in columns
    ]


def table_rows(rows: pd.DataFrame, cells: pd.DataFrame, columns: list[str]) -> list[Row]:
    """Return the rows of the table; ``cells``: from `format_runs`. A row of several configurations has no link."""
    marks = _marks(rows, columns)
    texts = zip(*(cells[COLUMNS[key].title] for key in columns), strict=True)
    return [
        Row(
            id=int(row.id),
            ids=row.ids,
            label=f"#{_id(row)} {row.name}",
            href=links.run_address(int(row.id)) if getattr(row, "configurations", 1) == 1 else "",
            tags=row.tags[:MAX_TAGS],
            pinned=row.pinned,
            cells=[
                Cell(text, marks[key][place] if key in marks else None, row.direction if key == "verdict" else "")
                for key, text in zip(columns, row_texts, strict=True)
            ],
        )
        for place, (row, row_texts) in enumerate(zip(rows.itertuples(index=False), texts, strict=True))
    ]


def _marks(rows: pd.DataFrame, columns: list[str]) -> dict[str, list[Mark | None]]:
    """Return what is drawn in the rows of the shown columns."""
    makers: dict[str, Callable[[pd.DataFrame], list[Mark | None]]] = {
        "macro F1": score_marks,
        "vs best baseline": difference_marks,
        "curve": curve_marks,
    }
    return {key: make(rows) for key, make in makers.items() if key in columns}
