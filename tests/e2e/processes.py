"""Runs in separate processes."""

import subprocess
import sys
import time
from pathlib import Path

from tests.small_runs import write_films

ROOT = Path(__file__).resolve().parents[2]
SIZES = (
    "--train-size",
    "96",
    "--validation-size",
    "18",
    "--test-size",
    "36",
    "--batch-size",
    "4",
    "--max-length",
    "24",
)


def run_arguments(folder: Path, model: Path, epochs: int = 20) -> list[str]:
    """Return the arguments of a training that saves a checkpoint after every step."""
    data = ["--dataset", write_films(folder), "--model", str(model), "--lr", "0.01", "--epochs", str(epochs)]
    return [*data, *SIZES, "--no-baselines", "--checkpoint-every", "0", "--db", str(folder / "runs.db")]


def start(*arguments: str, **options: object) -> subprocess.Popen[str]:
    """Start ``runner.py`` with its output in pipes."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    return subprocess.Popen([sys.executable, str(ROOT / "runner.py"), *arguments], **options)


def wait_for_checkpoint(process: subprocess.Popen[str], folder: Path, seconds: float = 120) -> None:
    """Wait until run 1 has saved a checkpoint."""
    deadline = time.monotonic() + seconds
    while not list(folder.glob("adapters/.unfinished-1-*/step-*")):
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.02)
