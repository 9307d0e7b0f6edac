"""The Optuna studies of a database: open, create and read them."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from core.errors import RequestError
from core.store.engine import Store
from core.store.search_storage import create_schema, has_schema, journal_file, server_url

STEPS_PER_EPOCH = 10
"""Trials report their evaluations in tenths of an epoch, so that trials with different batch sizes are compared."""
STARTUP_TRIALS = 5
"""Number of trials before any is pruned."""
WARMUP_STEPS = 5
"""No trial is pruned in its first half epoch."""
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)

optuna.logging.set_verbosity(optuna.logging.ERROR)  # the search prints its own progress
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SearchRecord:
    """A study as it is stored.

    ``stopped``: why the search ended, a key of `STOP_REASONS`, None before. ``check``: the check of its winner as JSON,
    None before. ``trials``: one row per trial: number, state, value, begin, end, error, run, and a column per
    parameter, whose names are in ``parameters``.
    """

    name: str
    evaluation_fingerprint: str
    stopped: str | None
    check: dict[str, Any] | None
    trials: pd.DataFrame
    parameters: tuple[str, ...]

    @property
    def is_unfinished(self) -> bool:
        """Whether a trial is in progress, or was interrupted."""
        return bool((self.trials["state"] == "running").any())


def make_pruner(name: str) -> BasePruner:
    """Return the pruner ``median``, ``hyperband`` or ``none``."""
    if name == "hyperband":
        return HyperbandPruner(min_resource=STEPS_PER_EPOCH, reduction_factor=3)
    if name == "median":
        return MedianPruner(STARTUP_TRIALS, WARMUP_STEPS)
    return NopPruner()


def open_storage(store: Store) -> BaseStorage:
    """Return the storage of a database's studies for writing; create it where there is none."""
    file = journal_file(store)
    with translate_storage_errors(store):
        if file is None:
            create_schema(store)
        return _storage(store, file)


def read_storage(store: Store) -> BaseStorage | None:
    """Return the storage of a database's studies; None if it has none. Nothing is written."""
    file = journal_file(store)
    exists = has_schema(store) if file is None else file.is_file()
    with translate_storage_errors(store):
        return _storage(store, file) if exists else None


def _storage(store: Store, file: Path | None) -> BaseStorage:
    return _server_storage(store) if file is None else JournalStorage(JournalFileBackend(str(file)))


@lru_cache(maxsize=4)
def _server_storage(store: Store) -> RDBStorage:
    """Return the storage on a store's server; it is kept, as each has its own pool of connections."""
    return RDBStorage(server_url(store), engine_kwargs={"pool_pre_ping": True})


@contextmanager
def translate_storage_errors(store: Store) -> Iterator[None]:
    """Translate errors of Optuna's storage to `RequestError`."""
    try:
        yield
    except optuna.exceptions.UpdateFinishedTrialError as error:
        raise RequestError(
            "The search stopped, because another process finished the same trial. Wait until that process ends, then "
            "start the search again.",
            code="search_is_running",
        ) from error
    except (OSError, ValueError, KeyError, RuntimeError, optuna.exceptions.StorageInternalError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise RequestError(
            f"The searches in {storage_address(store)} cannot be read or written ({reason:.300}). If another version "
            "of Optuna wrote them, install it; else restore a backup, or move the file away.",
            code="unusable_storage",
        ) from error


def storage_address(store: Store) -> str:
    """Return where a database's studies are, without a password."""
    file = journal_file(store)
    return str(file) if file is not None else f"{store.address} (schema optuna)"


def read_searches(store: Store) -> list[SearchRecord]:
    """Return all searches of a database, newest first."""
    storage = read_storage(store)
    if storage is None:
        return []
    with translate_storage_errors(store):
        studies = [optuna.load_study(study_name=name, storage=storage) for name in optuna.get_all_study_names(storage)]
        return [read_search(study) for study in reversed(studies) if "definition" in study.user_attrs]


def read_search(study: Study) -> SearchRecord:
    """Return the record of a study."""
    attributes, trials = study.user_attrs, study.get_trials(deepcopy=False)
    parameters = dict.fromkeys(name for trial in trials for name in trial.params)
    return SearchRecord(
        name=study.study_name,
        evaluation_fingerprint=attributes["evaluation_fingerprint"],
        stopped=attributes.get("stopped"),
        check=attributes.get("check"),
        trials=_trial_table(trials, list(parameters)),
        parameters=tuple(parameters),
    )


_TRIAL_COLUMNS = ("number", "state", "value", "begin", "end", "error", "run")
_STATES: Mapping[TrialState, str] = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
}


def _trial_table(trials: Sequence[FrozenTrial], parameters: Sequence[str]) -> pd.DataFrame:
    """Return one row per trial; a parameter that a trial leaves to its default is None, one that it lacks is NaN."""
    frame = pd.DataFrame([_trial_row(trial) for trial in trials], columns=_TRIAL_COLUMNS)
    values = {name: [trial.params.get(name, float("nan")) for trial in trials] for name in parameters}
    return frame.assign(**{name: pd.Series(column, dtype=object) for name, column in values.items()})


def _trial_row(trial: FrozenTrial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "state": _STATES[trial.state],
        "value": trial.value if trial.value is not None else trial.intermediate_values.get(trial.last_step or 0),
        "begin": trial.datetime_start,
        "end": trial.datetime_complete,
        "error": trial.user_attrs.get("error"),
        "run": trial.user_attrs.get("run"),
    }


def parameter_importance(store: Store, name: str) -> dict[str, float]:
    """Return Optuna's importance (fANOVA) of each parameter of a search; empty with too few different trials.

    Parameters that only some trials have, because they belong to one of several methods, are left out.
    """
    storage = read_storage(store)
    if storage is None:
        return {}
    with translate_storage_errors(store):
        study = optuna.load_study(study_name=name, storage=storage)
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len({trial.value for trial in complete}) < 2:
        return {}
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    try:
        return optuna.importance.get_param_importances(study, evaluator=evaluator)
    except (ValueError, RuntimeError):  # every parameter has a single value so far
        log.info("The importance of the parameters of %s cannot be computed.", name, exc_info=True)
        return {}
