"""Find foreign keys without their row, and predictions on examples of another data set."""

from collections.abc import Iterator, Mapping

from sqlalchemy import Column, ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from core.store.integrity.findings import Problem, advise_rerun, fixable, format_owner, owner_column, unfixable
from core.store.schema import Base, DatasetRow, ExampleRow, PredictionRow, RunRow

_TABLES = Base.metadata.tables
_NOUNS = {"datasets": "data set", "runs": "run", "examples": "example"}


def link_problems(session: Session) -> Iterator[Problem]:
    """Find links to missing rows, and predictions on examples of another data set."""
    missing = _missing_datasets(session)
    for dataset_id, count in missing.items():
        what = f"its row is missing; {count} of its examples exist and have predictions."
        advice = "Restore a backup, or delete its runs and repeat them."
        yield unfixable("missing data set", f"data set {dataset_id}", what, advice)
    yield from _unlinked_runs(session)
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            for key in column.foreign_keys:
                is_broken = _lacks_parent(column, key.column)
                if key.column.table.name == "datasets" and missing:
                    is_broken &= column.not_in(missing)  # reported above; deleting rows would lose data
                yield from _broken_links(session, column, is_broken, _NOUNS[key.column.table.name])
    yield from _mismatched_predictions(session)


def _lacks_parent(column: Column[int], parent: Column[int]) -> ColumnElement[bool]:
    """Return the condition that a column refers to a missing row."""
    alias = parent.table.alias()  # a run may refer to another run
    return column.is_not(None) & ~select(alias.c[parent.name]).where(alias.c[parent.name] == column).exists()


def _missing_datasets(session: Session) -> Mapping[int, int]:
    """Return the number of examples with predictions by data set id, for data sets whose row is missing."""
    is_missing = _lacks_parent(_TABLES["examples"].c.dataset_id, _TABLES["datasets"].c.id)
    is_used = select(PredictionRow.run_id).where(PredictionRow.example_id == ExampleRow.id).exists()
    query = select(ExampleRow.dataset_id, func.count()).where(is_missing, is_used).group_by(ExampleRow.dataset_id)
    return dict(session.execute(query).all())


def _unlinked_runs(session: Session) -> Iterator[Problem]:
    """Find runs that lost the link to their data set, if their predictions determine it."""
    query = (
        select(RunRow.id, func.min(ExampleRow.dataset_id))
        .join(PredictionRow, PredictionRow.run_id == RunRow.id)
        .join(ExampleRow, ExampleRow.id == PredictionRow.example_id)
        .join(DatasetRow, DatasetRow.id == ExampleRow.dataset_id)
        .where(RunRow.dataset_id.is_(None) | _lacks_parent(_TABLES["runs"].c.dataset_id, _TABLES["datasets"].c.id))
        .group_by(RunRow.id)
        .having(func.count(ExampleRow.dataset_id.distinct()) == 1)
        .order_by(RunRow.id)
    )
    for run_id, dataset_id in session.execute(query):
        what = f"it has no existing data set, but its predictions are on data set {dataset_id}."
        link = update(RunRow).where(RunRow.id == run_id).values(dataset_id=dataset_id)
        yield fixable("broken link", f"run {run_id}", what, "It is linked to that data set again.", link)


def _broken_links(
    session: Session, column: Column[int], is_broken: ColumnElement[bool], noun: str
) -> Iterator[Problem]:
    table, owner = column.table, owner_column(column.table)
    for owner_id, count in session.execute(
        select(owner, func.count()).where(is_broken).group_by(owner).order_by(owner)
    ):
        where = format_owner(table, owner_id)
        rows = f"{count} row{'s' if count > 1 else ''} of the table {table.name}"
        what = f"{column.name} of {rows} refers to a missing {noun}."
        is_selected = is_broken & (owner == owner_id)
        if column.nullable:
            clear = update(RunRow).where(is_selected).values({column.name: None})
            yield fixable("broken link", where, what, "The link is removed.", clear)
        else:
            removal = delete(table).where(is_selected)
            yield fixable("orphaned rows", where, what, "The orphaned rows are deleted.", removal)


def _mismatched_predictions(session: Session) -> Iterator[Problem]:
    query = (
        select(RunRow.id, RunRow.dataset_id, func.count())
        .join(PredictionRow, PredictionRow.run_id == RunRow.id)
        .join(ExampleRow, ExampleRow.id == PredictionRow.example_id)
        .where(ExampleRow.dataset_id != RunRow.dataset_id)
        .group_by(RunRow.id, RunRow.dataset_id)
        .order_by(RunRow.id)
    )
    for run_id, dataset_id, count in session.execute(query):
        what = f"{count} of its predictions are not on examples of its data set ({dataset_id})."
        yield unfixable("mismatched predictions", f"run {run_id}", what, advise_rerun(run_id))
