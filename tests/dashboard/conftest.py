"""A seeded database, an empty place, and the dashboard as Streamlit runs it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.seeded import Seeded, seed

FRAME = Path(__file__).resolve().parents[2] / "dashboard" / "frame.py"
LATER = ("runs", "try_it")
"""Pages that are not found by their file's name before the list of pages was drawn once."""


@pytest.fixture(scope="session")
def record(tmp_path_factory: pytest.TempPathFactory) -> Seeded:
    return seed(tmp_path_factory.mktemp("record"))


@pytest.fixture
def seeded(record: Seeded, monkeypatch: pytest.MonkeyPatch) -> Seeded:
    monkeypatch.setenv("RUNS_DB", str(record.database))
    return record


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    database = tmp_path / "runs.db"
    monkeypatch.setenv("RUNS_DB", str(database))
    return database


@pytest.fixture
def open_page() -> Callable[..., AppTest]:
    """Open a page with an address; no page may show an exception."""

    def opened(page: str, **address: object) -> AppTest:
        app = AppTest.from_file(str(FRAME), default_timeout=120)
        if page in LATER:
            app.run()
        app.switch_page(f"app_pages/{page}.py")
        for key, value in address.items():
            app.query_params[key] = value if isinstance(value, list) else str(value)
        app.run()
        assert not app.exception, app.exception
        return app

    return opened
