"""Search the settings of a run with Optuna: every trial is a run that is evaluated on the validation split only."""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import optuna
from optuna import Study, Trial
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState

from core.catalog.search_spaces import PLATEAU_TRIALS
from core.config import RunConfig, hash_settings, make_config
from core.errors import OutOfMemory, RequestError, StoreError
from core.runs.job import Job, vary_job
from core.runs.pipeline import CHECKPOINT_INTERVAL, run_job
from core.runs.progress import Progress
from core.runs.resume import prepare_resume
from core.search.space import Space, default_distributions
from core.search.space_file import parse_space
from core.search.stopping import is_failing, is_plateau
from core.search.studies import FINISHED, make_pruner, open_storage, translate_storage_errors
from core.search.trial_progress import TrialProgress
from core.store import queries
from core.store.engine import Store
from core.store.fallback import is_recorded
from core.store.records import Run, TrialKey, is_running
from core.text.formatting import format_percent

MAX_RESUMES = 3
"""Number of times that a crashed trial is resumed; then it fails."""


@dataclass(frozen=True)
class SearchOptions:
    """How long a search lasts; ``seconds``: None for no limit; ``plateau``: see `is_plateau`."""

    trials: int
    seconds: float | None = None
    plateau: int = PLATEAU_TRIALS


@dataclass(frozen=True)
class Search:
    """A study of a database, and what its trials share.

    ``defaults``: the job with the default settings, by method; the first one is what the winner is compared with.
    ``settings``: the requested settings that are the same in all trials.
    """

    study: Study
    store: Store
    space: Space
    defaults: Mapping[str, Job]
    settings: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The name of the study."""
        return self.study.study_name

    @property
    def default(self) -> Job:
        """The job with the default settings of the first method."""
        return self.defaults[self.space.methods[0]]

    def job_of(self, parameters: Mapping[str, Any], seed: int | None = None) -> Job:
        """Return the job of a trial's parameters, with another seed if one is given.

        Raises `RequestError` for parameters that do not work together.
        """
        settings = {**self.settings, **self.space.settings(parameters)}
        return self.vary(make_config(settings if seed is None else settings | {"seed": seed}))

    def vary(self, config: RunConfig) -> Job:
        """Return the job of a config on the data and the base model of the search."""
        return vary_job(self.default, config)


def build_space(
    defaults: Mapping[str, Job], settings: Mapping[str, Any], content: Mapping[str, Any], *, is_complete: bool
) -> Space:
    """Return the space of a search over the methods of ``defaults``.

    ``content``: the requested values, see `parse_space`. They replace those of the default space or, with
    ``is_complete``, are the whole space. Raises `RequestError` if there is nothing to search.
    """
    requested = parse_space(content, list(defaults), settings)
    dimensions = {
        method: {
            **({} if is_complete else default_distributions(job, {*settings, *requested[method]})),
            **requested[method],
        }
        for method, job in defaults.items()
    }
    if len(dimensions) == 1 and not any(dimensions.values()):
        raise RequestError(
            "There is nothing to search: every setting has one value. Give one of them several values.",
            code="empty_space",
        )
    return Space(dimensions, {method: job.config.r for method, job in defaults.items()})


def open_search(
    store: Store, space: Space, defaults: Mapping[str, Job], settings: Mapping[str, Any], name: str | None, pruner: str
) -> Search:
    """Open the search with this name, or begin it; the trials with the default settings come first.

    Without a name, it is derived from data, methods and space, so that the same command continues its search. Raises
    `RequestError` if a search of this name has other settings, data or another space.
    """
    job = defaults[space.methods[0]]
    defaults_by_method = {method: default.config.settings() for method, default in defaults.items()}
    definition = {"defaults": defaults_by_method, "space": space.describe(), "fingerprint": job.data.fingerprint}
    digest = hashlib.sha256(json.dumps(definition, sort_keys=True).encode()).hexdigest()
    name = name or f"{job.data.name}-{'-'.join(space.methods)}-{digest[:6]}"
    storage = open_storage(store)
    with translate_storage_errors(store):
        study = optuna.create_study(
            study_name=name, storage=storage, direction="maximize", load_if_exists=True, pruner=make_pruner(pruner)
        )
        if study.user_attrs.get("definition", digest) != digest:
            raise RequestError(
                f"There is a search named {name} with other settings, data or another space. Choose another --name.",
                code="other_search",
            )
        if "definition" not in study.user_attrs:
            for default in defaults.values():
                study.enqueue_trial(space.defaults(default), skip_if_exists=True)
            _describe(study, job, definition, digest)
    return Search(study, store, space, defaults, settings)


def _describe(study: Study, job: Job, definition: Mapping[str, Any], digest: str) -> None:
    attributes = {
        **definition,
        "dataset": job.data.name,
        "evaluation_fingerprint": job.data.evaluation_fingerprint,
        "definition": digest,  # last: a study without it is incomplete
    }
    for key, value in attributes.items():
        study.set_user_attr(key, value)


def run_search(
    search: Search,
    options: SearchOptions,
    progress: Progress,
    *,
    checkpoint_interval: float = CHECKPOINT_INTERVAL,
) -> str:
    """Resume unfinished trials, then run new ones until the search ends; return why, a key of `STOP_REASONS`.

    A trial that fails is recorded with its reason, and the next one starts. If the user stops the search, its trial
    is resumed from its checkpoint by the next call. Raises `RequestError` if Optuna's storage fails, or another process
    finishes the same trial.
    """
    start, runner = time.monotonic(), _TrialRunner(search, options, progress, checkpoint_interval)
    with translate_storage_errors(search.store):
        search.study.set_user_attr("stopped", None)
        for frozen in search.study.get_trials(states=(TrialState.RUNNING,)):
            runner.finish(frozen)
        first = len(search.study.get_trials(deepcopy=False, states=FINISHED))
        while (reason := _stop_reason(search.study, options, time.monotonic() - start, first)) is None:
            runner.run(search.study.ask())
        search.study.set_user_attr("stopped", reason)
    return reason


def _stop_reason(study: Study, options: SearchOptions, seconds: float, first: int) -> str | None:
    """Return why the search ends, None if it does not; ``first``: the number of trials that ended before this call."""
    trials = study.get_trials(deepcopy=False)
    finished = [trial for trial in trials if trial.state in FINISHED]
    values = [trial.value if trial.state != TrialState.FAIL else None for trial in finished]
    states = ["failed" if trial.state == TrialState.FAIL else "finished" for trial in finished]
    started = len(finished) + sum(trial.state == TrialState.RUNNING for trial in trials)
    reasons = {
        "failures": is_failing(states[first:]),
        "trials": started >= options.trials,
        "time_budget": options.seconds is not None and seconds >= options.seconds,
        "plateau": is_plateau(values, options.plateau),
    }
    return next((reason for reason, applies in reasons.items() if applies), None)


class _TrialRunner:
    """Runs the trials of a search."""

    def __init__(self, search: Search, options: SearchOptions, progress: Progress, checkpoint_interval: float) -> None:
        self.search, self.options, self.progress = search, options, progress
        self.checkpoint_interval = checkpoint_interval

    def run(self, trial: Trial) -> None:
        """Let the sampler choose the settings of a trial, and run it."""
        job = self._suggest_job(trial)
        if job is not None:
            self._start(trial, job)

    def _suggest_job(self, trial: Trial) -> Job | None:
        """Return the job of a trial, with the settings that the sampler chooses; None if they do not work together."""
        # Seeded by the number of the trial, so that an interruption does not change what is drawn.
        self.search.study.sampler = TPESampler(seed=self.search.default.config.seed + trial.number)
        self.search.space.suggest(trial)
        try:
            return self.search.job_of(trial.params)
        except RequestError as error:
            self._fail(trial, str(error))
            return None

    def _start(self, trial: Trial, job: Job) -> None:
        """Run a trial from the beginning."""
        self._announce(trial.number, job)
        run = run_job(
            job,
            self.search.store,
            TrialProgress(self.progress, trial),
            trial=TrialKey(self.search.name, trial.number),
            checkpoint_interval=self.checkpoint_interval,
        )
        self._conclude(trial, run)

    def finish(self, frozen: FrozenTrial) -> None:
        """Finish a trial that was in progress when its process ended; leave one of another process alone."""
        trial = Trial(self.search.study, frozen._trial_id)
        job = self._suggest_job(trial)
        if job is None:
            return
        run = find_trial_run(self.search.store, TrialKey(self.search.name, trial.number), job)
        if run is None:
            self._start(trial, job)
        elif is_running(run):
            return
        elif run.state not in ("crashed", "cancelled"):
            self._conclude(trial, run)
        elif run.state == "crashed" and run.environment.get("resumed", 0) >= MAX_RESUMES:
            self._fail(trial, f"It crashed after it was resumed {MAX_RESUMES} times.")
        else:
            self._resume(trial, run)

    def _announce(self, number: int, job: Job) -> None:
        self.progress.on_run_begin(f"trial {number}", job.config, number + 1, self.options.trials)

    def _resume(self, trial: Trial, run: Run, *, auto_batch: bool = False) -> None:
        """Resume a trial's run from its checkpoint; the trial fails if that is impossible."""
        trust = self.search.default.config.trust_remote_code
        try:
            job = prepare_resume(self.search.store, run.id, auto_batch=auto_batch, trust_remote_code=trust)
        except RequestError as error:
            if isinstance(error, StoreError) or error.code == "run_is_running":
                raise
            self._fail(trial, str(error))
            return
        self._announce(trial.number, job)
        resumed = run_job(
            job,
            self.search.store,
            TrialProgress(self.progress, trial),
            resume_run_id=run.id,
            checkpoint_interval=self.checkpoint_interval,
        )
        self._conclude(trial, resumed)

    def _conclude(self, trial: Trial, run: Run) -> None:
        """Tell Optuna how a trial ended; after an out-of-memory error, resume it once with smaller micro-batches."""
        require_recorded(self.search.store, run)
        self.progress.on_run_end(run, reused=False)
        trial.set_user_attr("run", run.id)
        if run.error_type == OutOfMemory.__name__ and not run.config.get("auto_batch"):
            self._resume(trial, run, auto_batch=True)
        elif run.state == "pruned":
            self.search.study.tell(trial, state=TrialState.PRUNED)
        elif run.state == "validated":
            score = validation_score(self.search.store, run.id)
            self.search.study.tell(trial, score)
            best = self.search.study.best_trial
            self.progress.on_message(
                f"Validation macro F1 {format_percent(score)}; best so far {format_percent(best.value)}, "
                f"trial {best.number}."
            )
        else:
            self._fail(trial, run.error_message or run.state)

    def _fail(self, trial: Trial, reason: str) -> None:
        trial.set_user_attr("error", reason)
        self.search.study.tell(trial, state=TrialState.FAIL)
        self.progress.on_message(f"Trial {trial.number} failed: {reason}")


def validation_score(store: Store, run_id: int) -> float:
    """Return the validation macro F1 of the evaluation that a run kept."""
    metrics = queries.metrics(store, [run_id])
    is_score = (metrics["split"] == "validation") & (metrics["name"] == "macro_f1")
    return float(metrics.loc[is_score, "value"].iloc[0])


def require_recorded(store: Store, run: Run) -> None:
    """Raise `RequestError` if a run is in a fallback database, where its id may be that of another run of the store."""
    if not is_recorded(store, run):
        raise RequestError(
            f"The search stops, because its run {run.name} is recorded in a fallback database. When the cause is "
            f"fixed, run: {store.format_command('db recover')}. Then start the search again.",
            code="run_in_fallback",
        )


def find_trial_run(store: Store, trial: TrialKey, job: Job) -> Run | None:
    """Return the newest run of a trial with a job's settings, except ``auto_batch``, and data; None if there is none.

    An imported run may have the same trial of a study with the same name.
    """
    fingerprint = job.data.fingerprint
    seed, key = job.config.seed, job.config.group_key(fingerprint)
    for run in reversed(queries.trial_runs(store, trial)):
        # A run that stopped before its data were recorded has no group key.
        if run.seed == seed and hash_settings(run.config, fingerprint) == key and run.group_key in (None, key):
            return run
    return None
