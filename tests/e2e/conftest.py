"""A seeded database, its dashboard, and a browser."""

import shutil
from collections.abc import Iterator

import pytest

from tests.e2e.browsing import CHROMIUM, FLAGS, Visitor, serve_dashboard
from tests.seeded import Seeded, seed


@pytest.fixture(scope="package")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Seeded:
    return seed(tmp_path_factory.mktemp("seeded"))


@pytest.fixture(scope="package")
def dashboard(seeded: Seeded) -> Iterator[str]:
    with serve_dashboard(seeded.database) as address:
        yield address


@pytest.fixture
def writable_dashboard(seeded, tmp_path):
    """A copy of the database that a test may change, and its dashboard."""
    shutil.copytree(seeded.database.parent, tmp_path / "copy")
    with serve_dashboard(tmp_path / "copy" / "runs.db") as address:
        yield tmp_path / "copy" / "runs.db", address


@pytest.fixture(scope="module")  # its event loop must not run during other tests
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
