"""Many processes that record runs into one store at once, while another reads it as the dashboard does."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.breaking.processes import CONTEXT, started
from core.config import make_config
from core.data import load_data
from core.data.splits import DataSet
from core.evaluation.metrics import Evaluation, evaluate
from core.store import queries
from core.store.engine import Store, open_store
from core.store.fallback import list_fallbacks
from core.store.recorder import recording

SETTINGS = {"method": "tfidf", "dataset": "movie-reviews-3", "train_size": 40, "validation_size": 20, "test_size": 100}
LINES = 3  # of each run's log and learning curve
PATIENCE = 300  # seconds until all processes are there


@dataclass(frozen=True)
class Crowd:
    """What came of it: all runs, those that are whole, what any process said, and the longest waits in seconds."""

    runs: int
    whole: int
    told: str
    aside: int
    longest_write: float
    reads: int
    longest_read: float


@dataclass(frozen=True)
class _Shared:
    """What the processes are given: where to record what, and how they hear of each other."""

    address: str
    data: DataSet
    evaluation: Evaluation
    begin: Barrier
    stop: Event
    measured: "SimpleQueue[dict[str, float]]"


def crowd(address: str, folder: Path, processes: int, runs: int) -> Crowd:
    """Record so many runs in each of so many processes, which begin at the same moment, and look at what is there.

    ``folder``: where what they say is kept.
    """
    store = open_store(address, create=True)
    data = load_data(make_config(SETTINGS))
    evaluation = evaluate(
        data.test.labels, made_up(data, 0, 0), data.labels
    )  # one for all: it is the store that is tried
    begin, stop, measured = CONTEXT.Barrier(processes + 1, timeout=PATIENCE), CONTEXT.Event(), CONTEXT.SimpleQueue()
    shared = _Shared(address, data, evaluation, begin, stop, measured)
    writers = [started(folder / f"writer-{number}", _write, shared, number, runs) for number in range(processes)]
    reader = started(folder / "reader", _read, shared)
    for process in writers:
        process.join()
    stop.set()
    reader.join()
    waits = []
    while not measured.empty():
        waits.append(measured.get())
    store.engine.dispose()
    return Crowd(
        runs=len(queries.runs(store)),
        whole=_whole(store, data, processes, runs),
        told="".join(path.read_text() for path in sorted(folder.iterdir())),
        aside=len(list_fallbacks(store)),
        longest_write=max((one.get("write", 0) for one in waits), default=0),
        reads=sum(int(one.get("reads", 0)) for one in waits),
        longest_read=max((one.get("read", 0) for one in waits), default=0),
    )


def _whole(store: Store, data: DataSet, processes: int, runs: int) -> int:
    """Count the runs of which all is there, and as it was made."""
    ids = dict(queries.runs(store).set_index("name")["id"].items())
    asked = [(process, number) for process in range(processes) for number in range(runs)]
    return sum(
        _is_whole(store, int(ids[_name(*one)]), made_up(data, *one), len(data.test))
        for one in asked
        if _name(*one) in ids
    )


def _is_whole(store: Store, run_id: int, expected: NDArray[np.float32], examples: int) -> bool:
    return (
        queries.run(store, run_id).state == "complete"
        and len(queries.predictions(store, run_id)) == examples
        and np.array_equal(queries.probabilities(store, run_id), expected)
        and len(queries.history(store, [run_id])) == LINES
        and len(queries.log_tail(store, run_id)) == LINES
        and len(queries.class_metrics(store, [run_id])) == expected.shape[1]
    )


def _name(process: int, number: int) -> str:
    return f"run {number} of process {process}"


def made_up(data: DataSet, process: int, number: int) -> NDArray[np.float32]:
    """Return made-up probabilities on the test split, [n, k], the same for the same run."""
    drawn = np.random.default_rng((process, number)).random((len(data.test), len(data.labels))) + 0.01
    shares: NDArray[np.float32] = (drawn / drawn.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


@contextmanager
def _timed(longest: list[float]) -> Iterator[None]:
    start = time.perf_counter()
    yield
    longest.append(time.perf_counter() - start)


def _write(shared: _Shared, process: int, runs: int) -> None:
    """Record runs with made-up predictions, and measure how long a write takes, with its wait."""
    store, times = open_store(shared.address), [0.0]
    shared.begin.wait()
    for number in range(runs):
        _record(store, shared, process, number, times)
    shared.measured.put({"write": max(times)})


def _record(store: Store, shared: _Shared, process: int, number: int, times: list[float]) -> None:
    data, config = shared.data, make_config({**SETTINGS, "seed": process})
    with recording(store, config, _name(process, number), {"packages": {}}) as run:
        with _timed(times):
            dataset_id = run.save_data(data, f"group {process}")
        for line in range(LINES):
            with _timed(times):
                run.log_line(f"line {line}")
                run.log_history(line, line / LINES, {"loss": 1 / (line + 1)})
        with _timed(times):
            run.save_predictions(data, "test", dataset_id, made_up(data, process, number), shared.evaluation)


def _read(shared: _Shared) -> None:
    """Read as the dashboard does until told to stop, and measure how long that takes."""
    store, times = open_store(shared.address), [0.0]
    shared.begin.wait()
    while not shared.stop.is_set():
        with _timed(times):
            queries.row_versions(store)
            found = queries.runs(store)
        for run_id in found[found["state"] == "complete"]["id"].tail(1):
            seen = len(queries.predictions(store, int(run_id)))
            assert seen == len(shared.data.test), f"run {run_id} is complete and has {seen} predictions"
    shared.measured.put({"reads": len(times) - 1, "read": max(times)})
