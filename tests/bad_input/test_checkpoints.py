"""Runs that are to go on: with checkpoints that somebody replaced, and after all else has changed."""

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
from tests.bad_input.asking import ask, refused
from tests.bad_input.test_model_folders import Damage, Harm
from tests.small_runs import SIZES, create_store, write_films

PICKLE = pickle.dumps(Harm())
TRAINERS_OWN = ("optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin", "scaler.pt", "pytorch_model.bin")
"""What the Trainer writes and reads as pickles, where it is left to do so."""


class Stopping(Progress):
    """Asks to stop after three steps."""

    step = 0

    def on_step_end(self, step, total, epoch):
        self.step = step

    def should_stop(self):
        return self.step >= 3


@pytest.fixture(scope="module")
def stopped_once(tmp_path_factory, tiny_bert):
    """A folder with a run that was stopped in its training, its data and its model."""
    folder = tmp_path_factory.mktemp("stopped")
    write_films(folder)
    shutil.copytree(tiny_bert, folder / "model")
    with chdir(folder):
        store = create_store(folder)
        config = make_config({"dataset": "films.csv", "model": "model", "r": 2, **SIZES, "epochs": 2})
        (job,) = prepare_jobs([config], folder)
        with pytest.raises(KeyboardInterrupt):
            run_job(job, store, Stopping(), checkpoint_interval=0.0)
        store.engine.dispose()
    return folder


def as_if_whole(checkpoint: Path) -> None:
    (checkpoint / "sha256").write_text(compute_checksum(checkpoint, "*.*"))


def all_of(change: Damage) -> Damage:
    return lambda work: [change(step) for step in work.glob("step-*")]


def newest(change: Damage) -> Damage:
    return lambda work: change(max(work.glob("step-*")))


def pickled(checkpoint: Path) -> None:
    (checkpoint / "state.safetensors").write_bytes(PICKLE)


def pickled_and_summed(checkpoint: Path) -> None:
    pickled(checkpoint)
    as_if_whole(checkpoint)


def beside(checkpoint: Path) -> None:
    for name in TRAINERS_OWN:
        (checkpoint / name).write_bytes(PICKLE)
    as_if_whole(checkpoint)


def odd_names(work: Path) -> None:
    for name in ("step-1 copy", "step-0x1", "step-99", "step-1.5"):
        shutil.copytree(max(work.glob("step-*")), work / name)
    shutil.rmtree(work / "step-99")
    (work / "step-99").write_text("no folder")


DAMAGES: dict[str, Damage] = {
    "the newest is a pickle": newest(pickled),
    "all are pickles": all_of(pickled),
    "all are pickles, and say that they are whole": all_of(pickled_and_summed),
    "pickles lie beside": all_of(beside),
    "names that are no steps": odd_names,
    "nothing is left": lambda work: [shutil.rmtree(step) for step in work.glob("step-*")],
    "state of words": all_of(lambda step: [(step / "state.safetensors").write_text("words"), as_if_whole(step)]),
    "trainer's state of words": all_of(lambda step: (step / "trainer_state.json").write_text("words")),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_run_goes_on_without_what_somebody_put_there(name, stopped_once, tmp_path, monkeypatch):
    shutil.copytree(stopped_once, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    (work,) = Path("adapters").glob(".unfinished-1-*")
    assert len(list(work.glob("step-*"))) == 2
    DAMAGES[name](work)
    code, out, err = ask(["resume", "1", "--db", "runs.db"])
    assert not Path("hacked").exists()
    assert (code, "Traceback" in err) == (0, False), out + err
    assert " 1 " in out


def in_the_row(column: str, value: object) -> Damage:
    """Change what is recorded of the run; of its settings one by one."""

    def change(folder: Path) -> None:
        with closing(sqlite3.connect(folder / "runs.db")) as connection, connection:
            if isinstance(value, dict):
                ((settings,),) = connection.execute("SELECT config FROM runs")
                changed = json.dumps(json.loads(settings) | value)
            else:
                changed = value
            connection.execute(f"UPDATE runs SET {column} = ?", (changed,))

    return change


def settings(**changed: object) -> Damage:
    return in_the_row("config", changed)


CHANGES: dict[str, tuple[Damage, str]] = {
    "data gone": (lambda folder: (folder / "films.csv").unlink(), "There is no file"),
    "data empty": (lambda folder: (folder / "films.csv").write_text(""), "is empty"),
    "data changed": (
        lambda folder: (folder / "films.csv").write_text(
            (folder / "films.csv").read_text().replace("film 1", "song 1")
        ),
        "changed since",
    ),
    "model gone": (lambda folder: shutil.rmtree(folder / "model"), "neither a folder nor"),
    "model without weights": (lambda folder: (folder / "model/model.safetensors").unlink(), "holds no weights"),
    "model pickled": (
        lambda folder: (folder / "model/model.safetensors").rename(folder / "model/pytorch_model.bin"),
        "no safetensors weights",
    ),
    "model damaged": (lambda folder: (folder / "model/config.json").write_text("{"), "holds no model"),
    "settings of another method": (settings(method="nonsense"), "nonsense"),
    "settings that are none": (settings(no_such=1), "no_such"),
    "settings out of bounds": (settings(r=0), "--r 0"),
    "settings of a secret": (settings(dataset="hf_" + "aB3dE5gH7j" * 3), "seems to hold a token"),
    "no settings": (in_the_row("config", "null"), "damaged"),
    "settings of words": (in_the_row("config", "{"), ""),
    "complete": (in_the_row("status", "complete"), "complete"),
    "in the trash": (in_the_row("deleted_at", "2026-01-01 00:00:00.000000"), "trash"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_can_not_go_on_is_refused_in_words(name, stopped_once, tmp_path, monkeypatch):
    here = tmp_path / "here"
    shutil.copytree(stopped_once, here)
    monkeypatch.chdir(here)
    change, said = CHANGES[name]
    change(here)
    assert said in refused(["resume", "1", "--db", "runs.db"], here)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("../..", id="parent-of-parent"),
        pytest.param("/etc", id="etc"),
        pytest.param("adapters", id="adapters"),
        pytest.param("adapters/../..", id="outside-adapters"),
        pytest.param("runs.db", id="runs.db"),
        pytest.param("adapters/1-lora", id="other-adapter"),
        pytest.param("", id="empty"),
        pytest.param("a\nb", id="line-break"),
    ],
)
def test_work_that_is_none_of_the_run_is_left_alone(path, stopped_once, tmp_path, monkeypatch):
    here = tmp_path / "here"
    shutil.copytree(stopped_once, here)
    monkeypatch.chdir(here)
    (here / "adapters/1-lora").mkdir()
    (here / "adapters/1-lora/precious").touch()
    in_the_row("work_path", path)(here)
    code, out, err = ask(["resume", "1", "--db", "runs.db"])
    assert code in (0, 2) and "Traceback" not in err and "unexpected" not in err, out + err
    assert (here / "adapters/1-lora/precious").exists() and (here / "films.csv").exists()
