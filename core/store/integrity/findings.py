"""What looking through a database can find."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Column, Delete, Table, Update


@dataclass(frozen=True)
class Finding:
    """Something that was found: where, what, and what to do about it.

    ``kind``: a word or two, the same for all findings of a sort. ``fault``: False for what is only
    told. ``fixable``: whether it is mended on request, which loses nothing.
    """

    kind: str
    where: str
    what: str
    advice: str
    fault: bool = True
    fixable: bool = False
    fixed: bool = False


@dataclass(frozen=True)
class Problem:
    """A finding, and what mends it: a change of the database's rows, or something done with files."""

    finding: Finding
    rows: Update | Delete | None = None
    files: Callable[[], object] | None = None


def fixable(
    kind: str,
    where: str,
    what: str,
    advice: str,
    rows: Update | Delete | None = None,
    files: Callable[[], object] | None = None,
) -> Problem:
    """Return a problem that can be mended."""
    return Problem(Finding(kind, where, what, advice, fixable=True), rows, files)


def unfixable(kind: str, where: str, what: str, advice: str) -> Problem:
    """Return a problem that a person has to decide about."""
    return Problem(Finding(kind, where, what, advice))


def run_again(run_id: object) -> str:
    """Return the advice for a record that can't be had back from here."""
    return f"Go back to a backup, or delete the run and run it again: python runner.py delete {run_id}"


def owner(table: Table) -> Column[int]:
    """Return the column that tells whose a row is: a run's, a data set's, or its own."""
    names = ("id",) if table.name == "runs" else ("run_id", "dataset_id", "id")
    return next(table.c[name] for name in names if name in table.c)


def whose(table: Table, number: object) -> str:
    """Return what people call the owner of a row."""
    nouns = {"run_id": "run", "dataset_id": "data set"}
    own = {"runs": "run", "datasets": "data set", "annotations": "annotation"}
    return f"{nouns.get(owner(table).name) or own[table.name]} {number}"
