"""Records that their database would not take: each goes on in a small one of its own, and is taken in later."""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.engine import RowMapping
from sqlalchemy.orm import Session

from core.data.splits import DataSet
from core.errors import RequestError, StoreError
from core.files import rename_whole
from core.store import queries
from core.store.datasets import save_dataset
from core.store.engine import Store, open_store
from core.store.records import Run, free_folder, refuse_at_work
from core.store.schema import (
    ClassBalanceRow,
    ClassMetricRow,
    DatasetRow,
    ExampleRow,
    HistoryRow,
    LogRow,
    MetricRow,
    PredictionRow,
    RunRow,
)

ROOM = 64 * 2**20
"""Bytes that have to be free where a record goes on; a place with less is taken only where there is no better."""
_LABEL = "aside.json"
_OWN = (HistoryRow, LogRow, MetricRow, ClassMetricRow)
_STAYS = {"id", "baseline_id", "dataset_id", "adapter_path", "changed_at"} | {
    *("name", "notes", "tags", "archived", "deleted_at")
}
"""Columns of a run's row that are not taken over into a row that is there already: people may have changed them."""


@dataclass(frozen=True)
class Aside:
    """A record that is kept aside: its folder, the database that it belongs to, and why it is here."""

    folder: Path
    database: str
    reason: str


def begin_aside(store: Store, columns: Mapping[str, Any], data: DataSet | None, reason: str) -> Store:
    """Make a database for one run, beside the one that can't take it or where there is room; return it.

    Its run and its data set keep their numbers. Raises `StoreError` where it can't be made anywhere.
    """
    for place in _places(store):
        folder = place / f"run-{columns['id']}-{token_hex(4)}"
        try:
            folder.mkdir(parents=True, mode=0o700)
            label = {"database": store.address, "reason": reason}
            (folder / _LABEL).write_text(json.dumps(label), encoding="utf-8")
            return _begin(folder, columns, data)
        except (OSError, StoreError):
            shutil.rmtree(folder, ignore_errors=True)
    raise StoreError(f"{reason} Nor is there any other place where its record could go on.")


def _begin(folder: Path, columns: Mapping[str, Any], data: DataSet | None) -> Store:
    store = open_store(str(folder / "runs.db"), create=True)
    if data is not None and columns.get("dataset_id") is not None:
        save_dataset(store, data, columns["dataset_id"])
    with store.writing() as session:
        session.execute(insert(RunRow), [{**columns, "baseline_id": None}])
    return store


def _places(store: Store) -> list[Path]:
    """Return where records are kept aside: beside the database, in the home folder, in the system's temporary one.

    Those with room come first.
    """
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    user = getattr(os, "getuid", lambda: "me")()
    named = [store.folder / "aside", state / "adapter-bench", Path(tempfile.gettempdir()) / f"adapter-bench-{user}"]
    return sorted(named, key=lambda one: _free(one) < ROOM)


def _free(folder: Path) -> int:
    there = next(one for one in (folder, *folder.parents) if one.exists())
    return shutil.disk_usage(there).free if os.access(there, os.W_OK) else 0


def kept_aside(store: Store) -> list[Aside]:
    """Return the records of this database that are kept aside, by any process."""
    labels = (label for place in _places(store) for label in sorted(place.glob(f"*/{_LABEL}")))
    return [one for one in map(_read, labels) if one is not None and one.database == store.address]


def is_home(store: Store, run: Run) -> bool:
    """Tell whether a database holds a run as its record tells of it; not while the record is kept aside."""
    try:
        theirs = queries.run(store, run.id)
    except RequestError:
        return False
    return (theirs.created_at, theirs.status) == (run.created_at, run.status)


def _read(label: Path) -> Aside | None:
    if hasattr(os, "getuid") and label.stat().st_uid != os.getuid():
        return None  # in a shared folder: whoever put it there is nobody to take records from
    try:
        told = json.loads(label.read_text(encoding="utf-8"))
        return Aside(label.parent, str(told["database"]), str(told["reason"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def take_in(store: Store, folder: Path) -> int:
    """Take the record in a folder into its database, with its files; return the run's number there.

    What was recorded before it went aside is kept. Until all is in, it stays where it is, and can be
    taken in again. Raises `StoreError` where the database still can't be used, `RequestError` where
    the run is still at work or its files can't be moved.
    """
    source = open_store(str(folder / "runs.db"))
    try:
        with source.session() as reading, store.writing() as session:
            theirs = reading.scalars(select(RunRow)).one()
            refuse_at_work(queries.record(theirs))
            ours = _run_into(session, reading, theirs)
            files, ours.adapter_path = theirs.adapter_path, _path_for(store, theirs, ours)
            session.flush()
            _rows_into(session, reading, theirs.id, ours.id)
            _predictions_into(session, reading, theirs.id, ours)
            taken, path = ours.id, ours.adapter_path
        if files is not None and path is not None:
            _move(folder / files, store.folder / path)
    except OSError as error:
        raise RequestError(f"The files in {folder} can't be moved to {store.folder}: {error}.") from None
    finally:
        source.engine.dispose()
    shutil.rmtree(folder)
    return taken


def _run_into(session: Session, reading: Session, theirs: RunRow) -> RunRow:
    """Return the run's own row, with all that is newer; a new one where it has none."""
    known = session.get(RunRow, theirs.id)
    columns = {column.name: getattr(theirs, column.name) for column in RunRow.__table__.columns}
    dataset_id = _dataset_into(session, reading, theirs.dataset_id)
    if known is not None and known.created_at == theirs.created_at:
        for name in columns.keys() - _STAYS:
            setattr(known, name, columns[name])
        known.dataset_id = dataset_id or known.dataset_id
        return known
    row = RunRow(**{**columns, "id": None, "dataset_id": dataset_id, "work_path": None, "adapter_path": None})
    session.add(row)
    session.flush()
    return row


def _dataset_into(session: Session, reading: Session, dataset_id: int | None) -> int | None:
    """Return the number of the same data set, which is stored where it is not there yet."""
    theirs = reading.get(DatasetRow, dataset_id) if dataset_id is not None else None
    if theirs is None:
        return None
    known = session.scalar(select(DatasetRow.id).where(DatasetRow.fingerprint == theirs.fingerprint))
    if known is not None:
        return known
    columns = {column.name: getattr(theirs, column.name) for column in DatasetRow.__table__.columns}
    row = DatasetRow(**{**columns, "id": None})
    session.add(row)
    session.flush()
    for table in (ExampleRow, ClassBalanceRow):
        wanted = [column for column in table.__table__.columns if column.name != "id"]
        found = reading.execute(select(*wanted).where(table.dataset_id == dataset_id)).mappings()
        session.execute(insert(table), [{**one, "dataset_id": row.id} for one in found])
    return row.id


def _rows_into(session: Session, reading: Session, theirs: int, ours: int) -> None:
    """Add what hangs on the run and is not there yet."""
    for table in _OWN:
        keys = [column for column in table.__table__.primary_key if column.name != "run_id"]
        known = {tuple(row) for row in session.execute(select(*keys).where(table.run_id == ours))}
        found = reading.execute(select(*table.__table__.columns).where(table.run_id == theirs)).mappings()
        missing = [{**one, "run_id": ours} for one in found if tuple(one[key.name] for key in keys) not in known]
        if missing:
            session.execute(insert(table), missing)


def _predictions_into(session: Session, reading: Session, theirs: int, ours: RunRow) -> None:
    """Add the predictions that are not there yet, each to its own example, by split and position."""
    place = (ExampleRow.split, ExampleRow.position)
    examples = session.execute(select(*place, ExampleRow.id).where(ExampleRow.dataset_id == ours.dataset_id))
    ids = {(split, position): one for split, position, one in examples}
    known = set(session.scalars(select(PredictionRow.example_id).where(PredictionRow.run_id == ours.id)))
    found = reading.execute(
        select(*PredictionRow.__table__.columns, *place)
        .join(ExampleRow, ExampleRow.id == PredictionRow.example_id)
        .where(PredictionRow.run_id == theirs)
    ).mappings()
    rows = [_prediction(row, ours.id, ids[row["split"], row["position"]]) for row in found]
    missing = [row for row in rows if row["example_id"] not in known]
    if missing:
        session.execute(insert(PredictionRow), missing)


def _prediction(row: RowMapping, run_id: int, example_id: int) -> dict[str, Any]:
    own = {name: value for name, value in row.items() if name not in ("split", "position")}
    return {**own, "run_id": run_id, "example_id": example_id}


def _path_for(store: Store, theirs: RunRow, ours: RunRow) -> str | None:
    """Return where the run's files are to lie; where an earlier try chose that already, there."""
    if theirs.adapter_path is None or ours.adapter_path is not None:
        return ours.adapter_path
    name = Path(theirs.adapter_path).name.partition("-")[2]
    return free_folder(store.folder, ours.id, name).relative_to(store.folder).as_posix()


def _move(files: Path, target: Path) -> None:
    """Move a folder, onto another disk too: it is whole there, or not there."""
    if target.exists():
        return  # an earlier try came so far
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".taking-in-") as near:
        copied = Path(shutil.copytree(files, Path(near) / "copy"))
        rename_whole(copied, target)
