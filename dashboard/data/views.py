"""Saved views of the pages."""

from core.store import queries
from core.store.engine import Store
from dashboard.data.cache import cached, database_key


@cached(database_key, keep=2, sanitize=False)  # their names identify them
def _saved_views(db: Store) -> dict[str, dict[str, dict[str, list[str]]]]:
    views: dict[str, dict[str, dict[str, list[str]]]] = {}
    for view in queries.saved_views(db):
        views.setdefault(view.page, {})[view.name] = view.parameters
    return views


def saved_views(page: str) -> dict[str, dict[str, list[str]]]:
    """Return the saved views of a page: the values of each URL parameter by the name of the view."""
    return _saved_views().get(page, {})
