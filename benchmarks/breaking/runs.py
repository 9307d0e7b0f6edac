"""Real short runs of a tiny model in processes of their own, and whether one is as if nothing had happened."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.breaking.processes import started
from core.store import queries
from core.store.engine import Store, open_store

WORDS = {"bad": "bad awful film", "so-so": "fine okay film", "good": "good lovely film"}
SETTINGS = (
    *("--train-size", "72", "--validation-size", "18", "--test-size", "36", "--batch-size", "8", "--epochs", "8"),
    *("--max-length", "24", "--lr", "0.01", "--no-baselines", "--checkpoint-every", "0"),
)


def make_parts(folder: Path) -> None:
    """Write labelled texts and a tiny encoder with random weights."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    rows = [
        {"text": " ".join([words] * (1 + n % 7)) + f" {n}", "label": label}
        for label, words in WORDS.items()
        for n in range(50)
    ]
    pd.DataFrame(rows).to_csv(folder / "films.csv", index=False)
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    pieces = [
        *letters,
        *("##" + letter for letter in letters),
        "bad",
        "awful",
        "film",
        "fine",
        "okay",
        "good",
        "lovely",
    ]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *pieces]
    model = folder / "model"
    model.mkdir()
    (model / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(vocab=str(model / "vocab.txt"), model_max_length=64).save_pretrained(model)
    torch.manual_seed(0)
    size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=len(words), max_position_embeddings=64, **size)).save_pretrained(model)


def command(before: Callable[[], None] | None, *arguments: str) -> int:
    """Do one command of the command line, as a process of its own does; ``before``: what happens to it first."""
    from runner import main

    if before is not None:
        before()
    return main(arguments)


def begin(
    folder: Path, *arguments: str, before: Callable[[], None] | None = None, told: Path | None = None
) -> BaseProcess:
    """Begin a command on the folder's database; what it says is added to a file of the folder's name, or to another."""
    return started(told or told_in(folder), command, before, *arguments, "--db", str(folder / "runs.db"))


def do(
    folder: Path, *arguments: str, before: Callable[[], None] | None = None, told: Path | None = None
) -> tuple[int, str]:
    """Do a command on the folder's database; return its exit code and what it said."""
    told = told or told_in(folder)
    place = told.stat().st_size if told.exists() else 0
    process = begin(folder, *arguments, before=before, told=told)
    process.join()
    with told.open("rb") as file:
        file.seek(place)
        return process.exitcode or 0, file.read().decode()


def told_in(folder: Path) -> Path:
    """Return the file with all that was said of a folder: beside it, as the folder may take no files."""
    return folder.with_name(f"{folder.name}.told")


@dataclass(frozen=True)
class Workshop:
    """Where runs are made, what one gives that nobody disturbs, and how many seconds it takes."""

    folder: Path
    expected: NDArray[np.float32]
    curve: list[tuple[object, ...]]
    seconds: float

    def begin(self, folder: Path, before: Callable[[], None] | None = None) -> BaseProcess:
        """Begin a run whose database and adapters are in a folder."""
        return begin(folder, *_asked(self.folder), before=before)

    def copy_into(self, folder: Path) -> None:
        """Put a database there with a run that nobody disturbed, and its adapter."""
        shutil.copytree(self.folder / "undisturbed", folder, dirs_exist_ok=True)

    def wrong(self, folder: Path, run_id: int = 1) -> str | None:
        """Say what is different from a run that nobody disturbed; None for nothing."""
        store = open_store(str(folder / "runs.db"))
        try:
            return self._wrong(store, run_id)
        finally:
            store.engine.dispose()

    def _wrong(self, store: Store, run_id: int) -> str | None:
        run, recorded = queries.run(store, run_id), queries.runs(store)[["adapter_path", "work_path"]].melt()["value"]
        folders = {f"adapters/{path.name}" for path in (store.folder / "adapters").iterdir()}
        if run.state != "complete":
            return f"it is {run.state}: {run.error_message}"
        if not np.array_equal(queries.probabilities(store, run_id), self.expected):
            return "it predicts something else"
        if curve(store, run_id) != self.curve:
            return "its learning curve is another"
        if run.adapter_path is None or folders != set(recorded.dropna()):
            return f"there are the folders {sorted(folders)}, where {sorted(recorded.dropna())} were recorded"
        return None


def _asked(folder: Path) -> tuple[str, ...]:
    return ("--dataset", str(folder / "films.csv"), "--model", str(folder / "model"), *SETTINGS)


def workshop(folder: Path) -> Workshop:
    """Make data and a model, and one run that nobody disturbs, twice: the first one warms up."""
    _join(started(folder / "told", make_parts, folder), folder / "told")
    for name in ("warm-up", "undisturbed"):
        (folder / name).mkdir()
        start = time.perf_counter()
        _join(begin(folder / name, *_asked(folder)), told_in(folder / name))
        seconds = time.perf_counter() - start
    store = open_store(str(folder / "undisturbed" / "runs.db"))
    made = Workshop(folder, queries.probabilities(store, 1), curve(store, 1), seconds)
    store.engine.dispose()
    return made


def _join(process: BaseProcess, told: Path) -> None:
    process.join()
    if process.exitcode:
        raise SystemExit(f"What nobody disturbed has failed:\n{told.read_text()}")


def curve(store: Store, run_id: int) -> list[tuple[object, ...]]:
    """Return all that a training has logged."""
    return sorted(
        queries.history(store, [run_id])[["step", "epoch", "name", "value"]].itertuples(index=False, name=None)
    )
