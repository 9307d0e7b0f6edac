"""Every page opens for runs on a test split of a few examples."""

import shutil

import pytest

from core.config import RunConfig
from core.data import load_data
from core.report.comparisons import compare_runs
from core.report.verdicts import verdict_sentence
from core.store.engine import open_store
from dashboard.app_pages.run.controls import TABS
from tests.seeded import record_weak_adapter

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


def test_verdict_says_when_the_test_split_is_too_small(small_store):
    comparison = compare_runs(small_store, 2, 1)
    is_too_small = comparison.result.n < 6  # with 5 examples, the smallest p of a two-sided test is .0625
    assert ("too small to detect any difference" in verdict_sentence(comparison)) == is_too_small
