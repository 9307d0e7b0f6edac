"""Copy a run between two databases: its rows, its data set and its files."""

import shutil
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.engine import RowMapping
from sqlalchemy.orm import Session

from core.store.records import WORK_PREFIX, unused_adapter_folder
from core.store.schema import (
    Base,
    ClassBalanceRow,
    ClassMetricRow,
    DatasetRow,
    ExampleRow,
    HistoryRow,
    LogRow,
    MetricRow,
    PredictionRow,
    RecheckRow,
    RunRow,
)
from core.system.files import publish_atomically

_TABLES_OF_RUN = (HistoryRow, LogRow, MetricRow, ClassMetricRow)
"""The tables whose primary key contains the run's id, without predictions, which also refer to examples."""


def column_values(row: Base, *, without: Collection[str] = ()) -> dict[str, Any]:
    """Return a row's values by column name."""
    return {column.name: getattr(row, column.name) for column in row.__table__.columns if column.name not in without}


def copy_dataset(target: Session, source: Session, dataset_id: int | None) -> int | None:
    """Return the id in ``target`` of a data set of ``source``, identified by fingerprint; copy it if it is missing."""
    source_row = source.get(DatasetRow, dataset_id) if dataset_id is not None else None
    if source_row is None:
        return None
    existing = target.scalar(select(DatasetRow.id).where(DatasetRow.fingerprint == source_row.fingerprint))
    if existing is not None:
        return existing
    row = DatasetRow(**column_values(source_row, without={"id"}))
    target.add(row)
    target.flush()
    for table in (ExampleRow, ClassBalanceRow):
        columns = [column for column in table.__table__.columns if column.name != "id"]
        source_rows = source.execute(select(*columns).where(table.dataset_id == dataset_id)).mappings()
        target.execute(insert(table), [{**values, "dataset_id": row.id} for values in source_rows])
    return row.id


def copy_run_rows(target: Session, source: Session, source_id: int, run: RunRow) -> None:
    """Copy history, log, metrics and predictions of a run; existing rows of ``target`` are kept."""
    for table in _TABLES_OF_RUN:
        key = [column for column in table.__table__.primary_key if column.name != "run_id"]
        existing = {tuple(row) for row in target.execute(select(*key).where(table.run_id == run.id))}
        source_rows = source.execute(select(*table.__table__.columns).where(table.run_id == source_id)).mappings()
        missing = [
            {**values, "run_id": run.id}
            for values in source_rows
            if tuple(values[column.name] for column in key) not in existing
        ]
        if missing:
            target.execute(insert(table), missing)
    _copy_predictions(target, source, source_id, run)


def _copy_predictions(target: Session, source: Session, source_id: int, run: RunRow) -> None:
    """Copy predictions, matching their examples by split and position."""
    position = (ExampleRow.split, ExampleRow.position)
    examples = target.execute(select(*position, ExampleRow.id).where(ExampleRow.dataset_id == run.dataset_id))
    example_ids = {(split, position): example_id for split, position, example_id in examples}
    existing = set(target.scalars(select(PredictionRow.example_id).where(PredictionRow.run_id == run.id)))
    source_rows = source.execute(
        select(*PredictionRow.__table__.columns, *position)
        .join(ExampleRow, ExampleRow.id == PredictionRow.example_id)
        .where(PredictionRow.run_id == source_id)
    ).mappings()
    rows = [_prediction_row(values, run.id, example_ids[values["split"], values["position"]]) for values in source_rows]
    missing = [row for row in rows if row["example_id"] not in existing]
    if missing:
        target.execute(insert(PredictionRow), missing)


def _prediction_row(values: RowMapping, run_id: int, example_id: int) -> dict[str, Any]:
    columns = {name: value for name, value in values.items() if name not in ("split", "position")}
    return {**columns, "run_id": run_id, "example_id": example_id}


def copy_rechecks(target: Session, source: Session, source_id: int, run_id: int) -> None:
    """Copy the rechecks of a run; ``target`` must not have any of them yet."""
    columns = [column for column in RecheckRow.__table__.columns if column.name != "id"]
    query = select(*columns).where(RecheckRow.run_id == source_id).order_by(RecheckRow.id)
    rows = [{**values, "run_id": run_id} for values in source.execute(query).mappings()]
    if rows:
        target.execute(insert(RecheckRow), rows)


def choose_adapter_path(store_folder: Path, run_id: int, source_path: str) -> str:
    """Return the path to store for a copied adapter folder: ``3-lora-r8`` becomes ``adapters/12-lora-r8``."""
    name = Path(source_path).name.partition("-")[2] or "adapter"
    return unused_adapter_folder(store_folder, run_id, name).relative_to(store_folder).as_posix()


def choose_work_path(run_id: int, source_path: str) -> str:
    """Return the path to store for a copied work folder; its random part stays."""
    return f"adapters/{WORK_PREFIX}{run_id}-{Path(source_path).name.rpartition('-')[2]}"


def copy_folder(source: Path, target: Path) -> None:
    """Copy a folder atomically, also between disks. Raises `OSError`."""
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".importing-") as staging:
        copy = Path(shutil.copytree(source, Path(staging) / "copy"))
        publish_atomically(copy, target)
