"""Rows that name others that are not there, or not theirs."""

from collections.abc import Iterator, Mapping

from sqlalchemy import Column, ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from core.store.integrity.findings import Problem, fixable, owner, run_again, unfixable, whose
from core.store.schema import Base, DatasetRow, ExampleRow, PredictionRow, RunRow

_TABLES = Base.metadata.tables
_NOUNS = {"datasets": "data set", "runs": "run", "examples": "example"}


def link_problems(session: Session) -> Iterator[Problem]:
    """Find links that lead nowhere, or to another data set."""
    lost = _lost_datasets(session)
    for dataset_id, count in lost.items():
        what = f"its row is gone; {count} of its examples are there, on which runs have predicted."
        advice = "Go back to a backup, or delete the runs on it and run them again."
        yield unfixable("lost data set", f"data set {dataset_id}", what, advice)
    yield from _unlinked_runs(session)
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            for key in column.foreign_keys:
                broken = _nowhere(column, key.column)
                if key.column.table.name == "datasets" and lost:
                    broken &= column.not_in(lost)  # told already, and not to be made worse
                yield from _broken(session, column, broken, _NOUNS[key.column.table.name])
    yield from _predictions_of_others(session)


def _nowhere(column: Column[int], parent: Column[int]) -> ColumnElement[bool]:
    """Return the condition that a column names a row that is not there."""
    there = parent.table.alias()  # a run may name another run
    return column.is_not(None) & ~select(there.c[parent.name]).where(there.c[parent.name] == column).exists()


def _lost_datasets(session: Session) -> Mapping[int, int]:
    """Return the numbers of data sets of which the row alone is missing, each with its number of examples."""
    gone = _nowhere(_TABLES["examples"].c.dataset_id, _TABLES["datasets"].c.id)
    used = select(PredictionRow.run_id).where(PredictionRow.example_id == ExampleRow.id).exists()
    query = select(ExampleRow.dataset_id, func.count()).where(gone, used).group_by(ExampleRow.dataset_id)
    return dict(session.execute(query).all())


def _unlinked_runs(session: Session) -> Iterator[Problem]:
    """Find runs whose own predictions tell which data set they lost the link to."""
    query = (
        select(RunRow.id, func.min(ExampleRow.dataset_id))
        .join(PredictionRow, PredictionRow.run_id == RunRow.id)
        .join(ExampleRow, ExampleRow.id == PredictionRow.example_id)
        .join(DatasetRow, DatasetRow.id == ExampleRow.dataset_id)
        .where(RunRow.dataset_id.is_(None) | _nowhere(_TABLES["runs"].c.dataset_id, _TABLES["datasets"].c.id))
        .group_by(RunRow.id)
        .having(func.count(ExampleRow.dataset_id.distinct()) == 1)
        .order_by(RunRow.id)
    )
    for run_id, dataset_id in session.execute(query):
        what = f"it names no data set that is there, but its predictions are those on data set {dataset_id}."
        link = update(RunRow).where(RunRow.id == run_id).values(dataset_id=dataset_id)
        yield fixable("broken link", f"run {run_id}", what, "It is linked to it again.", link)


def _broken(session: Session, column: Column[int], broken: ColumnElement[bool], noun: str) -> Iterator[Problem]:
    table, mine = column.table, owner(column.table)
    for number, count in session.execute(select(mine, func.count()).where(broken).group_by(mine).order_by(mine)):
        where = whose(table, number)
        rows = f"{count} row{'s' if count > 1 else ''} of the table {table.name}"
        what = f"{column.name} of {rows} names a {noun} that is not there."
        those = broken & (mine == number)
        if column.nullable:
            away = update(RunRow).where(those).values({column.name: None})
            yield fixable("broken link", where, what, "The link is taken away.", away)
        else:
            yield fixable("stray rows", where, what, "What belongs to nothing is deleted.", delete(table).where(those))


def _predictions_of_others(session: Session) -> Iterator[Problem]:
    query = (
        select(RunRow.id, RunRow.dataset_id, func.count())
        .join(PredictionRow, PredictionRow.run_id == RunRow.id)
        .join(ExampleRow, ExampleRow.id == PredictionRow.example_id)
        .where(ExampleRow.dataset_id != RunRow.dataset_id)
        .group_by(RunRow.id, RunRow.dataset_id)
        .order_by(RunRow.id)
    )
    for run_id, dataset_id, count in session.execute(query):
        what = f"{count} of its predictions are on examples of another data set than its own ({dataset_id})."
        yield unfixable("foreign predictions", f"run {run_id}", what, run_again(run_id))
