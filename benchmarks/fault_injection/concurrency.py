"""Many processes record runs in one database while another reads it as the dashboard does."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.fault_injection.processes import CONTEXT, start_process
from core.config import make_config
from core.data import load_data
from core.data.splits import DataSet
from core.evaluation.metrics import Evaluation, evaluate
from core.store import queries
from core.store.engine import Store, open_store
from core.store.fallback import list_fallbacks
from core.store.recorder import recording

SETTINGS = {"method": "tfidf", "dataset": "movie-reviews-3", "train_size": 40, "validation_size": 20, "test_size": 100}
LINES = 3
"""Lines of each run's log and learning curve."""
BARRIER_SECONDS = 300
"""Longest wait until all processes have started."""


@dataclass(frozen=True)
class Result:
    """All runs, the intact ones, the output of every process, fallbacks, and the longest waits in seconds."""

    runs: int
    intact: int
    output: str
    fallbacks: int
    longest_write: float
    reads: int
    longest_read: float


@dataclass(frozen=True)
class _Shared:
    """The arguments that all processes share."""

    address: str
    data: DataSet
    evaluation: Evaluation
    barrier: Barrier
    stop: Event
    measurements: "SimpleQueue[dict[str, float]]"


def record_concurrently(address: str, folder: Path, processes: int, runs: int) -> Result:
    """Record ``runs`` runs in each of ``processes`` processes that start together; check what is stored.

    ``folder``: the folder for the output of the processes.
    """
    store = open_store(address, create=True)
    data = load_data(make_config(SETTINGS))
    # One evaluation for all: the store is under test, not the metrics.
    evaluation = evaluate(data.test.labels, draw_probabilities(data, 0, 0), data.labels)
    barrier = CONTEXT.Barrier(processes + 1, timeout=BARRIER_SECONDS)
    shared = _Shared(address, data, evaluation, barrier, CONTEXT.Event(), CONTEXT.SimpleQueue())
    writers = [start_process(folder / f"writer-{number}", _write, shared, number, runs) for number in range(processes)]
    reader = start_process(folder / "reader", _read, shared)
    for process in writers:
        process.join()
    shared.stop.set()
    reader.join()
    waits = []
    while not shared.measurements.empty():
        waits.append(shared.measurements.get())
    store.engine.dispose()
    return Result(
        runs=len(queries.runs(store)),
        intact=_count_intact(store, data, processes, runs),
        output="".join(path.read_text() for path in sorted(folder.iterdir())),
        fallbacks=len(list_fallbacks(store)),
        longest_write=max((wait.get("write", 0) for wait in waits), default=0),
        reads=sum(int(wait.get("reads", 0)) for wait in waits),
        longest_read=max((wait.get("read", 0) for wait in waits), default=0),
    )


def _count_intact(store: Store, data: DataSet, processes: int, runs: int) -> int:
    """Count the runs that are stored completely and correctly."""
    ids = dict(queries.runs(store).set_index("name")["id"].items())
    return sum(
        _is_intact(store, int(ids[_name(process, number)]), draw_probabilities(data, process, number), len(data.test))
        for process in range(processes)
        for number in range(runs)
        if _name(process, number) in ids
    )


def _is_intact(store: Store, run_id: int, expected: NDArray[np.float32], examples: int) -> bool:
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


def draw_probabilities(data: DataSet, process: int, number: int) -> NDArray[np.float32]:
    """Return random probabilities on the test split, [n, k], reproducible for each run."""
    drawn = np.random.default_rng((process, number)).random((len(data.test), len(data.labels))) + 0.01
    probabilities: NDArray[np.float32] = (drawn / drawn.sum(axis=1, keepdims=True)).astype(np.float32)
    return probabilities


@contextmanager
def _timed(seconds: list[float]) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds.append(time.perf_counter() - start)


def _write(shared: _Shared, process: int, runs: int) -> None:
    """Record runs with random predictions, and measure the longest write with its wait."""
    store, seconds = open_store(shared.address), [0.0]
    shared.barrier.wait()
    for number in range(runs):
        _record(store, shared, process, number, seconds)
    shared.measurements.put({"write": max(seconds)})


def _record(store: Store, shared: _Shared, process: int, number: int, seconds: list[float]) -> None:
    data, config = shared.data, make_config({**SETTINGS, "seed": process})
    with recording(store, config, _name(process, number), {"packages": {}}) as run:
        with _timed(seconds):
            dataset_id = run.save_dataset(data, f"group {process}")
        for line in range(LINES):
            with _timed(seconds):
                run.log_line(f"line {line}")
                run.log_history(line, line / LINES, {"loss": 1 / (line + 1)})
        with _timed(seconds):
            probabilities = draw_probabilities(data, process, number)
            run.save_predictions(data, "test", dataset_id, probabilities, shared.evaluation)


def _read(shared: _Shared) -> None:
    """Read as the dashboard does until stopped, and measure the longest read."""
    store, seconds = open_store(shared.address), [0.0]
    shared.barrier.wait()
    while not shared.stop.is_set():
        with _timed(seconds):
            queries.row_versions(store)
            runs = queries.runs(store)
        for run_id in runs[runs["state"] == "complete"]["id"].tail(1):
            predictions = len(queries.predictions(store, int(run_id)))
            assert predictions == len(shared.data.test), f"run {run_id} is complete with {predictions} predictions"
    shared.measurements.put({"reads": len(seconds) - 1, "read": max(seconds)})
