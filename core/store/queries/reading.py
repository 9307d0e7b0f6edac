"""Execute queries, and report stored values that cannot be read."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pandas as pd
from sqlalchemy import Select

from core.errors import RequestError
from core.store.engine import Store

MAX_IN_VALUES = 10_000
"""Maximum number of values in one IN clause, which databases limit."""


@contextmanager
def reporting_unreadable_values(store: Store) -> Iterator[None]:
    """Raise `RequestError` for a stored value that its column type cannot read, such as incomplete JSON."""
    try:
        yield
    except (ValueError, OverflowError, TypeError) as error:
        raise RequestError(
            f"{store.address} is damaged: it contains a value that cannot be read ({error}). "
            f"Find it: {store.format_command('db check')}",
            code="unreadable_value",
        ) from error


def read_frame(store: Store, query: Select[*tuple[Any, ...]]) -> pd.DataFrame:
    """Return a query's rows as a DataFrame."""
    with reporting_unreadable_values(store), store.engine.connect() as connection:
        result = connection.execute(query)
        names, rows = list(result.keys()), result.all()
    if not rows:
        return pd.DataFrame(rows, columns=names)
    frame = pd.DataFrame(dict(enumerate(zip(*rows, strict=True))))  # by column, which is several times faster
    return frame.set_axis(names, axis=1)


def check_json_types(owner: str, values: Mapping[str, Any], expected: type) -> None:
    """Raise `RequestError` for stored JSON of another type than ``expected``."""
    for name, value in values.items():
        if not isinstance(value, expected):
            raise RequestError(
                f"{owner} is damaged: its {name} is {str(value)[:40]!r}. Find all damage: python runner.py db check",
                code="unreadable_value",
            )
