"""No page shows a secret: neither a database's password nor one in a run's error message."""

import pytest

from core.config import make_config
from core.data import load_data
from core.store.engine import open_store
from core.store.recorder import recording
from tests.dashboard.reading import PAGES, page_text
from tests.seeded import SIZES

HUB = "hf_" + "aB3dE5gH7j" * 3  # no real one
ADDRESSES = {
    "password": "postgresql://me:hunter2xyz@127.0.0.1:1/runs",
    "password-in-query": "postgresql://127.0.0.1:1/runs?password=hunter2xyz&connect_timeout=1",
    "unknown-driver": "postgresql+nonsense://me:hunter2xyz@host/runs",
    "unknown-database": "nonsense://me:hunter2xyz@host:port/runs",
    "sqlite-memory": "sqlite:///:memory:?password=hunter2xyz",
}


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
@pytest.mark.parametrize("page", PAGES)
def test_no_page_shows_the_password_of_an_unreachable_database(page, address, monkeypatch, open_page):
    monkeypatch.setenv("RUNS_DB", address)
    app = open_page(page)  # it fails on any exception
    assert app.error and "hunter2xyz" not in page_text(app)


def test_no_page_shows_a_secret_of_an_error_message(empty, open_page, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", HUB)
    with recording(open_store(str(empty), create=True), make_config(SIZES), "failed", {}) as run:
        run.save_dataset(load_data(make_config(SIZES)), "key")
        run.log_line(f"Loading with {HUB}")
        raise OSError(f"401 for https://me:hunter2xyz@host with {HUB}")
    for page in PAGES:
        shown = page_text(open_page(page, run=1))
        assert HUB not in shown and "hunter2xyz" not in shown
        assert page != "run" or "401 for https" in shown
