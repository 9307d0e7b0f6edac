"""Tiles with the results of the data quality checks; each opens its examples."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import pandas as pd
import streamlit as st

from core.text.formatting import format_count
from dashboard import data
from dashboard.app_pages.data import controls, tables, text, view_data
from dashboard.components import links
from dashboard.components.filters import SUSPECT_LABELS

_TILE_PIXELS = 170


class Tile(NamedTuple):
    """The result of a check. ``note``: explains it. ``warning``: why it matters. ``rows``: returns its examples."""

    title: str
    value: str
    note: str
    rows: Callable[[], pd.DataFrame]
    warning: str | None = None


def show_tiles(dataset_id: int, best_run: int | None, truncated: Mapping[str, float]) -> None:
    """Show a tile per check, and below them the examples of the open one.

    ``truncated``: the share of each split's texts that the best run truncated.
    """
    tiles, opened = _tiles(dataset_id, best_run, truncated), controls.opened_check()
    with st.container(horizontal=True):
        for name, tile in tiles.items():
            with st.container(border=True, width=_TILE_PIXELS, height="stretch", gap="small"):
                st.metric(tile.title, tile.value, tile.warning, delta_color="orange", delta_arrow="off", help=tile.note)
                if not tile.rows().empty:
                    controls.draw_check_button(name, is_open=name == opened)
        if best_run is not None:
            _show_suspect_labels(best_run)
    if opened in tiles and not (rows := tiles[opened].rows()).empty:
        st.subheader(tiles[opened].title)
        tables.show_flagged(rows)


def _show_suspect_labels(best_run: int) -> None:
    """Show the tile of the suspect labels, which links to their page."""
    suspects = data.suspects(best_run)
    with st.container(border=True, width=_TILE_PIXELS, height="stretch", gap="small"):
        st.metric("Suspect labels", format_count(len(suspects.examples)), help=text.suspects_note(suspects.expected))
        if suspects.examples:
            links.page_link("failures", "Show", ":material/arrow_forward:", run=best_run, view=SUSPECT_LABELS)


def _tiles(dataset_id: int, best_run: int | None, truncated: Mapping[str, float]) -> dict[str, Tile]:
    checks = data.dataset(dataset_id).checks
    exact, near = checks.get("leaked_test_examples", 0), checks.get("near_duplicate_test_examples", 0)
    duplicates = checks.get("duplicates", {})
    rare = view_data.rare_classes(dataset_id, best_run)
    return {
        "duplicates": Tile(
            "Duplicates",
            format_count(sum(duplicates.values())),
            text.duplicates_note(duplicates),
            lambda: view_data.duplicates(dataset_id),
        ),
        "leaks": Tile(
            "Leaks",
            format_count(exact + near),
            text.leaks_note(exact, near),
            lambda: view_data.leaks(dataset_id),
            "Scores are inflated" if exact else None,
        ),
        "truncated": Tile(
            "Truncated",
            text.truncated_share(truncated),
            text.truncation_note(truncated),
            lambda: pd.DataFrame() if best_run is None else view_data.truncated_examples(best_run),
        ),
        "rare": Tile("Rare classes", format_count(len(rare)), text.RARE_NOTE, lambda: tables.format_rare_classes(rare)),
        "conflicts": Tile(
            "Conflicts",
            format_count(checks.get("conflicting_texts", 0)),
            "Texts that occur with several labels.",
            lambda: view_data.conflicts(dataset_id),
        ),
    }
