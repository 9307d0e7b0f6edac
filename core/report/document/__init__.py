"""A report: one self-contained document on recorded runs, in HTML or Markdown."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from core.store.engine import Store

ReportFormat = Literal["html", "md"]
DEFAULT_FAILURES = 20
"""The number of misclassified examples of each run."""
MAX_RUNS = 100
"""The largest number of runs in a report."""


def render_report(
    store: "Store",
    run_ids: Sequence[int],
    form: ReportFormat,
    *,
    failures: int = DEFAULT_FAILURES,
    created_at: datetime | None = None,
) -> str:
    """Return a report on runs with one test set.

    ``failures``: the number of misclassified examples of each run. ``created_at``: now by default. Raises
    `RequestError` if no run is complete, and if the runs have different test sets.
    """
    # Imported here: the command line reads the constants before it needs pandas.
    from core.report.document.content import build_document
    from core.report.document.html import render_html
    from core.report.document.markdown import render_markdown

    document = build_document(store, run_ids, failures, created_at or datetime.now(UTC))
    return render_html(document) if form == "html" else render_markdown(document)
