"""Looking through a database and its files for what is wrong, and mending what can be mended without a loss."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy.orm import Session

from core.errors import StoreError
from core.store.backups import back_up
from core.store.db_errors import format_address, is_damaged
from core.store.engine import BUSY_TIMEOUT_SECONDS, Store, open_store, resolve_url
from core.store.fallback import list_fallbacks
from core.store.integrity.evidence import evidence_problems
from core.store.integrity.files import file_problems, listed
from core.store.integrity.findings import Finding, Problem, unfixable
from core.store.integrity.links import link_problems
from core.store.integrity.values import lenient, value_problems

_SHOWN = 5
"""How many messages of SQLite's own check are told."""


@dataclass(frozen=True)
class CheckResult:
    """What was found in a database, and its backup where rows of it were changed."""

    address: str
    findings: tuple[Finding, ...]
    backup: Path | None = None

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong any more."""
        return all(one.fixed for one in self.findings if one.fault)


def check(
    address: str | None = None,
    *,
    fix: bool = False,
    backed_up: bool = False,
    busy_timeout: float = BUSY_TIMEOUT_SECONDS,
) -> CheckResult:
    """Look through a database and its files; ``fix``: and mend what loses nothing by it.

    Before its rows are changed an SQLite database is backed up; ``backed_up`` says that a server's has a backup.

    A damaged file is a finding. Raises `RequestError` for what `open_store` refuses else, and where no
    backup can be had.
    """
    try:
        store = open_store(address, busy_timeout=busy_timeout)
        try:
            problems = [_in_full(store, problem) for problem in _problems(store)]
            if fix:
                return _mended(store, problems, backed_up)
            return CheckResult(store.address, tuple(problem.finding for problem in problems))
        finally:
            store.engine.dispose()
    except StoreError as error:
        if not is_damaged(error):
            raise
        name = format_address(resolve_url(address))
        return CheckResult(name, (_damage(name, str(error.__cause__)).finding,))


def _in_full(store: Store, problem: Problem) -> Problem:
    """Let the command that an advice ends with name this very database."""
    before, found, words = problem.finding.advice.partition("python runner.py ")
    advice = before + store.format_command(words) if found else before
    return replace(problem, finding=replace(problem.finding, advice=advice))


def _damage(address: str, reason: str) -> Problem:
    advice = f'Go back to a backup, or save what can be read: sqlite3 "{address}" .recover | sqlite3 saved.db'
    return unfixable("damaged file", address, f"the file is damaged ({reason}).", advice)


def _problems(store: Store) -> list[Problem]:
    folders = listed(store.folder / "adapters")
    with store.read_session() as session, lenient(session):
        damage = list(_damage_of(session, store.address))
        if damage:
            return damage
        rows = [*link_problems(session), *value_problems(session)]
        return [
            *rows,
            *(evidence_problems(session) if not rows else ()),  # only what can be read can be held against itself
            *file_problems(session, store.folder, store.address, folders),
            *_aside(store),
        ]


def _aside(store: Store) -> Iterator[Problem]:
    """Tell which records are not here yet, as the database could not take them."""
    for one in list_fallbacks(store):
        what = f"a record of this database is kept aside here. {one.reason}"
        yield Problem(Finding("kept aside", str(one.folder), what, "python runner.py db recover", fault=False))


def _damage_of(session: Session, address: str) -> Iterator[Problem]:
    if session.get_bind().dialect.name != "sqlite":
        return
    connection = session.connection()
    told = [str(row[0]) for row in connection.exec_driver_sql(f"PRAGMA integrity_check({_SHOWN})")]
    if told != ["ok"]:
        yield _damage(address, "; ".join(" ".join(line.split()) for line in told))


def _mended(store: Store, problems: list[Problem], backed_up: bool) -> CheckResult:
    changes = [problem.rows for problem in problems if problem.rows is not None]
    backup = None
    if changes:
        with store.write_session() as session:
            backup = back_up(store.engine, "before-mending", backed_up=backed_up)
            for change in changes:
                session.execute(change)
    return CheckResult(store.address, tuple(map(_with_files, problems)), backup)


def _with_files(problem: Problem) -> Finding:
    """Mend what is wrong with files; return the finding as it is now."""
    try:
        if problem.files is not None:
            problem.files()
    except OSError as error:
        return replace(problem.finding, fixable=False, advice=f"It could not be moved ({error}). Move it by hand.")
    return replace(problem.finding, fixed=problem.finding.fixable)
