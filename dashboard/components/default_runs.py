"""The run that a page opens with, and the run to compare it with."""

import pandas as pd

from dashboard import data


def best_baseline(test_set: int) -> int | None:
    """Return the id of the baseline with the highest macro F1."""
    complete = data.complete_runs(test_set)
    return _first(complete[complete["kind"] == "baseline"])


def best_adapter(test_set: int) -> int | None:
    """Return the id of the run with the highest macro F1 that is not a baseline."""
    complete = data.complete_runs(test_set)
    return _first(complete[complete["kind"] != "baseline"])


def best_run(test_set: int) -> int | None:
    """Return the id of the best adapter, else of the best baseline, else of the newest run."""
    newest = data.runs(test_set).sort_values("id", ascending=False)
    return best_adapter(test_set) or best_baseline(test_set) or _first(newest)


def runner_up(test_set: int) -> int | None:
    """Return the id of the best run, except baselines, with another configuration than the best run."""
    complete = data.complete_runs(test_set)
    adapters = complete[complete["kind"] != "baseline"]
    best_configuration = adapters["group_key"].head(1).dropna().tolist()
    return _first(adapters.iloc[1:][~adapters["group_key"].iloc[1:].isin(best_configuration)])


def _first(frame: pd.DataFrame) -> int | None:
    return None if frame.empty else int(frame["id"].iloc[0])


def reference_baseline(run_id: int) -> int | None:
    """Return the id of a run's recorded baseline, else of the best other baseline."""
    run, test_set = data.run(run_id), data.test_set_of(run_id)
    if run.baseline_id is not None or test_set is None:
        return run.baseline_id
    complete = data.complete_runs(test_set)
    return _first(complete[(complete["kind"] == "baseline") & (complete["id"] != run_id)])
