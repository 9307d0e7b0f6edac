"""All reads."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Select, func, select, type_coerce
from sqlalchemy.types import NullType

from core.catalog.figures import LISTED_METRICS
from core.errors import RequestError
from core.store.engine import Store
from core.store.records import ANNOTATION_FIELDS, Dataset, Run, derive_state
from core.store.schema import (
    AnnotationRow,
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

_HEAVY = {"config", "environment", "traceback"}  # not needed to list runs
MAX_IN_VALUES = 10_000  # values in one IN (…): databases have a limit


@contextmanager
def _readable(store: Store) -> Iterator[None]:
    """Raise `RequestError` for a value that is not what was once written, such as half a JSON text."""
    try:
        yield
    except (ValueError, OverflowError, TypeError) as error:
        raise RequestError(f"{store.address} is damaged: it holds a value that can't be read ({error}).") from error


def _frame(store: Store, query: Select[*tuple[Any, ...]]) -> pd.DataFrame:
    with _readable(store), store.engine.connect() as connection:
        result = connection.execute(query)
        return pd.DataFrame(result.all(), columns=list(result.keys()))


def row_versions(store: Store) -> dict[int, Any]:
    """Return for each run, those in the trash too, a mark that changes whenever its row does."""
    with store.engine.connect() as connection:
        # As the driver gives it: reading 10,000 times as dates would take longer than all else here.
        query = select(RunRow.id, type_coerce(RunRow.changed_at, NullType()))
        return {row.id: row.changed_at for row in connection.execute(query)}


def runs(store: Store, run_ids: Sequence[int] | None = None, *, trash: bool = False) -> pd.DataFrame:
    """Return a row a run, oldest first: its columns, `state`, ``dataset``, and the listed metrics.

    A metric comes as three columns, such as ``macro_f1``, ``macro_f1_low`` and ``macro_f1_high``; so
    does ``worst_f1``, of the test split's class with the lowest F1, beside ``worst_class`` and
    ``worst_support``. With ``run_ids`` only these; with ``trash`` also those in the trash.
    """
    if run_ids is not None and len(run_ids) > MAX_IN_VALUES:
        parts = [
            runs(store, run_ids[i : i + MAX_IN_VALUES], trash=trash) for i in range(0, len(run_ids), MAX_IN_VALUES)
        ]
        return pd.concat(parts, ignore_index=True)
    columns = [column for column in RunRow.__table__.columns if column.name not in _HEAVY]
    query = select(*columns, DatasetRow.name.label("dataset")).outerjoin(DatasetRow, DatasetRow.id == RunRow.dataset_id)
    if run_ids is not None:
        query = query.where(RunRow.id.in_(run_ids))
    if not trash:
        query = query.where(RunRow.deleted_at.is_(None))
    frame = _frame(store, query.order_by(RunRow.id))
    signs = frame[["status", "heartbeat_at", "host", "pid"]]
    frame["state"] = [derive_state(*row) for row in signs.itertuples(index=False, name=None)]
    frame = _with_headline(store, frame, run_ids)
    worst = _worst_classes(store, run_ids).set_index("run_id")
    return frame.join(worst, on="id")


def _with_headline(store: Store, frame: pd.DataFrame, run_ids: Sequence[int] | None) -> pd.DataFrame:
    query = select(MetricRow.run_id, MetricRow.name, MetricRow.value, MetricRow.low, MetricRow.high)
    query = query.where(MetricRow.split == "test", MetricRow.name.in_(LISTED_METRICS))
    if run_ids is not None:
        query = query.where(MetricRow.run_id.in_(run_ids))
    found = _frame(store, query).set_index("run_id").astype({"value": float, "low": float, "high": float})
    parts = [
        found.loc[found["name"] == name, ["value", "low", "high"]]
        .set_axis([name, f"{name}_low", f"{name}_high"], axis=1)
        .reindex(frame["id"])
        .set_index(frame.index)
        for name in LISTED_METRICS
    ]
    return pd.concat([frame, *parts], axis=1)


def _worst_classes(store: Store, run_ids: Sequence[int] | None) -> pd.DataFrame:
    """Return of each run the test split's class with the lowest F1, the first by name of equals."""
    table = ClassMetricRow
    rank = func.row_number().over(partition_by=table.run_id, order_by=(table.f1, table.label)).label("rank")
    inner = select(table.run_id, table.label, table.f1, table.f1_low, table.f1_high, table.support, rank).where(
        table.split == "test", table.f1.is_not(None)
    )
    if run_ids is not None:
        inner = inner.where(table.run_id.in_(run_ids))
    ranked = inner.subquery()
    own = ranked.c
    return _frame(
        store,
        select(
            own.run_id,
            own.label.label("worst_class"),
            own.f1.label("worst_f1"),
            own.f1_low.label("worst_f1_low"),
            own.f1_high.label("worst_f1_high"),
            own.support.label("worst_support"),
        ).where(own.rank == 1),
    )


def run(store: Store, run_id: int) -> Run:
    """Return one run. Raises `RequestError` where there is none of that number."""
    with _readable(store), store.read_session() as session:
        row = session.get(RunRow, run_id)
        if row is None:
            newest = session.scalar(select(func.max(RunRow.id)))
            range_ = f"The newest is {newest}." if newest else "There are none yet."
            raise RequestError(f"There is no run {run_id}. {range_} See: {store.format_command('list')}")
        return run_from_row(row)


def run_from_row(row: RunRow) -> Run:
    """Return what a row holds, free of its session; for this package only."""
    found = Run(**{field.name: getattr(row, field.name) for field in fields(Run)})
    _refuse_other_json(f"Run {row.id}", {"config": found.config, "environment": found.environment}, dict)
    _refuse_other_json(f"Run {row.id}", {"tags": found.tags}, list)
    return found


def _refuse_other_json(whose: str, values: Mapping[str, Any], kind: type) -> None:
    """Raise `RequestError` for JSON that can be read and is not of the kind that was once written."""
    for name, value in values.items():
        if not isinstance(value, kind):
            raise RequestError(
                f"{whose} is damaged: what is stored as its {name} is {str(value)[:40]!r}. "
                "See: python runner.py db check"
            )


def dataset(store: Store, dataset_id: int) -> Dataset:
    """Return one data set. Raises `RequestError` where there is none of that number."""
    with _readable(store), store.read_session() as session:
        row = session.get(DatasetRow, dataset_id)
        if row is None:
            raise RequestError(f"There is no data set {dataset_id}.")
        found = Dataset(**{field.name: getattr(row, field.name) for field in fields(Dataset)})
        _refuse_other_json(f"Data set {dataset_id}", {"labels": found.labels}, list)
        _refuse_other_json(f"Data set {dataset_id}", {"checks": found.checks}, dict)
        return found


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
            DatasetRow.fingerprint,
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


def example_text(store: Store, example_id: int) -> str | None:
    """Return the text of one example; None where there is none of that number."""
    with _readable(store), store.read_session() as session:
        return session.scalar(select(ExampleRow.text).where(ExampleRow.id == example_id))


def predictions(store: Store, run_id: int, split: str = "test") -> pd.DataFrame:
    """Return a row an example of a split, in its order.

    Columns: example_id, position, text, label (the true one), extra, predicted, confidence,
    true_probability and truncated.
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
            PredictionRow.truncated,
        )
        .join(PredictionRow, PredictionRow.example_id == ExampleRow.id)
        .where(PredictionRow.run_id == run_id, ExampleRow.split == split)
        .order_by(ExampleRow.position),
    )


def labels_and_predictions(
    store: Store, run_id: int, labels: Sequence[str], split: str = "test"
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the true and the predicted label codes of a run's examples of a split, in order: [n] and [n].

    Raises `RequestError` for a run that names a label which is none of ``labels``.
    """
    frame = _frame(
        store,
        select(ExampleRow.label, PredictionRow.predicted)
        .join(PredictionRow, PredictionRow.example_id == ExampleRow.id)
        .where(PredictionRow.run_id == run_id, ExampleRow.split == split)
        .order_by(ExampleRow.position),
    )
    code = {label: index for index, label in enumerate(labels)}
    true, predicted = (frame[name].map(code) for name in ("label", "predicted"))
    for names, codes in ((frame["label"], true), (frame["predicted"], predicted)):
        if codes.hasnans:
            raise RequestError(
                f"Run {run_id} is damaged: it names the label '{names[codes.isna()].iloc[0]}', "
                f"which is none of {', '.join(labels)}."
            )
    return true.to_numpy(dtype=np.int64), predicted.to_numpy(dtype=np.int64)


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


def find_identical_run(
    store: Store, settings: dict[str, Any], dataset_fingerprint: str, packages: dict[str, str]
) -> Run | None:
    """Return the newest complete run of these settings on these data under these package versions."""
    query = (
        select(RunRow)
        .join(DatasetRow, DatasetRow.id == RunRow.dataset_id)
        .where(RunRow.status == "complete", RunRow.deleted_at.is_(None), RunRow.method == settings["method"])
        .where(DatasetRow.fingerprint == dataset_fingerprint)
        .order_by(RunRow.id.desc())
    )
    with _readable(store), store.read_session() as session:
        for row in session.scalars(query):
            if row.config == settings and row.environment.get("packages") == packages:
                return run_from_row(row)
    return None


def runs_of_configuration(store: Store, run: Run) -> list[Run]:
    """Return the complete runs that differ from this one in nothing but the seed, itself among them, by seed.

    Of several runs of one seed the newest stands for it.
    """
    query = (
        select(RunRow)
        .where(RunRow.group_key == run.group_key, RunRow.status == "complete", ~RunRow.archived)
        .where(RunRow.deleted_at.is_(None))
        .order_by(RunRow.id)
    )
    with _readable(store), store.read_session() as session:
        members = {row.seed: run_from_row(row) for row in session.scalars(query)}
    return sorted(members.values(), key=lambda one: -1 if one.seed is None else one.seed)


def log_tail(store: Store, run_id: int, lines: int = 200) -> pd.DataFrame:
    """Return the last lines of a run's log, the oldest first: line, at and text."""
    query = select(LogRow.line, LogRow.at, LogRow.text).where(LogRow.run_id == run_id)
    return _frame(store, query.order_by(LogRow.line.desc()).limit(lines))[::-1].reset_index(drop=True)


def predictions_on_example(store: Store, example_id: int, run_ids: Sequence[int]) -> pd.DataFrame:
    """Return what some runs on one test set said of an example: run_id, predicted and confidence.

    Data sets that share a test set hold its examples at the same positions.
    """
    one = select(ExampleRow.split, ExampleRow.position).where(ExampleRow.id == example_id).subquery()
    same = (ExampleRow.split == one.c.split) & (ExampleRow.position == one.c.position)
    given = (PredictionRow.run_id == RunRow.id) & (PredictionRow.example_id == ExampleRow.id)
    query = (
        select(RunRow.id.label("run_id"), PredictionRow.predicted, PredictionRow.confidence)
        .join(ExampleRow, ExampleRow.dataset_id == RunRow.dataset_id)
        .join(one, same)
        .join(PredictionRow, given)
        .where(RunRow.id.in_(run_ids))
    )
    return _frame(store, query.order_by(RunRow.id))


def predicted_label_counts(store: Store, run_ids: Sequence[int], split: str = "test") -> pd.DataFrame:
    """Return how many of some runs name which label: position (in the split), predicted and votes."""
    return _frame(
        store,
        select(ExampleRow.position, PredictionRow.predicted, func.count().label("votes"))
        .join(ExampleRow, ExampleRow.id == PredictionRow.example_id)
        .where(PredictionRow.run_id.in_(run_ids), ExampleRow.split == split)
        .group_by(ExampleRow.position, PredictionRow.predicted),
    )


def annotations(store: Store) -> pd.DataFrame:
    """Return the newest annotation of each text that has one: content_hash, tag, note, proposed_label, created_at."""
    table = AnnotationRow
    columns = [getattr(table, name) for name in ("content_hash", *ANNOTATION_FIELDS, "created_at")]
    frame = _frame(store, select(*columns).where(is_newest_annotation()).order_by(table.id))
    return frame[frame[list(ANNOTATION_FIELDS)].notna().any(axis=1)].reset_index(drop=True)


def is_newest_annotation(hashes: Sequence[str] | None = None) -> ColumnElement[bool]:
    """Return the condition that picks each text's newest annotation; for this package only."""
    newest = select(func.max(AnnotationRow.id)).group_by(AnnotationRow.content_hash)
    if hashes is not None:
        newest = newest.where(AnnotationRow.content_hash.in_(hashes))
    return AnnotationRow.id.in_(newest)


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
        .where(RunRow.deleted_at.is_(None), RunRow.seed.is_(None) | (RunRow.seed == seed))
        .order_by(MetricRow.value.desc(), RunRow.id.desc())
    )
    with _readable(store), store.read_session() as session:
        return session.scalars(query).first()
