"""The map of the test texts, which is computed on request, and the selection on it."""

import streamlit as st

from core.errors import RequestError
from core.text.formatting import format_count, format_percent
from dashboard import data
from dashboard.components import feedback
from dashboard.components.chart_cache import show_chart
from dashboard.components.example.controls import select_example
from dashboard.components.filters import choose_option
from dashboard.components.glossary import help_for
from dashboard.components.safe_text import escape_markdown
from dashboard.components.text_map import charts, view_data

_TITLES = {"pca": "PCA", "umap": "UMAP"}
"""Label of each projection, by its value in the URL."""
_CLEARED = "cleared maps"


def show_text_map(run_id: int) -> set[int] | None:
    """Show the map of the test texts, colored by the outcomes of a run, or a button that computes it.

    A click on a point opens its example. Returns the positions of the examples in the selected box; None without one.
    The box is transient: it is not in the URL.
    """
    if data.test_size(run_id) < 2:
        st.info("A map needs at least two test examples.", icon=":material/info:")
        return None
    methods = data.projection_methods()
    titles = {method: _TITLES[method] for method in methods}
    method = choose_option("Projection", titles, methods[0], "projection") if len(titles) > 1 else methods[0]
    text_map = data.text_map(run_id, method) or _compute(run_id, method)
    if text_map is None:
        return None
    points = view_data.map_points(run_id, text_map)
    # Clearing the selection needs another widget: the state of a chart cannot be set.
    key = f"text map {run_id} {method} {st.session_state.get(_CLEARED, 0)}"
    show_chart(charts.text_map(points, *_axis_titles(text_map)), key=key, on_select=lambda: _open_clicked(key))
    _show_source(run_id, len(points))
    box = st.session_state[key]["selection"].get("box")
    return view_data.points_in_box(points, box) if box else None


def clear_selection() -> None:
    """Clear the selection on the map; for callbacks."""
    st.session_state[_CLEARED] = st.session_state.get(_CLEARED, 0) + 1


def _compute(run_id: int, method: str) -> data.TextMap | None:
    """Draw the button that computes the map; return the map if it was pressed."""
    place = st.empty()
    if not place.button("Compute map", icon=":material/scatter_plot:", help=help_for("text map")):
        return None
    progress = place.progress(0.0, "Computing the map …")

    def report(done: int, total: int) -> None:
        progress.progress(done / total, f"{format_count(done)} of {format_count(total)} texts")

    try:
        text_map = data.compute_text_map(run_id, method, report)
    except RequestError as error:
        place.empty()
        feedback.show_error(error)
        return None
    place.empty()
    return text_map


def _axis_titles(text_map: data.TextMap) -> tuple[str, str]:
    if text_map.explained is None:
        return "", ""
    first, second = (
        f"component {number}, {format_percent(share)}% of variance"
        for number, share in enumerate(text_map.explained, start=1)
    )
    return first, second


def _show_source(run_id: int, shown: int) -> None:
    """Show whose features place the texts, and how many of them are shown."""
    total = data.test_size(run_id)
    sample = f" · {format_count(shown)} of {format_count(total)} shown, sampled by label" if shown < total else ""
    st.caption(escape_markdown(f"{data.map_features(run_id)}{sample}"), help=help_for("text map"))


def _open_clicked(key: str) -> None:
    """Open the example of the clicked point."""
    clicked = st.session_state[key]["selection"].get("point")
    if clicked:
        select_example(int(clicked[0]["example_id"]))
