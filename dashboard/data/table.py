"""All runs as one table: read once, then updated by the new and changed runs only."""

from collections.abc import Callable, Hashable
from functools import wraps
from numbers import Integral
from threading import Lock
from typing import Any, ParamSpec, TypeVar

import pandas as pd
import streamlit as st

from core.catalog.methods import METHODS
from core.store import queries
from core.store.engine import Store
from core.store.records import derive_state
from core.text.sanitize import to_single_line
from dashboard.data import cache
from dashboard.data.cache import Version, cached
from dashboard.data.sanitize_records import sanitize_record

P = ParamSpec("P")
R = TypeVar("R")

SETTING = "setting_"
"""The prefix of the columns that hold the settings of runs."""


class RunTable:
    """All runs of one database, archived and trashed ones included, as of the last `refresh`.

    ``revision`` changes whenever a run does; ``row_versions`` are those of `queries.row_versions`.
    """

    def __init__(self) -> None:
        self.revision = 0
        self.row_versions: dict[int, Any] = {}
        self.fingerprints: dict[int, str] = {}
        self.frame = pd.DataFrame()
        self._version: Version | None = None
        self._lock = Lock()

    def refresh(self, store: Store, current: Version) -> None:
        """Read what changed since the last call."""
        with self._lock:
            if current != self._version:
                self._read_changes(store)
                self._version = current
            self._update_running()

    def _read_changes(self, store: Store) -> None:
        versions, datasets = queries.row_versions(store), queries.datasets(store)
        fingerprints = dict(zip(datasets["id"], datasets["fingerprint"], strict=True))
        changed = [run_id for run_id, version in versions.items() if self.row_versions.get(run_id) != version]
        is_same = not changed and len(versions) == len(self.row_versions) and fingerprints == self.fingerprints
        if self.revision and is_same:
            return
        unchanged = self.frame
        if len(unchanged):
            unchanged = unchanged[unchanged["id"].isin(versions.keys() - set(changed))]
        requested = changed if self.row_versions else None  # a query with all ids takes longer
        read = _with_labels(sanitize_record(queries.runs(store, requested, trash=True)))
        read = read.join(sanitize_record(queries.run_settings(store, changed)).add_prefix(SETTING), on="id")
        # An empty part would turn numeric columns into columns of objects.
        parts = [part for part in (unchanged, read) if len(part)]
        frame = pd.concat(parts).sort_values("id", ignore_index=True) if parts else read
        first_dataset = datasets.groupby("evaluation_fingerprint")["id"].transform("first")
        frame["test_set"] = frame["dataset_id"].map(dict(zip(datasets["id"], first_dataset, strict=True)))
        self.frame, self.row_versions, self.fingerprints = frame, versions, fingerprints
        self.revision += 1

    def _update_running(self) -> None:
        """Update the state of running runs: a run whose process is gone becomes crashed; nothing is written."""
        is_running = self.frame["state"] == "running" if len(self.frame) else pd.Series(dtype=bool)
        if not is_running.any():
            return
        running = self.frame[is_running]
        facts = running[["status", "heartbeat_at", "host", "pid"]]
        states = [derive_state(*row) for row in facts.itertuples(index=False, name=None)]
        if "crashed" in states:
            self.frame = self.frame.copy()
            self.frame.loc[running.index, "state"] = states
            self.revision += 1


def _with_labels(frame: pd.DataFrame) -> pd.DataFrame:
    """Add ``label`` (id and name), and ``title`` and ``note`` of the method."""
    frame["label"] = [
        f"#{run_id} {to_single_line(name)}" for run_id, name in zip(frame["id"], frame["name"], strict=True)
    ]
    frame["title"] = [METHODS[name].title if name in METHODS else name for name in frame["method"]]
    frame["note"] = [METHODS[name].note if name in METHODS else "" for name in frame["method"]]
    frame["model"] = frame["model"].fillna("none").str.removeprefix("sentence-transformers/")
    return frame


@st.cache_resource(max_entries=4, show_spinner=False)
def _table(address: str, file: int) -> RunTable:
    return RunTable()


def table() -> RunTable:
    """Return the current table."""
    return _current()[2]


def _current() -> tuple[str, int, RunTable]:
    """Return the address of the database, the id of its store, and the current table."""
    current = cache.version()
    store = cache.store(current)
    runs = _table(current.address, id(store))
    runs.refresh(store, current)
    return current.address, id(store), runs


def all_runs_key(*_: Any, **__: Any) -> Hashable:
    """Return a cache key that changes with any run."""
    address, store, runs = _current()
    return address, store, runs.revision


def cached_by_runs(keep: int = 8) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Cache a result that is computed from the runs until any run changes."""
    return _cached_by(all_runs_key, keep)


def cached_by_dataset(keep: int = 8) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Cache a result that is computed from a data set, whose id is the first argument, until it changes."""
    return _cached_by(dataset_key, keep)


def _cached_by(key: Callable[..., Hashable], keep: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    def decorate(compute: Callable[P, R]) -> Callable[P, R]:
        @wraps(compute)
        def from_store(_: Store, *args: P.args, **kwargs: P.kwargs) -> R:
            return compute(*args, **kwargs)

        return cached(key, keep, sanitize=False)(from_store)

    return decorate


def runs_key(*args: Any, **_: Any) -> Hashable:
    """Return a cache key that changes with the runs among the arguments: run ids and lists of these."""
    address, store, runs = _current()
    items = (item for arg in args for item in (arg if isinstance(arg, list) else [arg]))
    return address, store, tuple(runs.row_versions.get(int(item)) for item in items if isinstance(item, Integral))


def dataset_key(dataset_id: int, *_: Any, **__: Any) -> Hashable:
    """Return a cache key that changes with the data set of this id."""
    address, store, runs = _current()
    return address, store, runs.fingerprints.get(dataset_id)
