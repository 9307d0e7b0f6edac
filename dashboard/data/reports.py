"""Reports on runs."""

from typing import TYPE_CHECKING

from dashboard.data.cache import store

if TYPE_CHECKING:
    from core.report.document import ReportFormat


def report(run_ids: list[int], form: "ReportFormat") -> str:
    """Return a report on runs; it is computed anew at each call. Raises `RequestError` if none can be reported."""
    from core.report.document import render_report

    return render_report(store(), run_ids, form)
