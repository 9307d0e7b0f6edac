"""Records that their database would not take: each goes on in a small one of its own, and is taken in later."""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.orm import Session

from core.data.splits import DataSet
from core.errors import RequestError, StoreError
from core.store import queries
from core.store.datasets import save_dataset
from core.store.engine import Store, open_store
from core.store.records import WORK_PREFIX, Run, require_not_running, resolve_adapter_path, unused_adapter_folder
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
from core.system.files import publish_atomically, write_atomically

ROOM = 64 * 2**20
"""Bytes that have to be free where a record goes on; a place with less is taken only where there is no better."""
_LABEL = "aside.json"
_OWN = (HistoryRow, LogRow, MetricRow, ClassMetricRow)
_STAYS = {"id", "baseline_id", "dataset_id", "adapter_path", "work_path", "changed_at"} | {
    *("name", "notes", "tags", "archived", "deleted_at")
}
"""Columns of a run's row that are not taken over into a row that is there already: people may have changed them."""


@dataclass(frozen=True)
class FallbackRecord:
    """A record that is kept aside: its folder, the database that it belongs to, and why it is here.

    ``taken``: the number that its run was given there by a try to take it in, which may have been cut short.
    """

    folder: Path
    database: str
    reason: str
    taken: int | None = None


def open_fallback(store: Store, columns: Mapping[str, Any], data: DataSet | None, reason: str) -> Store:
    """Make a database for one run, beside the one that can't take it or where there is room; return it.

    Its run and its data set keep their numbers. Raises `StoreError` where it can't be made anywhere.
    """
    for place in _places(store):
        folder = place / f"run-{columns['id']}-{token_hex(4)}"
        try:
            folder.mkdir(parents=True, mode=0o700)
            begun = _begin(folder, columns, data)
            _label(FallbackRecord(folder, _name_of(store), reason))  # last: what has no label is nobody's record yet
            return begun
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if not isinstance(error, OSError | StoreError):
                raise
    raise StoreError(f"{reason} Nor is there any other place where its record could go on.")


def _begin(folder: Path, columns: Mapping[str, Any], data: DataSet | None) -> Store:
    known = columns.get("dataset_id") if data is not None else None
    store = open_store(str(folder / "runs.db"), create=True)
    if data is not None and known is not None:
        save_dataset(store, data, known)
    with store.write_session() as session:
        session.execute(insert(RunRow), [{**columns, "baseline_id": None, "dataset_id": known}])
    return store


def _name_of(store: Store) -> str:
    """Return what a database is known by, whoever opens it from wherever."""
    url = store.engine.url
    where = f"{url.host or url.query.get('host') or 'localhost'}:{url.port or url.query.get('port') or ''}"
    return store.address if url.get_backend_name() == "sqlite" else f"{url.get_backend_name()}://{where}/{url.database}"


def _label(aside: FallbackRecord) -> None:
    told = {"database": aside.database, "reason": aside.reason, "taken": aside.taken}
    write_atomically(aside.folder / _LABEL, json.dumps(told))


def _places(store: Store) -> list[Path]:
    """Return where records are kept aside: beside the database, in the home folder, in the system's temporary one.

    Those with room come first. Beside a server's database nobody would look.
    """
    user = getattr(os, "getuid", lambda: "me")()
    named = [Path(tempfile.gettempdir()) / f"adapter-bench-{user}"]
    with suppress(RuntimeError):  # nobody's home
        state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
        named.insert(0, state / "adapter-bench")
    if store.engine.dialect.name == "sqlite":
        named.insert(0, store.folder / "aside")
    return sorted(named, key=lambda one: _free(one) < ROOM)


def _free(folder: Path) -> int:
    try:
        there = next(one for one in (folder, *folder.parents) if one.exists())
        return shutil.disk_usage(there).free if os.access(there, os.W_OK) else 0
    except OSError:  # somebody else's home
        return 0


def list_fallbacks(store: Store) -> list[FallbackRecord]:
    """Return the records of this database that are kept aside, by any process."""
    found = (_read(folder) for place in _places(store) for folder in _folders(place))
    return [one for one in found if one is not None and one.database == _name_of(store)]


def _folders(place: Path) -> list[Path]:
    try:
        return sorted(place.iterdir())
    except OSError:  # it is not there, or somebody else's
        return []


def is_recorded(store: Store, run: Run) -> bool:
    """Tell whether a database holds a run as its record tells of it; not while the record is kept aside."""
    try:
        theirs = queries.run(store, run.id)
    except RequestError:
        return False
    whole = run.id not in {one.taken for one in list_fallbacks(store)}  # its rows may be here, and its files not yet
    return whole and (theirs.created_at, theirs.status) == (run.created_at, run.status)


def _read(folder: Path) -> FallbackRecord | None:
    label = folder / _LABEL
    try:
        if hasattr(os, "getuid") and label.stat().st_uid != os.getuid():
            return None  # in a shared folder: whoever put it there is nobody to take records from
        told = json.loads(label.read_text(encoding="utf-8"))
        return FallbackRecord(folder, str(told["database"]), str(told["reason"]), told.get("taken"))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def import_fallback(store: Store, folder: Path) -> int:
    """Take the record in a folder into its database, with its files; return the run's number there.

    What was recorded before it went aside is kept. It stays where it is until `discard_fallback`, and can be
    taken in again: nothing is there twice. Raises `StoreError` where the database still can't be
    used, `RequestError` where the run is still at work or its files can't be moved.
    """
    source = _opened(folder)
    try:
        with source.read_session() as reading, store.write_session() as session:
            theirs = reading.scalars(select(RunRow)).first()
            label = _read(folder)  # only now: another process may have taken it in while we waited
            if theirs is None or label is None:
                raise RequestError(f"There is no record in {folder} any more.")
            require_not_running(queries.run_from_row(theirs))
            ours = _run_into(session, reading, theirs, label.taken)
            if _went_on(ours, theirs):
                return ours.id
            left = ours.work_path if theirs.status == "complete" else None
            moves = _moves(store, theirs, ours)
            session.flush()
            _label(replace(label, taken=ours.id))
            _rows_into(session, reading, theirs.id, ours.id)
            _predictions_into(session, reading, theirs.id, ours)
            taken = ours.id
        for ours_path, theirs_path in moves.items():
            _move(folder / theirs_path, store.folder / ours_path)
        if left is not None:
            _clear(store, taken, left)
    except OSError as error:
        raise RequestError(f"The files in {folder} can't be moved to {store.folder}: {error}.") from None
    finally:
        source.engine.dispose()
    return taken


def _opened(folder: Path) -> Store:
    try:
        return open_store(str(folder / "runs.db"))
    except RequestError as error:
        raise RequestError(f"The record in {folder} can't be read: {error}") from None


def discard_fallback(folder: Path) -> None:
    """Take away a record that is in its database. Raises `RequestError` where that can't be done."""
    try:
        (folder / _LABEL).unlink()  # first: what has no label is nobody's record any more
        shutil.rmtree(folder)
        with suppress(OSError):  # others may be in it
            folder.parent.rmdir()
    except FileNotFoundError:  # another process was quicker
        return
    except OSError as error:
        raise RequestError(f"{folder} was taken in; it can be deleted, but not from here: {error}.") from None


def _run_into(session: Session, reading: Session, theirs: RunRow, taken: int | None) -> RunRow:
    """Return the run's own row, with all that is newer; a new one where it has none."""
    known = session.get(RunRow, taken or theirs.id)
    columns = {column.name: getattr(theirs, column.name) for column in RunRow.__table__.columns}
    dataset_id = _dataset_into(session, reading, theirs.dataset_id)
    if known is not None and known.created_at == theirs.created_at:
        if not _went_on(known, theirs):
            for name in columns.keys() - _STAYS:
                setattr(known, name, columns[name])
            known.dataset_id = dataset_id or known.dataset_id
        return known
    row = RunRow(**{**columns, "id": None, "dataset_id": dataset_id, "work_path": None, "adapter_path": None})
    session.add(row)
    session.flush()
    return row


def _went_on(ours: RunRow, theirs: RunRow) -> bool:
    """Tell whether a run was taken up again since its record went aside: what is there is newer then."""
    return int(ours.environment.get("resumed", 0)) > int(theirs.environment.get("resumed", 0))


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


def _moves(store: Store, theirs: RunRow, ours: RunRow) -> dict[str, str]:
    """Let the row name where the run's files are to lie; return from where they come to each place.

    Where an earlier try chose a place already, it stays.
    """
    moves = {}
    if theirs.adapter_path is not None:
        if ours.adapter_path is None:
            name = Path(theirs.adapter_path).name.partition("-")[2]
            ours.adapter_path = unused_adapter_folder(store.folder, ours.id, name).relative_to(store.folder).as_posix()
        moves[ours.adapter_path] = theirs.adapter_path
    if theirs.work_path is not None:
        ours.work_path = f"adapters/{WORK_PREFIX}{ours.id}-{theirs.work_path.rpartition('-')[2]}"
        moves[ours.work_path] = theirs.work_path
    return moves


def _clear(store: Store, run_id: int, work_path: str) -> None:
    """Take away the unfinished work that a run, which is whole now, left behind when it went aside."""
    work = resolve_adapter_path(store.folder, work_path)
    if work is not None and work.exists():
        shutil.rmtree(work)
    with store.write_session() as session:
        session.execute(update(RunRow).where(RunRow.id == run_id).values(work_path=None))


def _move(files: Path, target: Path) -> None:
    """Move a folder, onto another disk too: it is whole there, or not there."""
    if target.exists() or not files.exists():
        return  # an earlier try came so far, or it never left
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".taking-in-") as near:
        copied = Path(shutil.copytree(files, Path(near) / "copy"))
        publish_atomically(copied, target)
