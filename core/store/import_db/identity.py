"""Recognize the same run in two databases."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.store.schema import DatasetRow, RunRow


@dataclass(frozen=True)
class RunIdentity:
    """The values that identify a run across databases; resuming a run does not change them."""

    created_at: datetime
    seed: int | None
    config: str


@dataclass(frozen=True)
class RunReference:
    """A run in one database."""

    run_id: int
    status: str
    dataset_fingerprint: str | None

    def may_be_same_run(self, other: "RunReference") -> bool:
        """Return whether the data sets are equal or one is missing: a run that failed early has none."""
        fingerprints = {self.dataset_fingerprint, other.dataset_fingerprint} - {None}
        return len(fingerprints) <= 1


def load_identities(session: Session, after_id: int = 0) -> Iterator[tuple[RunIdentity, RunReference]]:
    """Yield the identities of the runs with a higher id than ``after_id``, by id."""
    query = (
        select(RunRow.id, RunRow.status, RunRow.created_at, RunRow.seed, RunRow.config, DatasetRow.fingerprint)
        .outerjoin(DatasetRow, DatasetRow.id == RunRow.dataset_id)
        .where(RunRow.id > after_id)
        .order_by(RunRow.id)
    )
    for row in session.execute(query):
        identity = RunIdentity(row.created_at, row.seed, json.dumps(row.config, sort_keys=True))
        yield identity, RunReference(row.id, row.status, row.fingerprint)
