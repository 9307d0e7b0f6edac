"""Merge a fallback database back into the database that it belongs to."""

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.errors import RequestError
from core.store import queries
from core.store.engine import Store, open_store
from core.store.fallback.location import list_fallbacks, read_metadata, write_metadata
from core.store.queries.run_queries import run_from_row
from core.store.records import CLOSED, Run, require_not_running, resolve_adapter_path
from core.store.run_copy import (
    choose_adapter_path,
    choose_work_path,
    column_values,
    copy_dataset,
    copy_folder,
    copy_run_rows,
)
from core.store.schema import RunRow

_KEPT_COLUMNS = {"id", "baseline_id", "parent_id", "dataset_id", "adapter_path", "work_path", "changed_at"} | {
    *("name", "notes", "tags", "archived", "deleted_at")
}
"""Columns of an existing row that are not overwritten: assigned by the import, or edited by people meanwhile."""


@dataclass(frozen=True)
class _ImportedRows:
    """A run whose rows were imported.

    ``folders``: source path, relative to the fallback folder, by target path, relative to the database's folder.
    ``leftover_work``: path of the work folder that the run left in the database's folder when it switched.
    """

    run_id: int
    folders: dict[str, str] = field(default_factory=dict)
    leftover_work: str | None = None


def is_recorded(store: Store, run: Run) -> bool:
    """Return whether a database contains the whole run with the same status; False while its import is pending."""
    try:
        recorded = queries.run(store, run.id)
    except RequestError:
        return False
    # An import copies rows first, then files.
    is_import_pending = run.id in {fallback.imported_as for fallback in list_fallbacks(store)}
    return not is_import_pending and (recorded.created_at, recorded.status) == (run.created_at, run.status)


def import_fallback(store: Store, folder: Path) -> int:
    """Import the run of a fallback database, with its files; return the run's id.

    Rows from before the switch are kept. The fallback database remains until `discard_fallback` and can be
    imported again without duplicates. Raises `StoreError` if the database still cannot be used, and
    `RequestError` if the run is still running or its files cannot be copied.
    """
    source = _open(folder)
    try:
        imported = _import_rows(store, source, folder)
        for target_path, source_path in imported.folders.items():
            target = store.folder / target_path
            if not target.exists() and (folder / source_path).exists():  # else an earlier import copied it
                copy_folder(folder / source_path, target)
        if imported.leftover_work is not None:
            _delete_leftover_work(store, imported.run_id, imported.leftover_work)
    except OSError as error:
        raise RequestError(
            f"The files in {folder} cannot be copied to {store.folder}: {error}.", code="copy_failed"
        ) from None
    finally:
        source.engine.dispose()
    return imported.run_id


def _open(folder: Path) -> Store:
    try:
        return open_store(str(folder / "runs.db"))
    except RequestError as error:
        raise RequestError(
            f"The fallback database in {folder} cannot be read: {error}", code="unreadable_fallback"
        ) from None


def _import_rows(store: Store, source: Store, folder: Path) -> _ImportedRows:
    with source.read_session() as reading, store.write_session() as session:
        source_run = reading.scalars(select(RunRow)).first()
        metadata = read_metadata(folder)  # under the write lock: another process may have imported it meanwhile
        if source_run is None or metadata is None:
            raise RequestError(f"There is no longer a fallback database in {folder}.", code="no_fallback")
        require_not_running(run_from_row(source_run))
        run = _merge_run(session, reading, source_run, metadata.imported_as)
        if _was_resumed_since(run, source_run):
            return _ImportedRows(run.id)
        leftover_work = run.work_path if source_run.status in CLOSED else None
        folders = _assign_folders(store, source_run, run)
        session.flush()
        write_metadata(replace(metadata, imported_as=run.id))
        copy_run_rows(session, reading, source_run.id, run)
        return _ImportedRows(run.id, folders, leftover_work)


def _merge_run(session: Session, reading: Session, source_run: RunRow, imported_as: int | None) -> RunRow:
    """Return the run's row, updated from the fallback database; a new row if it has none."""
    dataset_id = copy_dataset(session, reading, source_run.dataset_id)
    row = session.get(RunRow, imported_as or source_run.id)
    if row is not None and row.created_at == source_run.created_at:
        if not _was_resumed_since(row, source_run):
            for name, value in column_values(source_run, without=_KEPT_COLUMNS).items():
                setattr(row, name, value)
            row.dataset_id = dataset_id or row.dataset_id
        return row
    columns = column_values(source_run, without={"id", "work_path", "adapter_path"})
    row = RunRow(**{**columns, "dataset_id": dataset_id})
    session.add(row)
    session.flush()
    return row


def _was_resumed_since(row: RunRow, source_run: RunRow) -> bool:
    """Return whether the run was resumed in its database after the switch, so that the rows there are newer."""
    return int(row.environment.get("resumed", 0)) > int(source_run.environment.get("resumed", 0))


def _assign_folders(store: Store, source_run: RunRow, run: RunRow) -> dict[str, str]:
    """Set the paths of the run's files in its row, unless an earlier import did; return source path by target path."""
    folders = {}
    if source_run.adapter_path is not None:
        if run.adapter_path is None:
            run.adapter_path = choose_adapter_path(store.folder, run.id, source_run.adapter_path)
        folders[run.adapter_path] = source_run.adapter_path
    if source_run.work_path is not None:
        run.work_path = choose_work_path(run.id, source_run.work_path)
        folders[run.work_path] = source_run.work_path
    return folders


def _delete_leftover_work(store: Store, run_id: int, work_path: str) -> None:
    """Delete the work folder that a complete run left when it switched to its fallback database."""
    folder = resolve_adapter_path(store.folder, work_path)
    if folder is not None and folder.exists():
        shutil.rmtree(folder)
    with store.write_session() as session:
        session.execute(update(RunRow).where(RunRow.id == run_id).values(work_path=None))
