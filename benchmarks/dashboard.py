"""How quick the dashboard is with many runs: each page's opening, each kind of click, and the server's memory.

    .venv/bin/python -m benchmarks.dashboard                 10,000 runs, 10 million predictions (2 GB on disk)
    .venv/bin/python -m benchmarks.dashboard --runs 500

«script» is the time that the page's script takes in a warm server, the median of several; «browser» the time
from the click to the last element of the page, in chromium. Absolute times mean little on a shared machine: the
first line is the yardstick, an empty Streamlit page, measured in the same minute.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import psutil
from playwright.sync_api import Page, sync_playwright
from rich.console import Console
from rich.table import Table
from streamlit.testing.v1 import AppTest

from benchmarks.first_use import CHROMIUM_FLAGS, ENVIRONMENT, ROOT, free_port, serve
from benchmarks.many_runs import make

REPEATS = 7
FRAME, HOME = ROOT / "dashboard" / "frame.py", ROOT / "dashboard" / "Home.py"


@dataclass(frozen=True)
class Visit:
    """A page with a selection in its address, and the selection that a click then makes."""

    page: str
    address: dict[str, str]
    clicks: dict[str, dict[str, str]]


def visits(runs: int) -> list[Visit]:
    """Return what to open and to click; the runs lie in the middle of the table, where nothing is special."""
    one, two, three = (str(runs // 2 // 6 * 6 + place) for place in (0, 1, 6))
    return [
        Visit(
            "runs",
            {},
            {
                "sort by another column": {"sort": "training"},
                "search": {"search": "lora-r4"},
                "filter by method": {"method": "LoRA"},
                "next page": {"page": "2"},
                "group seeds": {"seeds": "true"},
            },
        ),
        Visit("run", {"run": one}, {"another run": {"run": three}}),
        Visit("compare", {"run": one, "against": two}, {"another run": {"against": three}}),
        Visit(
            "failures",
            {"run": one},
            {
                "a cell of the matrix": {"true": "negative", "predicted": "positive"},
                "sort by loss": {"sort": "loss"},
                "search": {"contains": "film"},
                "against another run": {"against": two},
            },
        ),
        Visit("data", {"run": one}, {"filter by label": {"label": "negative"}, "search": {"contains": "film"}}),
    ]


def main() -> None:
    """Make the database, measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--test-size", type=int, default=1_000)
    parser.add_argument("--database", type=Path, help="a database that an earlier call left; made where there is none")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = arguments.database or Path(folder) / "runs.db"
        if not database.exists():
            print(f"Writing {arguments.runs:,} runs with {arguments.test_size:,} predictions each …", flush=True)
            make(database, arguments.runs, arguments.test_size).engine.dispose()
        print(f"The database has {database.stat().st_size / 1e6:,.0f} MB.", flush=True)
        os.environ["RUNS_DB"] = ENVIRONMENT["RUNS_DB"] = str(database)
        plan = visits(arguments.runs)
        script = script_times(plan)
        browser, memory = browser_times(plan)
    table = Table("page", "what", "script, s", "browser, s")
    table.add_row("an empty page", "opened", f"{script['empty', 'opened']:.3f}", f"{browser['empty', 'opened']:.2f}")
    for (page, what), seconds in script.items():
        if page != "empty":
            table.add_row(page, what, f"{seconds:.3f}", f"{browser[page, what]:.2f}")
    Console().print(table)
    print(f"Memory of the server afterwards: {memory / 1e6:,.0f} MB")


def script_times(plan: list[Visit]) -> dict[tuple[str, str], float]:
    """Return the median time of each script in one warm process, by page and what was done."""
    times = {}
    with empty_page() as script:
        times["empty", "opened"] = _median(AppTest.from_file(script, default_timeout=120))
    for visit in plan:
        app = AppTest.from_file(FRAME, default_timeout=120).run().switch_page(f"app_pages/{visit.page}.py")
        for what, address in {"opened": {}, **visit.clicks}.items():
            app.query_params.clear()
            for key, value in (visit.address | address).items():
                app.query_params[key] = value
            times[visit.page, what] = _median(app)
            assert not app.exception, (visit.page, what, app.exception)
    return times


def _median(app: AppTest) -> float:
    app.run()
    return statistics.median(_timed(app) for _ in range(REPEATS))


def _timed(app: AppTest) -> float:
    start = time.perf_counter()
    app.run()
    return time.perf_counter() - start


@contextmanager
def empty_page() -> Iterator[Path]:
    """Give a script of a title alone."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "empty.py"
        script.write_text("import streamlit as st\nst.title('Empty')\n")
        yield script


def browser_times(plan: list[Visit]) -> tuple[dict[tuple[str, str], float], int]:
    """Return the median time in a browser of each, and the bytes that the server then holds."""
    times: dict[tuple[str, str], float] = {}
    with sync_playwright() as playwright, empty_page() as script:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
        with _server(script) as (home, _):
            times["empty", "opened"] = _opened(chromium.new_page(), home, "", {})
        with _server(HOME) as (home, pid):
            page = chromium.new_page(viewport={"width": 1440, "height": 1000})
            for visit in plan:
                path = "" if visit.page == "runs" else visit.page
                for what, address in {"opened": {}, **visit.clicks}.items():
                    times[visit.page, what] = _opened(page, home, path, visit.address | address)
            memory = psutil.Process(pid).memory_info().rss
        chromium.close()
    return times, memory


@contextmanager
def _server(script: Path) -> Iterator[tuple[str, int]]:
    port = free_port()
    server = serve(script, port)
    try:
        yield f"http://127.0.0.1:{port}", server.pid
    finally:
        server.terminate()
        server.wait()


def _opened(page: Page, home: str, path: str, address: dict[str, str]) -> float:
    """Return how long a fresh tab of a warm browser waits for the last element, the median of some."""
    seconds = []
    for _ in range(4):
        start = time.perf_counter()
        page.goto(f"{home}/{path}?{urlencode(address)}")
        page.locator("h1").first.wait_for(timeout=120_000)
        page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for(timeout=120_000)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


if __name__ == "__main__":
    main()
