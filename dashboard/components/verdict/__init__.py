"""The picture of verdicts."""

from typing import Any

from dashboard.components.chart_cache import show_chart
from dashboard.components.verdict.charts import verdicts
from dashboard.components.verdict.view_data import rows_with_seeds, verdict_row, verdict_rows

__all__ = ["rows_with_seeds", "show_verdicts", "verdict_row"]


def show_verdicts(rows: list[Any], title: str = "macro F1, points") -> None:
    """Draw rows of `verdict_row`, if the difference of any is defined. ``title``: of the axis."""
    frame = verdict_rows(rows) if rows else []
    if len(frame):
        show_chart(verdicts(frame, title))
