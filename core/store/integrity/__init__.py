"""Check the integrity of a database and its files, and apply lossless repairs."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy.orm import Session

from core.errors import StoreError
from core.store.backups import back_up
from core.store.db_errors import format_address, is_damaged
from core.store.engine import BUSY_TIMEOUT_SECONDS, Store, open_store, resolve_url
from core.store.fallback import list_fallbacks
from core.store.integrity.consistency import consistency_problems
from core.store.integrity.files import file_problems, list_adapter_folders
from core.store.integrity.findings import Finding, Problem, information, unfixable
from core.store.integrity.links import link_problems
from core.store.integrity.values import replacing_invalid_text, unreadable_values, value_problems

_MAX_SQLITE_MESSAGES = 5


@dataclass(frozen=True)
class CheckResult:
    """The findings of an integrity check, and the backup that was made before rows were changed."""

    address: str
    findings: tuple[Finding, ...]
    backup: Path | None = None

    @property
    def is_sound(self) -> bool:
        """Whether no fault is left."""
        return all(finding.fixed for finding in self.findings if finding.fault)


def check(
    address: str | None = None,
    *,
    fix: bool = False,
    backed_up: bool = False,
    busy_timeout: float = BUSY_TIMEOUT_SECONDS,
) -> CheckResult:
    """Check a database and its files; with ``fix``, apply lossless repairs.

    An SQLite database is backed up before its rows are changed; ``backed_up`` confirms a server's backup.

    A damaged database file is a finding. Raises the other errors of `open_store`, and `RequestError` if no
    backup can be made.
    """
    try:
        store = open_store(address, busy_timeout=busy_timeout)
        try:
            problems = [_complete_command(store, problem) for problem in _find_problems(store)]
            if fix:
                return _fix(store, problems, backed_up)
            return CheckResult(store.address, tuple(problem.finding for problem in problems))
        finally:
            store.engine.dispose()
    except StoreError as error:
        if not is_damaged(error):
            raise
        name = format_address(resolve_url(address))
        return CheckResult(name, (_damaged_file(name, str(error.__cause__)).finding,))


def find_unreadable(store: Store) -> tuple[Finding, ...]:
    """Return the faults that prevent reading rows: file damage, broken links and unreadable values."""
    try:
        with store.read_session() as session, replacing_invalid_text(session):
            problems = list(_file_damage(session, store.address))
            problems = problems or [*link_problems(session), *unreadable_values(session)]
    except StoreError as error:
        if not is_damaged(error):
            raise
        problems = [_damaged_file(store.address, str(error.__cause__))]
    return tuple(problem.finding for problem in problems)


def _complete_command(store: Store, problem: Problem) -> Problem:
    """Add the database's address to the command that an advice ends with."""
    before, separator, command = problem.finding.advice.partition("python runner.py ")
    advice = before + store.format_command(command) if separator else before
    return replace(problem, finding=replace(problem.finding, advice=advice))


def _damaged_file(address: str, reason: str) -> Problem:
    advice = f'Restore a backup, or recover readable data: sqlite3 "{address}" .recover | sqlite3 recovered.db'
    return unfixable("damaged file", address, f"the file is damaged ({reason}).", advice)


def _find_problems(store: Store) -> list[Problem]:
    folders = list_adapter_folders(store.folder / "adapters")
    with store.read_session() as session, replacing_invalid_text(session):
        damage = list(_file_damage(session, store.address))
        if damage:
            return damage
        row_problems = [*link_problems(session), *value_problems(session)]
        return [
            *row_problems,
            *(consistency_problems(session) if not row_problems else ()),  # needs readable values
            *file_problems(session, store.folder, store.address, folders),
            *_pending_fallbacks(store),
        ]


def _pending_fallbacks(store: Store) -> Iterator[Problem]:
    for fallback in list_fallbacks(store):
        what = f"a run of this database is in this fallback database. {fallback.reason}"
        yield information("fallback record", str(fallback.folder), what, "python runner.py db recover")


def _file_damage(session: Session, address: str) -> Iterator[Problem]:
    """Report what SQLite's own integrity check finds."""
    if session.get_bind().dialect.name != "sqlite":
        return
    rows = session.connection().exec_driver_sql(f"PRAGMA integrity_check({_MAX_SQLITE_MESSAGES})")
    messages = [str(row[0]) for row in rows]
    if messages != ["ok"]:
        yield _damaged_file(address, "; ".join(" ".join(message.split()) for message in messages))


def _fix(store: Store, problems: list[Problem], backed_up: bool) -> CheckResult:
    changes = [problem.rows for problem in problems if problem.rows is not None]
    backup = None
    if changes:
        with store.write_session() as session:
            backup = back_up(store.engine, "before-fix", backed_up=backed_up)
            for change in changes:
                session.execute(change)
    return CheckResult(store.address, tuple(map(_fix_files, problems)), backup)


def _fix_files(problem: Problem) -> Finding:
    """Apply a problem's repair of files; return the updated finding."""
    try:
        if problem.files is not None:
            problem.files()
    except OSError as error:
        advice = f"The folder cannot be moved or deleted ({error}). Do it manually."
        return replace(problem.finding, fixable=False, advice=advice)
    return replace(problem.finding, fixed=problem.finding.fixable)
