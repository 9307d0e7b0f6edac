"""Read data sets and their examples."""

from dataclasses import fields

import pandas as pd
from sqlalchemy import func, select

from core.errors import RequestError
from core.store.engine import Store
from core.store.queries.reading import check_json_types, read_frame, reporting_unreadable_values
from core.store.records import Dataset
from core.store.schema import ClassBalanceRow, DatasetRow, ExampleRow, RunRow


def dataset(store: Store, dataset_id: int) -> Dataset:
    """Return one data set. Raises `RequestError` for an unknown id."""
    with reporting_unreadable_values(store), store.read_session() as session:
        row = session.get(DatasetRow, dataset_id)
        if row is None:
            raise RequestError(f"There is no data set {dataset_id}.", code="no_dataset")
        record = Dataset(**{field.name: getattr(row, field.name) for field in fields(Dataset)})
        check_json_types(f"Data set {dataset_id}", {"labels": record.labels}, list)
        check_json_types(f"Data set {dataset_id}", {"checks": record.checks}, dict)
        return record


def datasets(store: Store) -> pd.DataFrame:
    """Return one row per data set: id, name, labels, fingerprints, and its numbers of runs and test examples."""
    run_counts = select(RunRow.dataset_id, func.count().label("runs")).group_by(RunRow.dataset_id).subquery()
    test_sizes = (
        select(ClassBalanceRow.dataset_id, func.sum(ClassBalanceRow.count).label("test_examples"))
        .where(ClassBalanceRow.split == "test")
        .group_by(ClassBalanceRow.dataset_id)
        .subquery()
    )
    query = (
        select(
            DatasetRow.id,
            DatasetRow.name,
            DatasetRow.labels,
            DatasetRow.fingerprint,
            DatasetRow.evaluation_fingerprint,
            func.coalesce(run_counts.c.runs, 0).label("runs"),
            test_sizes.c.test_examples,
        )
        .outerjoin(run_counts, run_counts.c.dataset_id == DatasetRow.id)
        .outerjoin(test_sizes, test_sizes.c.dataset_id == DatasetRow.id)
        .order_by(DatasetRow.id)
    )
    return read_frame(store, query)


def class_balance(store: Store, dataset_id: int) -> pd.DataFrame:
    """Return split, label, count and share."""
    return read_frame(store, select(*ClassBalanceRow.__table__.columns).where(ClassBalanceRow.dataset_id == dataset_id))


def examples(store: Store, dataset_id: int, split: str | None = None) -> pd.DataFrame:
    """Return id, split, position, text, label and extra, in the order of the split."""
    query = select(*ExampleRow.__table__.columns).where(ExampleRow.dataset_id == dataset_id)
    if split is not None:
        query = query.where(ExampleRow.split == split)
    return read_frame(store, query.order_by(ExampleRow.split, ExampleRow.position))


def example_text(store: Store, example_id: int) -> str | None:
    """Return the text of one example; None for an unknown id."""
    with reporting_unreadable_values(store), store.read_session() as session:
        return session.scalar(select(ExampleRow.text).where(ExampleRow.id == example_id))
