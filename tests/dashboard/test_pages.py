"""Each page with runs, without any, and with addresses that lead nowhere."""

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
def test_without_a_database_each_page_says_what_it_will_show_and_how_to_fill_it(page, empty, open_page):
    app = open_page(page)
    assert app.title[0].value == PAGES[page]
    assert "This page will" in app.info[0].value and str(empty) in app.info[0].value.replace("\\", "")
    assert app.code[0].value == f"python runner.py --r 8 --epochs 2 --db {empty}"
    assert not empty.exists()


@pytest.mark.parametrize("page", PAGES)
def test_a_database_without_runs_reads_like_none(page, empty, open_page):
    open_store(str(empty), create=True)
    assert "No runs in" in open_page(page).info[0].value


@pytest.mark.parametrize("page", ["failures", "try_it"])
def test_where_no_run_is_complete_a_page_that_needs_one_says_so(page, empty, open_page):
    record_failure(open_store(str(empty), create=True), load_data(RunConfig(**SIZES)))
    assert "No complete run on this test set yet" in open_page(page).info[0].value


def test_a_database_of_another_program_is_refused_in_plain_words(empty, open_page):
    with sqlite3.connect(empty) as connection:
        connection.execute("create table orders (id)")
    app = open_page("runs")
    assert "database of another program" in app.error[0].value.replace("\\", "")


@pytest.mark.parametrize("page", ["run", "compare", "failures"])
@pytest.mark.parametrize("run", ["99", "abc", "<b>1</b>"])
def test_a_run_that_is_not_there_gets_a_plain_message_and_a_choice(page, run, seeded, open_page):
    app = open_page(page, run=run)
    assert f"No run {run} here" in app.error[0].value.replace("\\", "")
    assert app.selectbox(key="pick run").value is None


def test_the_choice_of_a_run_stays_from_page_to_page(seeded, open_page):
    app = open_page("run", run=seeded.odd)
    app.query_params.clear()
    app.switch_page("app_pages/failures/page.py").run()
    assert app.selectbox(key="pick run").value == seeded.odd
    assert app.query_params["run"] == str(seeded.odd)


def test_a_run_in_the_address_brings_its_test_set(seeded, open_page):
    app = open_page("run", run=seeded.other_test_set)
    assert app.selectbox(key="test_set").options[1] == "movie-reviews-3"
    assert app.query_params["dataset"] == "2"


def test_another_test_set_lets_go_of_the_run(seeded, open_page):
    app = open_page("run", run=seeded.lora)
    app.selectbox(key="test_set").select(2).run()
    assert not app.exception
    assert app.query_params["run"] == str(seeded.other_test_set)


def test_the_start_page_does_not_wait_for_torch(seeded):
    code = (
        "import sys; from streamlit.testing.v1 import AppTest; "
        "app = AppTest.from_file('dashboard/shell.py', default_timeout=60).run(); "
        "assert app.title[0].value == 'Runs'; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
