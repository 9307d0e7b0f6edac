"""Tiles with the results of the data quality checks; each opens its examples."""

from collections.abc import Callable
from typing import NamedTuple

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.report.data_quality import RARE_NOTE, duplicates_note, truncated_texts_note
from core.text.formatting import DASH, format_count
from dashboard import data
from dashboard.app_pages.data import controls, tables, text, view_data
from dashboard.components import links
from dashboard.components.filters import SUSPECT_LABELS
from dashboard.components.text import TOO_FEW_JUDGES

_TILE_PIXELS = 170


class Tile(NamedTuple):
    """The result of a check.

    ``note``: explains it. ``has_examples``: whether it flagged any. ``examples``: returns these. ``warning``: why it
    matters.
    """

    title: str
    value: str
    note: str
    has_examples: bool
    examples: Callable[[], pd.DataFrame]
    warning: str | None = None


def show_tiles(dataset_id: int, best_run: int | None, truncation_run: int | None) -> None:
    """Show a tile per check, and below them the examples of the open one.

    ``truncation_run``: the run whose truncated texts are shown.
    """
    tiles, opened = _tiles(dataset_id, best_run, truncation_run), controls.opened_check()
    with st.container(horizontal=True):
        for name, tile in tiles.items():
            with _tile_container():
                st.metric(tile.title, tile.value, tile.warning, delta_color="orange", delta_arrow="off", help=tile.note)
                if tile.has_examples:
                    controls.draw_check_button(name, is_open=name == opened)
        if best_run is not None:
            with _tile_container():
                _show_suspect_labels(best_run)
    if opened in tiles and tiles[opened].has_examples:
        st.subheader(tiles[opened].title)
        tables.show_flagged(tiles[opened].examples())


def _tile_container() -> DeltaGenerator:
    return st.container(border=True, width=_TILE_PIXELS, height="stretch", gap="small")


def _show_suspect_labels(best_run: int) -> None:
    """Show the number of suspect labels, with a link to their page."""
    with st.spinner("Searching for suspect labels …"):
        judges, suspects = data.label_judges(best_run), data.suspects(best_run)
    if len(judges) < data.MIN_JUDGES:
        st.metric("Suspect labels", DASH, help=TOO_FEW_JUDGES)
        return
    st.metric("Suspect labels", format_count(len(suspects.examples)), help=text.suspects_note(suspects.expected))
    if suspects.examples:
        links.page_link("failures", "Show", ":material/arrow_forward:", run=best_run, view=SUSPECT_LABELS)


def _tiles(dataset_id: int, best_run: int | None, truncation_run: int | None) -> dict[str, Tile]:
    """Return the tiles by name."""
    checks = data.dataset(dataset_id).checks
    exact, near = checks.get("leaked_test_examples", 0), checks.get("near_duplicate_test_examples", 0)
    duplicates, conflicts = checks.get("duplicates", {}), checks.get("conflicting_texts", 0)
    rare = view_data.rare_classes(dataset_id, best_run)
    return {
        "duplicates": Tile(
            "Duplicates",
            format_count(sum(duplicates.values())),
            duplicates_note(duplicates),
            any(duplicates.values()),
            lambda: view_data.duplicates(dataset_id),
        ),
        "leaks": Tile(
            "Leaks",
            format_count(exact + near),
            text.leaks_note(exact, near),
            exact + near > 0,
            lambda: view_data.leaks(dataset_id),
            "Scores are inflated" if exact else None,
        ),
        "truncated": _truncated_tile(truncation_run),
        "rare": Tile(
            "Rare classes",
            format_count(len(rare)),
            RARE_NOTE,
            not rare.empty,
            lambda: tables.format_rare_classes(rare),
        ),
        "conflicts": Tile(
            "Conflicts",
            format_count(conflicts),
            "Texts that occur with several labels.",
            conflicts > 0,
            lambda: view_data.conflicts(dataset_id),
        ),
    }


def _truncated_tile(run_id: int | None) -> Tile:
    shares = {} if run_id is None else view_data.truncated_shares(run_id)
    return Tile(
        "Truncated",
        text.truncated_share(shares),
        truncated_texts_note(shares),
        shares.get("test", 0) > 0,
        lambda: pd.DataFrame() if run_id is None else view_data.truncated_examples(run_id),
    )
