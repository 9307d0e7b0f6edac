"""Find values that their column type cannot read, and incomplete evaluations."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Dialect,
    Float,
    Integer,
    LargeBinary,
    Table,
    and_,
    cast,
    func,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.orm import Session
from sqlalchemy.types import JSON, NullType

from core.store.integrity.findings import Problem, advise_rerun, format_owner, owner_column, unfixable
from core.store.schema import Base, DatasetRow, ExampleRow, PredictionRow, RunRow

_LIST_COLUMNS = ("labels", "tags")
"""The JSON columns that contain a list; the others contain an object."""
_TEXT_TYPES = {"text", "null"}


@contextmanager
def replacing_invalid_text(session: Session) -> Iterator[None]:
    """Read text that is not valid UTF-8 in an SQLite file with replacement characters instead of raising."""
    driver: Any = session.connection().connection.driver_connection
    if session.get_bind().dialect.name != "sqlite":
        yield
        return
    driver.text_factory = partial(str, encoding="utf-8", errors="replace")
    try:
        yield
    finally:
        driver.text_factory = str


def value_problems(session: Session) -> Iterator[Problem]:
    """Find unreadable values, predictions that do not fit their data set, and missing predictions."""
    yield from unreadable_values(session)
    stored = session.execute(select(DatasetRow.id, _unconverted(DatasetRow.labels)))
    labels: dict[int | None, list[Any] | None] = {row.id: _parse_labels(row.labels) for row in stored}
    yield from _wrong_lengths(session, labels)
    yield from _unknown_labels(session, labels)
    yield from _missing_predictions(session)


def unreadable_values(session: Session) -> Iterator[Problem]:
    """Find values that their column type cannot read."""
    if session.get_bind().dialect.name == "sqlite":  # PostgreSQL enforces column types
        for table in Base.metadata.sorted_tables:
            yield from _unreadable_values_of_table(session, table)


def _unconverted(column: Any) -> ColumnElement[Any]:
    """Return a column whose values are not converted by its type."""
    return type_coerce(column, NullType()).label(column.key)


def _unreadable_values_of_table(session: Session, table: Table) -> Iterator[Problem]:
    dialect = session.get_bind().dialect
    readers = {
        column.name: _make_reader(column, dialect)
        for column in table.columns
        if _storage_classes(column) <= _TEXT_TYPES
    }
    driver: Any = session.connection().connection.driver_connection
    driver.create_function("is_readable", 2, partial(_is_readable, readers))
    conditions = [_is_unreadable(column).label(column.name) for column in table.columns]
    counts: Counter[tuple[Any, str]] = Counter()
    for owner_id, *flags in session.execute(
        select(_unconverted(owner_column(table)), *conditions).where(or_(*conditions))
    ):
        counts.update((owner_id, column.name) for column, flag in zip(table.columns, flags, strict=True) if flag)
    is_of_run = "run_id" in table.c or table.name == "runs"
    for (owner_id, name), count in counts.items():
        what = f"{_format_counted(count, 'value')} of {table.name}.{name} cannot be read."
        advice = advise_rerun(owner_id) if is_of_run else "Restore a backup."
        yield unfixable("unreadable value", format_owner(table, owner_id), what, advice)


def _storage_classes(column: Column[Any]) -> set[str]:
    """Return the SQLite storage classes that a column's values may have."""
    classes = {Integer: {"integer"}, Boolean: {"integer"}, Float: {"real", "integer"}, LargeBinary: {"blob"}}
    allowed = next((classes[kind] for kind in classes if isinstance(column.type, kind)), {"text"})
    return allowed | ({"null"} if column.nullable else set())


def _is_unreadable(column: Column[Any]) -> ColumnElement[bool]:
    """Return the condition that a value in SQLite cannot be read by the column type."""
    value, storage_class = _unconverted(column), func.typeof(column)
    has_wrong_class = storage_class.not_in(_storage_classes(column))
    if isinstance(column.type, Boolean):
        return or_(has_wrong_class, type_coerce(column, Integer).not_in((0, 1)))
    if _storage_classes(column) <= _TEXT_TYPES:
        is_readable = func.is_readable(column.name, cast(value, LargeBinary), type_=Boolean)
        return or_(has_wrong_class, and_(storage_class == "text", ~is_readable))
    return has_wrong_class


def _make_reader(column: Column[Any], dialect: Dialect) -> Callable[[str], bool]:
    """Return a function that reads a column's text as queries do, and returns whether the result has its type."""
    process = column.type.dialect_impl(dialect).result_processor(dialect, None)

    def read(text: str) -> bool:
        value = text if process is None else process(text)
        return not isinstance(column.type, JSON) or isinstance(value, list if column.name in _LIST_COLUMNS else dict)

    return read


def _is_readable(readers: Mapping[str, Callable[[str], bool]], name: str, value: bytes | None) -> bool:
    if value is None:
        return True  # NULL is checked by storage class
    try:
        return readers[name](value.decode())
    except (ValueError, OverflowError, RecursionError):
        return False


def _parse_labels(stored: Any) -> list[Any] | None:
    """Return stored labels: JSON text in SQLite, a list from a server; None if they cannot be read."""
    try:
        labels = json.loads(stored) if isinstance(stored, str) else stored
    except ValueError:
        return None
    return labels if isinstance(labels, list) else None


def _format_counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _wrong_lengths(session: Session, labels: Mapping[int | None, list[Any] | None]) -> Iterator[Problem]:
    length = func.length(_unconverted(PredictionRow.probabilities))
    query = (
        select(RunRow.id, RunRow.dataset_id, length, func.count())
        .join(PredictionRow, PredictionRow.run_id == RunRow.id)
        .group_by(RunRow.id, RunRow.dataset_id, length)
        .order_by(RunRow.id)
    )
    for run_id, dataset_id, size, count in session.execute(query):
        expected = labels.get(dataset_id)
        if expected is not None and size != 4 * len(expected):
            what = (
                f"{_format_counted(count, 'prediction')} with {size} bytes of probabilities; "
                f"{4 * len(expected)} were expected for {len(expected)} labels."
            )
            yield unfixable("unreadable value", f"run {run_id}", what, advise_rerun(run_id))


def _unknown_labels(session: Session, labels: Mapping[int | None, list[Any] | None]) -> Iterator[Problem]:
    query = (
        select(RunRow.id, RunRow.dataset_id, PredictionRow.predicted, func.count())
        .join(PredictionRow, PredictionRow.run_id == RunRow.id)
        .group_by(RunRow.id, RunRow.dataset_id, PredictionRow.predicted)
        .order_by(RunRow.id)
    )
    for run_id, dataset_id, predicted, count in session.execute(query):
        expected = labels.get(dataset_id)
        if expected is not None and predicted not in expected:
            what = f"{_format_counted(count, 'prediction')} of '{predicted}', which is not a label of its data set."
            yield unfixable("unknown label", f"run {run_id}", what, advise_rerun(run_id))


def _missing_predictions(session: Session) -> Iterator[Problem]:
    """Find complete runs without a prediction for every test example."""
    is_test = ExampleRow.split == "test"
    sizes_query = select(ExampleRow.dataset_id, func.count()).where(is_test).group_by(ExampleRow.dataset_id)
    sizes = dict(session.execute(sizes_query).all())
    counts_query = select(PredictionRow.run_id, func.count()).join(
        ExampleRow, ExampleRow.id == PredictionRow.example_id
    )
    counts = dict(session.execute(counts_query.where(is_test).group_by(PredictionRow.run_id)).all())
    complete = select(RunRow.id, RunRow.dataset_id).where(RunRow.status == "complete").order_by(RunRow.id)
    for run_id, dataset_id in session.execute(complete):
        stored, expected = counts.get(run_id, 0), sizes.get(dataset_id or 0, 1)
        if stored < expected:
            what = (
                f"it is complete, but only {stored} of {_format_counted(expected, 'test example')} have a prediction."
            )
            yield unfixable("missing predictions", f"run {run_id}", what, advise_rerun(run_id))
