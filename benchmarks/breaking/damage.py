"""Files that are cut, changed or exchanged: what is said of them then, and whether it is true.

Each damage is done to a copy of a folder that nobody disturbed, which is then looked at in every way. What a look
gives may be what it gave before, or a refusal in words, or something else of which ``db check`` tells the reason.
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

from benchmarks.breaking.processes import started
from benchmarks.breaking.runs import Workshop, told_in
from benchmarks.breaking.tally import Tally
from core.errors import BenchError
from core.store import queries
from core.store.engine import open_store

CHECK = "db check"
LOOKS = (CHECK, "list --json", "show 1", "show 1 --json", "predict 1 lovely --json")
READING = "reading as the dashboard does"
Choice = TypeVar("Choice")
LONGEST = 512
"""Bytes that are overwritten at most."""

EVIDENCE = re.compile(
    r"(examples|class_balance|predictions|metrics|class_metrics|outcomes|probabilities)\b"
    r"|datasets\.(?!checks|revision)|runs\.(config|kind|method|model|seed|stat|dataset|baseline|adapter_(path|sha))"
)
"""Columns that may not change in silence. Nothing else in a record repeats the others: curves, logs, costs, names."""

Answers = Mapping[str, tuple[int, str]]
"""What each look gave: an exit code and words."""


def damaged(shop: Workshop, folder: Path, times: int, rng: Generator) -> list[Tally]:
    """Damage so many databases, and as many files of adapters."""
    sound = folder / "sound"
    shop.copy_into(sound)
    expected = _answers(sound)
    if any(code for code, _ in expected.values()):
        raise SystemExit(f"What nobody disturbed is not sound: {expected}")
    tallies = []
    for kind, pattern in {"database": "runs.db", "adapter file": "adapters/*/*"}.items():
        tally = Tally(f"damaged or foreign {kind}")
        for number in range(times):
            own = folder / f"{kind}-{number}"
            shop.copy_into(own)
            path, name = _one_of(sorted(own.glob(pattern)), rng), _one_of(list(DAMAGES), rng)
            DAMAGES[name](path, rng)
            seen, problem = _looked_at(own, expected)
            tally.add(problem and f"{path.relative_to(own)} {name}: {problem}", seen)
        tallies.append(tally)
    return tallies


def _one_of(choices: Sequence[Choice], rng: Generator) -> Choice:
    return choices[int(rng.integers(len(choices)))]


def _cut(path: Path, rng: Generator) -> None:
    os.truncate(path, int(rng.integers(path.stat().st_size)))


def _flip(path: Path, rng: Generator) -> None:
    content = bytearray(path.read_bytes())
    content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
    path.write_bytes(content)


def _overwrite(path: Path, rng: Generator) -> None:
    content = bytearray(path.read_bytes())
    place = int(rng.integers(len(content)))
    length = min(int(rng.integers(1, LONGEST + 1)), len(content) - place)
    content[place : place + length] = rng.bytes(length)
    path.write_bytes(content)


def _exchange(path: Path, rng: Generator) -> None:
    """Put a file there that is sound, and another one."""
    kinds = [_a_database, _a_text, _nothing, _an_archive, *([_other_weights] if path.suffix == ".safetensors" else [])]
    _one_of(kinds, rng)(path)


def _a_database(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE songs (title TEXT)")


def _a_text(path: Path) -> None:
    path.write_text("A text of somebody else's.\n" * 200)


def _nothing(path: Path) -> None:
    path.write_bytes(b"")


def _an_archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("songs.txt", "A song.\n" * 200)


def _other_weights(path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    save_file({name: -weights for name, weights in load_file(path).items()}, path, metadata={"format": "pt"})


DAMAGES: Mapping[str, Callable[[Path, Generator], None]] = {
    "cut": _cut,
    "with a flipped bit": _flip,
    "partly overwritten": _overwrite,
    "exchanged": _exchange,
}


def _looked_at(folder: Path, expected: Answers) -> tuple[str, str | None]:
    """Look at a damaged folder in every way; return how the damage shows, and what is wrong with that."""
    before = _contents(folder)
    answers = _answers(folder)
    if _contents(folder) != before:
        return "changed", "looking at it has changed it"
    for look, (code, words) in answers.items():
        if code not in (0, 1, 2) or "Traceback" in words or "unexpected " in words:
            return "not in words", f"{look} ends with {code}: {words[-2000:]}"
    if answers[CHECK][0] != 0:
        return "told by db check", None
    others = [look for look in answers if look != CHECK and answers[look] != expected[look] and answers[look][0] == 0]
    if others:
        changed = _changed(answers[READING][1], expected[READING][1])
        silent = not changed or any(map(EVIDENCE.match, changed))
        seen = f"unseen in {', '.join(changed)}"
        return seen, f"nothing tells why {others[0]} gives another answer; {seen}" if silent else None
    return ("refused in words" if any(code for code, _ in answers.values()) else "as before"), None


def _changed(now: str, then: str) -> list[str]:
    """Return the names of the columns that are read as something else."""
    columns = [dict(line.split(": ", 1) for line in text.splitlines() if ": " in line) for text in (now, then)]
    return sorted(name for name, values in columns[1].items() if columns[0].get(name) != values)


def _contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of all files, but for those that SQLite puts beside its own."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(("-wal", "-shm")))
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def _answers(folder: Path) -> Answers:
    """Look at a folder in every way, in a process of its own."""
    told = told_in(folder)
    process = started(told, _look, str(folder / "runs.db"))
    process.join()
    if process.exitcode:
        return {"all": (process.exitcode or 0, told.read_text())}
    return {look: (code, words) for look, code, words in json.loads(told.read_text())}


def _look(address: str) -> None:
    from runner import main

    looks = {look: partial(main, (*look.split(), "--db", address)) for look in LOOKS}
    print(json.dumps([(look, *_heard(act)) for look, act in {**looks, READING: partial(_read, address)}.items()]))


def _heard(act: Callable[[], int]) -> tuple[int, str]:
    words = io.StringIO()
    with redirect_stdout(words), redirect_stderr(words):
        code = act()
    return code, words.getvalue()


def _read(address: str) -> int:
    """Print all that the dashboard shows of the first run, as it is read."""
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
        shares = queries.probabilities(store, 1)
    except BenchError as error:
        print(error)
        return 2
    print(*(f"runs.{name}: {value!r}" for name, value in vars(run).items()), sep="\n")
    print(*(f"datasets.{name}: {value!r}" for name, value in vars(dataset).items()), sep="\n")
    for table, frame in frames.items():
        print(*(f"{table}.{column}: {frame[column].tolist()!r}" for column in frame), sep="\n")
    print(f"outcomes: {np.stack(codes).tolist()}", f"probabilities: {shares.tolist()}", sep="\n")
    return 0
