"""Read metrics, learning curves and rechecks, and find the best baseline."""

from collections.abc import Sequence

import pandas as pd
from sqlalchemy import select

from core.store.engine import Store
from core.store.queries.reading import read_frame, reporting_unreadable_values
from core.store.schema import ClassMetricRow, HistoryRow, MetricRow, RecheckRow, RunRow


def metrics(store: Store, run_ids: Sequence[int]) -> pd.DataFrame:
    """Return run_id, split, name, value, low and high."""
    return read_frame(store, select(*MetricRow.__table__.columns).where(MetricRow.run_id.in_(run_ids)))


def class_metrics(store: Store, run_ids: Sequence[int], split: str = "test") -> pd.DataFrame:
    """Return the rows of ``class_metrics`` of these runs."""
    query = select(*ClassMetricRow.__table__.columns)
    return read_frame(store, query.where(ClassMetricRow.run_id.in_(run_ids), ClassMetricRow.split == split))


def learning_curves(store: Store, run_ids: Sequence[int], name: str) -> pd.DataFrame:
    """Return run_id and value of one logged figure, by run and step."""
    query = select(HistoryRow.run_id, HistoryRow.value).where(HistoryRow.run_id.in_(run_ids), HistoryRow.name == name)
    return read_frame(store, query.where(HistoryRow.value.is_not(None)).order_by(HistoryRow.run_id, HistoryRow.step))


def history(store: Store, run_ids: Sequence[int]) -> pd.DataFrame:
    """Return run_id, step, epoch, name and value of everything logged during training, by step."""
    query = select(*HistoryRow.__table__.columns).where(HistoryRow.run_id.in_(run_ids))
    return read_frame(store, query.order_by(HistoryRow.run_id, HistoryRow.step))


def rechecks(store: Store, run_id: int) -> pd.DataFrame:
    """Return the results of a run's rechecks, oldest first."""
    columns = RecheckRow.__table__.columns
    return read_frame(store, select(*columns).where(RecheckRow.run_id == run_id).order_by(RecheckRow.id))


def best_baseline(store: Store, dataset_id: int, seed: int | None) -> int | None:
    """Return the id of the baseline with the highest macro F1 on a data set, with this seed or without one."""
    query = (
        select(RunRow.id)
        .join(MetricRow, (MetricRow.run_id == RunRow.id) & (MetricRow.split == "test") & (MetricRow.name == "macro_f1"))
        .where(RunRow.dataset_id == dataset_id, RunRow.kind == "baseline", RunRow.status == "complete")
        .where(RunRow.deleted_at.is_(None), RunRow.seed.is_(None) | (RunRow.seed == seed))
        .order_by(MetricRow.value.desc(), RunRow.id.desc())
    )
    with reporting_unreadable_values(store), store.read_session() as session:
        return session.scalars(query).first()
