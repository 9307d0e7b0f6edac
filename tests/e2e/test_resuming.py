"""Runs that are killed, stopped and resumed, as real processes."""

import shutil
import signal
import sqlite3

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel

from cli.main import main
from core.config import make_config
from core.runs.job import prepare_jobs
from core.runs.pipeline import run_job
from core.runs.progress import Progress
from core.store import queries
from core.store.engine import open_store
from core.store.records import is_running
from tests import small_runs
from tests.e2e.processes import run_arguments, start, wait_for_checkpoint
from tests.small_runs import write_films


@pytest.fixture
def running(tmp_path, tiny_bert):
    """A run in a separate process, in the middle of its training, and its store."""
    process = start(*run_arguments(tmp_path, tiny_bert))
    wait_for_checkpoint(process, tmp_path)
    yield process, open_store(str(tmp_path / "runs.db"))
    process.kill()
    process.communicate()


@pytest.fixture(scope="module")
def killed_run(tmp_path_factory, tiny_bert):
    """The folder of a run whose process was killed in the middle of its training."""
    folder = tmp_path_factory.mktemp("killed")
    process = start(*run_arguments(folder, tiny_bert))
    wait_for_checkpoint(process, folder)
    stop(process, signal.SIGKILL)
    return folder


@pytest.fixture
def killed(killed_run, tmp_path):
    """The store of a copy of the killed run."""
    shutil.copytree(killed_run, tmp_path, dirs_exist_ok=True)
    return open_store(str(tmp_path / "runs.db"))


def stop(process, signal_number):
    """Send a signal and wait; return the exit code and the standard error."""
    process.send_signal(signal_number)
    _, errors = process.communicate(timeout=120)
    return process.returncode, errors


def resume(store, run_id=1):
    return main(["resume", str(run_id), "--db", store.address])


def uninterrupted_probabilities(tmp_path, tiny_bert):
    """Return the test probabilities of the same run, never stopped."""
    folder = tmp_path / "uninterrupted"
    folder.mkdir()
    assert main(run_arguments(folder, tiny_bert)) == 0
    return queries.probabilities(open_store(str(folder / "runs.db")), 1)


@pytest.mark.slow
def test_killed_run_resumes_and_equals_an_uninterrupted_one(killed, tmp_path, tiny_bert, capsys):
    store, run = killed, queries.run(killed, 1)
    assert (run.status, run.phase) == ("running", "training") and not is_running(run)
    assert run.peak_memory_bytes > 1e8
    assert resume(store) == 0, capsys.readouterr().err
    run = queries.run(store, 1)
    assert run.state == "complete" and run.environment["resumed"] == 1
    assert any(text.startswith("Resuming after step") for text in queries.log_tail(store, 1)["text"])
    assert np.array_equal(queries.probabilities(store, 1), uninterrupted_probabilities(tmp_path, tiny_bert))
    assert [path.name for path in (store.folder / "adapters").iterdir()] == ["1-lora-r8"]
    epochs = queries.history(store, [1]).query("name == 'validation_macro_f1'")["epoch"]
    assert epochs.tolist() == list(range(1, 21))


@pytest.mark.slow
def test_run_is_resumed_after_it_was_stopped_and_only_then(running, capsys):
    process, store = running
    assert resume(store) == 2
    code, errors = stop(process, signal.SIGTERM)
    assert code == 130 and "resume 1" in errors and "Traceback" not in errors
    assert main(["show", "1", "--db", store.address]) == 0
    assert "resume 1" in capsys.readouterr().out
    run = queries.run(store, 1)
    assert (run.state, run.phase) == ("cancelled", "training") and run.ended_at is not None
    assert resume(store) == 0, capsys.readouterr().err
    assert queries.run(store, 1).state == "complete"
    assert resume(store) == 2
    assert resume(store, run_id=7) == 2


@pytest.mark.slow
def test_deleting_a_killed_run_deletes_its_checkpoints(killed, tmp_path):
    assert main(["delete", "1", "--yes", "--db", killed.address]) == 0
    assert list((tmp_path / "adapters").iterdir()) == []


@pytest.mark.slow
def test_work_folder_outside_the_adapters_is_left_alone(killed, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious.txt").write_text("mine")
    with sqlite3.connect(killed.address) as connection:
        connection.execute("UPDATE runs SET work_path = '../elsewhere', adapter_path = 'elsewhere'")
    connection.close()
    assert resume(killed) == 0
    assert [path.name for path in elsewhere.iterdir()] == ["precious.txt"]
    assert (elsewhere / "precious.txt").read_text() == "mine"
    assert queries.run(killed, 1).adapter_path == "adapters/1-lora-r8"


class StopsAfterAStep(Progress):
    """Stops the training after its first step."""

    def __init__(self):
        self.step = 0

    def on_step_end(self, step, total, epoch):
        self.step = step

    def should_stop(self):
        return self.step > 0


@pytest.fixture
def stopped(tmp_path, tiny_bert):
    """A run that was stopped after its first step: its store and its model's folder."""
    model = shutil.copytree(tiny_bert, tmp_path / "model")
    settings = {"dataset": write_films(tmp_path), "model": str(model), "lr": 1e-2, **small_runs.SIZES}
    store = small_runs.create_store(tmp_path)
    (job,) = prepare_jobs([make_config(settings)], tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run_job(job, store, StopsAfterAStep())
    return store, model


def test_run_is_not_resumed_on_changed_data(stopped, tmp_path, capsys):
    store, _ = stopped
    with (tmp_path / "films.csv").open("a") as file:
        file.write("another film,good\n")
    assert resume(store) == 2
    assert "the data of" in capsys.readouterr().err
    assert queries.run(store, 1).state == "cancelled"


def change_tokenizer(model):
    file = model / "tokenizer.json"
    file.write_bytes(file.read_bytes().replace(b'"good"', b'"evil"'))


def change_weights(model):
    torch.manual_seed(1)
    BertModel(BertConfig.from_pretrained(model)).save_pretrained(model)


@pytest.mark.parametrize("change", [change_tokenizer, change_weights])
def test_run_is_not_resumed_on_a_changed_model(stopped, tmp_path, capsys, change):
    store, model = stopped
    original, before = shutil.copytree(model, tmp_path / "original"), queries.run(store, 1)
    change(model)
    assert resume(store) == 2
    assert f"the model {model}" in capsys.readouterr().err
    assert queries.run(store, 1) == before
    shutil.copytree(original, model, dirs_exist_ok=True)
    assert resume(store) == 0
    assert any(text.startswith("Resuming after step 1") for text in queries.log_tail(store, 1)["text"])
