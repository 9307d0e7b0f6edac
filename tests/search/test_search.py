"""Searches of a tiny model: trials, pruning, failures, interruptions, and how they are recorded."""

import shutil
from dataclasses import replace

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from core.config import RunConfig
from core.data import load_data
from core.errors import RequestError
from core.runs.progress import Progress
from core.runs.resume import prepare_resume
from core.search.search import find_trial_run
from core.search.stopping import MAX_FAILURES, is_plateau
from core.search.studies import open_storage, read_searches
from core.search.winner import check_winner
from core.store import queries
from core.store.integrity import check
from core.store.records import TrialKey
from tests.search.conftest import DESTROYS, DIVERGES, LEARNS, open_small_search, search_small
from tests.small_runs import SIZES, create_store

SPACE = {"lr": {"low": 1e-3, "high": 1e-1, "log": True}, "r": [2, 4, 8]}


class StopAtStep(Progress):
    """Stops the run at its n-th step, counted over all runs, as Ctrl-C does."""

    def __init__(self, step):
        self.steps_left = step

    def on_step_end(self, step, total, epoch):
        self.steps_left -= 1

    def should_stop(self):
        return self.steps_left <= 0


@pytest.fixture(scope="module")
def pruned_search(tmp_path_factory, tiny_bert):
    """A search in which one of two learning rates destroys what the model knows, and its folder."""
    folder = tmp_path_factory.mktemp("pruned")
    search = open_small_search(folder, tiny_bert, {"lr": [1e-3, DESTROYS], "r": [2, 4]}, epochs=3, dtype="float32")
    assert search_small(search, 12) == "trials"
    return search, folder


def test_trials_are_runs_without_test_predictions(pruned_search):
    search, folder = pruned_search
    runs = queries.runs(search.store)
    assert set(runs["state"]) == {"validated", "pruned"} and runs["macro_f1"].isna().all()
    assert runs["trial"].tolist() == list(range(12)) and set(runs["study"]) == {"films"}
    metrics = queries.metrics(search.store, runs["id"].tolist())
    assert set(metrics["split"]) == {"validation"}
    assert all(queries.predictions(search.store, run_id).empty for run_id in runs["id"])
    assert runs["adapter_path"].isna().all() and runs["work_path"].isna().all()
    assert check(str(folder / "runs.db")).findings == ()


def test_score_of_a_trial_is_that_of_the_evaluation_that_was_kept(pruned_search):
    search, _ = pruned_search
    for trial in search.study.get_trials(states=(TrialState.COMPLETE,)):
        run_id = trial.user_attrs["run"]
        metrics = queries.metrics(search.store, [run_id]).set_index("name")["value"]
        assert trial.value == metrics["macro_f1"]
        assert len(trial.intermediate_values) == 3


def test_default_settings_are_the_first_trial(pruned_search):
    search, _ = pruned_search
    first = search.study.get_trials()[0]
    assert first.params == {"lr": 1e-3, "r": 2}  # the defaults are none of the choices
    run = find_trial_run(search.store, TrialKey("films", 0), search.job_of(first.params))
    assert (run.config["lr"], run.config["r"], run.id) == (1e-3, 2, first.user_attrs["run"])


def test_trials_that_are_not_promising_are_pruned(pruned_search):
    search, _ = pruned_search
    pruned = search.study.get_trials(states=(TrialState.PRUNED,))
    assert DESTROYS in {trial.params["lr"] for trial in pruned}
    for trial in pruned:
        run = queries.run(search.store, trial.user_attrs["run"])
        history = queries.history(search.store, [run.id]).query("name == 'validation_macro_f1'")
        assert run.state == "pruned" and len(history) == len(trial.intermediate_values) < 3


def test_plain_optuna_opens_the_study(pruned_search):
    search, folder = pruned_search
    storage = JournalStorage(JournalFileBackend(str(folder / "runs.db.searches.journal")))
    study = optuna.load_study(study_name="films", storage=storage)
    assert len(study.trials) == 12 and study.best_value == search.study.best_value
    (record,) = read_searches(create_store(folder))
    assert (record.stopped, record.parameters, record.is_unfinished) == ("trials", ("lr", "r"), False)
    assert record.trials["state"].value_counts().to_dict().keys() == {"complete", "pruned"}


def test_failed_trials_do_not_end_the_search_unless_all_of_the_last_ones_failed(tmp_path, tiny_bert):
    search = open_small_search(tmp_path, tiny_bert, {"lr": [LEARNS, DIVERGES]})
    search_small(search, 4)
    failed = search.study.get_trials(states=(TrialState.FAIL,))
    assert failed and search.study.get_trials(states=(TrialState.COMPLETE,))
    assert all("diverged" in trial.user_attrs["error"] for trial in failed)
    assert {queries.run(search.store, trial.user_attrs["run"]).state for trial in failed} == {"failed"}
    (tmp_path / "failing").mkdir()
    failing = open_small_search(tmp_path / "failing", tiny_bert, {"lr": [DIVERGES], "r": [2, 4, 8]})
    assert search_small(failing, 20) == "failures"
    assert len(failing.study.trials) == MAX_FAILURES


def test_interrupted_search_continues_with_the_checkpoint_of_its_trial(tmp_path, tiny_bert):
    whole = open_small_search(tmp_path, tiny_bert, SPACE)
    search_small(whole, 4)
    folder = tmp_path / "interrupted"
    folder.mkdir()
    steps = 3 * 2 + 2  # in the third trial
    with pytest.raises(KeyboardInterrupt):
        search_small(
            open_small_search(folder, tiny_bert, SPACE, dataset=whole.settings["dataset"]), 4, StopAtStep(steps)
        )
    search = open_small_search(folder, tiny_bert, SPACE, dataset=whole.settings["dataset"])
    assert [trial.state for trial in search.study.trials][2] == TrialState.RUNNING
    search_small(search, 4)
    assert queries.run(search.store, 3).environment["resumed"] == 1
    assert len(queries.runs(search.store)) == 4
    results = [[(trial.params, trial.value) for trial in one.study.trials] for one in (whole, search)]
    assert results[0] == results[1]


def fail_on_large_batches(monkeypatch):
    """Let the training of micro-batches of more than 8 examples run out of memory."""
    from core.training import trainer

    step = trainer.ResumableTrainer.training_step

    def training_step(self, model, inputs, *rest):
        if len(inputs["input_ids"]) > 8:
            raise RuntimeError("CUDA out of memory")
        return step(self, model, inputs, *rest)

    monkeypatch.setattr(trainer.ResumableTrainer, "training_step", training_step)


def test_out_of_memory_trial_is_resumed_with_smaller_micro_batches(tmp_path, tiny_bert, monkeypatch):
    fail_on_large_batches(monkeypatch)
    search = open_small_search(tmp_path, tiny_bert, SPACE)
    search_small(search, 1)
    (trial,) = search.study.trials
    run = queries.run(search.store, trial.user_attrs["run"])
    assert (trial.state, run.state, run.config["auto_batch"]) == (TrialState.COMPLETE, "validated", True)


def test_winner_of_trials_that_ran_out_of_memory_is_checked_with_smaller_micro_batches(
    tmp_path, tiny_bert, monkeypatch
):
    search = open_small_search(tmp_path, tiny_bert, SPACE)
    fail_on_large_batches(monkeypatch)
    search_small(search, 1)
    check = check_winner(search, Progress(), finalists=1, seeds=2)
    runs = [queries.run(search.store, run_id) for run_id in check.winner_runs]
    assert [(run.state, run.config["auto_batch"]) for run in runs] == [("complete", True)] * 2


def test_run_of_another_search_with_the_same_name_is_not_that_of_a_trial(pruned_search):
    search, _ = pruned_search
    trial, params = TrialKey("films", 0), search.study.trials[0].params
    assert find_trial_run(search.store, trial, search.job_of(params)) is not None
    assert find_trial_run(search.store, trial, search.job_of(params, seed=7)) is None
    assert find_trial_run(search.store, trial, search.job_of(params | {"r": 4})) is None
    job = search.job_of(params)
    assert find_trial_run(search.store, trial, replace(job, data=load_data(RunConfig(**SIZES)))) is None


def test_interrupted_trial_that_cannot_be_resumed_fails(tmp_path, tiny_bert):
    search = open_small_search(tmp_path, tiny_bert, SPACE)
    with pytest.raises(KeyboardInterrupt):
        search_small(search, 1, StopAtStep(2))
    shutil.move(tiny_bert, tmp_path / "moved")
    try:
        search_small(search, 1)
    finally:
        shutil.move(tmp_path / "moved", tiny_bert)
    (trial,) = search.study.trials
    assert trial.state == TrialState.FAIL and str(tiny_bert) in trial.user_attrs["error"]


class FinishTrial(Progress):
    """Finishes the running trial of a study, as another process does."""

    def __init__(self, study):
        self.study = study

    def on_train_begin(self, step):
        (trial,) = self.study.get_trials(states=(TrialState.RUNNING,))
        self.study.tell(trial.number, 0.5)


def test_trial_that_another_process_finished_stops_the_search(tmp_path, tiny_bert):
    search = open_small_search(tmp_path, tiny_bert, SPACE)
    other = optuna.load_study(study_name="films", storage=open_storage(search.store))
    with pytest.raises(RequestError) as error:
        search_small(search, 2, FinishTrial(other))
    assert error.value.code == "search_is_running"


def test_search_stops_at_a_run_in_a_fallback_database(tmp_path, tiny_bert, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    search = open_small_search(tmp_path, tiny_bert, SPACE)
    search_small(search, 1)
    (tmp_path / "adapters").rename(tmp_path / "saved")
    (tmp_path / "adapters").write_text("a file where the folder should be")
    with pytest.raises(RequestError) as error:
        check_winner(search, Progress(), finalists=1, seeds=2)
    assert error.value.code == "run_in_fallback" and "check" not in search.study.user_attrs


def test_search_of_a_taken_name_with_another_space_is_refused(pruned_search, tiny_bert):
    _, folder = pruned_search
    with pytest.raises(RequestError) as error:
        open_small_search(folder, tiny_bert, SPACE, epochs=3, dtype="float32")
    assert error.value.code == "other_search"


def test_trial_that_has_ended_cannot_be_resumed(pruned_search):
    search, _ = pruned_search
    for _, runs in queries.runs(search.store).groupby("state"):
        run_id = int(runs["id"].iloc[0])
        with pytest.raises(RequestError) as error:
            prepare_resume(search.store, run_id)
        assert error.value.code == "run_is_complete"


def test_damaged_journal_is_reported(tmp_path, tiny_bert):
    store = create_store(tmp_path)
    (tmp_path / "runs.db.searches.journal").write_text("no journal\nat all\n")
    with pytest.raises(RequestError) as error:
        read_searches(store)
    assert error.value.code == "unusable_storage" and "runs.db.searches.journal" in str(error.value)


@pytest.mark.parametrize(
    ("values", "trials", "expected"),
    [
        ([0.5] * 20, 10, True),
        ([0.5] * 20, 0, False),
        ([0.5] * 9, 5, False),
        ([*[0.5] * 15, *[0.52] * 5], 10, False),
        ([*[0.5] * 15, *[0.504] * 5], 10, True),
        ([None] * 20, 10, False),
        ([0.6, *[None] * 14], 10, True),
    ],
)
def test_plateau(values, trials, expected):
    assert is_plateau(values, trials) == expected
