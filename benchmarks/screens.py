"""Words, layout shifts, waiting times and accessibility findings of the pages of the dashboard.

    .venv/bin/python -m benchmarks.screens                       the shipped runs, 1440 pixels wide
    .venv/bin/python -m benchmarks.screens --width 400 --theme dark --db OTHER.db

"words" and "numbers" are those of the page; tables that are drawn on a canvas are not counted. "shift" is the
cumulative layout shift of a first visit. "first" and "last" are the seconds until the title and until the last
change of the page, of a first and of a second visit. "axe": the serious and critical findings of axe-core, by rule.
The first line is an empty Streamlit page: on a shared machine only differences to it are meaningful.
"""

import argparse
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console
from rich.table import Table

from benchmarks.first_use import CHROMIUM_FLAGS, ROOT, free_port, serve
from core.store import queries
from core.store.engine import DEFAULT_DATABASE, open_store

QUIET_MS = 1500
"""A page is complete if nothing changed for so long."""
OBSERVE = """() => {
    window.shift = 0; window.changed = 0;
    new PerformanceObserver(list => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
    }).observe({type: 'layout-shift', buffered: true});
    new MutationObserver(() => { window.changed = performance.now(); })
        .observe(document, {subtree: true, childList: true, characterData: true});
}"""


@dataclass(frozen=True)
class Visit:
    """One visit of a page; times in seconds. ``findings``: the ids of axe's rules that it breaks."""

    words: int
    numbers: int
    shift: float
    first: float
    last: float
    findings: tuple[str, ...]


def main() -> None:
    """Visit each page twice, and print the figures."""
    options = parse_arguments()
    table = Table(title=f"{options.db}, {options.width} pixels, {options.theme}", title_justify="left")
    columns = ("page", "words", "numbers", "shift", "first", "last", "last, again", "axe")
    for name in columns:
        table.add_column(name, justify="left" if name in ("page", "axe") else "right")
    with tempfile.TemporaryDirectory() as folder, browser() as chromium:
        empty = Path(folder) / "empty.py"
        empty.write_text("import streamlit as st\nst.title('Empty')\n", encoding="utf-8")
        pages = {"runs": "", **page_addresses(options.db)}
        for script, addresses in ((empty, {"empty page": ""}), (ROOT / "dashboard" / "Home.py", pages)):
            for name, address in addresses.items():
                first, again = visit_twice(chromium, script, address, options)
                table.add_row(
                    name,
                    f"{first.words:,}",
                    f"{first.numbers:,}",
                    f"{first.shift:.2f}",
                    f"{first.first:.1f}",
                    f"{first.last:.1f}",
                    f"{again.last:.1f}",
                    ", ".join(first.findings) or "none",
                )
    Console(width=160).print(table)


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--db", default=str(DEFAULT_DATABASE))
    parser.add_argument("--width", type=int, default=1440)
    parser.add_argument("--theme", choices=("light", "dark"), default="light")
    return parser.parse_args()


def page_addresses(database: str) -> dict[str, str]:
    """Return the relative URL of each page, for the best adapter and its baseline on the newest data set."""
    runs = queries.runs(open_store(database))
    tuned = runs[(runs["kind"] == "adapter") & runs["baseline_id"].notna()]
    best = tuned[tuned["dataset"] == tuned["dataset"].iloc[-1]].nlargest(1, "macro_f1").iloc[0]
    pair = f"run={best.id}&against={int(best.baseline_id)}"
    return {
        "run": f"run?run={best.id}",
        "compare": f"compare?{pair}",
        "failures": f"failures?run={best.id}",
        "data": f"data?run={best.id}",
        "try it": f"try?run={best.id}",
    }


@contextmanager
def browser() -> Iterator[Browser]:
    """Start chromium."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()


def visit_twice(chromium: Browser, script: Path, address: str, options: argparse.Namespace) -> tuple[Visit, Visit]:
    """Visit a page of a newly started server, then once more."""
    port = free_port()
    server = serve(script, port, options.db)
    try:
        url = f"http://127.0.0.1:{port}/{address}"
        first, again = (visit(chromium, url, options) for _ in range(2))
        return first, again
    finally:
        server.terminate()
        server.wait()


def visit(chromium: Browser, url: str, options: argparse.Namespace) -> Visit:
    """Open a page in a new context, wait until it is complete, and measure it."""
    page = chromium.new_page(viewport={"width": options.width, "height": 900}, color_scheme=options.theme)
    page.add_init_script(f"({OBSERVE})()")
    page.goto(url)
    page.locator("h1").first.wait_for(timeout=60_000)
    first = page.evaluate("performance.now()") / 1000
    page.wait_for_function(f"performance.now() - window.changed > {QUIET_MS}", timeout=120_000, polling=100)
    last, shift = page.evaluate("window.changed") / 1000, page.evaluate("window.shift")
    words = page.locator("[data-testid=stMain]").inner_text().split()
    numbers = sum(any(map(str.isdigit, word)) for word in words)
    findings = find_violations(page)
    page.close()
    return Visit(len(words) - numbers, numbers, shift, first, last, findings)


def find_violations(page: Page) -> tuple[str, ...]:
    """Return the ids of the rules of axe-core that a page breaks seriously."""
    violations = Axe().run(page).response["violations"]
    return tuple(rule["id"] for rule in violations if rule["impact"] in ("serious", "critical"))


if __name__ == "__main__":
    main()
