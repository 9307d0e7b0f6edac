"""Checkpoints that somebody replaced: a run that goes on reads nothing of them that could run code."""

import pickle
import shutil
from pathlib import Path

import pytest

from core.config import make_config
from core.files import digest_of
from core.pipeline import execute, prepare
from core.progress import Progress
from tests.bad_input.asking import ask
from tests.bad_input.test_model_folders import Damage, Harm
from tests.small_runs import SIZES, films, opened

PICKLE = pickle.dumps(Harm())
TRAINERS_OWN = ("optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin", "scaler.pt", "pytorch_model.bin")
"""What the Trainer writes and reads as pickles, where it is left to do so."""


class Stopping(Progress):
    """Asks to stop after three steps."""

    step = 0

    def stepped(self, step, total, epoch):
        self.step = step

    def stopping(self):
        return self.step >= 3


@pytest.fixture(scope="module")
def stopped_once(tmp_path_factory, tiny_bert):
    """A folder with a run that was stopped in its training."""
    folder = tmp_path_factory.mktemp("stopped")
    config = make_config({"dataset": films(folder), "model": str(tiny_bert), "r": 2, **SIZES, "epochs": 2})
    store = opened(folder)
    (job,) = prepare([config], folder)
    with pytest.raises(KeyboardInterrupt):
        execute(job, store, Stopping(), seconds=0.0)
    store.engine.dispose()
    return folder


def as_if_whole(checkpoint: Path) -> None:
    (checkpoint / "sha256").write_text(digest_of(checkpoint, "*.*"))


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
