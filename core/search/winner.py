"""Check the winner of a search: fresh seeds on the validation split, then the test split once."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from statistics import fmean

from optuna.trial import TrialState

from core.catalog.search_spaces import CHECK_SEEDS, FINALISTS
from core.config import RunConfig
from core.errors import RunError
from core.report.search_verdict import Finalist, WinnerCheck, read_check
from core.runs.job import Job, add_baselines
from core.runs.pipeline import CHECKPOINT_INTERVAL, run_job, run_jobs
from core.runs.progress import Progress
from core.search.search import Search, find_trial_run, require_recorded, validation_score
from core.store.engine import Store
from core.store.records import Run, TrialKey


def check_winner(
    search: Search,
    progress: Progress,
    *,
    finalists: int = FINALISTS,
    seeds: int = CHECK_SEEDS,
    checkpoint_interval: float = CHECKPOINT_INTERVAL,
) -> WinnerCheck | None:
    """Train the best trials with fresh seeds, and compare the winner with the defaults on the test split.

    Successive halving: with each seed, the better half of the finalists is kept, by their mean over the fresh seeds.
    Only the one that is left, and the defaults, are evaluated on the test split, so that no correction for the choice
    is needed. A check of the same finalists and seeds that is stored already is returned. None if no trial is
    complete. Raises `RunError` if a run of the check fails, `RequestError` if one is in a fallback database.
    """
    candidates = best_trials(search, finalists)
    if not candidates:
        return None
    first = search.default.config.seed + 1
    fresh = tuple(range(first, first + seeds))
    stored = search.study.user_attrs.get("check")
    previous = read_check(stored) if stored else None
    if previous and previous.seeds == fresh and _trials(previous.finalists) == _trials(candidates):
        return previous
    checker = _WinnerChecker(search, progress, checkpoint_interval)
    check = checker.check(candidates, fresh, number=previous.number + 1 if previous else 1)
    search.study.set_user_attr("check", asdict(check))
    return check


def best_trials(search: Search, count: int) -> list[Finalist]:
    """Return the complete trials with the highest scores and different settings, the best first."""
    trials = search.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    ranked = sorted(trials, key=lambda trial: (-(trial.value or 0.0), trial.number))
    by_settings = {str(search.space.settings(trial.params)): trial for trial in reversed(ranked)}
    best = sorted(by_settings.values(), key=ranked.index)[:count]
    return [Finalist(trial.number, float(trial.value or 0.0), ()) for trial in best]


def _trials(finalists: Sequence[Finalist]) -> list[int]:
    return sorted(finalist.trial for finalist in finalists)


class _WinnerChecker:
    """Runs the check of one search."""

    def __init__(self, search: Search, progress: Progress, checkpoint_interval: float) -> None:
        self.search, self.progress, self.checkpoint_interval = search, progress, checkpoint_interval

    def check(self, candidates: Sequence[Finalist], seeds: tuple[int, ...], number: int) -> WinnerCheck:
        """Choose the winner on the validation split, then evaluate it and the defaults on the test split."""
        finalists = self._halve(candidates, seeds)
        winner = finalists[0]
        config, default = self._config_of(winner.trial), self._default_config()
        fingerprint = self.search.default.data.fingerprint
        jobs = [self._with_seed(default, seed) for seed in seeds]
        if config.group_key(fingerprint) != default.group_key(fingerprint):
            jobs += [self._with_seed(config, seed) for seed in seeds]
        runs = self._run_on_test(jobs)
        default_runs, winner_runs = runs[: len(seeds)], runs[-len(seeds) :]
        scores = tuple(validation_score(self.search.store, run.id) for run in winner_runs)
        return WinnerCheck(
            replace(winner, fresh_scores=scores),
            finalists,
            seeds,
            tuple(run.id for run in winner_runs),
            tuple(run.id for run in default_runs),
            number,
        )

    def _halve(self, candidates: Sequence[Finalist], seeds: Sequence[int]) -> tuple[Finalist, ...]:
        """Return the finalists with their scores, the winner first."""
        remaining, dropped = list(candidates), list[Finalist]()
        for seed in seeds:
            if len(remaining) == 1:
                break
            scored = [self._add_score(finalist, seed) for finalist in remaining]
            scored.sort(key=lambda finalist: -fmean(finalist.fresh_scores))
            kept = (len(scored) + 1) // 2
            remaining, dropped = scored[:kept], [*scored[kept:], *dropped]
        return (*remaining, *dropped)

    def _add_score(self, finalist: Finalist, seed: int) -> Finalist:
        """Train a finalist with a fresh seed on the training split, unless it is recorded; add its score."""
        store, trial = self.search.store, TrialKey(self.search.name, finalist.trial)
        job = self._with_seed(self._config_of(finalist.trial), seed)
        run = find_trial_run(store, trial, job)
        if run is None or run.state != "validated":
            self.progress.on_run_begin(f"trial {finalist.trial}, seed {seed}", job.config, 1, 1)
            run = run_job(
                job,
                store,
                self.progress,
                trial=trial,
                checkpoint_interval=self.checkpoint_interval,
            )
            self.progress.on_run_end(run, reused=False)
            _require_state(store, run, "validated")
        return replace(finalist, fresh_scores=(*finalist.fresh_scores, validation_score(store, run.id)))

    def _config_of(self, number: int) -> RunConfig:
        """Return the config of a trial, with ``auto_batch`` if its run ran out of memory without."""
        job = self.search.job_of(self.search.study.get_trials(deepcopy=False)[number].params)
        run = find_trial_run(self.search.store, TrialKey(self.search.name, number), job)
        needs_auto_batch = run is not None and run.config.get("auto_batch", False)
        return job.config.model_copy(update={"auto_batch": job.config.auto_batch or needs_auto_batch})

    def _default_config(self) -> RunConfig:
        """Return the default config, with ``auto_batch`` if the run of the first trial, the default, needed it."""
        config = self.search.vary(self.search.default.config).config
        return config.model_copy(update={"auto_batch": self._config_of(0).auto_batch})

    def _with_seed(self, config: RunConfig, seed: int) -> Job:
        return self.search.vary(config.model_copy(update={"seed": seed}))

    def _run_on_test(self, jobs: Sequence[Job]) -> list[Run]:
        """Run the jobs as ordinary runs, after the baselines that they are compared with."""
        configs = add_baselines([job.config for job in jobs])
        baselines = [self.search.vary(config) for config in configs if config.kind == "baseline"]
        records = run_jobs(
            [*baselines, *jobs], self.search.store, self.progress, checkpoint_interval=self.checkpoint_interval
        )
        runs = records[len(baselines) :]
        for run in runs:
            _require_state(self.search.store, run, "complete")
        return runs


def _require_state(store: Store, run: Run, state: str) -> None:
    """Raise `RunError` if a run has another state, `RequestError` if it is in a fallback database."""
    require_recorded(store, run)
    if run.state != state:
        raise RunError(
            f"The check of the winner stopped, because run {run.id} is {run.state}"
            f"{': ' + run.error_message if run.error_message else '.'} Start the search again to repeat the check."
        )
