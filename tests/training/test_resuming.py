"""A training that was stopped goes on as if it had not been."""

import random

import numpy as np
import pytest
import torch

from core.config import make_config
from core.data import load_data
from core.methods import METHODS
from core.probed import verdict
from core.progress import Progress
from core.training import fine_tune
from core.training.checkpoints import Checkpoints
from tests.small_runs import SIZES, films

HOURS = 36_000.0
STEPS = 12  # of both epochs together
TRAINED = [name for name, method in METHODS.items() if method.kind == "adapter" and verdict(name, "trains").works]


class Told(Progress):
    """Remembers the learning curves, and stops the training after a step where it is told to."""

    def __init__(self, stop_after=None):
        self.stop_after, self.step, self.began_after, self.curves, self.notes = stop_after, 0, [], [], []

    def begins(self, after):
        self.began_after.append(after)
        self.curves = [point for point in self.curves if point[0] <= after]

    def stepped(self, step, total, epoch):
        self.step = step
        assert total == STEPS

    def stopping(self):
        return self.stop_after is not None and self.step >= self.stop_after

    def logged(self, step, epoch, values):
        self.curves.append((step, sorted(values.items())))

    def noted(self, text):
        self.notes.append(text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("resuming")


def trained(folder, model, told, checkpoints=None, **settings):
    """Train two epochs of six steps, and return the logits of the test texts and the best epoch."""
    values = {"dataset": films(folder), "model": str(model), "lr": 1e-2, **SIZES, "epochs": 2, "batch_size": 8}
    config = make_config({**values, **settings})
    data = load_data(config)
    fitted = fine_tune(config, data, told, *([checkpoints] if checkpoints else []))
    return fitted.classifier.logits(data.test.texts), fitted.best_epoch


def stopped_and_taken_up(folder, model, work, stop_after, **settings):
    told = Told(stop_after)
    with pytest.raises(KeyboardInterrupt):
        trained(folder, model, told, Checkpoints(work, HOURS), **settings)
    told.stop_after = None
    random.seed(7), np.random.seed(7), torch.manual_seed(7)  # a new process begins with other random numbers
    return told, trained(folder, model, told, Checkpoints(work, HOURS), **settings)


@pytest.fixture(scope="module")
def never_stopped(folder, tiny_bert):
    told = Told()
    return told, trained(folder, tiny_bert, told)


def test_the_same_config_gives_the_same_predictions(folder, tiny_bert, never_stopped):
    again, _ = trained(folder, tiny_bert, Told())
    assert np.array_equal(again, never_stopped[1][0])


@pytest.mark.parametrize("stop_after", [1, 5, 6, 7, 11, 12], ids="after step {}".format)
def test_a_training_that_was_stopped_ends_as_one_that_was_not(folder, tiny_bert, tmp_path, never_stopped, stop_after):
    told, (logits, best_epoch) = stopped_and_taken_up(folder, tiny_bert, tmp_path, stop_after)
    whole, (expected, expected_epoch) = never_stopped
    assert told.began_after == [0, stop_after]
    assert np.array_equal(logits, expected) and best_epoch == expected_epoch
    assert told.curves == whole.curves


@pytest.mark.parametrize(
    "settings",
    [
        {"method": "full"},
        {"sampler": "balanced", "class_weights": "balanced"},
        {"gradient_accumulation": 4},
        {"init": "pissa", "dtype": "bfloat16"},
        {"dora": True, "quantize": "4bit"},
        {"lora_plus": 16.0},
    ],
    ids=str,
)
def test_so_it_is_with_every_way_to_train(folder, tiny_bert, tmp_path, settings):
    expected, _ = trained(folder, tiny_bert, Told(), **settings)
    told, (logits, _) = stopped_and_taken_up(folder, tiny_bert, tmp_path, 8, **settings)
    assert told.began_after == [0, 8]
    assert np.array_equal(logits, expected)


@pytest.mark.slow
@pytest.mark.parametrize("method", TRAINED)
def test_so_it_is_with_every_method(folder, tiny_bert, tmp_path, method):
    expected, _ = trained(folder, tiny_bert, Told(), method=method)
    told, (logits, _) = stopped_and_taken_up(folder, tiny_bert, tmp_path, 8, method=method)
    keeps_a_memory = any("begins anew" in note for note in told.notes)
    assert told.began_after == [0, 0 if keeps_a_memory else 8]
    assert keeps_a_memory == (method in ("adalora", "adamss"))
    assert np.array_equal(logits, expected)


def test_checkpoints_are_written_when_they_are_due_and_the_newest_are_kept(folder, tiny_bert, tmp_path):
    trained(folder, tiny_bert, Told(), Checkpoints(tmp_path, 0))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-11", "step-12"]
    often = Checkpoints(tmp_path / "rare", HOURS)
    trained(folder, tiny_bert, Told(), often)
    assert often.newest() is None


@pytest.mark.parametrize("part", ["state.safetensors", "trainer_state.json", "sha256"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "gone"])
def test_a_damaged_checkpoint_is_passed_over(folder, tiny_bert, tmp_path, never_stopped, part, damage):
    with pytest.raises(KeyboardInterrupt):
        trained(folder, tiny_bert, Told(7), Checkpoints(tmp_path, 0))
    file = tmp_path / "step-7" / part
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    {
        "cut": lambda: file.write_bytes(content[: len(content) // 2]),
        "flipped": lambda: file.write_bytes(content),
        "gone": file.unlink,
    }[damage]()
    told = Told()
    logits, _ = trained(folder, tiny_bert, told, Checkpoints(tmp_path, HOURS))
    assert told.began_after == [6]
    assert np.array_equal(logits, never_stopped[1][0])


def test_a_checkpoint_that_cannot_be_written_does_not_end_the_training(
    folder, tiny_bert, tmp_path, never_stopped, caplog
):
    (tmp_path / "taken").write_text("a file where the folder should be")
    logits, _ = trained(folder, tiny_bert, Told(), Checkpoints(tmp_path / "taken", 0))
    assert "could not be written" in caplog.text
    assert np.array_equal(logits, never_stopped[1][0])


def test_the_format_of_the_frozen_weights_is_that_of_the_training_that_goes_on(folder, tiny_bert, tmp_path):
    expected, _ = trained(folder, tiny_bert, Told(), dtype="bfloat16")
    with pytest.raises(KeyboardInterrupt):
        trained(folder, tiny_bert, Told(7), Checkpoints(tmp_path, HOURS), dtype="bfloat16")
    logits, _ = trained(folder, tiny_bert, Told(), Checkpoints(tmp_path, HOURS), dtype="float32")
    assert np.array_equal(logits, expected)


def test_checkpoints_hold_no_pickle(folder, tiny_bert, tmp_path):
    trained(folder, tiny_bert, Told(), Checkpoints(tmp_path, 0))
    assert {path.name for path in (tmp_path / "step-12").iterdir()} == {
        "state.safetensors",
        "trainer_state.json",
        "sha256",
    }
