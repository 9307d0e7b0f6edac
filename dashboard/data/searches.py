"""Searches, their trials and the checks of their winners."""

import time
from collections.abc import Hashable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from core.report.search_verdict import WinnerCheck, compare_with_defaults, read_check, search_verdict
from core.store.engine import Store
from core.store.search_storage import journal_file
from dashboard.data import cache
from dashboard.data.cache import cached
from dashboard.data.datasets import dataset
from dashboard.data.runs import all_runs
from dashboard.data.table import all_runs_key

if TYPE_CHECKING:
    from core.search.studies import SearchRecord

_MAX_GAP = timedelta(seconds=60)
"""A search that is running begins its next trial after less time; Optuna stores local times."""


def _searches_key(*_: Any, **__: Any) -> Hashable:
    """Return a key that changes with every write to the searches; for a database on a server, every second."""
    file = journal_file(cache.store())
    if file is None:
        return cache.version().address, int(time.monotonic())
    if not file.is_file():
        return str(file)
    stat = file.stat()
    return str(file), stat.st_ino, stat.st_mtime_ns, stat.st_size


@cached(_searches_key, keep=4)
def all_searches(db: Store) -> "list[SearchRecord]":
    """Return all searches, newest first."""
    from core.search.studies import read_searches  # only this page needs Optuna

    return read_searches(db)


def searches(test_set: int) -> "list[SearchRecord]":
    """Return the searches on the data of a test set, newest first."""
    fingerprint = dataset(test_set).evaluation_fingerprint
    return [search for search in all_searches() if search.evaluation_fingerprint == fingerprint]


@cached(_searches_key, keep=32)
def parameter_importance(db: Store, name: str) -> dict[str, float]:
    """Return the importance of each parameter of a search, the most important first."""
    from core.search import studies

    return studies.parameter_importance(db, name)


def winner_check(search: "SearchRecord") -> WinnerCheck | None:
    """Return the check of a search's winner; None before."""
    return None if search.check is None else read_check(search.check)


@cached(all_runs_key, keep=32)
def winner_verdict(db: Store, check: WinnerCheck) -> list[str]:
    """Return the verdict on the winner of a search in sentences, the recommendation first.

    Raises `RequestError` if one of its runs was deleted.
    """
    return search_verdict(check, compare_with_defaults(db, check))


def is_search_running(search: "SearchRecord") -> bool:
    """Return whether a run of a search is in progress, or its last trial ended a moment ago and it has not stopped."""
    runs = all_runs()
    if ((runs["study"] == search.name) & (runs["state"] == "running")).any():
        return True
    last = pd.to_datetime(pd.concat([search.trials["begin"], search.trials["end"]])).max()
    return bool(search.stopped is None and pd.notna(last) and datetime.now() - last < _MAX_GAP)
