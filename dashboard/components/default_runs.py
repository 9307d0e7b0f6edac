"""Which run a screen begins with, and what it is held against."""

import pandas as pd

from dashboard import data


def best_baseline(test_set: int) -> int | None:
    """Return the id of the baseline with the highest macro F1."""
    done = data.complete_runs(test_set)
    return _first(done[done["kind"] == "baseline"])


def best_adapter(test_set: int) -> int | None:
    """Return the id of the run with the highest macro F1 that is no baseline."""
    done = data.complete_runs(test_set)
    return _first(done[done["kind"] != "baseline"])


def best_run(test_set: int) -> int | None:
    """Return the run to begin with: the best adapter, else the best baseline, else the newest run."""
    newest = data.runs(test_set).sort_values("id", ascending=False)
    return best_adapter(test_set) or best_baseline(test_set) or _first(newest)


def runner_up(test_set: int) -> int | None:
    """Return the id of the best run that is no baseline and no other seed of the very best one."""
    done = data.complete_runs(test_set)
    adapters = done[done["kind"] != "baseline"]
    group = adapters["group_key"].head(1).dropna().tolist()
    return _first(adapters.iloc[1:][~adapters["group_key"].iloc[1:].isin(group)])


def _first(frame: pd.DataFrame) -> int | None:
    return None if frame.empty else int(frame["id"].iloc[0])


def reference_baseline(run_id: int) -> int | None:
    """Return the baseline that a run is measured against: the recorded one, else the best other one."""
    one, test_set = data.run(run_id), data.test_set_of(run_id)
    if one.baseline_id is not None or test_set is None:
        return one.baseline_id
    done = data.complete_runs(test_set)
    return _first(done[(done["kind"] == "baseline") & (done["id"] != run_id)])
