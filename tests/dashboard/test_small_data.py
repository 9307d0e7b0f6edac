"""Every page opens for runs on a test split of a few examples."""

import shutil

import pytest

from core.config import RunConfig
from core.data import load_data
from core.report.comparisons import compare_runs
from core.report.verdicts import verdict_sentence
from core.store.engine import open_store
from dashboard.app_pages.run.controls import TABS
from tests.dashboard.reading import page_text
from tests.seeded import record_weak_adapter
from tests.store.helpers import record_without_data

PAGES = ("runs", "data", "failures", "compare", "try_it")


@pytest.fixture(scope="module", params=[(2, 6), (2, 16), (3, 24)], ids=["n2", "n4", "n6"])
def small_database(request, tmp_path_factory):
    labels, rows = request.param
    folder = tmp_path_factory.mktemp("small")
    words = ("good lovely", "bad awful", "fine okay")
    lines = [f"a {words[n % labels]} film number {n},{words[n % labels].split()[0]}" for n in range(rows)]
    (folder / "films.csv").write_text("\n".join(["text,label", *lines]))
    database = folder / "runs.db"
    record_weak_adapter(open_store(str(database), create=True), load_data(RunConfig(dataset=str(folder / "films.csv"))))
    return database


@pytest.fixture
def small_store(small_database, tmp_path, monkeypatch):
    folder = shutil.copytree(small_database.parent, tmp_path / "copy")
    monkeypatch.setenv("RUNS_DB", str(folder / "runs.db"))
    return open_store(str(folder / "runs.db"))


def test_every_page_opens(small_store, open_page):
    for tab in TABS:
        open_page("run", run=2, part=tab)
    for page in PAGES:
        open_page(page, run=2)
    open_page("compare", run=2, against=1)


@pytest.mark.parametrize("kept", [1, 2], ids=["only-a-baseline", "only-an-adapter"])
def test_single_run_opens(kept, small_store, open_page):
    with small_store.engine.begin() as connection:
        connection.exec_driver_sql(f"update runs set deleted_at = '2026-01-01 00:00:00' where id != {kept}")
    assert "Best configuration: #" in page_text(open_page("runs"))
    for page in ("run", *PAGES):
        open_page(page, run=kept)


@pytest.mark.parametrize("page", ["run", *PAGES])
def test_run_that_failed_before_its_data_were_read(page, empty, open_page):
    record_without_data(open_store(str(empty), create=True), error=ValueError("no such file"))
    open_page(page)


def test_verdict_says_when_the_test_split_is_too_small(small_store):
    comparison = compare_runs(small_store, 2, 1)
    is_too_small = comparison.result.n < 6  # with 5 examples, the smallest p of a two-sided test is .0625
    assert ("too small to detect any difference" in verdict_sentence(comparison)) == is_too_small
