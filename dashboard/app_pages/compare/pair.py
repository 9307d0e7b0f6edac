"""Two compared runs: the verdict, and tabs that show where they differ."""

import streamlit as st

from dashboard import data
from dashboard.app_pages.compare import charts, controls, pair_tabs, text, view_data
from dashboard.components import links
from dashboard.components.chart_cache import show_chart
from dashboard.components.flips import FLIP_VALUES
from dashboard.components.glossary import help_for
from dashboard.components.safe_text import escape_markdown
from dashboard.components.verdict import rows_with_seeds, show_verdicts


def show_pair(first: int, second: int, *, of_several: bool) -> None:
    """Show the verdict on two runs, then in tabs where they differ.

    ``of_several``: whether the pair was selected from the runs of the page, which then links to the pair alone and has
    its own tabs.
    """
    with st.container(border=True):
        _show_verdict(first, second)
        _show_different_settings(first, second)
        _show_flips(first, second)
        if of_several:
            links.page_link("compare", "Open this pair", ":material/compare_arrows:", run=first, against=second)
    warning = text.version_warning(data.comparison(first, second))
    if warning:
        st.warning(escape_markdown(warning), icon=":material/warning:")
    if not of_several:
        _show_tabs(first, second)


def _show_tabs(first: int, second: int) -> None:
    """Show where two runs differ."""
    draw_by_tab = {
        "classes": pair_tabs.show_classes,
        "examples": pair_tabs.show_examples,
        "confusion": pair_tabs.show_confusion_matrices,
        "curves": pair_tabs.show_curves_and_cost,
        "tests": pair_tabs.show_tests_and_export,
    }
    for draw, tab in zip(draw_by_tab.values(), controls.draw_pair_tabs(), strict=True):
        if tab.open:
            with tab:
                draw(first, second)


def _show_verdict(first: int, second: int) -> None:
    """Show the verdict in words and as intervals; its help holds the tests."""
    compared, over_seeds = data.comparison(first, second), data.configuration_comparison(first, second)
    *tests, _ = data.verdict_sentences(first, second)
    explanations = [help_for("verdict"), help_for("over seeds") if over_seeds else None]
    help_ = " ".join(filter(None, [*tests, *explanations]))
    st.markdown(f"**{escape_markdown(text.verdict(compared))}**", help=escape_markdown(help_))
    show_verdicts(rows_with_seeds("these runs", compared, over_seeds), text.verdict_axis(first, second))
    if note := text.detectable_note(compared):
        st.caption(note, help=text.DETECTABLE_HELP)


def _show_different_settings(first: int, second: int) -> None:
    """Show the settings in which two runs differ; those that only one of them uses are in the help."""
    changes, unused = view_data.setting_changes(first, second)
    shown = text.different_settings(changes) or "Same settings"
    st.markdown(escape_markdown(shown), help=escape_markdown(text.unused_settings(unused)) or None)


def _show_flips(first: int, second: int) -> None:
    """Show how many examples were gained and lost, as a bar with links to them."""
    result = data.comparison(first, second).result
    if not result.gained + result.lost:
        return
    parameters = {"run": first, "against": second}
    with st.container(horizontal=True, vertical_alignment="center"):
        links.page_link(
            "failures", f"{result.gained:,} gained", ":material/add:", **parameters, flip=FLIP_VALUES["gained"]
        )
        with st.container(width="stretch"):
            show_chart(charts.flip_bar(result.gained, result.lost))
        links.page_link(
            "failures", f"{result.lost:,} lost", ":material/remove:", **parameters, flip=FLIP_VALUES["lost"]
        )
