"""Values that are not what was once written, and evaluations that are not whole."""

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

from core.store.integrity.findings import Problem, owner, run_again, unfixable, whose
from core.store.schema import Base, DatasetRow, ExampleRow, PredictionRow, RunRow

_LISTS = ("labels", "tags")
"""The columns of JSON that hold a list; the others hold an object."""


@contextmanager
def lenient(session: Session) -> Iterator[None]:
    """Let damaged texts be read from an SQLite file, with a sign for each byte that is none of them."""
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
    """Find values that can't be read, predictions that don't fit their data set, and such that are missing."""
    if session.get_bind().dialect.name == "sqlite":  # a server takes no value of another type
        for table in Base.metadata.sorted_tables:
            yield from _unreadable(session, table)
    labels = {row.id: row.labels for row in session.execute(select(DatasetRow.id, _raw(DatasetRow.labels)))}
    known: dict[int | None, list[Any] | None] = {number: _list(found) for number, found in labels.items()}
    yield from _wrong_lengths(session, known)
    yield from _unknown_labels(session, known)
    yield from _missing_predictions(session)


def _raw(column: Any) -> ColumnElement[Any]:
    """Return a column as its driver gives it."""
    return type_coerce(column, NullType()).label(column.key)


def _unreadable(session: Session, table: Table) -> Iterator[Problem]:
    dialect = session.get_bind().dialect
    readers = {column.name: _reader(column, dialect) for column in table.columns if not _storage(column) - _TEXTS}
    driver: Any = session.connection().connection.driver_connection
    driver.create_function("fits", 2, partial(_fits, readers))
    bad = [_bad(column).label(column.name) for column in table.columns]
    found: Counter[tuple[Any, str]] = Counter()
    for mine, *flags in session.execute(select(_raw(owner(table)), *bad).where(or_(*bad))):
        found.update((mine, column.name) for column, flag in zip(table.columns, flags, strict=True) if flag)
    for (mine, name), count in found.items():
        what = f"{_counted(count, 'value')} of {table.name}.{name} can't be read."
        advice = "Go back to a backup." if "run_id" not in table.c and table.name != "runs" else run_again(mine)
        yield unfixable("unreadable value", whose(table, mine), what, advice)


_TEXTS = {"text", "null"}


def _storage(column: Column[Any]) -> set[str]:
    """Return how SQLite may hold a column's values."""
    kinds = {Integer: {"integer"}, Boolean: {"integer"}, Float: {"real", "integer"}, LargeBinary: {"blob"}}
    own = next((kinds[kind] for kind in kinds if isinstance(column.type, kind)), {"text"})
    return own | ({"null"} if column.nullable else set())


def _bad(column: Column[Any]) -> ColumnElement[bool]:
    """Return the condition that SQLite holds no value that the column can have."""
    value, kind = _raw(column), func.typeof(column)
    bad = kind.not_in(_storage(column))
    if isinstance(column.type, Boolean):
        return or_(bad, type_coerce(column, Integer).not_in((0, 1)))
    if _storage(column) <= _TEXTS:
        return or_(bad, and_(kind == "text", ~func.fits(column.name, cast(value, LargeBinary), type_=Boolean)))
    return bad


def _reader(column: Column[Any], dialect: Dialect) -> Callable[[str], bool]:
    """Return what tells whether a column's text can be read, by the same way as all else reads it."""
    process = column.type.dialect_impl(dialect).result_processor(dialect, None)

    def read(text: str) -> bool:
        value = text if process is None else process(text)
        return not isinstance(column.type, JSON) or isinstance(value, list if column.name in _LISTS else dict)

    return read


def _fits(readers: Mapping[str, Callable[[str], bool]], name: str, value: bytes | None) -> bool:
    if value is None:
        return True  # whether it may be missing is asked beside this
    try:
        return readers[name](value.decode())
    except (ValueError, OverflowError, RecursionError):
        return False


def _list(stored: Any) -> list[Any] | None:
    """Return the labels as they are stored: a text in a file, a list from a server; None where they can't be read."""
    try:
        found = json.loads(stored) if isinstance(stored, str) else stored
    except ValueError:
        return None
    return found if isinstance(found, list) else None


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _wrong_lengths(session: Session, known: Mapping[int | None, list[Any] | None]) -> Iterator[Problem]:
    length = func.length(_raw(PredictionRow.probabilities))
    query = (
        select(RunRow.id, RunRow.dataset_id, length, func.count())
        .join(PredictionRow, PredictionRow.run_id == RunRow.id)
        .group_by(RunRow.id, RunRow.dataset_id, length)
        .order_by(RunRow.id)
    )
    for run_id, dataset_id, found, count in session.execute(query):
        labels = known.get(dataset_id)
        if labels is not None and found != 4 * len(labels):
            what = (
                f"{_counted(count, 'prediction')} hold{'s' if count == 1 else ''} {found} bytes of probabilities; "
                f"{4 * len(labels)} were expected for {len(labels)} labels."
            )
            yield unfixable("unreadable value", f"run {run_id}", what, run_again(run_id))


def _unknown_labels(session: Session, known: Mapping[int | None, list[Any] | None]) -> Iterator[Problem]:
    query = (
        select(RunRow.id, RunRow.dataset_id, PredictionRow.predicted, func.count())
        .join(PredictionRow, PredictionRow.run_id == RunRow.id)
        .group_by(RunRow.id, RunRow.dataset_id, PredictionRow.predicted)
        .order_by(RunRow.id)
    )
    for run_id, dataset_id, predicted, count in session.execute(query):
        labels = known.get(dataset_id)
        if labels is not None and predicted not in labels:
            what = f"{_counted(count, 'prediction')} of '{predicted}', which is none of its data set's labels."
            yield unfixable("unknown label", f"run {run_id}", what, run_again(run_id))


def _missing_predictions(session: Session) -> Iterator[Problem]:
    """Find complete runs that did not predict all of the test split."""
    of_test = ExampleRow.split == "test"
    query = select(ExampleRow.dataset_id, func.count()).where(of_test).group_by(ExampleRow.dataset_id)
    wanted = dict(session.execute(query).all())
    on_test = select(PredictionRow.run_id, func.count()).join(ExampleRow, ExampleRow.id == PredictionRow.example_id)
    made = dict(session.execute(on_test.where(of_test).group_by(PredictionRow.run_id)).all())
    complete = select(RunRow.id, RunRow.dataset_id).where(RunRow.status == "complete").order_by(RunRow.id)
    for run_id, dataset_id in session.execute(complete):
        found, expected = made.get(run_id, 0), wanted.get(dataset_id or 0, 1)
        if found < expected:
            what = f"it is complete, but only {found} of {_counted(expected, 'test example')} have its prediction."
            yield unfixable("missing predictions", f"run {run_id}", what, run_again(run_id))
