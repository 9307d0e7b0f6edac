"""Truncate, change or replace files, and check what every command then reports.

Each damage is applied to a copy of an undisturbed folder, on which all commands are run. A command may return the
same output, refuse with a message, or return another output if ``db check`` reports the damage.
"""

import io
import json
import os
import re
import sqlite3
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.random import Generator

from benchmarks.fault_injection.processes import start_process
from benchmarks.fault_injection.tally import Tally
from benchmarks.fault_injection.undisturbed import Reference, output_of
from core.errors import BenchError
from core.store import queries
from core.store.engine import open_store

CHECK = "db check"
COMMANDS = (CHECK, "list --json", "show 1", "show 1 --json", "predict 1 lovely --json")
DASHBOARD_READS = "the reads of the dashboard"
Choice = TypeVar("Choice")
MAX_OVERWRITTEN_BYTES = 512

VERIFIABLE_COLUMNS = re.compile(
    r"(examples|class_balance|predictions|metrics|class_metrics|outcomes|probabilities)\b"
    r"|datasets\.(?!checks|revision)|runs\.(config|kind|method|model|seed|stat|dataset|baseline|adapter_(path|sha))"
)
"""Columns whose changes ``db check`` must detect. The others are stored once: learning curves, logs, names."""

Answers = Mapping[str, tuple[int, str]]
"""The exit code and the output of each command."""


def damage_files(reference: Reference, folder: Path, times: int, rng: Generator) -> list[Tally]:
    """Damage databases, and as many files of adapters."""
    intact = folder / "intact"
    reference.copy_into(intact)
    expected = _answers(intact)
    if any(code for code, _ in expected.values()):
        raise SystemExit(f"The undisturbed folder is damaged: {expected}")
    tallies = []
    for kind, pattern in {"database": "runs.db", "adapter file": "adapters/*/*"}.items():
        tally = Tally(f"damaged or foreign {kind}")
        for number in range(times):
            copy = folder / f"{kind}-{number}"
            reference.copy_into(copy)
            path, name = _choose(sorted(copy.glob(pattern)), rng), _choose(list(DAMAGES), rng)
            DAMAGES[name](path, rng)
            outcome, problem = _inspect(copy, expected)
            tally.add(problem and f"{path.relative_to(copy)} {name}: {problem}", outcome)
        tallies.append(tally)
    return tallies


def _choose(choices: Sequence[Choice], rng: Generator) -> Choice:
    return choices[int(rng.integers(len(choices)))]


def _truncate(path: Path, rng: Generator) -> None:
    os.truncate(path, int(rng.integers(path.stat().st_size)))


def _flip(path: Path, rng: Generator) -> None:
    content = bytearray(path.read_bytes())
    content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
    path.write_bytes(content)


def _overwrite(path: Path, rng: Generator) -> None:
    content = bytearray(path.read_bytes())
    start = int(rng.integers(len(content)))
    length = min(int(rng.integers(1, MAX_OVERWRITTEN_BYTES + 1)), len(content) - start)
    content[start : start + length] = rng.bytes(length)
    path.write_bytes(content)


def _replace(path: Path, rng: Generator) -> None:
    """Replace a file by a valid file of another kind."""
    negated = [_negate_weights] if path.suffix == ".safetensors" else []
    _choose([_write_database, _write_text, _write_nothing, _write_archive, *negated], rng)(path)


def _write_database(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE songs (title TEXT)")


def _write_text(path: Path) -> None:
    path.write_text("An unrelated text.\n" * 200)


def _write_nothing(path: Path) -> None:
    path.write_bytes(b"")


def _write_archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("songs.txt", "A song.\n" * 200)


def _negate_weights(path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    save_file({name: -weights for name, weights in load_file(path).items()}, path, metadata={"format": "pt"})


DAMAGES: Mapping[str, Callable[[Path, Generator], None]] = {
    "truncated": _truncate,
    "with a flipped bit": _flip,
    "partly overwritten": _overwrite,
    "replaced": _replace,
}


def _inspect(folder: Path, expected: Answers) -> tuple[str, str | None]:
    """Run all commands on a damaged folder; return how the damage appears, and the problem."""
    before = _contents(folder)
    answers = _answers(folder)
    if _contents(folder) != before:
        return "changed", "reading changed the files"
    for command, (code, text) in answers.items():
        if code not in (0, 1, 2) or "Traceback" in text or "unexpected " in text:
            return "unhandled", f"{command} exits with {code}: {text[-2000:]}"
    if answers[CHECK][0] != 0:
        return "reported by db check", None
    changed_commands = [
        command
        for command, answer in answers.items()
        if command != CHECK and answer != expected[command] and answer[0] == 0
    ]
    if changed_commands:
        changed = _changed_columns(answers[DASHBOARD_READS][1], expected[DASHBOARD_READS][1])
        is_verifiable = not changed or any(map(VERIFIABLE_COLUMNS.match, changed))
        outcome = f"unnoticed in {', '.join(changed)}"
        return outcome, f"{changed_commands[0]} changed without a report; {outcome}" if is_verifiable else None
    return ("refused with a message" if any(code for code, _ in answers.values()) else "as before"), None


def _changed_columns(actual: str, expected: str) -> list[str]:
    """Return the names of the columns whose values differ."""
    columns = [dict(line.split(": ", 1) for line in text.splitlines() if ": " in line) for text in (actual, expected)]
    return sorted(name for name, values in columns[1].items() if columns[0].get(name) != values)


def _contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of all files except SQLite's own temporary ones."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(("-wal", "-shm")))
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def _answers(folder: Path) -> Answers:
    """Run every command on a folder, in a separate process."""
    output = output_of(folder)
    process = start_process(output, _run_commands, str(folder / "runs.db"))
    process.join()
    if process.exitcode:
        return {"all": (process.exitcode or 0, output.read_text())}
    return {command: (code, text) for command, code, text in json.loads(output.read_text())}


def _run_commands(address: str) -> None:
    from cli.main import main

    actions: dict[str, Callable[[], int]] = {
        command: partial(main, (*command.split(), "--db", address)) for command in COMMANDS
    }
    actions[DASHBOARD_READS] = partial(_read, address)
    print(json.dumps([(name, *_capture(action)) for name, action in actions.items()]))


def _capture(action: Callable[[], int]) -> tuple[int, str]:
    text = io.StringIO()
    with redirect_stdout(text), redirect_stderr(text):
        code = action()
    return code, text.getvalue()


def _read(address: str) -> int:
    """Print everything that the dashboard reads of the first run."""
    try:
        store = open_store(address)
        queries.row_versions(store)
        run = queries.run(store, 1)
        dataset = queries.dataset(store, run.dataset_id or 0)
        frames = {
            "runs": queries.runs(store),
            "datasets": queries.datasets(store),
            "metrics": queries.metrics(store, [1]),
            "class_metrics": queries.class_metrics(store, [1]),
            "history": queries.history(store, [1]),
            "log": queries.log_tail(store, 1),
            "examples": queries.examples(store, dataset.id),
            "class_balance": queries.class_balance(store, dataset.id),
            "predictions": queries.predictions(store, 1),
        }
        codes = queries.labels_and_predictions(store, 1, dataset.labels)
        probabilities = queries.probabilities(store, 1)
    except BenchError as error:
        print(error)
        return 2
    print(*(f"runs.{name}: {value!r}" for name, value in vars(run).items()), sep="\n")
    print(*(f"datasets.{name}: {value!r}" for name, value in vars(dataset).items()), sep="\n")
    for table, frame in frames.items():
        print(*(f"{table}.{column}: {frame[column].tolist()!r}" for column in frame), sep="\n")
    print(f"outcomes: {np.stack(codes).tolist()}", f"probabilities: {probabilities.tolist()}", sep="\n")
    return 0
