"""Read the saved views of the dashboard."""

from typing import Any

from sqlalchemy import select

from core.store.engine import Store
from core.store.queries.reading import reporting_unreadable_values
from core.store.records import SavedView
from core.store.schema import SavedViewRow


def saved_views(store: Store) -> list[SavedView]:
    """Return the saved views of all pages, by page and name; values that are no lists are left out."""
    with reporting_unreadable_values(store), store.read_session() as session:
        rows = session.scalars(select(SavedViewRow).order_by(SavedViewRow.page, SavedViewRow.name))
        return [SavedView(row.page, row.name, _lists(row.parameters)) for row in rows]


def _lists(parameters: Any) -> dict[str, list[str]]:
    return {key: list(map(str, values)) for key, values in dict(parameters).items() if isinstance(values, list)}
