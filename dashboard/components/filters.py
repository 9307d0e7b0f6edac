"""Filters and choices whose value is a URL parameter."""

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.elements.lib.mutable_tab_container import TabContainer

ANY = "any"
MISTAKES, SUSPECT_LABELS = "mistakes", "labels in doubt"
"""The views of the Failures page, as its URL names them."""

Options = Sequence[str] | Mapping[str, str]
"""Values of a URL parameter, or labels on the page by these values."""


def filter_by(label: str, options: Sequence[str], key: str, **kwargs: Any) -> str | None:
    """Draw a filter by one value; return None for any value. ``kwargs``: as for `st.selectbox`."""
    choice = st.selectbox(
        label,
        [ANY, *options],
        format_func=lambda value: "Any" if value == ANY else value,
        key=key,
        bind="query-params",
        **kwargs,
    )
    return None if choice in (None, ANY) else str(choice)


def search_text(key: str = "contains") -> str:
    """Draw a search box for example texts."""
    return str(st.text_input("Text contains", key=key, bind="query-params", icon=":material/search:") or "")


def filter_texts(frame: pd.DataFrame, phrase: str, columns: Sequence[str] = ("text",)) -> pd.DataFrame:
    """Return the rows in which one of the columns contains a phrase, ignoring case."""
    if not phrase:
        return frame
    matches = [frame[name].str.contains(phrase, case=False, regex=False, na=False) for name in columns]
    return frame[pd.concat(matches, axis=1).any(axis=1)]


def choose_option(
    label: str,
    options: Options,
    default: str,
    key: str,
    *,
    on_change: Callable[[], None] | None = None,
    **kwargs: Any,
) -> str:
    """Draw a segmented control with one value selected; ``kwargs``: as for `st.segmented_control`."""
    if not isinstance(options, Mapping):
        control = st.segmented_control(
            label, options, default=default, required=True, key=key, bind="query-params", on_change=on_change, **kwargs
        )
        return str(control)
    control = st.segmented_control(label, required=True, **_labeled_widget(key, options, default, on_change), **kwargs)
    return str(control)


def select_option(
    label: str,
    options: Mapping[str, str],
    default: str,
    key: str,
    on_change: Callable[[], None] | None = None,
    **kwargs: Any,
) -> str:
    """Draw a select box with one value selected; ``kwargs``: as for `st.selectbox`."""
    return str(st.selectbox(label, **_labeled_widget(key, options, default, on_change), **kwargs))


def select_optional(label: str, options: Options, key: str, **kwargs: Any) -> str | None:
    """Draw a select box with one value or none selected; ``kwargs``: as for `st.selectbox`."""
    labels = options if isinstance(options, Mapping) else {value: value for value in options}
    widget, requested = f"choose {key}", st.query_params.get(key)
    st.session_state[widget] = requested if requested in labels else None

    def save() -> None:
        selected = st.session_state[widget]
        if selected is None:
            st.query_params.pop(key, None)
        else:
            st.query_params[key] = selected

    choice = st.selectbox(
        label,
        list(labels),
        index=None,
        format_func=labels.__getitem__,
        placeholder="Any",
        key=widget,
        on_change=save,
        **kwargs,
    )
    return None if choice is None else str(choice)


def select_options(
    label: str,
    options: Mapping[str, str],
    default: Sequence[str],
    key: str,
    *,
    on_change: Callable[[list[str]], list[str]] = list,
    **kwargs: Any,
) -> list[str]:
    """Draw a select box for several values; ``kwargs``: as for `st.multiselect`.

    ``on_change`` gets the values that the user selected, and returns those to keep.
    """
    widget = f"choose {key}"
    selected = [value for value in _current(key, default) if value in options]
    set_option(key, selected, default)
    if selected == list(default):
        st.session_state.pop(f"last {key}")  # the default may change
    st.session_state[widget] = selected
    return st.multiselect(
        label,
        list(options),
        format_func=options.__getitem__,
        key=widget,
        on_change=lambda: set_option(key, on_change(st.session_state[widget]), default),
        **kwargs,
    )


def choose_tab(options: Mapping[str, str], key: str) -> Sequence[TabContainer]:
    """Draw tabs; only the open one is computed. ``options``: label by value in the URL."""
    values = {label: value for value, label in options.items()}
    widget, default = f"choose {key}", next(iter(options))
    st.session_state[widget] = options[get_option(key, options, default)]
    return st.tabs(
        list(values), key=widget, on_change=lambda: set_option(key, [values[st.session_state[widget]]], [default])
    )


def get_option(key: str, options: Container[str], default: str) -> str:
    """Return the value of a choice, which is also written to the URL, or the default if none was made."""
    value = next((value for value in _current(key, []) if value in options), None)
    if value is None:
        st.query_params.pop(key, None)
        return default
    set_option(key, [value], [default])
    return value


def set_option(key: str, values: Sequence[str], default: Sequence[str]) -> None:
    """Store the values of a choice in the session and in the URL, which omits the default."""
    st.session_state[f"last {key}"] = list(values)
    in_url = [] if list(values) == list(default) else list(values) or [""]
    if st.query_params.get_all(key) == in_url:
        return
    if in_url:
        st.query_params[key] = in_url
    else:
        st.query_params.pop(key, None)


def reset_option(key: str) -> None:
    """Reset a choice to its default; for callbacks."""
    st.query_params.pop(key, None)
    st.session_state.pop(f"last {key}", None)


def _current(key: str, default: Sequence[str]) -> list[str]:
    """Return the values of a choice in the URL, else its last ones of the session, else the default."""
    if key in st.query_params:
        return st.query_params.get_all(key)
    return list(st.session_state.get(f"last {key}", default))


def _labeled_widget(
    key: str, options: Mapping[str, str], default: str, on_change: Callable[[], None] | None
) -> dict[str, Any]:
    """Set a widget to the current value of its choice; return its arguments, which show labels and save changes."""
    widget = f"choose {key}"
    st.session_state[widget] = get_option(key, options, default)
    return {
        "options": list(options),
        "format_func": options.__getitem__,
        "key": widget,
        "on_change": _save,
        "args": (key, default, on_change),
    }


def _save(key: str, default: str, on_change: Callable[[], None] | None) -> None:
    set_option(key, [st.session_state[f"choose {key}"]], [default])
    if on_change:
        on_change()
