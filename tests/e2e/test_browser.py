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

from core.config import RunConfig
from core.store import queries
from core.store.engine import open_store
from core.store.recorder import recording
from tests.seeded import SIZES, Seeded, seed

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

    def holds(self, label: str, value: str) -> None:
        """Wait until the field of this label holds a value."""
        from playwright.sync_api import expect

        expect(self.page.get_by_label(label)).to_have_value(value)

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
    its_own = visitor.page.locator(f'a[href*="run={record.lora}"]').filter(has_text="Open this run")
    its_own.first.click()  # there are more such links, of runs without scores
    visitor.settle("Run")
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


def tick(visitor: Visitor, row: int) -> None:
    """Click the box in front of a row of the first table, from 0."""
    visitor.page.locator('[data-testid="stDataFrame"]').first.click(position={"x": 15, "y": 52 + 35 * row})


def test_ticked_runs_stand_in_the_address_and_are_opened_and_compared(dashboard, record, visit):
    visitor = visit(dashboard)
    visitor.open()
    tick(visitor, 0)
    assert visitor.shows("1 chosen: ")
    tick(visitor, 4)
    assert visitor.shows("2 chosen: ")
    visitor.page.reload()
    visitor.settle("Runs")
    assert visitor.shows(f"2 chosen: #{record.tfidf} tfidf, #{record.lora} lora-r8")
    assert visitor.links(f"Open #{record.tfidf}").count() == 1
    visitor.links("Compare").nth(1).click()
    visitor.settle("Compare")
    assert {f"run={record.tfidf}", f"against={record.lora}"} <= set(visitor.page.url.partition("?")[2].split("&"))


def test_a_columns_head_and_the_filters_go_to_the_address(dashboard, visit):
    visitor = visit(dashboard)
    visitor.open()
    grid = visitor.page.locator('[data-testid="stDataFrame"]').first
    grid.click(position={"x": 110, "y": 17})  # the head of the names
    visitor.page.wait_for_url(lambda url: "sort=name" in url and "order=ascending" in url)
    box = visitor.page.get_by_role("textbox", name="Search")
    box.fill("lora")
    box.press("Enter")
    visitor.page.wait_for_url("**search=lora**")
    visitor.page.get_by_text("Filters").first.click()
    visitor.page.get_by_role("button", name="Clear all filters").click()
    visitor.page.wait_for_url(lambda url: "search" not in url)
    visitor.settle("Runs")


@pytest.fixture
def own(record, tmp_path):
    """A copy of the database that a test may change, and the dashboard of it."""
    shutil.copytree(record.database.parent, tmp_path / "own")
    with served(tmp_path / "own" / "runs.db") as address:
        yield tmp_path / "own" / "runs.db", address


def test_a_deleted_run_comes_back_with_undo(own, record, visit):
    visitor = visit(own[1])
    visitor.open(f"?chosen={record.odd}")
    visitor.page.get_by_role("button", name="Delete").click()
    assert visitor.shows("1 run is in the trash.")
    visitor.page.keyboard.press("u")
    assert visitor.shows("1 run is at hand again.")
    visitor.settle("Runs")


def test_a_run_is_deleted_for_good_after_a_question(own, record, visit):
    visitor = visit(own[1])
    visitor.open(f"?chosen={record.odd}")
    visitor.page.get_by_role("button", name="Delete").click()
    assert visitor.shows("1 run is in the trash.")
    visitor.open(f"?show=trash&chosen={record.odd}")
    visitor.page.get_by_role("button", name="Delete for good …").click()
    question = visitor.page.get_by_role("dialog")
    question.get_by_text(f"Lost for good: #{record.odd}").wait_for()
    question.get_by_role("button", name="Delete for good").click()
    assert visitor.shows("The trash is empty.")
    assert record.odd not in queries.runs(open_store(str(own[0])), trash=True)["id"].tolist()


def test_a_run_at_work_moves_and_goes_when_it_ends(own, visit):
    store, visitor = open_store(str(own[0])), visit(own[1])
    with recording(store, RunConfig(**SIZES), "at work", {}) as run:
        run.enter("training")
        run.step(1, 10, 1.0, 58.0)
        visitor.open()
        assert visitor.shows("step 1 of 10")
        run.step(7, 10, 7.0, 58.0)
        assert visitor.shows("step 7 of 10")
    visitor.page.get_by_text("At work: 1").wait_for(state="detached")
    visitor.settle("Runs")


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


def test_from_all_runs_to_an_annotated_mistake_that_a_reload_keeps(own, record, visit):
    visitor = visit(own[1])
    visitor.open("?search=lora")
    tick(visitor, 0)
    assert visitor.shows("1 chosen: ")
    tick(visitor, 1)
    assert visitor.shows("2 chosen: ")
    visitor.links("Compare").nth(1).click()
    visitor.settle("Compare")
    matrices = visitor.page.locator('[data-testid="stVegaLiteChart"]').filter(has_text="predicted")
    matrices.first.locator(".mark-text text").nth(1).click()
    visitor.settle("Failures")
    assert visitor.shows("with true label negative, predicted positive")
    visitor.page.locator('[data-testid="stDataFrame"]').nth(1).click(position={"x": 15, "y": 52})
    assert visitor.shows("Example 1 of ")
    visitor.page.get_by_label("Note").fill("irony, not *praise*")
    visitor.page.get_by_role("button", name="Save").click()
    assert visitor.page.get_by_role("button", name="Take back").wait_for() is None
    visitor.settle()
    address = visitor.page.url
    assert "example=" in address and "predicted=positive" in address
    visitor.page.reload()
    visitor.settle("Failures")
    assert visitor.shows("with true label negative, predicted positive")
    assert visitor.shows("Example 1 of ")
    visitor.holds("Note", "irony, not *praise*")
    assert visitor.page.url == address
    visitor.page.keyboard.press("j")
    assert visitor.shows("Example 2 of ")


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
    tick(visitor, 1)
    assert visitor.shows(", ".join(f"#{number} lora-r8" for number in record.seeds))
    assert visitor.shows("Over 3 seeds this configuration helped")


def test_a_downloaded_table_equals_the_one_on_the_screen(dashboard, record, visit):
    visitor = visit(dashboard)
    visitor.open(f"compare?run={record.tfidf}&against={record.lora},{record.odd}")
    with visitor.page.expect_download() as download:
        visitor.page.get_by_role("button", name="CSV", exact=True).last.click()
    heads, *rows = csv.reader(io.StringIO(download.value.path().read_text("utf-8-sig"), newline=""))
    screen = visitor.page.locator('[data-testid="stDataFrame"]').last
    screen.locator("tbody td").first.wait_for(state="attached")
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
