"""Selections and deep links: the address says which test set and which runs a screen shows.

The address is the one truth. A widget is set from it before it is drawn, and writes to it when it is
changed; what the address leaves out is taken from the last screen of the session.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from itertools import combinations
from typing import Any, ParamSpec, TypeVar, cast

import pandas as pd
import streamlit as st

from core.errors import RequestError
from core.text.formatting import format_count
from dashboard import access, data
from dashboard.components.text import plain

PAGES = {name: f"app_pages/{name}/page.py" for name in ("runs", "run", "compare", "failures", "data", "try_it")}
FIRST = "--r 8 --epochs 2"
P = ParamSpec("P")
R = TypeVar("R")

ANY = "any"
OFFERED = 200  # runs in a choice; a browser stumbles over thousands
MISTAKES, DOUBT = "mistakes", "labels in doubt"


# --- The address ------------------------------------------------------------------------------------


def _wanted(key: str) -> str:
    """Return what the address asks for, else what the session last showed."""
    return st.query_params.get(key) or st.session_state.get(f"last {key}", "")


def asked(key: str = "run") -> list[int]:
    """Return the numbers of the runs that the address asks for, whether there are such or not."""
    return _numbers(_wanted(key))


def _settle(key: str, value: str) -> None:
    """Keep a choice in the session and in the address."""
    st.session_state[f"last {key}"] = value
    if value and st.query_params.get(key) != value:
        st.query_params[key] = value
    if not value:
        st.query_params.pop(key, None)


def _adopt(key: str, widget: str) -> None:
    """Write to the address what was chosen in a widget."""
    value = st.session_state[widget]
    chosen = value if isinstance(value, list) else [] if value is None else [value]
    _settle(key, ",".join(map(str, chosen)))


def _numbers(text: str) -> list[int]:
    """Return the numbers of runs in a text such as ``7,12``; a typed ``#7`` is one too."""
    parts = (part.strip().removeprefix("#").partition(" ")[0] for part in text.split(","))
    return [int(part) for part in parts if part.isascii() and part.isdigit() and len(part) < 10]


# --- What came of a click ---------------------------------------------------------------------------


def attempt(action: Callable[..., Any], *arguments: Any, done: str | Callable[[Any], str] = "", **named: Any) -> None:
    """Do what a click asks for, as a widget's callback; what came of it is said by `tell`.

    ``done``: what to say then, or what makes that of the action's result.
    """
    try:
        result = action(*arguments, **named)
    except RequestError as error:
        st.session_state["told"] = (str(error), ":material/error:")
    else:
        said = done if isinstance(done, str) else done(result)
        if said:
            st.session_state["told"] = (said, ":material/check:")


def broken(error: RequestError) -> None:
    """Say what is the matter, and what to do."""
    st.error(plain(error), icon=":material/error:")


def part(run_every: str | None = None) -> Callable[[Callable[P, R]], Callable[P, R | None]]:
    """Make a function a part of its page that is drawn anew by itself; a decorator.

    Such a part has to say itself what is the matter: it is drawn outside of what `frame` watches over.
    ``run_every``: how often to draw it without being asked, such as ``2s``; None for never.
    """

    def decorate(draw: Callable[P, R]) -> Callable[P, R | None]:
        @wraps(draw)
        def watched(*arguments: P.args, **named: P.kwargs) -> R | None:
            try:
                access.check_may_see()
                return draw(*arguments, **named)
            except RequestError as error:
                broken(error)
                return None

        return cast(Callable[P, R | None], st.fragment(watched, run_every=run_every))

    return decorate


def tell() -> None:
    """Say once what came of the last click."""
    text, icon = st.session_state.pop("told", ("", None))
    if text:
        st.toast(plain(text), icon=icon, duration="long")


# --- The frame --------------------------------------------------------------------------------------


def choose_test_set() -> None:
    """Draw the choice of test set, which stays from page to page; a run in the address brings its own."""
    sets = data.test_sets()
    if sets.empty:
        return
    titles = dict(zip(sets["id"], sets["title"], strict=True))
    of_run = next((data.test_set_of(run) for run in _numbers(st.query_params.get("run", ""))), None)
    asked = _wanted("dataset")
    chosen = of_run or next(
        (one.id for one in sets.itertuples() if _numbers(asked)[:1] in [[m] for m in one.members]), None
    )
    if chosen is None and asked:
        st.warning(f"There is no data set {plain(asked[:40])} in this database. Another one is shown.")
    st.session_state["test_set"] = chosen or data.newest_test_set()
    st.sidebar.selectbox(
        "Data set",
        list(titles),
        format_func=titles.__getitem__,
        key="test_set",
        on_change=_change_test_set,
        help="Only runs on the same test set can be compared.",
    )
    _settle("dataset", str(test_set()))
    examples = dict(zip(sets["id"], sets["examples"], strict=True))
    st.sidebar.caption(f"{format_count(examples[test_set()])} test examples")


def _change_test_set() -> None:
    _adopt("dataset", "test_set")
    for key in ("run", "against", "beside"):
        _settle(key, "")


def test_set() -> int:
    """Return the test set that was chosen in the frame."""
    return int(st.session_state["test_set"])


def explain_if_empty(what: str) -> None:
    """Say what a page will show, and the command that fills it, where there is nothing recorded yet."""
    if data.is_empty() or data.test_sets().empty:
        st.info(plain(f"Nothing is recorded yet in {data.address()}. {what}"), icon=":material/info:")
        st.text("This trains a first adapter and its baselines on the bundled reviews, in a few minutes:")
        st.code(data.command(FIRST), language="bash")
        st.stop()


# --- Runs -------------------------------------------------------------------------------------------


def pick_run(label: str, runs: pd.DataFrame, default: int | None, key: str = "run") -> int:
    """Draw the choice of one run; an address that names an unknown one gets a plain message.

    ``runs``: id and label of those on offer. Stops the page until there is a choice.
    """
    if runs.empty:
        st.info("No run on this test set is complete yet. The page of all runs tells why.", icon=":material/info:")
        st.stop()
    asked = _wanted(key)
    names = _on_offer(runs, [*_numbers(asked), default])
    found = next((number for number in _numbers(asked) if number in names), None)
    if asked and found is None:
        st.error(f"There is no run {plain(asked[:40])} here. It may have been deleted. Choose one that is recorded.")
    chosen = st.session_state[f"pick {key}"] = found if asked else default
    choice = st.selectbox(
        label,
        list(names),
        index=None if chosen is None else 0,  # with a choice there is no way back to none
        format_func=lambda number: names.get(number, str(number)),
        key=f"pick {key}",
        placeholder="Choose a run",
        accept_new_options=len(names) < len(runs),
        help=_help_of_offer(names, runs),
        on_change=_adopt,
        args=(key, f"pick {key}"),
    )
    if choice is None:
        st.stop()
    _settle(key, str(choice))
    return int(choice)


def _on_offer(runs: pd.DataFrame, asked: Sequence[int | None], but: int | None = None) -> dict[int, str]:
    """Return the runs that a choice offers, by number: of many the best, the newest, and those asked for."""
    if len(runs) > OFFERED:
        best = runs.nlargest(OFFERED // 2, "macro_f1")["id"]
        newest = runs.nlargest(OFFERED // 2, "id")["id"]
        runs = runs[runs["id"].isin({*best, *newest, *asked})]
    return {number: name for number, name in zip(runs["id"], runs["label"], strict=True) if number != but}


def _help_of_offer(names: dict[int, str], runs: pd.DataFrame) -> str | None:
    if len(names) >= len(runs) - 1:
        return None
    return f"The best and the newest of {format_count(len(runs))} runs. Type the number of any other one."


def pick_other(
    label: str, runs: pd.DataFrame, run: int, key: str = "against", default: int | None = None
) -> int | None:
    """Draw the choice of another run to stand beside one; there may be none."""
    names = _on_offer(runs, [*_numbers(_wanted(key)), default], but=run)
    is_new = key not in st.query_params and f"last {key}" not in st.session_state
    asked = [default] if is_new else _numbers(_wanted(key))
    st.session_state[f"pick {key}"] = next((number for number in asked if number in names), None)
    choice = st.selectbox(
        label,
        list(names),
        index=None,
        format_func=lambda number: names.get(number, str(number)),
        key=f"pick {key}",
        placeholder="No other run",
        accept_new_options=len(names) < len(runs) - 1,
        help=_help_of_offer(names, runs),
        on_change=_adopt,
        args=(key, f"pick {key}"),
    )
    _settle(key, "" if choice is None else str(choice))
    return None if choice is None else int(choice)


def pick_others(
    label: str, runs: pd.DataFrame, run: int, default: int | None, key: str = "against", most: int | None = None
) -> list[int]:
    """Draw the choice of other runs to stand beside one, also of those that the address alone names.

    The default stands there until a person chooses others, or none.
    """
    asked = [number for number in _numbers(_wanted(key)) if number != run][:most]
    names = _on_offer(runs, [*asked, default], but=run)
    names |= {number: f"#{number}" for number in asked if number not in names}
    is_new = key not in st.query_params and f"pick {key}" not in st.session_state and not _wanted(key)
    st.session_state[f"pick {key}"] = asked or ([default] if is_new and default not in (None, run) else [])
    chosen = st.multiselect(
        label,
        list(names),
        format_func=lambda number: names.get(number, str(number)),
        key=f"pick {key}",
        placeholder="Choose one or more runs",
        max_selections=most,
        accept_new_options=len(names) < len(runs) - 1,
        help=_help_of_offer(names, runs),
        on_change=_adopt,
        args=(key, f"pick {key}"),
    )
    _settle(key, ",".join(map(str, chosen)))
    return [int(number) for number in chosen]


def pick_pair(label: str, runs: pd.DataFrame) -> tuple[int, int] | None:
    """Draw the choice of two of several runs, the later against the earlier; there may be none.

    ``runs``: their id and label.
    """
    names = dict(zip(runs["id"], runs["label"], strict=True))
    asked = _numbers(_wanted("pair"))
    pairs = [(later, earlier) for earlier, later in combinations(names, 2)]
    pairs += [(asked[0], asked[1])] if len(set(asked)) == len(asked) == 2 else []
    said = {f"{a},{b}": f"{names[a]} against {names[b]}" for a, b in pairs if a in names and b in names}
    st.session_state["pick pair"] = next((pair for pair in said if pair == ",".join(map(str, asked))), None)
    choice = st.selectbox(
        label,
        list(said),
        index=None,
        format_func=said.__getitem__,
        key="pick pair",
        placeholder="Choose two of these runs",
        on_change=_adopt,
        args=("pair", "pick pair"),
    )
    _settle("pair", choice or "")
    first, second = _numbers(choice or "") or (0, 0)
    return (first, second) if choice else None


def swap(run: int, other: int) -> None:
    """Draw a button that lets two runs change places."""
    st.button("Swap", icon=":material/swap_horiz:", on_click=_swap, args=(run, other))


def _swap(run: int, other: int) -> None:
    _settle("run", str(other))
    _settle("against", str(run))


def chosen_runs() -> list[int]:
    """Return the numbers of the runs that are ticked on the page of all runs."""
    return list(dict.fromkeys(_numbers(_wanted("chosen"))))


def choose_runs(run_ids: Sequence[int]) -> None:
    """Keep in the address which runs are ticked."""
    _settle("chosen", ",".join(map(str, run_ids)))


# --- Links ------------------------------------------------------------------------------------------


def link(page: str, label: str, icon: str, **selection: Any) -> None:
    """Draw a link to a page that carries the test set and a selection in its address."""
    st.page_link(PAGES[page], label=label, icon=icon, query_params=_address(selection))


def links_of(run: int, against: int | list[int] | None = None, *, here: bool = False) -> None:
    """Draw the links from a run to the pages that tell of it; its own page is left out where we are ``here``."""
    first = against[0] if isinstance(against, list) else against
    with st.container(horizontal=True):
        if not here:
            link("run", "Open this run", ":material/description:", run=run)
        link("compare", "Compare", ":material/compare_arrows:", run=run, against=against)
        link("failures", "See its mistakes", ":material/error_outline:", run=run, against=first)
        link("try_it", "Try it", ":material/play_arrow:", run=run)


def go(page: str, **selection: Any) -> None:
    """Open a page with a selection in its address."""
    st.switch_page(PAGES[page], query_params=_address(selection))


def _address(selection: dict[str, Any]) -> dict[str, str]:
    given = {"dataset": test_set(), **selection}
    return {
        key: ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for key, value in given.items()
        if value is not None
    }


# --- Filters ----------------------------------------------------------------------------------------


def filter_by(label: str, options: Sequence[str], key: str) -> str | None:
    """Draw a filter that stands in the address; None where it lets all through."""
    choice = st.selectbox(label, [ANY, *options], key=key, bind="query-params")
    return None if choice in (None, ANY) else str(choice)


def choose(label: str, options: Sequence[str], default: str, key: str, **more: Any) -> str:
    """Draw a choice of few, of which one always holds; it stands in the address."""
    return str(
        st.segmented_control(label, options, default=default, required=True, key=key, bind="query-params", **more)
    )


def search(key: str = "contains") -> str:
    """Draw a search in texts that stands in the address."""
    return str(st.text_input("Text contains", key=key, bind="query-params", icon=":material/search:") or "")


def pick_threshold() -> float:
    """Draw the choice of the confidence below which a run is to say «unsure»; it stands in the address."""
    asked = _numbers(_wanted("threshold"))
    st.session_state["pick threshold"] = min(asked[0], 99) if asked else 0
    percent = st.slider(
        "Unsure below a confidence of, %",
        *(0, 99),
        key="pick threshold",
        on_change=_adopt,
        args=("threshold", "pick threshold"),
        help="0: it answers always. Best chosen on the validation examples, on the page of the run.",
    )
    _settle("threshold", str(percent) if percent else "")
    return float(percent) / 100


def clicked_cell(chart: str) -> tuple[str, str] | None:
    """Return the true and the predicted label of the cell that was clicked in a confusion matrix."""
    picked = st.session_state.get(chart, {}).get("selection", {}).get("cell", [])
    return (picked[0]["true"], picked[0]["predicted"]) if picked else None
