"""The run that a page opens with, and the run to compare it with."""

import pandas as pd

from dashboard import data
from dashboard.components.configurations import best_fine_tuned, ranking_of


def best_baseline(test_set: int) -> int | None:
    """Return the id of the baseline with the highest macro F1."""
    complete = data.complete_runs(test_set)
    return _first(complete[complete["kind"] == "baseline"])


def best_adapter(test_set: int) -> int | None:
    """Return the id of the most typical run of the best configuration that is not a baseline."""
    best = best_fine_tuned(ranking_of(test_set))
    return None if best is None else int(best.id)


def best_run(test_set: int) -> int | None:
    """Return the id of the best adapter, else of the best baseline, else of the newest run."""
    newest = data.runs(test_set).sort_values("id", ascending=False)
    return best_adapter(test_set) or best_baseline(test_set) or _first(newest)


def _first(frame: pd.DataFrame) -> int | None:
    return None if frame.empty else int(frame["id"].iloc[0])


def reference_baseline(run_id: int) -> int | None:
    """Return the id of a run's recorded baseline, else of the best other baseline; of repeated runs, the first."""
    run, test_set = data.run(run_id), data.test_set_of(run_id)
    if test_set is None:
        return run.baseline_id
    complete = data.complete_runs(test_set)
    baselines = complete[(complete["kind"] == "baseline") & (complete["id"] != run_id)]
    baseline = _first(baselines) if run.baseline_id is None else run.baseline_id
    return baseline if baseline is None else _first_repetition(baseline, baselines)


def _first_repetition(run_id: int, runs: pd.DataFrame) -> int:
    """Return the first of the runs with the same configuration and seed as a run; the run itself without any."""
    run = data.run(run_id)
    has_seed = runs["seed"].isna() if run.seed is None else runs["seed"] == run.seed
    same = runs[(runs["group_key"] == run.group_key) & has_seed]
    return run_id if same.empty else int(same["id"].min())
