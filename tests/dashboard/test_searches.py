"""The Searches page: trials by state, the check of the winner, and trials on the other pages."""

from dataclasses import asdict
from datetime import datetime, timedelta
from types import SimpleNamespace

import optuna
import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState, create_trial

from core.config import RunConfig
from core.data import load_data
from core.report.search_verdict import Finalist, WinnerCheck
from core.search.studies import open_storage, read_searches
from core.store import queries
from core.store.engine import open_store
from core.store.recorder import recording
from core.store.records import TrialKey
from dashboard.app_pages.searches import view_data
from dashboard.data.searches import is_search_running
from tests.dashboard.reading import page_text, table
from tests.dashboard.runs_page import ids
from tests.seeded import ENVIRONMENT, SIZES

NAME = "reviews *bold*"
DISTRIBUTIONS = {"lr": FloatDistribution(1e-4, 1e-1, log=True), "layers": CategoricalDistribution([None, "last:3"])}


def add_trial(study, state, value, lr, layers=None, **attributes):
    values = {1: value} if state == TrialState.PRUNED else {}
    trial = create_trial(
        state=state,
        value=None if state == TrialState.FAIL else value,
        params={"lr": lr, "layers": layers},
        distributions=DISTRIBUTIONS,
        intermediate_values=values,
        user_attrs=attributes,
    )
    study.add_trial(trial)


@pytest.fixture
def searched(seeded_copy):
    """A database with a search of five trials, the first of which is run `trial`; return its ids and the study."""
    store = open_store(str(seeded_copy.database))
    data = load_data(RunConfig(**SIZES))
    with recording(store, RunConfig(**SIZES), "lora-r8", ENVIRONMENT, trial=TrialKey(NAME, 0)) as run:
        run.save_dataset(data, RunConfig(**SIZES).group_key(data.fingerprint))
    study = optuna.create_study(study_name=NAME, storage=open_storage(store), direction="maximize")
    fingerprint = queries.dataset(store, queries.run(store, seeded_copy.lora).dataset_id).evaluation_fingerprint
    attributes = {"dataset": "movie-reviews", "evaluation_fingerprint": fingerprint, "definition": "x"}
    for key, value in (attributes | {"stopped": "trials"}).items():
        study.set_user_attr(key, value)
    for value, lr, layers in ((0.7, 1e-3, None), (0.8, 1e-2, "last:3"), (0.75, 2e-3, None)):
        add_trial(study, TrialState.COMPLETE, value, lr, layers, run=run.id)
    add_trial(study, TrialState.PRUNED, 0.5, 1e-4, run=run.id)
    add_trial(study, TrialState.FAIL, None, 1e-1, error="The loss is NaN. <b>Try</b> a lower --lr.")
    return seeded_copy, run.id, study


def test_trials_are_listed_by_state_the_best_first(searched, open_page):
    app = open_page("searches")
    text = page_text(app)
    assert "80.0" in text and "trial 1" in text and "3 complete, 1 pruned, 1 failed" in text
    trials = table(app, "trial")
    assert trials["trial"].tolist() == [1, 2, 0, 3, 4]
    assert trials["state"].tolist() == [*["complete"] * 3, "pruned", "failed"]
    assert "Try" in trials["error"].iloc[-1]


def test_winner_is_shown_with_its_check(searched, open_page):
    seeded, _, study = searched
    assert "--no-check" in page_text(open_page("searches"))
    winner, default = seeded.seeds[:2], seeded.seeds[1:]
    check = WinnerCheck(Finalist(1, 0.8, (0.7, 0.72)), (), (43, 44), winner, default)
    study.set_user_attr("check", asdict(check))
    text = page_text(open_page("searches"))
    assert "Over 2 seeds" in text and "+9.0 points" in text


def test_page_without_searches_shows_the_command(seeded, open_page):
    assert "search --trials 30" in open_page("searches").code[0].value


def test_ended_trials_are_not_on_the_runs_page_but_can_be_opened(searched, open_page, open_runs):
    _, run_id, _ = searched
    shown = ids(open_runs())
    assert len(shown) > 1 and str(run_id) not in map(str, shown)
    text = page_text(open_page("run", run=run_id))
    assert "validation split only" in text and f"trial 0 of {NAME}" in text


def test_searches_of_other_test_sets_are_not_listed(searched, open_page):
    seeded, _, _ = searched
    other = queries.run(open_store(str(seeded.database)), seeded.other_test_set).dataset_id
    assert "search --trials 30" in open_page("searches", dataset=other).code[0].value


def test_charts_tell_outliers_and_scales(searched):
    seeded, _, _ = searched
    (search,) = read_searches(open_store(str(seeded.database)))
    history = view_data.history(search.trials).set_index("number")
    assert history.loc[4, "height"] == history["height"].min() and history["value"].isna().loc[4]
    assert view_data.best_so_far(search.trials)["best"].tolist() == [0.7, 0.8, 0.8]
    assert view_data.is_log(search.trials["lr"])
    lines, ends = view_data.parallel_coordinates(search, {"lr": 0.9, "layers": 0.1})
    assert lines.groupby("parameter")["place"].agg(["min", "max"]).to_numpy().tolist() == [[0, 1], [0, 1]]
    assert set(ends.loc[ends["parameter"] == "layers", "text"]) == {"default", "last:3"}
    assert set(lines.loc[lines["is_best"], "number"]) == {1}


def test_search_is_live_between_two_trials_and_interrupted_later(searched, open_page):
    _, _, study = searched
    study.set_user_attr("stopped", None)
    assert "Running." in page_text(open_page("searches"))  # its trials ended a moment ago
    old = datetime.now() - timedelta(hours=1)
    record = pd.DataFrame({"begin": [old], "end": [old]})
    search = SimpleNamespace(name=NAME, trials=record, stopped=None)
    assert not is_search_running(search)
