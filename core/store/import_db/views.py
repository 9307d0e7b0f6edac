"""Import the saved views of another database."""

from core.errors import RequestError
from core.store import queries
from core.store.engine import Store
from core.store.import_db.result import ImportProblem
from core.store.records import SavedView
from core.store.view_edits import save_view

_LOCAL_PARAMETERS = ("dataset", "chosen")
"""URL parameters with ids, which differ between databases."""


def import_views(store: Store, source: Store) -> tuple[int, list[ImportProblem]]:
    """Add the saved views of ``source`` to ``store``, without their data set and selected runs.

    Return their number, and the problems. A view of the same page and name is kept.
    """
    present = {(view.page, view.name): _portable(view) for view in queries.saved_views(store)}
    imported, problems = 0, []
    for view in queries.saved_views(source):
        where, parameters = f"view {view.name} of {view.page}", _portable(view)
        if (view.page, view.name) not in present:
            try:
                save_view(store, view.page, view.name, parameters)
                imported += 1
            except RequestError as error:
                problems.append(ImportProblem("invalid_view", where, str(error)))
        elif parameters != present[view.page, view.name]:
            message = "the view of this name was kept; the other database has a different one."
            problems.append(ImportProblem("view_conflict", where, message))
    return imported, problems


def _portable(view: SavedView) -> dict[str, list[str]]:
    return {key: values for key, values in view.parameters.items() if key not in _LOCAL_PARAMETERS}
