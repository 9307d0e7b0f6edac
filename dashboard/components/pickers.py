"""Pickers of test sets, runs and thresholds; each selection is a URL parameter."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import pandas as pd
import streamlit as st

from core.text.formatting import format_count
from dashboard import data, state
from dashboard.components.safe_text import escape_markdown

MAX_OPTIONS = 200
"""Browsers get slow with thousands of options."""


def pick_test_set() -> None:
    """Draw the picker of the test set, which all pages share; a run in the URL selects its test set."""
    sets = data.test_sets()
    if sets.empty:
        return
    titles = dict(zip(sets["id"], sets["title"], strict=True))
    selected = _requested_test_set(sets)
    requested = state.get_parameter("dataset")
    if selected is None and requested:
        st.warning(f"No data set {escape_markdown(requested[:40])} in this database. The newest one is shown.")
    st.session_state["test_set"] = selected or data.newest_test_set()
    st.selectbox(
        "Data set",
        list(titles),
        format_func=titles.__getitem__,
        key="test_set",
        on_change=_change_test_set,
        label_visibility="collapsed",
        width=280,
    )
    state.set_parameter("dataset", str(state.test_set()))
    examples = dict(zip(sets["id"], sets["examples"], strict=True))[state.test_set()]
    help_ = "Only runs on the same test set can be compared."
    st.markdown(f"{format_count(examples)} test examples", help=help_, width="content")


def _requested_test_set(sets: pd.DataFrame) -> int | None:
    """Return the test set of the run in the URL, else that in the URL or the session."""
    run_ids = state.parse_run_ids(st.query_params.get("run", ""))
    of_run = next((data.test_set_of(run_id) for run_id in run_ids), None)
    requested = state.get_run_ids("dataset")[:1]
    return of_run or next((row.id for row in sets.itertuples() if requested in [[id_] for id_ in row.members]), None)


def _change_test_set() -> None:
    state.save_widget("dataset", "test_set")
    for key in ("run", "against", "beside"):
        state.set_parameter(key, "")


def pick_run(label: str, runs: pd.DataFrame, default: int | None, key: str = "run", **kwargs: Any) -> int:
    """Draw the picker of one run; stop the page until one is selected.

    ``runs``: id and label of the runs to choose from. ``kwargs``: as for `st.selectbox`.
    """
    if runs.empty:
        st.info("No complete run on this test set yet. See the Runs page for the reasons.", icon=":material/info:")
        st.stop()
    requested = state.get_parameter(key)
    names = _options(runs, [*state.parse_run_ids(requested), default])
    matching = next((run_id for run_id in state.parse_run_ids(requested) if run_id in names), None)
    if requested and matching is None:
        st.error(f"No run {escape_markdown(requested[:40])} here; it may have been deleted. Select another run.")
    selected = st.session_state[f"pick {key}"] = matching if requested else default
    choice = st.selectbox(
        label,
        list(names),
        index=None if selected is None else 0,  # a selected run cannot be cleared
        format_func=lambda run_id: names.get(run_id, str(run_id)),
        key=f"pick {key}",
        placeholder="Choose a run",
        accept_new_options=len(names) < len(runs),
        help=_options_help(names, runs),
        on_change=state.save_widget,
        args=(key, f"pick {key}"),
        **kwargs,
    )
    if choice is None:
        st.stop()
    state.set_parameter(key, str(choice))
    return int(choice)


def pick_runs(
    label: str, runs: pd.DataFrame, run: int, default: int | None, key: str = "against", most: int | None = None
) -> list[int]:
    """Draw the picker of several runs to compare with ``run``; run ids in the URL that are not options are kept.

    The default stays selected until the user selects others, or none.
    """
    requested = [run_id for run_id in state.get_run_ids(key) if run_id != run][:most]
    names = _options(runs, [*requested, default], exclude=run)
    names |= {run_id: f"#{run_id}" for run_id in requested if run_id not in names}
    is_new = key not in st.query_params and f"pick {key}" not in st.session_state and not state.get_parameter(key)
    st.session_state[f"pick {key}"] = requested or ([default] if is_new and default not in (None, run) else [])
    selected = st.multiselect(
        label,
        list(names),
        format_func=lambda run_id: names.get(run_id, str(run_id)),
        key=f"pick {key}",
        placeholder="Choose runs",
        max_selections=most,
        accept_new_options=len(names) < len(runs) - 1,
        help=_options_help(names, runs),
        on_change=state.save_widget,
        args=(key, f"pick {key}"),
    )
    state.set_parameter(key, ",".join(map(str, selected)))
    return [int(run_id) for run_id in selected]


def _options(runs: pd.DataFrame, requested: Sequence[int | None], exclude: int | None = None) -> dict[int, str]:
    """Return the labels of the runs to choose from, by id: of many, only the best, newest and requested ones."""
    if len(runs) > MAX_OPTIONS:
        best = runs.nlargest(MAX_OPTIONS // 2, "macro_f1")["id"]
        newest = runs.nlargest(MAX_OPTIONS // 2, "id")["id"]
        runs = runs[runs["id"].isin({*best, *newest, *requested})]
    return {run_id: label for run_id, label in zip(runs["id"], runs["label"], strict=True) if run_id != exclude}


def _options_help(names: dict[int, str], runs: pd.DataFrame) -> str | None:
    if len(names) >= len(runs) - 1:
        return None
    return f"The best and the newest of {format_count(len(runs))} runs. Type a run id to select another one."


def pick_pair(label: str, runs: pd.DataFrame) -> tuple[int, int] | None:
    """Draw the picker of two of several runs, the later one first; None if none is selected.

    ``runs``: their id and label.
    """
    names = dict(zip(runs["id"], runs["label"], strict=True))
    requested = state.get_run_ids("pair")
    pairs = [(later, earlier) for earlier, later in combinations(names, 2)]
    pairs += [(requested[0], requested[1])] if len(set(requested)) == len(requested) == 2 else []
    labels = {f"{a},{b}": f"{names[a]} vs {names[b]}" for a, b in pairs if a in names and b in names}
    st.session_state["pick pair"] = next((pair for pair in labels if pair == ",".join(map(str, requested))), None)
    choice = st.selectbox(
        label,
        list(labels),
        index=None,
        format_func=labels.__getitem__,
        key="pick pair",
        placeholder="Choose two of these runs",
        on_change=state.save_widget,
        args=("pair", "pick pair"),
    )
    state.set_parameter("pair", choice or "")
    first, second = state.parse_run_ids(choice or "") or (0, 0)
    return (first, second) if choice else None


def swap_button(run: int, other: int) -> None:
    """Draw a button that swaps two compared runs."""
    st.button("", icon=":material/swap_horiz:", help="Swap", on_click=_swap, args=(run, other), key="swap")


def _swap(run: int, other: int) -> None:
    state.set_parameter("run", str(other))
    state.set_parameter("against", str(run))


def pick_threshold() -> float:
    """Draw the slider of the confidence threshold; return it as a share, 0 for none."""
    requested = state.parse_run_ids(state.get_parameter("threshold"))
    st.session_state["pick threshold"] = min(requested[0], 99) if requested else 0
    percent = st.slider(
        "Confidence threshold, %",
        *(0, 99),
        key="pick threshold",
        on_change=state.save_widget,
        args=("threshold", "pick threshold"),
        help="Predictions below this confidence are marked as unsure; 0 turns this off. Choose it on the validation "
        "split: Run page, tab Threshold.",
    )
    state.set_parameter("threshold", str(percent) if percent else "")
    return float(percent) / 100
