"""All reads."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import Select, func, select
from sqlalchemy.orm import aliased

from core.errors import RequestError
from core.store.engine import Store
from core.store.records import Dataset, Run, state
from core.store.schema import (
    ClassBalanceRow,
    ClassMetricRow,
    DatasetRow,
    ExampleRow,
    HistoryRow,
    MetricRow,
    PredictionRow,
    RecheckRow,
    RunRow,
)

OVER_BASELINE = "macro_f1_over_baseline"
"""The metric that holds an adapter's macro F1 minus that of the baseline it is linked to."""
OVER_BASELINE_P = f"{OVER_BASELINE}_p"
HEADLINE = ("accuracy", "macro_f1", OVER_BASELINE, OVER_BASELINE_P)
_HEAVY = {"config", "environment", "traceback"}  # not needed to list runs


def _frame(store: Store, query: Select[*tuple[Any, ...]]) -> pd.DataFrame:
    with store.engine.connect() as connection:
        result = connection.execute(query)
        return pd.DataFrame(result.all(), columns=list(result.keys()))


def runs(store: Store, dataset_id: int | None = None) -> pd.DataFrame:
    """Return a row a run, oldest first: its columns, `state`, ``dataset``, and the headline metrics.

    A metric comes as three columns, such as ``macro_f1``, ``macro_f1_low`` and ``macro_f1_high``.
    """
    columns = [column for column in RunRow.__table__.columns if column.name not in _HEAVY]
    query = select(*columns, DatasetRow.name.label("dataset")).outerjoin(DatasetRow, DatasetRow.id == RunRow.dataset_id)
    for name in HEADLINE:
        metric = aliased(MetricRow)
        query = query.outerjoin(
            metric, (metric.run_id == RunRow.id) & (metric.split == "test") & (metric.name == name)
        ).add_columns(metric.value.label(name), metric.low.label(f"{name}_low"), metric.high.label(f"{name}_high"))
    if dataset_id is not None:
        query = query.where(RunRow.dataset_id == dataset_id)
    frame = _frame(store, query.order_by(RunRow.id))
    frame["state"] = [state(row.status, row.heartbeat_at) for row in frame.itertuples()]
    return frame


def run(store: Store, run_id: int) -> Run:
    """Return one run. Raises `RequestError` where there is none of that number."""
    with store.session() as session:
        row = session.get(RunRow, run_id)
        if row is None:
            newest = session.scalar(select(func.max(RunRow.id)))
            range_ = f"The newest is {newest}." if newest else "There are none yet."
            raise RequestError(f"There is no run {run_id}. {range_} See: python runner.py list")
        return _record(row)


def _record(row: RunRow) -> Run:
    return Run(**{field.name: getattr(row, field.name) for field in fields(Run)})


def dataset(store: Store, dataset_id: int) -> Dataset:
    """Return one data set. Raises `RequestError` where there is none of that number."""
    with store.session() as session:
        row = session.get(DatasetRow, dataset_id)
        if row is None:
            raise RequestError(f"There is no data set {dataset_id}.")
        return Dataset(**{field.name: getattr(row, field.name) for field in fields(Dataset)})


def datasets(store: Store) -> pd.DataFrame:
    """Return a row a data set: id, name, labels, evaluation_fingerprint, number of runs and test examples."""
    of_runs = select(RunRow.dataset_id, func.count().label("runs")).group_by(RunRow.dataset_id).subquery()
    of_test = (
        select(ClassBalanceRow.dataset_id, func.sum(ClassBalanceRow.count).label("test_examples"))
        .where(ClassBalanceRow.split == "test")
        .group_by(ClassBalanceRow.dataset_id)
        .subquery()
    )
    return _frame(
        store,
        select(
            DatasetRow.id,
            DatasetRow.name,
            DatasetRow.labels,
            DatasetRow.evaluation_fingerprint,
            func.coalesce(of_runs.c.runs, 0).label("runs"),
            of_test.c.test_examples,
        )
        .outerjoin(of_runs, of_runs.c.dataset_id == DatasetRow.id)
        .outerjoin(of_test, of_test.c.dataset_id == DatasetRow.id)
        .order_by(DatasetRow.id),
    )


def metrics(store: Store, run_ids: Sequence[int]) -> pd.DataFrame:
    """Return run_id, split, name, value, low and high."""
    return _frame(store, select(*MetricRow.__table__.columns).where(MetricRow.run_id.in_(run_ids)))


def class_metrics(store: Store, run_ids: Sequence[int], split: str = "test") -> pd.DataFrame:
    """Return the rows of ``class_metrics`` for these runs."""
    return _frame(
        store,
        select(*ClassMetricRow.__table__.columns).where(
            ClassMetricRow.run_id.in_(run_ids), ClassMetricRow.split == split
        ),
    )


def history(store: Store, run_ids: Sequence[int]) -> pd.DataFrame:
    """Return run_id, step, epoch, name and value of everything logged while training, by step."""
    return _frame(
        store,
        select(*HistoryRow.__table__.columns)
        .where(HistoryRow.run_id.in_(run_ids))
        .order_by(HistoryRow.run_id, HistoryRow.step),
    )


def class_balance(store: Store, dataset_id: int) -> pd.DataFrame:
    """Return split, label, count and share."""
    return _frame(store, select(*ClassBalanceRow.__table__.columns).where(ClassBalanceRow.dataset_id == dataset_id))


def examples(store: Store, dataset_id: int, split: str | None = None) -> pd.DataFrame:
    """Return id, split, position, text, label and extra, in the order of the split."""
    query = select(*ExampleRow.__table__.columns).where(ExampleRow.dataset_id == dataset_id)
    if split is not None:
        query = query.where(ExampleRow.split == split)
    return _frame(store, query.order_by(ExampleRow.split, ExampleRow.position))


def predictions(store: Store, run_id: int, split: str = "test") -> pd.DataFrame:
    """Return a row an example of a split, in its order.

    Columns: example_id, position, text, label (the true one), extra, predicted, confidence and
    true_probability.
    """
    return _frame(
        store,
        select(
            ExampleRow.id.label("example_id"),
            ExampleRow.position,
            ExampleRow.text,
            ExampleRow.label,
            ExampleRow.extra,
            PredictionRow.predicted,
            PredictionRow.confidence,
            PredictionRow.true_probability,
        )
        .join(PredictionRow, PredictionRow.example_id == ExampleRow.id)
        .where(PredictionRow.run_id == run_id, ExampleRow.split == split)
        .order_by(ExampleRow.position),
    )


def outcomes(store: Store, run_id: int, labels: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the true and the predicted label codes of a run's test examples, in order: [n] and [n]."""
    frame = _frame(
        store,
        select(ExampleRow.label, PredictionRow.predicted)
        .join(PredictionRow, PredictionRow.example_id == ExampleRow.id)
        .where(PredictionRow.run_id == run_id, ExampleRow.split == "test")
        .order_by(ExampleRow.position),
    )
    code = {label: index for index, label in enumerate(labels)}
    true, predicted = (frame[name].map(code).to_numpy(dtype=np.int64) for name in ("label", "predicted"))
    return true, predicted


def probabilities(store: Store, run_id: int, split: str = "test") -> NDArray[np.float32]:
    """Return a run's stored probabilities on a split, a row an example in order, a column a label: [n, k]."""
    frame = _frame(
        store,
        select(PredictionRow.probabilities)
        .join(ExampleRow, PredictionRow.example_id == ExampleRow.id)
        .where(PredictionRow.run_id == run_id, ExampleRow.split == split)
        .order_by(ExampleRow.position),
    )
    rows = [np.frombuffer(blob, dtype="<f4") for blob in frame["probabilities"]]
    return np.stack(rows) if rows else np.empty((0, 0), dtype=np.float32)


def same_run(store: Store, settings: dict[str, Any], dataset_fingerprint: str, packages: dict[str, str]) -> Run | None:
    """Return the newest complete run of these settings on these data under these package versions."""
    query = (
        select(RunRow)
        .join(DatasetRow, DatasetRow.id == RunRow.dataset_id)
        .where(RunRow.status == "complete", RunRow.method == settings["method"])
        .where(DatasetRow.fingerprint == dataset_fingerprint)
        .order_by(RunRow.id.desc())
    )
    with store.session() as session:
        for row in session.scalars(query):
            if row.config == settings and row.environment.get("packages") == packages:
                return _record(row)
    return None


def group(store: Store, run: Run) -> list[Run]:
    """Return the complete runs that differ from this one in nothing but the seed, itself among them, by seed.

    Of several runs of one seed the newest stands for it.
    """
    query = (
        select(RunRow)
        .where(RunRow.group_key == run.group_key, RunRow.status == "complete", ~RunRow.archived)
        .order_by(RunRow.id)
    )
    with store.session() as session:
        members = {row.seed: _record(row) for row in session.scalars(query)}
    return sorted(members.values(), key=lambda one: -1 if one.seed is None else one.seed)


def rechecks(store: Store, run_id: int) -> pd.DataFrame:
    """Return what predicting a run's test set again gave, the oldest time first."""
    columns = RecheckRow.__table__.columns
    return _frame(store, select(*columns).where(RecheckRow.run_id == run_id).order_by(RecheckRow.id))


def best_baseline(store: Store, dataset_id: int, seed: int | None) -> int | None:
    """Return the id of the baseline with the highest macro F1 on this data set, of this seed where it has one."""
    query = (
        select(RunRow.id)
        .join(MetricRow, (MetricRow.run_id == RunRow.id) & (MetricRow.split == "test") & (MetricRow.name == "macro_f1"))
        .where(RunRow.dataset_id == dataset_id, RunRow.kind == "baseline", RunRow.status == "complete")
        .where(RunRow.seed.is_(None) | (RunRow.seed == seed))
        .order_by(MetricRow.value.desc(), RunRow.id.desc())
    )
    with store.session() as session:
        return session.scalars(query).first()
