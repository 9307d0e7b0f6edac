"""Out-of-memory errors: recognized, translated to advice, and avoided by micro-batches."""

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
LIMITED_SCRIPT = """
import json, resource, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from core.config import make_config
from core.errors import OutOfMemory
from core.runs.progress import Progress
from core.training.fine_tuning import fine_tune
from core.training.oom import translate_oom
from tests.small_runs import job_for

class Messages(Progress):
    def __init__(self): self.texts = []
    def on_message(self, text): self.texts.append(text)

config, messages = make_config(json.loads(sys.argv[1])), Messages()
job = job_for(config)
fine_tune(job_for(config.model_copy(update={"batch_size": 2, "epochs": 1}), job.data), Progress())  # imports and caches
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[2]) * 2**20,) * 2)
try:
    with translate_oom(config):
        fitted = fine_tune(job, messages)
except OutOfMemory as error:
    print(json.dumps({"error": str(error)}))
else:
    print(json.dumps({"messages": messages.texts, "environment": fitted.environment}))
"""


def test_out_of_memory_is_distinguished_from_other_errors():
    with pytest.raises((RuntimeError, MemoryError)) as of_torch:
        torch.empty(2**50)
    with pytest.raises(MemoryError) as of_numpy:
        np.empty(2**50)
    assert is_oom(of_torch.value) and is_oom(of_numpy.value)
    assert is_oom(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"))
    assert is_oom(RuntimeError("could not create a primitive"))
    assert not is_oom(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_oom(ValueError("out of memory"))


def test_advice_names_only_flags_that_can_still_help():
    advice = oom_advice(make_config({}), "CUDA out of memory.\nmuch more")
    assert "--gradient-accumulation 2" in advice and "--quantize 4bit" in advice and "much more" not in advice
    advice = oom_advice(make_config({"auto_batch": True, "quantize": "4bit", "max_length": 64}), "")
    assert "--auto-batch" not in advice and "--quantize" not in advice and "--max-length 32" in advice
    assert "--gradient-accumulation" not in oom_advice(make_config({"batch_size": 1}), "")


def test_model_is_released_before_the_error_is_handled():
    class Model:
        """An object that a frame of the training references."""

    models = []

    def train():
        model = Model()
        models.append(weakref.ref(model))
        torch.empty(2**50)

    with pytest.raises(OutOfMemory) as error, translate_oom(make_config({})):
        train()
    assert models[0]() is None and error.value.__cause__ is not None


@pytest.fixture(scope="module")
def long_texts(tmp_path_factory):
    path = tmp_path_factory.mktemp("long") / "long.csv"
    rows = [f"{number} {word} {'film ' * 60},{word}" for word in ("good", "bad") for number in range(300)]
    path.write_text("\n".join(["text,label", *rows]))
    return str(path)


def train_with_limited_memory(megabytes, long_texts, tiny_bert, **settings):
    """Fine-tune in a process that may allocate only ``megabytes`` more; return its JSON output."""
    sizes = {
        "train_size": 512,
        "validation_size": 16,
        "test_size": 16,
        "epochs": 1,
        "batch_size": 512,
        "max_length": 64,
    }
    values = {"dataset": long_texts, "model": str(tiny_bert), "dtype": "float32", **sizes, **settings}
    command = [sys.executable, "-W", "ignore", "-c", LIMITED_SCRIPT, json.dumps(values), str(megabytes)]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


@pytest.mark.slow
def test_step_that_does_not_fit_fails_with_advice(long_texts, tiny_bert):
    assert "--auto-batch" in train_with_limited_memory(150, long_texts, tiny_bert)["error"]


@pytest.mark.slow
def test_auto_batch_computes_the_step_in_micro_batches(long_texts, tiny_bert):
    outcome = train_with_limited_memory(150, long_texts, tiny_bert, auto_batch=True)
    assert outcome["environment"]["gradient_accumulation"] > 1
    assert any(message.startswith("Out of memory") for message in outcome["messages"])
