"""A run that is resumed from a checkpoint gives the results of an uninterrupted one."""

import gc
import itertools
import json
import random
import resource
import shutil
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from core.catalog.capabilities import probe_result
from core.catalog.methods import METHODS
from core.config import make_config
from core.models.backbone import find_backbone
from core.runs.progress import Progress
from core.system.files import compute_checksum
from core.training.checkpoints import FORMAT_VERSION, Checkpoint, CheckpointManager, Snapshot
from core.training.fine_tuning import fine_tune
from core.training.reproducibility import base_fingerprint, compute_info, restore_rng_state, rng_state
from tests.small_runs import SIZES, job_for, write_films

HOURS = 36_000.0
STEPS = 12  # in both epochs together
TRAINABLE_METHODS = [
    name for name, method in METHODS.items() if method.kind == "adapter" and probe_result(name, "trains").works
]


class Recorder(Progress):
    """Record learning curves and messages, and stop the training after step ``stop_after`` if it is set."""

    def __init__(self, stop_after=None):
        self.stop_after, self.step, self.first_steps, self.curves, self.messages = stop_after, 0, [], [], []

    def on_train_begin(self, step):
        self.first_steps.append(step)
        self.curves = [point for point in self.curves if point[0] <= step]

    def on_step_end(self, step, total, epoch):
        self.step = step
        assert total == STEPS

    def should_stop(self):
        return self.stop_after is not None and self.step >= self.stop_after

    def on_log(self, step, epoch, values):
        self.curves.append((step, sorted(values.items())))

    def on_message(self, text):
        self.messages.append(text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("resuming")


def train(folder, model, progress, checkpoints=None, **settings):
    """Train two epochs of six steps; return the logits of the test texts and the best epoch."""
    values = {"dataset": write_films(folder), "model": str(model), "lr": 1e-2, **SIZES, "epochs": 2, "batch_size": 8}
    job = job_for(make_config({**values, **settings}))
    fitted = fine_tune(job, progress, *([checkpoints] if checkpoints else []))
    return fitted.classifier.logits(job.data.test.texts), fitted.best_epoch


def train_until(step, folder, model, work, interval=HOURS, **settings):
    """Train until a step, stop, and write a checkpoint."""
    progress = Recorder(step)
    with pytest.raises(KeyboardInterrupt):
        train(folder, model, progress, CheckpointManager(work, interval), **settings)
    return progress


def stop_and_resume(folder, model, work, stop_after, **settings):
    progress = train_until(stop_after, folder, model, work, **settings)
    progress.stop_after = None
    random.seed(7), np.random.seed(7), torch.manual_seed(7)  # a new process starts with other random numbers
    return progress, train(folder, model, progress, CheckpointManager(work, HOURS), **settings)


def file_names(work):
    return sorted(path.name for path in work.iterdir())


@pytest.fixture(scope="module")
def uninterrupted(folder, tiny_bert):
    progress = Recorder()
    return progress, train(folder, tiny_bert, progress)


@pytest.fixture(scope="module")
def stopped(folder, tiny_bert, tmp_path_factory):
    """The checkpoints of a run that wrote one after every step and was stopped after the seventh."""
    work = tmp_path_factory.mktemp("stopped")
    train_until(7, folder, tiny_bert, work, interval=0)
    return work


@pytest.fixture
def work(stopped, tmp_path):
    """A copy of the checkpoints of the stopped run."""
    return shutil.copytree(stopped, tmp_path / "work")


def test_same_config_gives_the_same_predictions(folder, tiny_bert, uninterrupted):
    logits, _ = train(folder, tiny_bert, Recorder())
    assert np.array_equal(logits, uninterrupted[1][0])


@pytest.mark.parametrize("stop_after", [1, 6, 7, 12])
def test_resumed_training_equals_an_uninterrupted_one(folder, tiny_bert, tmp_path, uninterrupted, stop_after):
    progress, (logits, best_epoch) = stop_and_resume(folder, tiny_bert, tmp_path, stop_after)
    expected_progress, (expected, expected_epoch) = uninterrupted
    assert progress.first_steps == [0, stop_after]
    assert np.array_equal(logits, expected) and best_epoch == expected_epoch
    assert progress.curves == expected_progress.curves


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"method": "full"}, id="full"),
        pytest.param({"sampler": "balanced", "class_weights": "balanced"}, id="balanced"),
        pytest.param({"gradient_accumulation": 4}, id="gradient-accumulation"),
        pytest.param({"init": "pissa", "dtype": "bfloat16"}, id="pissa-bfloat16"),
        pytest.param({"dora": True, "quantize": "4bit"}, id="dora-4bit"),
        pytest.param({"lora_plus": 16.0}, id="lora-plus"),
        pytest.param({"layers": "last:1"}, id="cached-lower-layers"),
    ],
)
def test_resumed_training_equals_an_uninterrupted_one_with_other_settings(folder, tiny_bert, tmp_path, settings):
    expected, _ = train(folder, tiny_bert, Recorder(), **settings)
    progress, (logits, _) = stop_and_resume(folder, tiny_bert, tmp_path, 8, **settings)
    assert progress.first_steps == [0, 8]
    assert np.array_equal(logits, expected)


@pytest.mark.slow
@pytest.mark.parametrize("method", TRAINABLE_METHODS)
def test_resumed_training_equals_an_uninterrupted_one_with_every_method(folder, tiny_bert, tmp_path, method):
    expected, _ = train(folder, tiny_bert, Recorder(), method=method)
    progress, (logits, _) = stop_and_resume(folder, tiny_bert, tmp_path, 8, method=method)
    restarts = any("restarts from the beginning" in message for message in progress.messages)
    assert progress.first_steps == [0, 0 if restarts else 8]
    assert restarts == METHODS[method].reallocates_budget == (method in ("adalora", "adamss"))
    assert np.array_equal(logits, expected)


def test_newest_checkpoints_are_kept(stopped):
    assert file_names(stopped) == ["step-6", "step-7"]


def test_no_checkpoint_is_written_before_the_interval_has_passed(folder, tiny_bert, tmp_path):
    checkpoints = CheckpointManager(tmp_path / "none", HOURS)
    train(folder, tiny_bert, Recorder(), checkpoints)
    assert checkpoints.newest() is None


@pytest.mark.parametrize(("folder", "interval", "due"), [("work", 0, True), ("work", HOURS, False), (None, 0, False)])
def test_checkpoint_is_due_after_the_interval(tmp_path, folder, interval, due):
    assert CheckpointManager(folder and tmp_path / folder, interval).is_due() == due


def test_slow_checkpoints_are_written_less_often(tmp_path, monkeypatch):
    clock = itertools.count(step=10)  # writing a checkpoint takes 10 seconds
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    checkpoints = CheckpointManager(tmp_path, interval=1)
    checkpoints.write(1, Snapshot({"a": torch.zeros(1)}, {}), "{}")
    waited = next(seconds for seconds in itertools.count(10, step=10) if checkpoints.is_due())
    assert waited == 500


def truncate(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def flip_bit(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def delete(file):
    file.unlink()


@pytest.mark.parametrize("part", ["state.safetensors", "trainer_state.json", "sha256"])
@pytest.mark.parametrize("damage", [truncate, flip_bit, delete])
def test_damaged_checkpoint_is_skipped_and_deleted(work, part, damage):
    damage(work / "step-7" / part)
    checkpoints = CheckpointManager(work, HOURS)
    checkpoints.resume()
    assert checkpoints.resume_from.step == 6
    assert file_names(work) == ["step-6"]  # the damaged one would count towards the maximum


def test_training_resumes_from_the_checkpoint_before_a_damaged_one(folder, tiny_bert, work, uninterrupted):
    flip_bit(work / "step-7" / "state.safetensors")
    progress = Recorder()
    logits, _ = train(folder, tiny_bert, progress, CheckpointManager(work, HOURS))
    assert progress.first_steps == [6]
    assert np.array_equal(logits, uninterrupted[1][0])


def rewrite(checkpoint, **values):
    """Write a checkpoint again with other values, and its checksum."""
    values = {name: value for name, value in (checkpoint.values | values).items() if value is not None}
    tensors = checkpoint.read_tensors("")
    save_file(tensors, checkpoint.folder / "state.safetensors", metadata={"values": json.dumps(values)})
    (checkpoint.folder / "sha256").write_text(compute_checksum(checkpoint.folder, "*.*"))


def test_training_restarts_if_all_checkpoints_have_another_format(folder, tiny_bert, work, uninterrupted):
    while checkpoint := CheckpointManager(work, HOURS).newest():
        rewrite(checkpoint, format=None)
    progress = Recorder()
    logits, _ = train(folder, tiny_bert, progress, CheckpointManager(work, HOURS))
    assert progress.first_steps == [0]
    assert any("written by another version" in message for message in progress.messages)
    assert np.array_equal(logits, uninterrupted[1][0])
    assert file_names(work) == []


def test_training_continues_if_checkpoints_cannot_be_written(folder, tiny_bert, tmp_path, uninterrupted, caplog):
    (tmp_path / "file").touch()
    logits, _ = train(folder, tiny_bert, Recorder(), CheckpointManager(tmp_path / "file", 0))
    assert "could not be written" in caplog.text
    assert np.array_equal(logits, uninterrupted[1][0])


def test_interrupted_write_leaves_no_files(tmp_path, caplog):
    checkpoints = CheckpointManager(tmp_path, 0)
    checkpoints.write(1, Snapshot({"a": torch.zeros(10)}, {}), "{}")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))  # as on a full disk: the file is truncated
    try:
        checkpoints.write(2, Snapshot({"a": torch.zeros(100_000)}, {}), "{}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caplog.records
    assert file_names(tmp_path) == ["step-1"]


def test_unfinished_checkpoints_are_deleted(tmp_path):
    for name in (".step-3", ".step-4"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "state.safetensors").write_bytes(b"half")
    CheckpointManager(tmp_path, 0).resume()
    assert file_names(tmp_path) == []


def test_other_files_are_ignored(tmp_path):
    checkpoints = CheckpointManager(tmp_path, 0)
    checkpoints.write(1, Snapshot({"a": torch.zeros(10)}, {"seconds": 2.0}), "{}")
    (tmp_path / "step-99").write_text("a file")
    shutil.copytree(tmp_path / "step-1", tmp_path / "step-1 copy")
    no_tensors = tmp_path / "step-2"
    no_tensors.mkdir()
    (no_tensors / "state.safetensors").write_text("text")
    (no_tensors / "sha256").write_text(compute_checksum(no_tensors, "*.*"))
    assert checkpoints.newest() == Checkpoint(tmp_path / "step-1", {"seconds": 2.0, "format": FORMAT_VERSION})


@pytest.mark.slow
def test_resumed_training_uses_no_more_memory_than_an_uninterrupted_one(folder, tiny_bert, tmp_path):
    class MemoryRecorder(Recorder):
        def on_step_end(self, step, total, epoch):
            super().on_step_end(step, total, epoch)
            if step == total:
                self.bytes = bytes_of_tensors()

    uninterrupted, resumed = MemoryRecorder(), MemoryRecorder()
    train(folder, tiny_bert, uninterrupted, method="full")
    train_until(8, folder, tiny_bert, tmp_path, method="full")
    train(folder, tiny_bert, resumed, CheckpointManager(tmp_path, HOURS), method="full")
    weights = sum(
        tensor.nbytes for tensor in CheckpointManager(tmp_path, HOURS).newest().read_tensors("weights/").values()
    )
    assert resumed.bytes - uninterrupted.bytes < weights / 2


def bytes_of_tensors():
    """Return the bytes of all tensors in memory, each storage once."""
    gc.collect()
    tensors = [tensor for tensor in gc.get_objects() if type(tensor) in (torch.Tensor, torch.nn.Parameter)]
    storages = [tensor.untyped_storage() for tensor in tensors]
    return sum({storage.data_ptr(): storage.nbytes() for storage in storages if storage.device.type == "cpu"}.values())


def test_changed_compute_environment_is_reported(folder, tiny_bert, work, uninterrupted):
    rewrite(CheckpointManager(work, HOURS).newest(), compute={**compute_info(), "torch": "1.0", "GPUs": 8})
    progress = Recorder()
    logits, _ = train(folder, tiny_bert, progress, CheckpointManager(work, HOURS))
    changes = f"torch 1.0, now {torch.__version__}; GPUs 8, now {torch.cuda.device_count()}"
    assert progress.first_steps == [7] and [message for message in progress.messages if changes in message]
    assert np.array_equal(logits, uninterrupted[1][0])


def test_same_compute_environment_is_not_reported(folder, tiny_bert, work):
    progress = Recorder()
    train(folder, tiny_bert, progress, CheckpointManager(work, HOURS))
    assert progress.first_steps == [7]
    assert not [message for message in progress.messages if "changed" in message]


def test_missing_and_unknown_random_generators_are_ignored():
    tensors, values = rng_state()
    drawn = torch.rand(3), np.random.rand(3), random.random()
    restore_rng_state({**tensors, "cuda99": tensors["torch"]}, values)  # of a machine with more GPUs
    again = torch.rand(3), np.random.rand(3), random.random()
    assert torch.equal(again[0], drawn[0]) and np.array_equal(again[1], drawn[1]) and again[2] == drawn[2]
    restore_rng_state({}, values)  # of a machine without torch's generator
    assert np.array_equal(np.random.rand(3), drawn[1])


def test_base_fingerprint_of_a_hub_model_is_its_revision(tiny_bert):
    local = find_backbone(make_config({"model": str(tiny_bert)}))
    assert base_fingerprint(replace(local, name="some/model", path="some/model", revision="a" * 40)) == "a" * 40


def test_base_fingerprint_of_a_local_model_depends_on_its_files(tiny_bert, tmp_path):
    copy = shutil.copytree(tiny_bert, tmp_path / "copy")
    original, copied = (find_backbone(make_config({"model": str(path)})) for path in (tiny_bert, copy))
    assert base_fingerprint(copied) == base_fingerprint(original)
    (copy / "tokenizer_config.json").write_text("{}")
    assert base_fingerprint(copied) != base_fingerprint(original)


def test_dtype_of_the_checkpoint_is_kept(folder, tiny_bert, tmp_path):
    expected, _ = train(folder, tiny_bert, Recorder(), dtype="bfloat16")
    train_until(7, folder, tiny_bert, tmp_path, dtype="bfloat16")
    logits, _ = train(folder, tiny_bert, Recorder(), CheckpointManager(tmp_path, HOURS), dtype="float32")
    assert np.array_equal(logits, expected)


def test_checkpoints_contain_no_pickle(stopped):
    assert file_names(stopped / "step-7") == ["sha256", "state.safetensors", "trainer_state.json"]
