"""The findings of an integrity check."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Column, Delete, Table, Update


@dataclass(frozen=True)
class Finding:
    """A finding of an integrity check.

    ``kind``: one to three words, the same for all findings of a kind. ``where``: its location, such as ``run 12``.
    ``what``: its description. ``advice``: what to do. ``fault``: False for information. ``fixable``: whether a
    lossless repair exists. ``fixed``: whether it was applied.
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
    """A finding with its repair: a change of rows, an action on files, or both."""

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
    """Return a problem with a lossless repair."""
    return Problem(Finding(kind, where, what, advice, fixable=True), rows, files)


def unfixable(kind: str, where: str, what: str, advice: str) -> Problem:
    """Return a problem without a lossless repair."""
    return Problem(Finding(kind, where, what, advice))


def information(kind: str, where: str, what: str, advice: str) -> Problem:
    """Return a finding that is not a fault."""
    return Problem(Finding(kind, where, what, advice, fault=False))


def advise_rerun(run_id: object) -> str:
    """Return the advice for a run that cannot be repaired."""
    return f"Restore a backup, or delete the run and repeat it: python runner.py delete {run_id}"


def owner_column(table: Table) -> Column[int]:
    """Return the column that identifies a row's owner: its run, its data set, or the row itself."""
    names = ("id",) if table.name == "runs" else ("run_id", "dataset_id", "id")
    return next(table.c[name] for name in names if name in table.c)


def format_owner(table: Table, owner_id: object) -> str:
    """Return an owner's name for display, such as ``run 12``."""
    nouns = {"run_id": "run", "dataset_id": "data set"}
    nouns_by_table = {"runs": "run", "datasets": "data set", "annotations": "annotation", "saved_views": "saved view"}
    return f"{nouns.get(owner_column(table).name) or nouns_by_table[table.name]} {owner_id}"
