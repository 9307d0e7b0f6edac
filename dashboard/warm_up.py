"""What takes long the first time is done while the server starts: libraries, the table of all runs, a verdict."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from typing import Any

from core.errors import RequestError
from dashboard import data
from dashboard.components import default_runs as choices

LIBRARIES = ("PIL.Image", "altair", "core.evaluation.calibration", "core.report.verdicts", "pandas.io.formats.style")
"""What most pages need, and import only when they do; not torch, which many visitors never need."""
PAGE_PARTS = (
    *(f"dashboard.app_pages.runs.{part}" for part in ("controls", "view_data", "tables")),
    "dashboard.components.active_runs",
    "dashboard.components.cost.charts",
    "dashboard.components.table_downloads",
)


@asynccontextmanager
async def before_the_first_visitor(app: Any) -> AsyncIterator[None]:
    """Read libraries and runs; a database that can't be read is left to the pages, which say so."""
    for name in (*LIBRARIES, *PAGE_PARTS):
        import_module(name)
    with suppress(RequestError):
        _read_what_the_first_page_shows()
    yield


def _read_what_the_first_page_shows() -> None:
    if data.is_empty() or data.test_sets().empty:
        return
    test_set = data.newest_test_set()
    best, reference_baseline = choices.best_run(test_set), choices.best_baseline(test_set)
    if best and reference_baseline and best != reference_baseline:
        data.comparison(best, reference_baseline)
