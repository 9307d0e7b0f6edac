"""Saved views: the choices of the page under a name."""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

import streamlit as st

from core.text.sanitize import to_single_line
from dashboard import access, data, state
from dashboard.app_pages.runs import text
from dashboard.app_pages.runs.controls import PARAMETERS, SETTING_FILTERS, filter_options, grouping_options
from dashboard.app_pages.runs.tables import TITLES
from dashboard.app_pages.runs.view_data import prepare_runs
from dashboard.components.filters import reset_option
from dashboard.components.run_actions import change_runs
from dashboard.components.safe_text import escape_markdown

Parameters = Mapping[str, list[str]]
"""The values of each URL parameter."""
PAGE = "runs"
CHOICES = ("show", "sort", "order", "group", "columns", "cost")
SELECTIONS = ("dataset", "chosen")


def choose_view(view: str, test_set: int) -> None:
    """Draw the choice of a saved view, and the controls that save and delete views.

    ``view``: active, archived or trash.
    """
    views = data.saved_views(PAGE)
    with st.popover("Views", key="views", help="Saved views"):
        selected = st.selectbox(
            "Saved view",
            list(views),
            index=None,
            format_func=to_single_line,
            key="view",
            placeholder="Choose a view" if views else "No saved views",
            on_change=_open,
        )
        if access.may_change():
            _edit(views, selected)
    if st.session_state.get("opened view") in views:
        _show_left_out(views[st.session_state["opened view"]], view, test_set)


def _edit(views: Collection[str], selected: str | None) -> None:
    name = st.text_input("Name", key="view name", placeholder="Name of the present view") or ""
    is_present = " ".join(name.split()) in views
    if is_present:
        st.caption("Overwrites the saved view of this name.")
    with st.container(horizontal=True):
        st.button("Overwrite" if is_present else "Save", on_click=_save, disabled=not name.strip(), key="save view")
        if selected is not None:
            st.button("Delete", type="tertiary", on_click=_delete, args=(selected,), key="delete view")


def _open() -> None:
    name = st.session_state["view"]
    if name is not None:
        st.session_state["opened view"] = st.session_state["view name"] = name
        restore_parameters(data.saved_views(PAGE)[name])


def _save() -> None:
    def save() -> None:
        st.session_state["view"] = data.save_view(PAGE, st.session_state["view name"], current_parameters())

    change_runs(save, done="View saved.")


def _delete(name: str) -> None:
    st.session_state["view"] = None
    change_runs(data.delete_view, PAGE, name, done="View deleted.")


def _show_left_out(parameters: Parameters, view: str, test_set: int) -> None:
    """Show what an opened view asks for that no longer exists; first load the data set of the view."""
    if state.get_parameter("dataset") != str(test_set):
        st.rerun()
    st.session_state.pop("opened view")
    if missing := left_out(parameters, view, test_set):
        st.warning(escape_markdown(text.left_out(missing)), icon=":material/filter_alt_off:")


def left_out(parameters: Parameters, view: str, test_set: int) -> list[tuple[str, str]]:
    """Return the parameters and values of a view that do not exist in the runs of ``view``."""
    offered: dict[str, Collection[str]] = dict.fromkeys(SETTING_FILTERS, ())
    offered |= filter_options(view, test_set)
    offered |= {"columns": TITLES, "sort": TITLES, "group": grouping_options(view, test_set)}
    offered["chosen"] = {str(run_id) for run_id in prepare_runs(view, test_set)["id"]}
    requested = {**parameters, "chosen": ",".join(parameters.get("chosen", [])).split(",")}
    return [
        (key, value)
        for key, values in requested.items()
        for value in values
        if value and key in offered and value not in offered[key]
    ]


def current_parameters() -> dict[str, list[str]]:
    """Return the choices of the page as parameters of its URL."""
    values = {key: _format(st.session_state.get(key)) for key in PARAMETERS}
    values |= {key: st.query_params.get_all(key) for key in CHOICES}
    values |= {key: _format(state.get_parameter(key)) for key in SELECTIONS}
    number = st.session_state.get("page", 1)
    values["page"] = _format(str(number) if number > 1 else "")
    return {key: texts for key, texts in values.items() if texts}


def restore_parameters(parameters: Parameters) -> None:
    """Set all choices of the page as a URL with these parameters does; for callbacks."""
    for key in PARAMETERS:
        st.session_state[key] = _parse(key, parameters.get(key, []))
    for key in CHOICES:
        reset_option(key)
        if key in parameters:
            st.query_params[key] = parameters[key]
    for key in SELECTIONS:
        state.set_parameter(key, ",".join(parameters.get(key, [])))
    number = "".join(parameters.get("page", []))
    st.session_state["page"] = int(number) if number.isascii() and number.isdigit() else 1


def _format(value: Any) -> list[str]:
    """Return the value of a filter as the values of its URL parameter."""
    if isinstance(value, list):
        return value
    return [str(value)] if value else []


def _parse(key: str, values: list[str]) -> Any:
    """Return the values of a URL parameter as the value of its filter."""
    if key == "search":
        return "".join(values)
    if key not in ("from", "to"):
        return values
    try:
        return date.fromisoformat("".join(values))
    except ValueError:
        return None
