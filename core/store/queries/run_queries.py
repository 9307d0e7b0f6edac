"""Read runs: one as a record, many as a DataFrame, and those of one configuration."""

from collections.abc import Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any

import pandas as pd
from sqlalchemy import Select, func, select, type_coerce
from sqlalchemy.orm import aliased
from sqlalchemy.types import NullType

from core.catalog.figures import LISTED_METRICS
from core.config.earlier_settings import complete_settings
from core.errors import RequestError
from core.store.engine import Store
from core.store.queries.reading import MAX_IN_VALUES, check_json_types, read_frame, reporting_unreadable_values
from core.store.records import PARENT_GROUP_KEY, Run, TrialKey, derive_state
from core.store.schema import ClassMetricRow, DatasetRow, LogRow, MetricRow, RunRow, UtcDateTime
from core.text.formatting import format_setting

_LARGE_COLUMNS = {"config", "environment", "traceback"}  # not needed to list runs
_TIMES = [column.name for column in RunRow.__table__.columns if isinstance(column.type, UtcDateTime)]


def row_versions(store: Store) -> dict[int, Any]:
    """Return a value per run that changes whenever the run's row does, including runs in the trash."""
    with store.engine.connect() as connection:
        # Unconverted: parsing 10,000 datetimes would take longer than the rest of the query.
        query = select(RunRow.id, type_coerce(RunRow.changed_at, NullType()))
        return {row.id: row.changed_at for row in connection.execute(query)}


def run(store: Store, run_id: int) -> Run:
    """Return one run. Raises `RequestError` for an unknown id."""
    with reporting_unreadable_values(store), store.read_session() as session:
        row = session.get(RunRow, run_id)
        if row is None:
            newest = session.scalar(select(func.max(RunRow.id)))
            extent = f"The newest is {newest}." if newest else "There are no runs yet."
            raise RequestError(
                f"There is no run {run_id}. {extent} List all: {store.format_command('list')}", code="no_run"
            )
        return run_from_row(row)


def run_from_row(row: RunRow) -> Run:
    """Return the record of a row, detached from its session; for this package only."""
    run = Run(**{field.name: getattr(row, field.name) for field in fields(Run)})
    check_json_types(f"Run {row.id}", {"config": run.config, "environment": run.environment}, dict)
    check_json_types(f"Run {row.id}", {"tags": run.tags}, list)
    return run


def runs(store: Store, run_ids: Sequence[int] | None = None, *, trash: bool = False) -> pd.DataFrame:
    """Return one row per run, oldest first: its columns, `state`, ``dataset``, and the listed metrics.

    A metric has three columns, such as ``macro_f1``, ``macro_f1_low`` and ``macro_f1_high``. ``worst_f1`` is the
    lowest F1 of a class on the test split; ``worst_class`` and ``worst_support`` describe that class. ``run_ids``
    selects runs; ``trash`` includes runs in the trash.
    """
    if run_ids is not None and len(run_ids) > MAX_IN_VALUES:
        starts = range(0, len(run_ids), MAX_IN_VALUES)
        parts = [runs(store, run_ids[start : start + MAX_IN_VALUES], trash=trash) for start in starts]
        return pd.concat(parts, ignore_index=True)
    query = _select_listed()
    if run_ids is not None:
        query = query.where(RunRow.id.in_(run_ids))
    if not trash:
        query = query.where(RunRow.deleted_at.is_(None))
    frame = read_frame(store, query.order_by(RunRow.id))
    metrics = [f"{name}{suffix}" for name in LISTED_METRICS for suffix in ("", "_low", "_high")]
    with reporting_unreadable_values(store):
        times = {name: pd.to_datetime(frame[name], utc=True, format="ISO8601") for name in _TIMES}
        frame = frame.assign(**times).astype(dict.fromkeys(metrics, float))
    frame["state"] = frame["status"]
    running = frame.loc[frame["status"] == "running", ["status", "heartbeat_at", "host", "pid"]]
    frame.loc[running.index, "state"] = [derive_state(*row) for row in running.itertuples(index=False, name=None)]
    return frame.join(_worst_classes(store, run_ids).set_index("run_id"), on="id")


@lru_cache(maxsize=1)
def _select_listed() -> Select[*tuple[Any, ...]]:
    """Return the query of the runs with their data set's name and their listed metrics; times are unconverted.

    A join for each metric makes one row per run: reading many short rows takes longer.
    """
    columns = [column for column in RunRow.__table__.columns if column.name not in _LARGE_COLUMNS]
    query = select(
        *(type_coerce(column, NullType()) if column.name in _TIMES else column for column in columns),
        DatasetRow.name.label("dataset"),
    ).outerjoin(DatasetRow, DatasetRow.id == RunRow.dataset_id)
    for name in LISTED_METRICS:
        metric = aliased(MetricRow)
        is_metric = (metric.run_id == RunRow.id) & (metric.split == "test") & (metric.name == name)
        query = query.outerjoin(metric, is_metric).add_columns(
            metric.value.label(name), metric.low.label(f"{name}_low"), metric.high.label(f"{name}_high")
        )
    return query


def run_settings(store: Store, run_ids: Sequence[int]) -> pd.DataFrame:
    """Return the settings of runs as text, as on the command line: a column per setting; the index is the run id.

    A setting that a run does not use is undefined. Settings that a run's version lacked are added where they are known.
    """
    parts = [
        read_frame(store, select(RunRow.id, RunRow.config).where(RunRow.id.in_(run_ids[start : start + MAX_IN_VALUES])))
        for start in range(0, len(run_ids), MAX_IN_VALUES)
    ]
    configs = {
        int(run_id): complete_settings(config, {}) if isinstance(config, dict) else {}
        for part in parts
        for run_id, config in zip(part["id"], part["config"], strict=True)
    }
    rows = [{name: format_setting(value) for name, value in config.items()} for config in configs.values()]
    return pd.DataFrame(rows, index=pd.Index(configs, name="id"), dtype=object)


def _worst_classes(store: Store, run_ids: Sequence[int] | None) -> pd.DataFrame:
    """Return each run's class with the lowest F1 on the test split; the first by name in a tie."""
    table = ClassMetricRow
    rank = func.row_number().over(partition_by=table.run_id, order_by=(table.f1, table.label)).label("rank")
    inner = select(table.run_id, table.label, table.f1, table.f1_low, table.f1_high, table.support, rank).where(
        table.split == "test", table.f1.is_not(None)
    )
    if run_ids is not None:
        inner = inner.where(table.run_id.in_(run_ids))
    ranked = inner.subquery().c
    query = select(
        ranked.run_id,
        ranked.label.label("worst_class"),
        ranked.f1.label("worst_f1"),
        ranked.f1_low.label("worst_f1_low"),
        ranked.f1_high.label("worst_f1_high"),
        ranked.support.label("worst_support"),
    )
    return read_frame(store, query.where(ranked.rank == 1))


def find_identical_run(
    store: Store,
    settings: dict[str, Any],
    group_key: str,
    model_revision: str | None,
    packages: dict[str, str],
) -> Run | None:
    """Return the newest complete run with these settings, data, base model and package versions; None without any.

    ``group_key``: that of the settings and the data. A run that continues another one is not identical: it began with
    other weights.
    """
    query = (
        select(RunRow)
        .where(RunRow.group_key == group_key, RunRow.seed == settings.get("seed"))
        .where(RunRow.status == "complete", RunRow.deleted_at.is_(None))
        .order_by(RunRow.id.desc())
    )
    with reporting_unreadable_values(store), store.read_session() as session:
        for row in session.scalars(query):
            is_same = (row.config, row.model_revision) == (settings, model_revision)
            if is_same and row.environment.get("packages") == packages and PARENT_GROUP_KEY not in row.environment:
                return run_from_row(row)
    return None


def trial_runs(store: Store, trial: TrialKey) -> list[Run]:
    """Return the runs of a trial, oldest first, without those in the trash."""
    is_of_trial = (RunRow.study == trial.study) & (RunRow.trial == trial.number)
    query = select(RunRow).where(is_of_trial, RunRow.deleted_at.is_(None)).order_by(RunRow.id)
    with reporting_unreadable_values(store), store.read_session() as session:
        return [run_from_row(row) for row in session.scalars(query)]


def runs_of_configuration(store: Store, run: Run) -> list[Run]:
    """Return the complete runs that differ from a run in the seed only, including itself, by seed.

    Of several runs with one seed, the newest is returned.
    """
    query = (
        select(RunRow)
        .where(RunRow.group_key == run.group_key, RunRow.status == "complete", ~RunRow.archived)
        .where(RunRow.deleted_at.is_(None))
        .order_by(RunRow.id)
    )
    with reporting_unreadable_values(store), store.read_session() as session:
        by_seed = {row.seed: run_from_row(row) for row in session.scalars(query)}
    return sorted(by_seed.values(), key=lambda member: -1 if member.seed is None else member.seed)


def log_tail(store: Store, run_id: int, lines: int = 200) -> pd.DataFrame:
    """Return the last lines of a run's log, oldest first: line, at and text."""
    query = select(LogRow.line, LogRow.at, LogRow.text).where(LogRow.run_id == run_id)
    return read_frame(store, query.order_by(LogRow.line.desc()).limit(lines))[::-1].reset_index(drop=True)
