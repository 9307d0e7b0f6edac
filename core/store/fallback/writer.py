"""Record a run in a fallback database if its own database refuses a write."""

import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeVar

from sqlalchemy import insert
from sqlalchemy.orm import Session

from core.data.splits import DataSet
from core.errors import StoreError
from core.store.datasets import save_dataset
from core.store.engine import Store, open_store
from core.store.fallback.location import Fallback, candidate_folders, database_name, write_metadata
from core.store.run_storage import RunStorage
from core.store.schema import RunRow

T = TypeVar("T")


class ResilientRunStorage(RunStorage):
    """The storage of a run in progress; it switches to a fallback database when a write is refused."""

    def __init__(self, store: Store, run_id: int, columns: Mapping[str, Any], next_line: int = 1) -> None:
        super().__init__(store, run_id, columns, next_line)
        self._requested_store = store
        self._data: DataSet | None = None

    @property
    def requested_store(self) -> Store:
        """The database that the run belongs to."""
        return self._requested_store

    @property
    def stores(self) -> tuple[Store, ...]:
        """The databases that contain a row of the run: the requested one first, then the fallback database."""
        return (self._requested_store, self.store) if self._is_switched() else (self.store,)

    def _is_switched(self) -> bool:
        return self.store is not self._requested_store

    def write(self, action: Callable[[Session], Any]) -> None:
        """Execute an action in one write transaction, in the fallback database if the requested one refuses it."""
        self._execute(partial(super().write, action))

    def save_dataset(self, data: DataSet) -> int:
        """Store a data set unless it is stored already; return its id."""
        self._data = data
        return self._execute(partial(super().save_dataset, data))

    def _execute(self, operation: Callable[[], T]) -> T:
        try:
            return operation()
        except StoreError as error:
            if self._is_switched():
                raise
            self.switch_to_fallback(str(error))
            return operation()

    def switch_to_fallback(self, reason: str) -> None:
        """Continue in a fallback database. Raises `StoreError` if it is in one already, or none can be created."""
        if self._is_switched():
            raise StoreError(reason)
        self.store = open_fallback(self._requested_store, {**self.columns, "id": self.run_id}, self._data, reason)
        self.append_log(f"{reason} Recording continues in {self.store.address}.")


def begin_run(store: Store, columns: Mapping[str, Any]) -> ResilientRunStorage:
    """Insert the row of a new run; if ``store`` refuses it, in a fallback database as run 1."""
    try:
        with store.write_session() as session:
            row = RunRow(**columns)
            session.add(row)
            session.flush()
            run_id = row.id
        return ResilientRunStorage(store, run_id, columns)
    except StoreError as error:
        storage = ResilientRunStorage(store, 1, columns)
        storage.switch_to_fallback(str(error))
        return storage


def open_fallback(store: Store, columns: Mapping[str, Any], data: DataSet | None, reason: str) -> Store:
    """Create a fallback database for one run, in the first of `candidate_folders` that works; return it.

    The run and its data set keep their ids. Raises `StoreError` if it cannot be created in any of them.
    """
    for parent in candidate_folders(store):
        folder = parent / f"run-{columns['id']}-{token_hex(4)}"
        try:
            folder.mkdir(parents=True, mode=0o700)
            fallback = _create(folder, columns, data)
            write_metadata(Fallback(folder, database_name(store), reason))  # last: a folder without it is ignored
            return fallback
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if not isinstance(error, OSError | StoreError):
                raise
    raise StoreError(f"{reason} No fallback database can be created either.")


def _create(folder: Path, columns: Mapping[str, Any], data: DataSet | None) -> Store:
    dataset_id = columns.get("dataset_id") if data is not None else None
    store = open_store(str(folder / "runs.db"), create=True)
    if data is not None and dataset_id is not None:
        save_dataset(store, data, dataset_id)
    with store.write_session() as session:
        session.execute(insert(RunRow), [{**columns, "baseline_id": None, "parent_id": None, "dataset_id": dataset_id}])
    return store
