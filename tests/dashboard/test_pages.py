"""All pages: without a database, without runs, and with invalid URLs."""

import sqlite3
import subprocess
import sys

import pytest

from core.config import RunConfig
from core.data import load_data
from core.store.engine import open_store
from tests.dashboard.reading import PAGES
from tests.seeded import SIZES, record_failure


@pytest.mark.parametrize("page", PAGES)
def test_page_without_a_database_shows_its_purpose_and_the_first_command(page, empty, open_page):
    app = open_page(page)
    assert app.title[0].value == PAGES[page]
    assert str(empty) in app.info[0].value.replace("\\", "")
    assert app.code[0].value == f"python runner.py --r 8 --epochs 2 --db {empty}"
    assert not empty.exists()


@pytest.mark.parametrize("page", PAGES)
def test_page_of_an_empty_database_shows_the_first_command(page, empty, open_page):
    open_store(str(empty), create=True)
    assert open_page(page).code[0].value.startswith("python runner.py --r 8 --epochs 2")


@pytest.mark.parametrize("page", ["failures", "try_it"])
def test_page_that_needs_a_complete_run_says_so(page, empty, open_page):
    record_failure(open_store(str(empty), create=True), load_data(RunConfig(**SIZES)))
    assert "No complete run on this test set yet" in open_page(page).info[0].value


def test_database_of_another_program_is_an_error(empty, open_page):
    with sqlite3.connect(empty) as connection:
        connection.execute("create table orders (id)")
    assert str(empty) in open_page("runs").error[0].value.replace("\\", "")


@pytest.mark.parametrize("page", ["run", "compare", "failures"])
@pytest.mark.parametrize("run", ["99", "abc", "<b>1</b>"], ids=["unknown", "text", "markup"])
def test_unknown_run_is_an_error_with_an_empty_picker(page, run, seeded, open_page):
    app = open_page(page, run=run)
    assert f"No run {run} here" in app.error[0].value.replace("\\", "")
    assert app.selectbox(key="pick run").value is None


def test_selected_run_is_kept_on_other_pages(seeded, open_page):
    app = open_page("run", run=seeded.odd)
    app.query_params.clear()
    app.switch_page("app_pages/failures/page.py").run()
    assert app.selectbox(key="pick run").value == seeded.odd
    assert app.query_params["run"] == str(seeded.odd)


def test_run_in_the_url_selects_its_test_set(seeded, open_page):
    app = open_page("run", run=seeded.other_test_set)
    assert app.selectbox(key="test_set").options[1] == "movie-reviews-3"
    assert app.query_params["dataset"] == "2"


def test_changing_the_test_set_clears_the_run(seeded, open_page):
    app = open_page("run", run=seeded.lora)
    app.selectbox(key="test_set").select(2).run()
    assert not app.exception
    assert app.query_params["run"] == str(seeded.other_test_set)


@pytest.mark.slow
def test_start_page_does_not_import_torch(seeded):
    code = (
        "import sys; from streamlit.testing.v1 import AppTest; "
        "app = AppTest.from_file('dashboard/shell.py', default_timeout=60).run(); "
        "assert app.title[0].value == 'Runs'; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
