"""Seeded databases, an empty folder, and pages in Streamlit's AppTest."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from core.config import RunConfig
from core.data import load_data
from core.store.engine import Store, open_store
from core.store.queries import predictions
from core.store.records import ANNOTATION_FIELDS
from core.store.run_edits import annotate
from tests.dashboard.hard_texts import record_hard_texts
from tests.seeded import SIZES, Seeded, record_weak_adapter, seed

SHELL = Path(__file__).resolve().parents[2] / "dashboard" / "shell.py"
URL_PATHS = {"try_it": "try"}
"""The URL path of each page whose folder has another name."""


@pytest.fixture(scope="session", autouse=True)
def scan_components_once() -> Iterator[None]:
    """Look for packages with Streamlit components once: `AppTest` does it in every run, for two thirds of its time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture(scope="session")
def seeded_runs(tmp_path_factory: pytest.TempPathFactory) -> Seeded:
    return seed(tmp_path_factory.mktemp("seeded"))


@pytest.fixture
def seeded(seeded_runs: Seeded, monkeypatch: pytest.MonkeyPatch) -> Seeded:
    monkeypatch.setenv("RUNS_DB", str(seeded_runs.database))
    return seeded_runs


@pytest.fixture
def seeded_copy(seeded_runs: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Seeded:
    """A copy of the seeded database that a test may change."""
    folder = tmp_path / "copy"
    shutil.copytree(seeded_runs.database.parent, folder)
    monkeypatch.setenv("RUNS_DB", str(folder / "runs.db"))
    return replace(seeded_runs, database=folder / "runs.db")


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    database = tmp_path / "runs.db"
    monkeypatch.setenv("RUNS_DB", str(database))
    return database


@pytest.fixture
def store(empty: Path) -> Store:
    return open_store(str(empty), create=True)


@pytest.fixture(scope="session")
def weak_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a baseline, which has files, and an adapter that does not beat it."""
    database = tmp_path_factory.mktemp("weak") / "runs.db"
    record_weak_adapter(open_store(str(database), create=True), load_data(RunConfig(**SIZES)))
    return database


@pytest.fixture
def tfidf(store: Store, weak_database: Path) -> int:
    """A copy of `weak_database` in ``store``; the id of the baseline (the adapter's is 2)."""
    with sqlite3.connect(weak_database) as source, sqlite3.connect(store.folder / "runs.db") as copy:
        source.backup(copy)
    shutil.copytree(weak_database.parent / "adapters", store.folder / "adapters", dirs_exist_ok=True)
    return 1


@pytest.fixture(scope="session")
def hard_database(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, int]:
    database = tmp_path_factory.mktemp("hard") / "runs.db"
    return database, *record_hard_texts(open_store(str(database), create=True))


@pytest.fixture
def hard(hard_database: tuple[Path, int, int], monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Store, int, int]]:
    """A store of hostile texts, and the ids of a weak and a strong run on them; a test may annotate."""
    database, weak, strong = hard_database
    monkeypatch.setenv("RUNS_DB", str(database))
    store = open_store(str(database))
    yield store, weak, strong
    annotate(store, dict.fromkeys(predictions(store, weak)["text"], dict.fromkeys(ANNOTATION_FIELDS)))


@pytest.fixture
def open_page() -> Callable[..., AppTest]:
    """Open a page with URL parameters and check that it raises no exception."""

    def opened(page: str, /, **parameters: object) -> AppTest:
        app = AppTest.from_file(str(SHELL), default_timeout=120)
        if page != "runs":  # what `AppTest.switch_page` does after a first run, which takes as long as a page
            app._page_hash = calc_hash(URL_PATHS.get(page, page))
        for key, value in parameters.items():
            app.query_params[key] = value if isinstance(value, list) else str(value)
        app.run()
        assert not app.exception, app.exception
        return app

    return opened


@pytest.fixture
def open_runs(open_page: Callable[..., AppTest]) -> Callable[..., AppTest]:
    """Open the Runs page with URL parameters, one row per run unless ``group`` is given."""
    return lambda **parameters: open_page("runs", **({"group": ""} | parameters))
