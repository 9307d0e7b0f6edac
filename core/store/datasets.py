"""Store a data set with its examples and class balance."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from core.data.splits import DataSet, Split
from core.store.engine import Store
from core.store.schema import ClassBalanceRow, DatasetRow, ExampleRow


def save_dataset(store: Store, data: DataSet, dataset_id: int | None = None) -> int:
    """Store a data set unless one with its fingerprint exists; return its id.

    ``dataset_id``: the id that a new row gets; None for the next unused id.
    """
    query = select(DatasetRow.id).where(DatasetRow.fingerprint == data.fingerprint)
    with store.read_session() as session:
        existing_id = session.scalar(query)
    if existing_id is not None:
        return existing_id
    row = _dataset_row(data, dataset_id)  # the checks are slow: compute them before taking the write lock
    with store.write_session() as session:
        existing_id = session.scalar(query)  # another process may have stored it since
        return _insert(session, row, data) if existing_id is None else existing_id


def _dataset_row(data: DataSet, dataset_id: int | None) -> DatasetRow:
    return DatasetRow(
        id=dataset_id,
        name=data.name,
        source=data.source,
        revision=data.revision,
        fingerprint=data.fingerprint,
        evaluation_fingerprint=data.evaluation_fingerprint,
        text_column=data.text_column,
        label_column=data.label_column,
        labels=list(data.labels),
        checks=data.checks,
    )


def _insert(session: Session, row: DatasetRow, data: DataSet) -> int:
    session.add(row)
    session.flush()
    for name, split in data.splits.items():
        session.execute(insert(ExampleRow), list(_example_rows(row.id, name, split, data.labels)))
        session.execute(insert(ClassBalanceRow), list(_balance_rows(row.id, name, split, data.labels)))
    return row.id


def _example_rows(dataset_id: int, name: str, split: Split, labels: Sequence[str]) -> Iterable[dict[str, Any]]:
    for position, (text, code, extra) in enumerate(zip(split.texts, split.labels, split.extra, strict=True)):
        yield {
            "dataset_id": dataset_id,
            "split": name,
            "position": position,
            "text": text,
            "label": labels[code],
            "extra": extra,
        }


def _balance_rows(dataset_id: int, name: str, split: Split, labels: Sequence[str]) -> Iterable[dict[str, Any]]:
    counts = np.bincount(split.labels, minlength=len(labels))
    for label, count in zip(labels, counts, strict=True):
        yield {
            "dataset_id": dataset_id,
            "split": name,
            "label": label,
            "count": int(count),
            "share": float(count / len(split)),
        }
