"""Start the dashboard as a process, and visit it with a browser that fails on exceptions and console errors."""

import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
)
PAGES = ("Runs", "Run", "Compare", "Failures", "Data", "Searches", "Try it")
TIMEOUT_MS = 60_000

needs_chromium = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")]


@contextmanager
def serve_dashboard(database: Path, folder: Path = ROOT) -> Iterator[str]:
    """Start the dashboard of a database in a folder; give its URL."""
    with start_dashboard(database, folder) as (_, address):
        yield address


@contextmanager
def start_dashboard(database: Path, folder: Path = ROOT) -> Iterator[tuple[int, str]]:
    """Start the dashboard of a database in a folder; give its process id and its URL."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "dashboard" / "Home.py")]
    options = ["--server.headless", "true", "--server.port", str(port), "--server.fileWatcherType", "none"]
    server = subprocess.Popen([*command, *options], cwd=folder, env={**os.environ, "RUNS_DB": str(database)})
    try:
        _wait_for(f"http://localhost:{port}/_stcore/health")
        yield server.pid, f"http://localhost:{port}"
    finally:
        server.terminate()
        server.wait()


def _wait_for(address: str) -> None:
    end = monotonic() + TIMEOUT_MS / 1000
    while True:
        try:
            urllib.request.urlopen(address).close()
        except OSError:
            assert monotonic() < end, "the dashboard did not start"
            sleep(0.2)
        else:
            return


class Visitor:
    """A page of the browser that records console errors."""

    def __init__(self, page, home: str) -> None:
        self.page, self.home, self.errors = page, home, []
        page.set_default_timeout(TIMEOUT_MS)
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _listen(self, message) -> None:
        # Streamlit looks for its endpoints below the URL of a page first.
        is_streamlit = "404" in message.text and "/_stcore/" in message.location.get("url", "")
        if message.type == "error" and not is_streamlit:
            self.errors.append(f"{message.text} ({message.location})")

    def open(self, address: str = "") -> None:
        self.page.goto(f"{self.home}/{address}")
        self.settle()

    def settle(self, title: str | None = None) -> None:
        """Wait until the script has run, and check that the page shows no exception."""
        text = r"(Run|#\d+ .*)" if title == "Run" else title  # the name of a run is the title of its page
        heading = (
            self.page.locator("h1")
            if text is None
            else self.page.locator("h1", has_text=re.compile(rf"^\s*{text}\s*$"))
        )
        heading.first.wait_for()
        self.page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()
        self.page.wait_for_function("document.querySelectorAll('[data-stale=true]').length === 0")
        assert self.page.locator('[data-testid="stException"]').count() == 0
        assert self.errors == [], self.errors

    def go_to(self, title: str) -> None:
        self.page.locator('[data-testid="stTopNavLink"]').get_by_text(title, exact=True).click()
        self.settle(title)

    def follow_link(self, link: str, title: str) -> None:
        self.links(link).first.click()
        self.settle(title)

    def links(self, text: str):
        """Return the visible links of the page with this text."""
        main = self.page.locator('[data-testid="stMain"] [data-testid="stPageLink"]')
        return main.get_by_text(text, exact=True).filter(visible=True)

    def wait_for_value(self, label: str, value: str) -> None:
        """Wait until the field with this label has a value."""
        from playwright.sync_api import expect

        expect(self.page.get_by_label(label)).to_have_value(value)

    def wait_for_text(self, text: str) -> bool:
        self.page.locator('[data-testid="stMain"]').get_by_text(text).first.wait_for()
        return True


def select_row(visitor: Visitor, row: int) -> None:
    """Select a row of the table of runs, from 0."""
    visitor.page.locator(".runs tbody input").nth(row).click()
