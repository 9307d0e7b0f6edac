"""The open store, and a cache of its reads that the next change invalidates."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Hashable
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

BUSY_TIMEOUT_SECONDS = 3.0
"""How long a page waits for a locked database before it shows an error."""


class Version(NamedTuple):
    """A state of the database: it differs after every write."""

    address: str
    row_versions: tuple[int, ...]
    writes: int = 0


_writes: Counter[str] = Counter()
"""The number of writes of this process by address: the only immediate sign of a change in a database on a server."""


def version() -> Version:
    """Return the state of the database: sizes and times of its files or, on a server, the current second."""
    url = engine.resolve_url()
    address = url.render_as_string(hide_password=True)
    if url.get_backend_name() != "sqlite":
        return Version(address, (int(time.monotonic()),), _writes[address])
    file = Path(url.database or "")
    parts = (file, file.with_name(file.name + "-wal"))
    stats = [part.stat() for part in parts if part.is_file()]
    return Version(address, tuple(number for stat in stats for number in (stat.st_ino, stat.st_mtime_ns, stat.st_size)))


@st.cache_resource(max_entries=4, show_spinner=False)
def _open(address: str, file: int) -> Store:
    """Open the database once; a file that replaced another of the same name is opened again."""
    return engine.open_store(busy_timeout=BUSY_TIMEOUT_SECONDS)


def store(current: Version | None = None) -> Store:
    """Return the open database; ``current``: its state, if it is known."""
    current = current or version()
    is_file = engine.resolve_url().get_backend_name() == "sqlite" and current.row_versions
    return _open(current.address, current.row_versions[0] if is_file else 0)


def write(action: Callable[[], R]) -> R:
    """Call an action that changes the database, so that the next read sees the change."""
    try:
        return action()
    finally:  # an action that raised may have written a part
        _writes[version().address] += 1


def cached(
    key: Callable[P, Hashable], keep: int = 256, *, exact: Collection[str] = (), sanitize: bool = True
) -> Callable[[Callable[Concatenate[Store, P], R]], Callable[P, R]]:
    """Cache a read of the store until ``key`` of the same arguments changes, and make its result safe to show.

    Frames are returned as shallow copies; other results must not be changed by the caller.
    ``keep``: the number of results to keep. ``exact``: columns that `sanitize_record` leaves
    unchanged, such as the texts of examples. ``sanitize=False``: for results that are used, not shown.
    """

    def decorate(read: Callable[Concatenate[Store, P], R]) -> Callable[P, R]:
        # Streamlit identifies a cache by name and source of the wrapped function, which `wraps`
        # sets to those of ``read``; the key takes the place of its store.
        @st.cache_resource(max_entries=keep, show_spinner=False)
        @wraps(read)
        def cached_read(current: Hashable, *args: P.args, **kwargs: P.kwargs) -> R:
            result = read(store(), *args, **kwargs)
            return sanitize_record(result, exact) if sanitize else result

        @wraps(read)
        def current_read(*args: P.args, **kwargs: P.kwargs) -> R:
            result = cached_read(key(*args, **kwargs), *args, **kwargs)
            return cast(R, result.copy(deep=False)) if isinstance(result, pd.DataFrame) else result

        return cast(Callable[P, R], current_read)

    return decorate


def database_key(*_: Any, **__: Any) -> Version:
    """Return a key that changes with every write; for a database on a server, every second."""
    return version()
