"""A machine with too little memory: the kind of error, what to change, and how a run goes on by itself."""

import json
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch

from core.config import make_config
from core.errors import OutOfMemory
from core.training.oom import is_oom, oom_advice, translate_oom

ROOT = Path(__file__).resolve().parents[2]
LIMITED = """
import json, resource, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from core.config import make_config
from core.data import load_data
from core.errors import OutOfMemory
from core.training.oom import errors_of_memory
from core.runs.progress import Progress
from core.training import fine_tune

class Told(Progress):
    def __init__(self): self.notes, self.after = [], []
    def noted(self, text): self.notes.append(text)
    def begins(self, after): self.after.append(after)

config = make_config(json.loads(sys.argv[1]))
data, told = load_data(config), Told()
fine_tune(config.model_copy(update={"batch_size": 2, "epochs": 1}), data, Progress())  # reads what is read once
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[2]) * 2**20,) * 2)
try:
    with errors_of_memory(config):
        fitted = fine_tune(config, data, told)
except OutOfMemory as error:
    print(json.dumps({"error": str(error)}))
else:
    print(json.dumps({"notes": told.notes, "environment": fitted.environment}))
"""


def test_running_out_of_memory_is_told_from_other_errors():
    with pytest.raises((RuntimeError, MemoryError)) as of_torch:
        torch.empty(2**50)
    with pytest.raises(MemoryError) as of_numpy:
        np.empty(2**50)
    assert is_oom(of_torch.value) and is_oom(of_numpy.value)
    assert is_oom(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"))
    assert not is_oom(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_oom(ValueError("out of memory"))


def test_the_way_out_names_only_what_was_not_done_yet():
    text = oom_advice(make_config({}), "CUDA out of memory.\nmuch more")
    assert "--auto-batch, or --gradient-accumulation 2" in text and "--quantize 4bit" in text and "much" not in text
    text = oom_advice(make_config({"auto_batch": True, "quantize": "4bit", "max_length": 64}), "")
    assert "--auto-batch" not in text and "--quantize" not in text and "--max-length 32" in text
    assert "--gradient-accumulation" not in oom_advice(make_config({"batch_size": 1}), "")


def test_what_a_run_held_is_let_go_of_before_its_end_is_recorded():
    class Model:
        """Whatever a frame of the run holds."""

    held = []

    def train():
        model = Model()
        held.append(weakref.ref(model))
        torch.empty(2**50)

    with pytest.raises(OutOfMemory) as told, translate_oom(make_config({})):
        train()
    assert held[0]() is None and told.value.__cause__ is not None


@pytest.fixture(scope="module")
def long_texts(tmp_path_factory):
    path = tmp_path_factory.mktemp("long") / "long.csv"
    rows = [f"{number} {word} {'film ' * 60},{word}" for word in ("good", "bad") for number in range(300)]
    path.write_text("\n".join(["text,label", *rows]))
    return str(path)


def trained_in(megabytes, long_texts, tiny_bert, **settings):
    """Fine-tune in a process of its own that may take only so much more memory; return what it told."""
    sizes = {
        "train_size": 512,
        "validation_size": 16,
        "test_size": 16,
        "epochs": 1,
        "batch_size": 512,
        "max_length": 64,
    }
    values = {"dataset": long_texts, "model": str(tiny_bert), "dtype": "float32", **sizes, **settings}
    command = [sys.executable, "-W", "ignore", "-c", LIMITED, json.dumps(values), str(megabytes)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_step_that_does_not_fit_ends_with_what_to_change(long_texts, tiny_bert):
    told = trained_in(150, long_texts, tiny_bert)
    assert "did not fit into the memory" in told["error"] and "--auto-batch" in told["error"]


def test_with_auto_batch_the_step_is_computed_in_pieces_and_the_run_goes_on(long_texts, tiny_bert):
    told = trained_in(150, long_texts, tiny_bert, auto_batch=True)
    assert told["environment"]["gradient_accumulation"] > 1
    assert any(note.startswith("Out of memory: a step's examples are now computed in") for note in told["notes"])
