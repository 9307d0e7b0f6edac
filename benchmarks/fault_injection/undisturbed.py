"""Short runs of a tiny model in separate processes, and an undisturbed reference run."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.fault_injection.processes import start_process
from core.store import queries
from core.store.engine import Store, open_store

WORDS = {"bad": "bad awful film", "so-so": "fine okay film", "good": "good lovely film"}
SETTINGS = (
    *("--train-size", "72", "--validation-size", "18", "--test-size", "36", "--batch-size", "8", "--epochs", "8"),
    *("--max-length", "24", "--lr", "0.01", "--no-baselines", "--checkpoint-every", "0"),
)


def make_inputs(folder: Path) -> None:
    """Write labeled texts and a tiny encoder with random weights."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    rows = [
        {"text": " ".join([words] * (1 + n % 7)) + f" {n}", "label": label}
        for label, words in WORDS.items()
        for n in range(50)
    ]
    pd.DataFrame(rows).to_csv(folder / "films.csv", index=False)
    characters = "abcdefghijklmnopqrstuvwxyz0123456789"
    pieces = [*characters, *("##" + character for character in characters)]
    words = ["bad", "awful", "film", "fine", "okay", "good", "lovely"]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *pieces, *words]
    model = folder / "model"
    model.mkdir()
    (model / "vocab.txt").write_text("\n".join(vocabulary))
    BertTokenizerFast(vocab=str(model / "vocab.txt"), model_max_length=64).save_pretrained(model)
    torch.manual_seed(0)
    size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=len(vocabulary), max_position_embeddings=64, **size)).save_pretrained(model)


def run_command(setup: Callable[[], None] | None, *arguments: str) -> int:
    """Run one command of the command line in this process, after ``setup``."""
    from cli.main import main

    if setup is not None:
        setup()
    return main(arguments)


def start_command(
    folder: Path, *arguments: str, setup: Callable[[], None] | None = None, output: Path | None = None
) -> BaseProcess:
    """Start a command on the folder's database; its output is appended to ``output``, by default `output_of`."""
    return start_process(output or output_of(folder), run_command, setup, *arguments, "--db", str(folder / "runs.db"))


def call_command(
    folder: Path, *arguments: str, setup: Callable[[], None] | None = None, output: Path | None = None
) -> tuple[int, str]:
    """Run a command on the folder's database in a new process; return its exit code and its output."""
    output = output or output_of(folder)
    offset = output.stat().st_size if output.exists() else 0
    process = start_command(folder, *arguments, setup=setup, output=output)
    process.join()
    with output.open("rb") as file:
        file.seek(offset)
        return process.exitcode or 0, file.read().decode()


def output_of(folder: Path) -> Path:
    """Return the file with the output of a folder's commands; beside it, because the folder may be read-only."""
    return folder.with_name(f"{folder.name}.output")


@dataclass(frozen=True)
class Reference:
    """An undisturbed run: its probabilities [n, k], its learning curve and its duration in seconds."""

    folder: Path
    expected: NDArray[np.float32]
    curve: list[tuple[object, ...]]
    seconds: float

    def start_run(self, folder: Path, setup: Callable[[], None] | None = None) -> BaseProcess:
        """Start a run whose database and adapters are in a folder."""
        return start_command(folder, *_arguments(self.folder), setup=setup)

    def copy_into(self, folder: Path) -> None:
        """Copy the undisturbed database and adapter into a folder."""
        shutil.copytree(self.folder / "undisturbed", folder, dirs_exist_ok=True)

    def difference(self, folder: Path, run_id: int = 1) -> str | None:
        """Return how a run differs from the undisturbed one; None if it does not."""
        store = open_store(str(folder / "runs.db"))
        try:
            return self._difference(store, run_id)
        finally:
            store.engine.dispose()

    def _difference(self, store: Store, run_id: int) -> str | None:
        run, recorded = queries.run(store, run_id), queries.runs(store)[["adapter_path", "work_path"]].melt()["value"]
        folders = {f"adapters/{path.name}" for path in (store.folder / "adapters").iterdir()}
        if run.state != "complete":
            return f"it is {run.state}: {run.error_message}"
        if not np.array_equal(queries.probabilities(store, run_id), self.expected):
            return "its predictions differ"
        if learning_curve(store, run_id) != self.curve:
            return "its learning curve differs"
        if run.adapter_path is None or folders != set(recorded.dropna()):
            return f"the folders are {sorted(folders)}, recorded are {sorted(recorded.dropna())}"
        return None


def _arguments(folder: Path) -> tuple[str, ...]:
    """Return the arguments of a run, which is trained even if an equal one is recorded."""
    return ("--dataset", str(folder / "films.csv"), "--model", str(folder / "model"), *SETTINGS, "--again")


def make_reference(folder: Path) -> Reference:
    """Make data and a model, and run undisturbed twice: the first run warms up."""
    _join(start_process(folder / "output", make_inputs, folder), folder / "output")
    for name in ("warm-up", "undisturbed"):
        (folder / name).mkdir()
        start = time.perf_counter()
        _join(start_command(folder / name, *_arguments(folder)), output_of(folder / name))
        seconds = time.perf_counter() - start
    store = open_store(str(folder / "undisturbed" / "runs.db"))
    reference = Reference(folder, queries.probabilities(store, 1), learning_curve(store, 1), seconds)
    store.engine.dispose()
    return reference


def _join(process: BaseProcess, output: Path) -> None:
    process.join()
    if process.exitcode:
        raise SystemExit(f"The undisturbed run failed:\n{output.read_text()}")


def learning_curve(store: Store, run_id: int) -> list[tuple[object, ...]]:
    """Return everything that a training logged."""
    return sorted(
        queries.history(store, [run_id])[["step", "epoch", "name", "value"]].itertuples(index=False, name=None)
    )
