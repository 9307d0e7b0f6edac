"""The storage of one run in one database: its row, its log and its data set."""

import itertools
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from core.data.splits import DataSet
from core.errors import RunError, StoreError
from core.store.datasets import save_dataset
from core.store.engine import Store
from core.store.schema import LogRow, RunRow, now
from core.text.redact import redact_secrets
from core.text.sanitize import replace_unstorable

MAX_LINE_LENGTH = 2_000
"""Maximum number of characters of a line in a run's log."""


def clean_text(text: str) -> str:
    """Return a text without secrets, and without characters that databases refuse."""
    return replace_unstorable(redact_secrets(text))


@dataclass(frozen=True)
class Execution:
    """Identifies one execution of a run; the id does not, because resuming keeps it."""

    created_at: datetime
    times_resumed: int

    @classmethod
    def from_columns(cls, created_at: datetime, environment: Mapping[str, Any]) -> "Execution":
        """Return the execution that a run's row describes."""
        return cls(created_at, environment.get("resumed", 0))


class RunStorage:
    """The storage of one run; every write is one transaction.

    ``columns``: the row of a run in progress; None for additions to a run that has ended.
    ``next_line``: the number of the next log line. A run that sends no heartbeats may be considered crashed,
    and another process may resume or delete it; from then on, its writes here raise `RunError`.
    """

    def __init__(self, store: Store, run_id: int, columns: Mapping[str, Any] | None = None, next_line: int = 1) -> None:
        self.store = store
        self.run_id = run_id
        self.columns = dict(columns or {})
        is_in_progress = columns is not None
        self._execution = (
            Execution.from_columns(self.columns["created_at"], self.columns["environment"]) if is_in_progress else None
        )
        self._line_numbers = itertools.count(next_line)

    @property
    def requested_store(self) -> Store:
        """The database that the run belongs to."""
        return self.store

    @property
    def stores(self) -> tuple[Store, ...]:
        """The databases that contain a row of the run."""
        return (self.store,)

    @property
    def folder(self) -> Path:
        """The folder that the run's paths are relative to."""
        return self.store.folder

    def switch_to_fallback(self, reason: str) -> None:
        """Raise `StoreError`: only a run in progress can continue in a fallback database."""
        raise StoreError(reason)

    def write(self, action: Callable[[Session], Any]) -> None:
        """Execute an action in one write transaction, provided that the run still belongs to this process."""
        with self.store.write_session() as session:
            if reason := self._reason_not_owned(session):
                raise RunError(reason)
            action(session)

    def update(self, **columns: Any) -> None:
        """Set columns of the run's row."""
        self.columns |= columns
        self.write(lambda session: session.execute(update(RunRow).where(RunRow.id == self.run_id).values(**columns)))

    def append_log(self, text: str) -> None:
        """Append a line to the run's log, cleaned by `clean_text` and cut to `MAX_LINE_LENGTH`."""
        cleaned = clean_text(text)[:MAX_LINE_LENGTH]
        line = {"run_id": self.run_id, "line": next(self._line_numbers), "at": now(), "text": cleaned}
        self.write(lambda session: session.execute(insert(LogRow), [line]))

    def save_dataset(self, data: DataSet) -> int:
        """Store a data set unless it is stored already; return its id."""
        return save_dataset(self.store, data)

    def send_heartbeat(self) -> None:
        """Update the heartbeat in every row of the run; failures are ignored, because the next one follows soon."""
        for store in self.stores:
            with suppress(StoreError), store.write_session() as session:
                if not self._reason_not_owned(session):
                    session.execute(update(RunRow).where(RunRow.id == self.run_id).values(heartbeat_at=now()))

    def _reason_not_owned(self, session: Session) -> str | None:
        """Return why the row no longer belongs to this process; None if it does."""
        if self._execution is None:
            return None
        query = select(RunRow.created_at, RunRow.environment, RunRow.pid, RunRow.host).where(RunRow.id == self.run_id)
        row = session.execute(query).one_or_none()
        if row is None or row.created_at != self._execution.created_at:  # the id may be another run's by now
            return f"Run {self.run_id} was deleted while it was running. Nothing more is recorded."
        if Execution.from_columns(row.created_at, row.environment) == self._execution:
            return None
        return (
            f"Run {self.run_id} was resumed by another process (process {row.pid} on {row.host}). "
            "Nothing more of this execution is recorded."
        )
