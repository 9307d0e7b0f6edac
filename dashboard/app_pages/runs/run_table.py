"""Draw the table of runs: a table on wide screens, cards on narrow ones."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard import state
from dashboard.app_pages.runs.marks import Mark

_HTML = """
<div class="runs" role="region" aria-label="Runs" tabindex="0">
  <table><thead></thead><tbody></tbody></table>
  <button class="more" type="button">Show all</button>
</div>
"""
_KEY = "runs table"
_table = st.components.v2.component(
    "runs_table",
    html=_HTML,
    css=Path(__file__).with_suffix(".css").read_text(encoding="utf-8"),
    js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class Head:
    """The head of a column. ``key``: its value in the URL; ``sort``: the order, empty if it is not sorted by this."""

    key: str
    title: str
    help: str | None
    align: str
    sortable: bool
    sort: str


@dataclass(frozen=True)
class Cell:
    """The text of a cell, what is drawn beside it, and its style (helped, hurt or none)."""

    text: str
    mark: Mark | None = None
    style: str = ""


@dataclass(frozen=True)
class Row:
    """A row: a run or a group of runs. ``href``: the address of its page, empty without one."""

    id: int
    ids: list[int]
    label: str
    href: str
    tags: list[str]
    pinned: bool
    cells: list[Cell]


def update_selection(selected: list[int], rows: list[Row], checked: set[int]) -> list[int]:
    """Return the selected runs after a click; ``checked``: the runs of the checked rows.

    Runs on other pages stay selected, and those of rows that are selected in part: their boxes are not checked.
    """
    checked = checked & {run_id for row in rows for run_id in row.ids}
    unique = set(selected)
    replaced = checked | {run_id for row in rows if unique.issuperset(row.ids) for run_id in row.ids}
    return [*(run_id for run_id in selected if run_id not in replaced), *sorted(checked)]


def show_table(heads: list[Head], rows: list[Row], on_sort: Callable[[str], None]) -> int | None:
    """Draw the table; return the id of the run whose link was clicked.

    The selected rows are a URL parameter. ``on_sort`` gets the key of the clicked head.
    """

    def select() -> None:
        checked = {int(run_id) for run_id in st.session_state[_KEY]["selected"]}
        state.select_runs(update_selection(state.selected_runs(), rows, checked))

    result: Any = _table(
        key=_KEY,
        data={
            "columns": [asdict(head) for head in heads],
            "rows": [asdict(row) for row in rows],
            "selected": state.selected_runs(),
        },
        on_selected_change=select,
        on_sorted_change=lambda: on_sort(st.session_state[_KEY]["sorted"]),
        on_opened_change=lambda: None,
    )
    opened = result["opened"]
    return int(opened) if opened is not None else None
