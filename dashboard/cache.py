"""The store behind the screens: opened once, and read once until it changes."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Concatenate, NamedTuple, ParamSpec, TypeVar, cast

import streamlit as st

from core.store import engine
from core.store.engine import Store

P = ParamSpec("P")
R = TypeVar("R")

TTL_SECONDS = 30  # a run that fell silent must read as crashed, though nothing was written


class Version(NamedTuple):
    """The database as of now; cached reads are kept until it changes."""

    address: str
    stamps: tuple[int, ...]


def version() -> Version:
    """Return which database is shown, and its state as of now."""
    url = engine.resolve()
    address = url.render_as_string(hide_password=True)
    if url.get_backend_name() != "sqlite":
        return Version(address, ())
    file = Path(url.database or "")
    parts = (file, file.with_name(file.name + "-wal"))
    stats = [part.stat() for part in parts if part.is_file()]
    return Version(address, tuple(number for one in stats for number in (one.st_ino, one.st_mtime_ns, one.st_size)))


@st.cache_resource(max_entries=4, show_spinner=False)
def _open(address: str, file: int) -> Store:
    """Open the database once; a file that was replaced by another of the same name is opened anew."""
    return engine.open_store()


def store() -> Store:
    """Return the open database."""
    current = version()
    return _open(current.address, current.stamps[0] if current.stamps else 0)


def cached(read: Callable[Concatenate[Store, P], R]) -> Callable[P, R]:
    """Keep what a read of the store returned until the database changes."""

    # Streamlit tells caches apart by the name and the source of the wrapped function, which `wraps`
    # makes those of ``read``; the version takes the place of its store.
    @st.cache_data(ttl=TTL_SECONDS, max_entries=200, show_spinner=False)
    @wraps(read)
    def remembered(current: Version, *arguments: P.args, **named: P.kwargs) -> R:
        return read(store(), *arguments, **named)

    @wraps(read)
    def latest(*arguments: P.args, **named: P.kwargs) -> R:
        return remembered(version(), *arguments, **named)

    return cast(Callable[P, R], latest)
