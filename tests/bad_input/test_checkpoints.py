"""Resuming stopped runs whose checkpoints, rows, data or base model were changed."""

import json
import pickle
import shutil
import sqlite3
from contextlib import chdir, closing
from pathlib import Path

import pytest

from core.config import make_config
from core.runs.job import prepare_jobs
from core.runs.pipeline import run_job
from core.runs.progress import Progress
from core.system.files import compute_checksum
from tests.bad_input.damage import Damage, Payload, assert_nothing_executed
from tests.command_line import assert_refused, run_cli
from tests.small_runs import SIZES, create_store, write_films

PICKLE = pickle.dumps(Payload())
TRAINER_PICKLES = (
    *("optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin", "scaler.pt", "pytorch_model.bin"),
)
"""Files that transformers' Trainer reads as pickles."""
RESUME = ["resume", "1", "--db", "runs.db"]


class StopAfterThreeSteps(Progress):
    step = 0

    def on_step_end(self, step, total, epoch):
        self.step = step

    def should_stop(self):
        return self.step >= 3


@pytest.fixture(scope="module")
def stopped(tmp_path_factory, tiny_bert):
    """Return a folder with the data, the base model and the database of a run that was stopped during training."""
    folder = tmp_path_factory.mktemp("stopped")
    write_films(folder)
    shutil.copytree(tiny_bert, folder / "model")
    with chdir(folder):
        store = create_store(folder)
        config = make_config({"dataset": "films.csv", "model": "model", "r": 2, **SIZES, "epochs": 2})
        (job,) = prepare_jobs([config], folder)
        with pytest.raises(KeyboardInterrupt):
            run_job(job, store, StopAfterThreeSteps(), checkpoint_interval=0.0)
        store.engine.dispose()
    return folder


@pytest.fixture
def folder(stopped, tmp_path, monkeypatch):
    """Return a copy of the folder, which is the current folder."""
    shutil.copytree(stopped, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


def update_checksum(checkpoint: Path) -> None:
    (checkpoint / "sha256").write_text(compute_checksum(checkpoint, "*.*"))


def in_every_checkpoint(change: Damage) -> Damage:
    return lambda work: [change(step) for step in work.glob("step-*")]


def in_newest_checkpoint(change: Damage) -> Damage:
    return lambda work: change(max(work.glob("step-*")))


def pickle_state(checkpoint: Path) -> None:
    (checkpoint / "state.safetensors").write_bytes(PICKLE)


def add_trainer_pickles(checkpoint: Path) -> None:
    for name in TRAINER_PICKLES:
        (checkpoint / name).write_bytes(PICKLE)
    update_checksum(checkpoint)


def add_folders_with_other_names(work: Path) -> None:
    for name in ("step-1 copy", "step-0x1", "step-1.5"):
        shutil.copytree(max(work.glob("step-*")), work / name)
    (work / "step-99").write_text("not a folder")


DAMAGES: dict[str, Damage] = {
    "pickle in the newest checkpoint": in_newest_checkpoint(pickle_state),
    "pickles with matching checksum": in_every_checkpoint(lambda step: (pickle_state(step), update_checksum(step))),
    "pickles beside the state": in_every_checkpoint(add_trainer_pickles),
    "folders with other names": add_folders_with_other_names,
    "no checkpoint": lambda work: [shutil.rmtree(step) for step in work.glob("step-*")],
    "trainer state is not JSON": in_every_checkpoint(lambda step: (step / "trainer_state.json").write_text("text")),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_resuming_ignores_damaged_checkpoints_and_executes_nothing(name, folder):
    (work,) = Path("adapters").glob(".unfinished-1-*")
    assert len(list(work.glob("step-*"))) == 2
    DAMAGES[name](work)
    code, out, err = run_cli(RESUME)
    assert_nothing_executed(folder)
    assert (code, "Traceback" in err) == (0, False), out + err
    assert " 1 " in out


def edit_row(column: str, value: object) -> Damage:
    """Change a column of the run; in a JSON column, change the given keys only."""

    def change(folder: Path) -> None:
        with closing(sqlite3.connect(folder / "runs.db")) as connection, connection:
            new_value = value
            if isinstance(value, dict):
                ((stored,),) = connection.execute(f"SELECT {column} FROM runs")
                new_value = json.dumps(json.loads(stored) | value)
            connection.execute(f"UPDATE runs SET {column} = ?", (new_value,))

    return change


def replace_in_films(folder: Path) -> None:
    films = folder / "films.csv"
    films.write_text(films.read_text().replace("film 1", "song 1"))


CHANGES: dict[str, tuple[Damage, str]] = {
    "data deleted": (lambda folder: (folder / "films.csv").unlink(), "films.csv"),
    "data emptied": (lambda folder: (folder / "films.csv").write_text(""), "films.csv"),
    "data changed": (replace_in_films, "changed since"),
    "model deleted": (lambda folder: shutil.rmtree(folder / "model"), "model"),
    "model without weights": (lambda folder: (folder / "model/model.safetensors").unlink(), "weights"),
    "model pickled": (
        lambda folder: (folder / "model/model.safetensors").rename(folder / "model/pytorch_model.bin"),
        "safetensors",
    ),
    "unknown method": (edit_row("config", {"method": "nonsense"}), "nonsense"),
    "unknown setting": (edit_row("config", {"no_such": 1}), "no_such"),
    "setting out of range": (edit_row("config", {"r": 0}), "--r 0"),
    "setting with a token": (edit_row("config", {"dataset": "hf_" + "aB3dE5gH7j" * 3}), "--dataset"),
    "settings are null": (edit_row("config", "null"), "config"),
    "settings are not JSON": (edit_row("config", "{"), "db check"),
    "complete": (edit_row("status", "complete"), "complete"),
    "in the trash": (edit_row("deleted_at", "2026-01-01 00:00:00.000000"), "trash"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_resuming_is_refused_with_the_reason(name, folder):
    change, fragment = CHANGES[name]
    change(folder)
    assert fragment in assert_refused(RESUME, folder)


@pytest.mark.parametrize(
    "path", ["../..", "/etc", "adapters", "runs.db", "adapters/1-lora", pytest.param("", id="empty")]
)
def test_resuming_changes_no_folder_that_is_not_the_runs_work_folder(path, folder):
    unrelated = folder / "adapters/1-lora"
    unrelated.mkdir()
    (unrelated / "file").touch()
    edit_row("work_path", path)(folder)
    code, out, err = run_cli(RESUME)
    assert code in (0, 2) and "Traceback" not in err and "unexpected" not in err, out + err
    assert (unrelated / "file").exists() and (folder / "films.csv").exists()
