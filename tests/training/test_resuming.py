"""A training that was stopped goes on as if it had not been."""

import gc
import random
import resource
import shutil

import numpy as np
import pytest
import torch

from core.catalog.capabilities import verdict
from core.catalog.methods import METHODS
from core.config import make_config
from core.data import load_data
from core.models.backbone import Backbone
from core.runs.progress import Progress
from core.system.files import compute_checksum
from core.training import fine_tune
from core.training.checkpoints import Checkpoint, Checkpoints, Snapshot
from core.training.reproducibility import base_fingerprint, machine, restore_rng_state, rng_state
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


def names(work):
    return sorted(path.name for path in work.iterdir())


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
        pytest.param({"method": "full"}, id="full"),
        pytest.param({"sampler": "balanced", "class_weights": "balanced"}, id="balanced"),
        pytest.param({"gradient_accumulation": 4}, id="gradient-accumulation"),
        pytest.param({"init": "pissa", "dtype": "bfloat16"}, id="pissa-bfloat16"),
        pytest.param({"dora": True, "quantize": "4bit"}, id="dora-4bit"),
        pytest.param({"lora_plus": 16.0}, id="lora-plus"),
    ],
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
    assert keeps_a_memory == METHODS[method].reallocates_budget == (method in ("adalora", "adamss"))
    assert np.array_equal(logits, expected)


def test_checkpoints_are_written_when_they_are_due_and_the_newest_are_kept(folder, tiny_bert, tmp_path):
    trained(folder, tiny_bert, Told(), Checkpoints(tmp_path, 0))
    assert names(tmp_path) == ["step-11", "step-12"]
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
    assert names(tmp_path) == ["step-6"]  # the damaged one would count among those that are kept


def test_a_checkpoint_that_cannot_be_written_does_not_end_the_training(
    folder, tiny_bert, tmp_path, never_stopped, caplog
):
    (tmp_path / "taken").write_text("a file where the folder should be")
    logits, _ = trained(folder, tiny_bert, Told(), Checkpoints(tmp_path / "taken", 0))
    assert "could not be written" in caplog.text
    assert np.array_equal(logits, never_stopped[1][0])


def test_a_checkpoint_that_fails_in_its_middle_leaves_nothing(tmp_path, caplog):
    checkpoints = Checkpoints(tmp_path, 0)
    checkpoints.write(1, Snapshot({"a": torch.zeros(10)}, {}), "{}")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))  # as on a full disk: a file ends in its middle
    try:
        checkpoints.write(2, Snapshot({"a": torch.zeros(100_000)}, {}), "{}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "step 2 could not be written" in caplog.text
    assert names(tmp_path) == ["step-1"]


def test_what_a_killed_process_left_half_is_cleared(tmp_path):
    for name in (".step-3", ".step-4"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "state.safetensors").write_bytes(b"half")
    Checkpoints(tmp_path, 0).take_up()
    assert names(tmp_path) == []


def test_what_is_no_checkpoint_is_passed_over(tmp_path):
    checkpoints = Checkpoints(tmp_path, 0)
    checkpoints.write(1, Snapshot({"a": torch.zeros(10)}, {"seconds": 2.0}), "{}")
    (tmp_path / "step-99").write_text("a file")
    shutil.copytree(tmp_path / "step-1", tmp_path / "step-1 copy")
    words = tmp_path / "step-2"
    words.mkdir()
    (words / "state.safetensors").write_text("words")
    (words / "sha256").write_text(compute_checksum(words, "*.*"))
    assert checkpoints.newest() == Checkpoint(tmp_path / "step-1", {"seconds": 2.0})


def test_a_training_that_goes_on_holds_no_more_in_memory_than_one_that_was_not_stopped(folder, tiny_bert, tmp_path):
    class Weighing(Told):
        def stepped(self, step, total, epoch):
            super().stepped(step, total, epoch)
            if step == total:
                self.bytes = bytes_of_tensors()

    whole, again = Weighing(), Weighing()
    trained(folder, tiny_bert, whole, method="full")
    with pytest.raises(KeyboardInterrupt):
        trained(folder, tiny_bert, Told(8), Checkpoints(tmp_path, HOURS), method="full")
    trained(folder, tiny_bert, again, Checkpoints(tmp_path, HOURS), method="full")
    weights = sum(one.nbytes for one in Checkpoints(tmp_path, HOURS).newest().part("trained/").values())
    assert again.bytes - whole.bytes < weights / 2


def bytes_of_tensors():
    """Return how many bytes all tensors hold that are there, each storage once."""
    gc.collect()
    storages = [one.untyped_storage() for one in gc.get_objects() if type(one) in (torch.Tensor, torch.nn.Parameter)]
    return sum({one.data_ptr(): one.nbytes() for one in storages if one.device.type == "cpu"}.values())


def rewritten(work, without=(), **values):
    """Write the newest checkpoint as if elsewhere: without some of its tensors, with other values."""
    start = Checkpoints(work, HOURS).newest()
    tensors = {name: one for name, one in start.part("").items() if name not in without}
    state = (start.folder / "trainer_state.json").read_text()
    Checkpoints(work, HOURS).write(start.step, Snapshot(tensors, start.values | values), state)


def test_a_training_goes_on_elsewhere_and_says_what_is_not_as_before(folder, tiny_bert, tmp_path, never_stopped):
    with pytest.raises(KeyboardInterrupt):
        trained(folder, tiny_bert, Told(7), Checkpoints(tmp_path, HOURS))
    rewritten(tmp_path, machine={**machine(), "torch": "1.0", "GPUs": 8})
    told = Told()
    logits, _ = trained(folder, tiny_bert, told, Checkpoints(tmp_path, HOURS))
    note = f"Not as before: torch 1.0, now {torch.__version__}; GPUs 8, now {torch.cuda.device_count()}."
    assert told.began_after == [7] and [one for one in told.notes if one.startswith(note)]
    assert np.array_equal(logits, never_stopped[1][0])


def test_on_the_same_machine_nothing_is_said_of_it(folder, tiny_bert, tmp_path):
    told, _ = stopped_and_taken_up(folder, tiny_bert, tmp_path, 7)
    assert told.began_after == [0, 7] and not [one for one in told.notes if "Not as before" in one]


def test_random_generators_that_the_checkpoint_lacks_or_only_it_has_are_left_alone():
    tensors, values = rng_state()
    drawn = torch.rand(3), np.random.rand(3), random.random()
    restore_rng_state({**tensors, "cuda99": tensors["torch"]}, values)  # of a machine with more GPUs
    again = torch.rand(3), np.random.rand(3), random.random()
    assert torch.equal(again[0], drawn[0]) and np.array_equal(again[1], drawn[1]) and again[2] == drawn[2]
    restore_rng_state({}, values)  # of one without this kind
    assert np.array_equal(np.random.rand(3), drawn[1])


def test_a_base_is_told_from_others_by_its_revision_or_by_its_files(tiny_bert, tmp_path):
    assert base_fingerprint(Backbone("some/model", "a" * 40, "some/model")) == "a" * 40
    copy = shutil.copytree(tiny_bert, tmp_path / "copy")
    of_copy = Backbone(str(copy), None, str(copy))
    assert base_fingerprint(of_copy) == base_fingerprint(Backbone(str(tiny_bert), None, str(tiny_bert)))
    (copy / "tokenizer_config.json").write_text("{}")
    assert base_fingerprint(of_copy) != base_fingerprint(Backbone(str(tiny_bert), None, str(tiny_bert)))


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
