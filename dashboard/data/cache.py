"""The store behind the screens: opened once, and each thing read once until it changes."""

import time
from collections import Counter
from collections.abc import Callable, Hashable
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar, cast

import pandas as pd
import streamlit as st

from core.store import engine
from core.store.engine import Store
from dashboard.data.sanitize_records import sanitize_record

P = ParamSpec("P")
R = TypeVar("R")

PATIENCE_SECONDS = 3.0
"""How long a screen waits for a database that another program holds, before it says so."""


class Version(NamedTuple):
    """The database as of now."""

    address: str
    row_versions: tuple[int, ...]
    writes: int = 0


_writes: Counter[str] = Counter()
"""How often this program wrote to a database, by address: on a server nothing else tells at once."""


def version() -> Version:
    """Return which database is shown, and for a file a mark that changes with every write."""
    url = engine.resolve_url()
    address = url.render_as_string(hide_password=True)
    if url.get_backend_name() != "sqlite":
        return Version(address, (int(time.monotonic()),), _writes[address])
    file = Path(url.database or "")
    parts = (file, file.with_name(file.name + "-wal"))
    stats = [part.stat() for part in parts if part.is_file()]
    return Version(address, tuple(number for one in stats for number in (one.st_ino, one.st_mtime_ns, one.st_size)))


@st.cache_resource(max_entries=4, show_spinner=False)
def _open(address: str, file: int) -> Store:
    """Open the database once; a file that was replaced by another of the same name is opened anew."""
    return engine.open_store(busy_timeout=PATIENCE_SECONDS)


def store() -> Store:
    """Return the open database."""
    current = version()
    is_file = engine.resolve_url().get_backend_name() == "sqlite" and current.row_versions
    return _open(current.address, current.row_versions[0] if is_file else 0)


def written(action: Callable[[], R]) -> R:
    """Change something in the database, so that the next read sees it."""
    try:
        return action()
    finally:  # also what was refused may have been done in part
        _writes[version().address] += 1


def cached(
    key: Callable[P, Hashable], keep: int = 256
) -> Callable[[Callable[Concatenate[Store, P], R]], Callable[P, R]]:
    """Keep what a read of the store returned, until ``key`` of the same arguments changes.

    At most ``keep`` results are held. Frames are given out as copies that cost nothing until they
    are written to; other results are not to be changed. All but texts are `sanitize_record`.
    """

    def decorate(read: Callable[Concatenate[Store, P], R]) -> Callable[P, R]:
        # Streamlit tells caches apart by the name and the source of the wrapped function, which
        # `wraps` makes those of ``read``; the key takes the place of its store.
        @st.cache_resource(max_entries=keep, show_spinner=False)
        @wraps(read)
        def remembered(current: Hashable, *arguments: P.args, **named: P.kwargs) -> R:
            found = read(store(), *arguments, **named)
            return found if isinstance(found, str) else sanitize_record(found)  # a text stays what it is

        @wraps(read)
        def latest(*arguments: P.args, **named: P.kwargs) -> R:
            return _lent(remembered(key(*arguments, **named), *arguments, **named))

        return cast(Callable[P, R], latest)

    return decorate


def _lent(result: R) -> R:
    return cast(R, result.copy(deep=False)) if isinstance(result, pd.DataFrame) else result


def any_change(*_: Any, **__: Any) -> Version:
    """Return a key that changes with every write; for a database on a server, with every second."""
    return version()
