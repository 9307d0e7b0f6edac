"""Save and delete views of the dashboard."""

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, insert

from core.store.engine import Store
from core.store.run_edits import check_storable, clean_name
from core.store.schema import SavedViewRow, now


def save_view(store: Store, page: str, name: str, parameters: Mapping[str, Sequence[str]]) -> str:
    """Save a view of a page in place of an earlier one of the same name; return the name as it is stored.

    ``parameters``: the values of each URL parameter. Raises `RequestError` as `validate_view` does; in that case
    nothing is changed.
    """
    name = validate_view(name, parameters)
    values = {key: list(texts) for key, texts in parameters.items()}
    with store.write_session() as session:
        session.execute(delete(SavedViewRow).where(SavedViewRow.page == page, SavedViewRow.name == name))
        session.execute(insert(SavedViewRow).values(name=name, page=page, parameters=values, created_at=now()))
    return name


def validate_view(name: str, parameters: Mapping[str, Sequence[str]]) -> str:
    """Return the name of a view without superfluous spaces.

    Raises `RequestError` for an empty or overlong name, and text that cannot be stored or contains a secret.
    """
    check_storable("The view", "\n".join(text for texts in parameters.values() for text in texts))
    return clean_name(name, "view")


def delete_view(store: Store, page: str, name: str) -> None:
    """Delete a saved view of a page; do nothing if there is none of this name."""
    with store.write_session() as session:
        session.execute(delete(SavedViewRow).where(SavedViewRow.page == page, SavedViewRow.name == name))
