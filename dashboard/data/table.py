"""All runs as one table that is read once; afterwards only what is new or has changed is fetched."""

from collections.abc import Hashable
from numbers import Integral
from threading import Lock
from typing import Any

import pandas as pd
import streamlit as st

from core.catalog.methods import METHODS
from core.store import queries
from core.store.engine import Store
from core.store.records import derive_state
from core.text.sanitize import to_single_line
from dashboard.data import cache
from dashboard.data.cache import Version
from dashboard.data.sanitize_records import sanitize_record


class RunTable:
    """The runs of one database, those in the archive and in the trash too, as of the last `refresh`.

    ``revision`` moves whenever anything in it does; ``marks`` are those of `queries.row_versions`.
    """

    def __init__(self) -> None:
        self.revision = 0
        self.marks: dict[int, Any] = {}
        self.fingerprints: dict[int, str] = {}
        self.frame = pd.DataFrame()
        self._seen: Version | None = None
        self._lock = Lock()

    def refresh(self, store: Store, current: Version) -> None:
        """Fetch what has changed since the last time."""
        with self._lock:
            if current != self._seen:
                self._fetch(store)
                self._seen = current
            self._notice_the_silent()

    def _fetch(self, store: Store) -> None:
        marks, sets = queries.row_versions(store), queries.datasets(store)
        fingerprints = dict(zip(sets["id"], sets["fingerprint"], strict=True))
        changed = [run_id for run_id, mark in marks.items() if self.marks.get(run_id) != mark]
        if self.revision and not changed and len(marks) == len(self.marks) and fingerprints == self.fingerprints:
            return
        kept = self.frame
        if len(kept):
            kept = kept[kept["id"].isin(marks.keys() - set(changed))]
        # An empty part would turn columns of numbers into columns of objects.
        parts = [
            part for part in (kept, _described(sanitize_record(queries.runs(store, changed, trash=True)))) if len(part)
        ]
        frame = pd.concat(parts).sort_values("id", ignore_index=True) if parts else _described(queries.runs(store, []))
        first_of = sets.groupby("evaluation_fingerprint")["id"].transform("first")
        frame["test_set"] = frame["dataset_id"].map(dict(zip(sets["id"], first_of, strict=True)))
        self.frame, self.marks, self.fingerprints = frame, marks, fingerprints
        self.revision += 1

    def _notice_the_silent(self) -> None:
        """A run whose process is gone reads as crashed, though nothing was written."""
        at_work = self.frame["state"] == "running" if len(self.frame) else pd.Series(dtype=bool)
        if not at_work.any():
            return
        running = self.frame[at_work]
        signs = running[["status", "heartbeat_at", "host", "pid"]]
        now = [derive_state(*row) for row in signs.itertuples(index=False, name=None)]
        if "crashed" in now:
            self.frame = self.frame.copy()
            self.frame.loc[running.index, "state"] = now
            self.revision += 1


def _described(frame: pd.DataFrame) -> pd.DataFrame:
    """Add what the screens say of runs: ``label`` (number and name), ``title`` and ``note`` of the method."""
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
    """Return the table as of now."""
    current, store = cache.version(), cache.store()
    found = _table(current.address, id(store))
    found.refresh(store, current)
    return found


def any_run(*_: Any, **__: Any) -> Hashable:
    """Return a key that changes with any run."""
    return cache.version().address, id(cache.store()), table().revision


def these_runs(*run_ids: Any, **_: Any) -> Hashable:
    """Return a key that changes with these runs alone; other arguments than numbers of runs are passed over."""
    marks = table().marks
    wanted = (one for argument in run_ids for one in (argument if isinstance(argument, list) else [argument]))
    return (
        cache.version().address,
        id(cache.store()),
        tuple(marks.get(int(one)) for one in wanted if isinstance(one, Integral)),
    )


def this_dataset(dataset_id: int, *_: Any, **__: Any) -> Hashable:
    """Return a key that changes where the data set of this number is another one."""
    return cache.version().address, id(cache.store()), table().fingerprints.get(dataset_id)
