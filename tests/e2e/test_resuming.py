"""Runs that are killed, stopped and taken up again, as real processes."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

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
from tests.small_runs import films

ROOT = Path(__file__).resolve().parents[2]
SIZES = [
    "--train-size",
    "96",
    "--validation-size",
    "18",
    "--test-size",
    "36",
    "--batch-size",
    "4",
    "--max-length",
    "24",
]


def arguments(folder, model, epochs=40):
    data = ["--dataset", films(folder), "--model", str(model), "--lr", "0.01", "--epochs", str(epochs)]
    return [*data, *SIZES, "--no-baselines", "--checkpoint-every", "0", "--db", str(folder / "runs.db")]


@pytest.fixture
def begun(tmp_path, tiny_bert):
    """A run in a process of its own, in the middle of its training; and its store."""
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "runner.py"), *arguments(tmp_path, tiny_bert)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 120
    while not list(tmp_path.glob("adapters/.unfinished-1-*/step-*")):
        assert process.poll() is None and time.monotonic() < end, process.communicate()
        time.sleep(0.02)
    yield process, open_store(str(tmp_path / "runs.db"))
    process.kill()
    process.communicate()


def ended(process):
    """Wait for a process; return its exit code and what it told."""
    _, told = process.communicate(timeout=120)
    return process.returncode, told


def expected(tmp_path, tiny_bert):
    """Return the test probabilities of the same run, never stopped."""
    folder = tmp_path / "never-stopped"
    folder.mkdir()
    assert main(arguments(folder, tiny_bert)) == 0
    return queries.probabilities(open_store(str(folder / "runs.db")), 1)


def test_a_killed_run_goes_on_and_ends_as_one_that_was_never_stopped(begun, tmp_path, tiny_bert, capsys):
    process, store = begun
    process.send_signal(signal.SIGKILL)
    ended(process)
    run = queries.run(store, 1)
    assert (run.status, run.phase) == ("running", "training") and not is_running(run)
    assert run.peak_memory_bytes > 1e8
    assert main(["resume", "1", "--db", store.address]) == 0, capsys.readouterr().err
    run = queries.run(store, 1)
    assert run.state == "complete" and run.environment["resumed"] == 1
    assert any(text.startswith("Going on after step") for text in queries.log_tail(store, 1)["text"])
    assert np.array_equal(queries.probabilities(store, 1), expected(tmp_path, tiny_bert))
    assert [path.name for path in (store.folder / "adapters").iterdir()] == ["1-lora-r8"]
    steps = queries.history(store, [1]).query("name == 'validation_macro_f1'")["epoch"]
    assert steps.tolist() == list(range(1, 41))


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_run_that_is_asked_to_stop_ends_tidily_and_can_go_on(begun, name, capsys):
    process, store = begun
    process.send_signal(getattr(signal, name))
    code, told = ended(process)
    assert code == 130 and "Stopping after this step" in told and "Traceback" not in told
    assert main(["show", "1", "--db", store.address]) == 0
    on = "It was stopped in the phase «training». Go on with it: python runner.py resume 1"
    assert on in " ".join(capsys.readouterr().out.split())
    run = queries.run(store, 1)
    assert (run.state, run.phase) == ("cancelled", "training") and run.ended_at is not None
    assert main(["resume", "1", "--db", store.address]) == 0, capsys.readouterr().err
    assert queries.run(store, 1).state == "complete"


def test_a_run_at_work_or_complete_is_not_resumed(begun, capsys):
    process, store = begun
    assert main(["resume", "1", "--db", store.address]) == 2
    assert "Run 1 is still running" in capsys.readouterr().err
    process.send_signal(signal.SIGINT)
    ended(process)
    assert main(["resume", "1", "--db", store.address]) == 0
    assert main(["resume", "1", "--db", store.address]) == 2
    assert "Run 1 is complete: there is nothing to resume" in capsys.readouterr().err
    assert main(["resume", "7", "--db", store.address]) == 2


def test_a_run_whose_data_have_changed_is_not_resumed(begun, tmp_path, capsys):
    process, store = begun
    process.send_signal(signal.SIGKILL)
    ended(process)
    with (tmp_path / "films.csv").open("a") as file:
        file.write("another film,good\n")
    assert main(["resume", "1", "--db", store.address]) == 2
    assert "have changed since it began" in capsys.readouterr().err
    assert not is_running(queries.run(store, 1))


class StopsAfterAStep(Progress):
    """Asks the training to stop as soon as it can be taken up again."""

    def __init__(self):
        self.step = 0

    def on_step_end(self, step, total, epoch):
        self.step = step

    def should_stop(self):
        return self.step > 0


@pytest.mark.parametrize("changed", ["model.safetensors", "tokenizer.json"])
def test_a_run_whose_model_has_changed_is_not_resumed(tmp_path, tiny_bert, capsys, changed):
    model = shutil.copytree(tiny_bert, tmp_path / "model")
    settings = {"dataset": films(tmp_path), "model": str(model), "lr": 1e-2, **small_runs.SIZES}
    store = small_runs.opened(tmp_path)
    (job,) = prepare_jobs([make_config(settings)], tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run_job(job, store, StopsAfterAStep())
    was = (model / changed).read_bytes()
    if changed == "tokenizer.json":
        (model / changed).write_bytes(was.replace(b'"good"', b'"evil"'))
    else:
        torch.manual_seed(1)
        BertModel(BertConfig.from_pretrained(model)).save_pretrained(model)
    assert (model / changed).read_bytes() != was
    begun = queries.run(store, 1)
    assert main(["resume", "1", "--db", store.address]) == 2
    assert f"the model {model} has changed since it began. Run it anew" in capsys.readouterr().err
    assert queries.run(store, 1) == begun
    (model / changed).write_bytes(was)
    assert main(["resume", "1", "--db", store.address]) == 0
    assert any(text.startswith("Going on after step 1") for text in queries.log_tail(store, 1)["text"])


def test_deleting_a_killed_run_takes_its_checkpoints_along(begun, tmp_path):
    process, store = begun
    process.send_signal(signal.SIGKILL)
    ended(process)
    assert main(["delete", "1", "--yes", "--db", store.address]) == 0
    assert list((tmp_path / "adapters").iterdir()) == []


def test_a_record_that_names_a_folder_elsewhere_as_its_own_takes_nothing_away_there(begun, tmp_path):
    process, store = begun
    process.send_signal(signal.SIGKILL)
    ended(process)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious.txt").write_text("mine")
    with sqlite3.connect(store.address) as connection:
        connection.execute("UPDATE runs SET work_path = '../elsewhere', adapter_path = 'elsewhere'")
    connection.close()
    assert main(["resume", "1", "--db", store.address]) == 0
    assert (elsewhere / "precious.txt").read_text() == "mine"
    assert os.listdir(elsewhere) == ["precious.txt"]
    assert json.dumps(queries.run(store, 1).adapter_path) == '"adapters/1-lora-r8"'
