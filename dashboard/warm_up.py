"""Load what the first page needs while the server starts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from typing import Any

from core.errors import RequestError
from dashboard import data
from dashboard.app_pages.runs import view_data as table
from dashboard.components import default_runs

LIBRARIES = ("PIL.Image", "altair", "core.evaluation.calibration", "core.report.verdicts", "pandas.io.formats.style")
"""Most pages import these on demand. Without torch, which many sessions never need."""
PAGE_MODULES = (
    *(
        f"dashboard.app_pages.runs.{name}"
        for name in ("bulk_actions", "controls", "saved_views", "tables", "text", "view_data")
    ),
    *(f"dashboard.components.{name}" for name in ("active_runs", "cost.charts", "table_downloads")),
)


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """Import modules and read the data of the first page; the pages report a database that cannot be read."""
    for name in (*LIBRARIES, *PAGE_MODULES):
        import_module(name)
    with suppress(RequestError):
        _read_first_page()
    yield


def _read_first_page() -> None:
    if data.is_empty() or data.test_sets().empty:
        return
    test_set = data.newest_test_set()
    table.settings_of_view(table.ACTIVE, test_set)
    best, baseline = default_runs.best_run(test_set), default_runs.best_baseline(test_set)
    if best and baseline and best != baseline:
        data.comparison(best, baseline)
        data.configuration_comparison(best, baseline)
