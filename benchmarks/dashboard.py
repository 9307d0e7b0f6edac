"""Times of the dashboard's pages and clicks with many runs, and the memory of its server.

    .venv/bin/python -m benchmarks.dashboard                 10,000 runs, 10 million predictions (1 GB on disk)
    .venv/bin/python -m benchmarks.dashboard --runs 500

"script" is the time of the page's script in a warm process, with a new selection. "browser" is the time from a click
in chromium to the end of the script run, "first content" until the first text is visible. Each is a median. On a
shared machine only ratios are meaningful: the first line is an empty Streamlit page, measured in the same minutes.
"""

import argparse
import os
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import psutil
from playwright.sync_api import Page, sync_playwright
from rich.console import Console
from rich.table import Table
from streamlit.testing.v1 import AppTest

from benchmarks.first_use import CHROMIUM_FLAGS, ENVIRONMENT, ROOT, free_port, serve
from benchmarks.many_runs import METHODS, RANKS, make_database

REPEATS = 5
SHELL, HOME = ROOT / "dashboard" / "shell.py", ROOT / "dashboard" / "Home.py"
WORDS = ("film", "good", "story", "bad", "never", "time", "plot", "love")
SCRIPT_STATE = "[data-testid=stApp]"
OBSERVE_SCRIPT = """selector => {
    const app = document.querySelector(selector);
    window.finished = new Promise(done => {
        let started = false;
        new MutationObserver(changes => {
            const state = app.getAttribute('data-test-script-state');
            // A short script starts and ends in one batch of changes.
            started ||= state === 'running' || changes.some(change => change.oldValue === 'running');
            if (started && state === 'notRunning') done(performance.now());
        }).observe(app, {attributeFilter: ['data-test-script-state'], attributeOldValue: true});
    });
    window.started = performance.now();
}"""
WAIT_FOR_SCRIPT = """() => Promise.race([
    window.finished.then(end => (end - window.started) / 1000),
    new Promise((_, fail) => setTimeout(() => fail(new Error('the page did not change within a minute')), 60000)),
])"""

Address = dict[str, str]


@dataclass(frozen=True)
class Click:
    """A click that is measured several times: the address parameters of the n-th click, and how to perform it."""

    address: Callable[[int], Address]
    act: Callable[[Page, int], None]


@dataclass(frozen=True)
class Visit:
    """A page, the address parameters of its n-th visit, and its clicks."""

    title: str
    page: str
    address: Callable[[int], Address] = field(default=lambda n: {})
    clicks: dict[str, Click] = field(default_factory=dict)


def visits(runs: int) -> list[Visit]:
    """Return the pages to open and the clicks, on runs from the middle of the table."""

    def adapter(n: int) -> str:
        return str(runs // 2 // len(METHODS) * len(METHODS) + len(METHODS) * n)

    return [_runs(), _run(adapter), _compare(adapter), _failures(adapter), _data()]


def _runs() -> Visit:
    heads = {"training": "training time", "verdict": "verdict", "method": "method", "seed": "seed", "r": "r"}
    searched = [f"lora-r{rank}" for rank in RANKS]
    groupings = ("r", "method", "seeds", "r", "method")
    clicks = {
        "sort": Click(
            lambda n: {"sort": list(heads)[n]},
            lambda page, n: page.get_by_role("button", name=list(heads.values())[n], exact=True).click(),
        ),
        "search": Click(lambda n: {"search": searched[n]}, _fill_text_box("Search", searched)),
        "group": Click(
            lambda n: {"group": groupings[n], "page": str(n + 1)}, _select_option("Group by", lambda n: groupings[n])
        ),
        "select a row": Click(
            lambda n: {"chosen": str(n + 1)}, lambda page, n: page.locator(".runs tbody input").nth(n).click()
        ),
    }
    return Visit("Runs", "runs", clicks=clicks)


def _run(adapter: Callable[[int], str]) -> Visit:
    another = Click(lambda n: {"run": adapter(n + 20)}, _select_option("Run", lambda n: adapter(n + 20)))
    return Visit("Run", "run", lambda n: {"run": adapter(n)}, {"another run": another})


def _compare(adapter: Callable[[int], str]) -> Visit:
    another = Click(
        lambda n: {"run": adapter(n + 20), "against": adapter(1)}, _select_option("Run", lambda n: adapter(n + 20))
    )
    return Visit(
        "Compare", "compare", lambda n: {"run": adapter(n), "against": adapter(n + 1)}, {"another run": another}
    )


def _failures(adapter: Callable[[int], str]) -> Visit:
    orders = ("Most disagreement first", "Most confident first")
    clicks = {
        "search": Click(lambda n: {"run": adapter(0), "contains": WORDS[n]}, _fill_text_box("Search", WORDS)),
        "sort by disagreement": Click(
            lambda n: {"run": adapter(n + 40), "by": "most disputed first"},
            _select_option("Sort by", lambda n: orders[n % 2]),
        ),
        "another run": Click(lambda n: {"run": adapter(n + 20)}, _select_option("Run", lambda n: adapter(n + 20))),
    }
    return Visit("Failures", "failures", lambda n: {"run": adapter(n)}, clicks)


def _data() -> Visit:
    return Visit(
        "Data",
        "data",
        clicks={"search": Click(lambda n: {"contains": WORDS[n]}, _fill_text_box("Text contains", WORDS))},
    )


def _fill_text_box(label: str, words: Sequence[str]) -> Callable[[Page, int], None]:
    def act(page: Page, n: int) -> None:
        box = page.get_by_label(label, exact=True)
        box.fill(words[n])
        box.press("Enter")

    return act


def _select_option(label: str, value: Callable[[int], str]) -> Callable[[Page, int], None]:
    def act(page: Page, n: int) -> None:
        box = page.get_by_role("combobox", name=label, exact=True)
        box.fill(value(n))
        box.press("Enter")

    return act


def main() -> None:
    """Create the database, measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--test-size", type=int, default=1_000)
    parser.add_argument("--database", type=Path, help="a database of an earlier call; created if missing")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = arguments.database or Path(folder) / "runs.db"
        if not database.exists():
            print(f"Writing {arguments.runs:,} runs with {arguments.test_size:,} predictions each …", flush=True)
            make_database(database, arguments.runs, arguments.test_size).engine.dispose()
        print(f"The database has {database.stat().st_size / 1e6:,.0f} MB.", flush=True)
        os.environ["RUNS_DB"] = ENVIRONMENT["RUNS_DB"] = str(database)
        plan = visits(arguments.runs)
        script = script_times(plan)
        browser, memory = browser_times(plan)
    report(script, browser, memory)


def report(script: dict[tuple[str, str], float], browser: dict[tuple[str, str], float], memory: int) -> None:
    """Print the table."""
    table = Table("page", "what", "script, s", "browser, s")
    for (page, what), seconds in browser.items():
        script_seconds = script.get((page, what))
        table.add_row(page, what, "" if script_seconds is None else f"{script_seconds:.3f}", f"{seconds:.2f}")
    Console(width=100).print(table)
    print(f"Memory of the server afterwards: {memory / 1e6:,.0f} MB")


def script_times(plan: list[Visit]) -> dict[tuple[str, str], float]:
    """Return the median script time in a warm process, by page and action."""
    times = {}
    with empty_page() as script:
        app = AppTest.from_file(script, default_timeout=120)
        times["empty", "opened"] = statistics.median(_time_app(app) for _ in range(REPEATS))
    for visit in plan:
        app = AppTest.from_file(SHELL, default_timeout=120).run().switch_page(f"app_pages/{visit.page}/page.py")
        actions = {"opened": visit.address} | {what: click.address for what, click in visit.clicks.items()}
        for what, address in actions.items():
            times[visit.title, what] = statistics.median(_time_script(app, address(n)) for n in range(REPEATS))
    return times


def _time_script(app: AppTest, address: Address) -> float:
    app.query_params.clear()
    for key, value in address.items():
        app.query_params[key] = value
    seconds = _time_app(app)
    assert not app.exception, (address, app.exception)
    return seconds


def _time_app(app: AppTest) -> float:
    start = time.perf_counter()
    app.run()
    return time.perf_counter() - start


@contextmanager
def empty_page() -> Iterator[Path]:
    """Yield a script of a page with a title and one line of text."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "empty.py"
        script.write_text("import streamlit as st\nst.title('Empty')\nst.text('Nothing.')\n")
        yield script


def browser_times(plan: list[Visit]) -> tuple[dict[tuple[str, str], float], int]:
    """Return the median time in a browser of each action, and the server's memory in bytes."""
    times: dict[tuple[str, str], float] = {}
    with sync_playwright() as playwright, empty_page() as script:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
        with _server(script) as (home, _):
            page = chromium.new_page()
            shown = [_open(page, home) for _ in range(REPEATS)]
            times["an empty page", "first content, tab opened"] = _median([first for first, _ in shown])
        with _server(HOME) as (home, pid):
            page = chromium.new_page(viewport={"width": 1440, "height": 1000})
            page.set_default_timeout(60_000)
            shown = [_open(page, home) for _ in range(REPEATS)]
            times["Runs", "first content, tab opened"] = _median([first for first, _ in shown])
            for visit in plan:
                for what, seconds in _time_visit(page, home, visit):
                    times[visit.title, what] = seconds
            memory = psutil.Process(pid).memory_info().rss
        chromium.close()
    return times, memory


def _time_visit(page: Page, home: str, visit: Visit) -> Iterator[tuple[str, float]]:
    """Yield the times of opening a page through the navigation, and of its clicks."""
    opened = []
    for n in range(REPEATS):
        other_page = "data" if visit.title != "Data" else "run"
        _open(page, f"{home}/{other_page}?{urlencode(visit.address(n))}")
        opened.append(_navigate(page, visit.title))
    yield "first content", _median([first for first, _ in opened])
    yield "opened", _median([whole for _, whole in opened])
    path = "" if visit.page == "runs" else visit.page
    for what, click in visit.clicks.items():
        _open(page, f"{home}/{path}?{urlencode(visit.address(0))}")
        yield what, _median([_time_click(page, partial(click.act, page, n)) for n in range(REPEATS)])


def _median(seconds: list[float]) -> float:
    return statistics.median(seconds[1:])  # the first time fills the browser's caches


def _open(page: Page, address: str) -> tuple[float, float]:
    """Open an address; return the seconds until the first text and until the end."""
    start = time.perf_counter()
    page.goto(address)
    _wait_for_first_text(page)
    first = time.perf_counter() - start
    page.locator(f'{SCRIPT_STATE}[data-test-script-state="notRunning"]').wait_for()
    return first, time.perf_counter() - start


def _navigate(page: Page, title: str) -> tuple[float, float]:
    link = page.get_by_test_id("stTopNavLink").get_by_text(title, exact=True)
    page.evaluate(OBSERVE_SCRIPT, SCRIPT_STATE)
    start = time.perf_counter()
    link.click()
    heading = re.compile(r"#\d+" if title == "Run" else f"^{title}$")  # the title of a run's page is its name
    page.get_by_role("heading", name=heading).first.wait_for()
    _wait_for_first_text(page)
    first = time.perf_counter() - start
    return first, float(page.evaluate(WAIT_FOR_SCRIPT))


def _wait_for_first_text(page: Page) -> None:
    words = '[data-testid="stText"], [data-testid="stMarkdown"] p, [data-testid="stSelectbox"]'
    page.get_by_test_id("stMain").locator(words).first.wait_for()


def _time_click(page: Page, act: Callable[[], None]) -> float:
    page.evaluate(OBSERVE_SCRIPT, SCRIPT_STATE)
    act()
    return float(page.evaluate(WAIT_FOR_SCRIPT))


@contextmanager
def _server(script: Path) -> Iterator[tuple[str, int]]:
    port = free_port()
    server = serve(script, port)
    try:
        yield f"http://127.0.0.1:{port}", server.pid
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
