"""The dashboard in a real browser: every page, its links, and a reload; no exception and no console error."""

import csv
import io
import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import pandas as pd
import pytest
import yaml

from tests.seeded import Seeded, seed

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
PAGES = ("Runs", "Run", "Compare", "Failures", "Data", "Try it")
PATIENCE = 60_000  # milliseconds

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")]


@contextmanager
def served(database: Path) -> Iterator[str]:
    """Serve the dashboard of a database; give its address."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "dashboard/Home.py"]
    options = ["--server.headless", "true", "--server.port", str(port), "--server.fileWatcherType", "none"]
    server = subprocess.Popen([*command, *options], cwd=ROOT, env={**os.environ, "RUNS_DB": str(database)})
    try:
        _wait_for(f"http://localhost:{port}/_stcore/health")
        yield f"http://localhost:{port}"
    finally:
        server.terminate()
        server.wait()


def _wait_for(address: str) -> None:
    end = monotonic() + PATIENCE / 1000
    while True:
        try:
            urllib.request.urlopen(address).close()
        except OSError:
            assert monotonic() < end, "the dashboard did not start"
            sleep(0.2)
        else:
            return


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Seeded:
    return seed(tmp_path_factory.mktemp("record"))


@pytest.fixture(scope="module")
def dashboard(record: Seeded) -> Iterator[str]:
    with served(record.database) as address:
        yield address


class Visitor:
    """A browser's page that remembers every console error."""

    def __init__(self, page, home: str) -> None:
        self.page, self.home, self.errors = page, home, []
        page.set_default_timeout(PATIENCE)
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _listen(self, message) -> None:
        # Streamlit looks for its own end points below a sub-page's address first.
        its_own = "404" in message.text and "/_stcore/" in message.location.get("url", "")
        if message.type == "error" and not its_own:
            self.errors.append(f"{message.text} ({message.location})")

    def open(self, address: str = "") -> None:
        self.page.goto(f"{self.home}/{address}")
        self.settle()

    def settle(self, title: str | None = None) -> None:
        """Wait until the page is drawn, and look for exceptions."""
        heading = (
            self.page.locator("h1")
            if title is None
            else self.page.locator("h1", has_text=re.compile(rf"^\s*{title}\s*$"))
        )
        heading.first.wait_for()
        self.page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()
        assert self.page.locator('[data-testid="stException"]').count() == 0
        assert self.errors == []

    def go_to(self, title: str) -> None:
        self.page.locator('[data-testid="stSidebarNavLink"]').get_by_text(title, exact=True).click()
        self.settle(title)

    def follow(self, link: str, title: str) -> None:
        self.links(link).first.click()
        self.settle(title)

    def links(self, text: str):
        """Return the visible links in the main part that read so; those in a closed box don't count."""
        main = self.page.locator('[data-testid="stMain"] [data-testid="stPageLink"]')
        return main.get_by_text(text, exact=True).filter(visible=True)

    def shows(self, text: str) -> bool:
        self.page.locator('[data-testid="stMain"]').get_by_text(text).first.wait_for()
        return True


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser):
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    yield lambda home: Visitor(context.new_page(), home)
    context.close()


def test_every_page_opens_from_the_navigation(dashboard, record, visit):
    visitor = visit(dashboard)
    visitor.open(f"try?run={record.tfidf}&beside={record.majority}")
    for title in PAGES:
        visitor.go_to(title)


@pytest.mark.parametrize("page", ["", "run", "compare", "failures", "data", "try"])
def test_every_page_opens_directly(page, dashboard, record, visit):
    visit(dashboard).open(f"{page}?run={record.tfidf}")


def test_links_carry_the_run_and_a_reload_keeps_it(dashboard, record, visit):
    visitor = visit(dashboard)
    visitor.open()
    visitor.follow("Open this run", "Run")
    assert f"run={record.lora}" in visitor.page.url
    visitor.follow("See its mistakes", "Failures")
    assert f"run={record.lora}" in visitor.page.url
    wrong = visitor.page.get_by_text("of 100 test examples are wrong").inner_text()
    visitor.page.reload()
    visitor.settle("Failures")
    assert visitor.page.get_by_text("of 100 test examples are wrong").inner_text() == wrong
    assert f"run={record.lora}" in visitor.page.url
    chosen = visitor.page.locator('[data-testid="stMain"] [data-testid="stSelectbox"] input').first
    assert chosen.input_value() == f"#{record.lora} lora-r8"


def test_a_ticked_run_can_be_opened(dashboard, record, visit):
    visitor = visit(dashboard)
    visitor.open()
    grid = visitor.page.locator('[data-testid="stDataFrame"]').first
    grid.click(position={"x": 15, "y": 52})  # the box in front of the first row
    assert visitor.shows(f"Chosen: #{record.majority} majority")
    visitor.links("Open this run").nth(1).click()
    visitor.settle("Run")
    assert f"run={record.majority}" in visitor.page.url


def test_a_cell_of_the_confusion_matrix_opens_its_examples(dashboard, record, visit):
    visitor = visit(dashboard)
    visitor.open(f"run?run={record.odd}")
    visitor.page.locator('[data-testid="stVegaLiteChart"]').first.locator(".mark-text text").nth(1).click()
    visitor.settle("Failures")
    assert visitor.shows("with true label negative, predicted positive")
    assert "predicted=positive" in visitor.page.url
    visitor.go_to("Run")
    assert visitor.shows("Class by class")


def test_a_cell_filters_the_failures_and_lets_go_again(dashboard, record, visit):
    visitor = visit(dashboard)
    visitor.open(f"failures?run={record.odd}")
    cell = visitor.page.locator('[data-testid="stVegaLiteChart"]').first.locator(".mark-text text").nth(2)
    cell.click()
    assert visitor.shows("with true label positive, predicted negative")
    visitor.settle()
    cell.dblclick()
    visitor.page.get_by_text("with true label").wait_for(state="detached")
    visitor.settle()


def test_an_unknown_run_gets_a_plain_message(dashboard, visit):
    visitor = visit(dashboard)
    visitor.open("run?run=99")
    assert visitor.shows("There is no run 99 here")


def test_a_typed_text_is_answered(dashboard, record, visit):
    visitor = visit(dashboard)
    visitor.open(f"try?run={record.tfidf}&beside={record.majority}")
    box = visitor.page.locator("textarea").first
    box.fill("A wonderful, moving film.")
    box.press("Control+Enter")
    visitor.settle()
    assert visitor.page.locator('[data-testid="stVegaLiteChart"]').count() == 2


def test_a_threshold_goes_with_the_link_to_where_it_is_tried(dashboard, record, visit):
    visitor = visit(dashboard)
    visitor.open(f"run?run={record.tfidf}&part=Abstaining&threshold=99")
    visitor.follow("Try it with this threshold", "Try it")
    assert "threshold=99" in visitor.page.url
    assert visitor.shows("unsure: ")


def test_the_parts_of_a_run_stand_in_the_address(dashboard, record, visit):
    visitor = visit(dashboard)
    visitor.open(f"run?run={record.lora}")
    visitor.page.get_by_role("tab", name="Training").click()
    assert visitor.shows("Kept: epoch 2, the best and the last")
    visitor.settle()
    assert "part=Training" in visitor.page.url
    visitor.page.reload()
    assert visitor.shows("Kept: epoch 2, the best and the last")
    visitor.settle("Run")


def test_what_is_taken_away_of_a_run_holds_what_it_should(dashboard, record, visit):
    visitor = visit(dashboard)
    visitor.open(f"run?run={record.tfidf}")
    visitor.page.get_by_test_id("stPopoverButton").click()

    def taken(label: str) -> Path:
        with visitor.page.expect_download() as download:
            visitor.page.get_by_role("button", name=label).click()
        return Path(download.value.path())

    with zipfile.ZipFile(taken("Model files (zip")) as archive:
        assert {Path(name).name for name in archive.namelist()} == {"README.md", "tfidf.safetensors", "vocabulary.json"}
    assert len(pd.read_csv(taken("Predictions (CSV)"))) == 100
    assert yaml.safe_load(taken("Settings (YAML)").read_text())["method"] == "tfidf"
    assert taken("Log (text)").read_text() == ""
    assert visitor.errors == []


def test_seeds_are_grouped_and_opened_again(dashboard, record, visit):
    visitor = visit(dashboard)
    visitor.open()
    visitor.page.get_by_text("Group seeds").click()
    visitor.shows("standard deviation over the seeds")
    assert "seeds=true" in visitor.page.url
    visitor.page.locator('[data-testid="stDataFrame"]').first.click(position={"x": 15, "y": 122})  # the third row's box
    assert visitor.shows(", ".join(f"#{number} lora-r8" for number in record.seeds))


def test_a_downloaded_table_equals_the_one_on_the_screen(dashboard, record, visit):
    visitor = visit(dashboard)
    visitor.open(f"compare?run={record.tfidf}&against={record.lora},{record.odd}")
    with visitor.page.expect_download() as download:
        visitor.page.get_by_role("button", name="CSV", exact=True).last.click()
    heads, *rows = csv.reader(io.StringIO(download.value.path().read_text("utf-8-sig"), newline=""))
    screen = visitor.page.locator('[data-testid="stDataFrame"]').last
    assert heads[0] == "class" and len(rows) == 2
    assert screen.locator("th").all_text_contents() == heads
    assert screen.locator("tbody td").all_text_contents() == [cell for row in rows for cell in row]


def test_labels_in_doubt_are_a_click_away_from_the_data(dashboard, record, visit):
    visitor = visit(dashboard)
    visitor.open(f"data?run={record.flawed}")
    visitor.follow("Labels in doubt", "Failures")
    assert visitor.shows("labels of the test set are in doubt")


def test_without_a_database_every_page_says_what_to_run(tmp_path, visit):
    with served(tmp_path / "runs.db") as address:
        visitor = visit(address)
        visitor.open()
        for title in PAGES:
            visitor.go_to(title)
            assert visitor.shows("Nothing is recorded yet")
            assert visitor.shows("python runner.py --r 8 --epochs 2")
