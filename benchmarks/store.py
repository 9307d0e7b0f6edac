"""The speed and size of the database: listing runs, recording predictions, bytes per prediction.

    python -m benchmarks.store [--runs 2000] [--mlflow] [--trackio]

``--mlflow`` and ``--trackio`` list as many runs with as many metrics in these packages, each installed in an
environment of its own in a temporary folder. Times are processor times, the minimum of several rounds.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.many_runs import make_database
from core.catalog.figures import LISTED_METRICS
from core.config import make_config
from core.data import load_data
from core.evaluation.metrics import evaluate
from core.store import queries
from core.store.engine import Store
from core.store.recorder import recording

TEST_SIZE = 1_000
RUNS_WITH_PREDICTIONS = 20
ROUNDS = 5
TRACKERS = ("mlflow", "trackio")
"""Packages to compare with; each has a script in ``benchmarks/trackers``."""


def main() -> None:
    """Measure the database, then the requested trackers, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2_000, help="runs to list")
    for name in TRACKERS:
        parser.add_argument(f"--{name}", action="store_true", help=f"install {name} and list as many runs in it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="adapter-bench-") as folder:
        store = make_database(Path(folder) / "runs.db", options.runs, test_size=20)
        listing = processor_seconds(lambda: queries.runs(store))
        print(f"list {options.runs:,} runs{listing * 1e3:18,.0f} ms")
        for name in TRACKERS:
            if getattr(options, name):
                seconds = list_in_tracker(name, options.runs, Path(folder))
                print(f"  in {name:10}{seconds * 1e3:18,.0f} ms   {seconds / listing:5.1f} × ours")
        store.engine.dispose()
        predictions = make_database(Path(folder) / "predictions.db", RUNS_WITH_PREDICTIONS, TEST_SIZE)
        print(f"record {TEST_SIZE:,} predictions{record_predictions(predictions) * 1e3:7,.0f} ms")
        print(f"bytes per prediction{bytes_per_prediction(predictions):14,.0f}")
        predictions.engine.dispose()


def processor_seconds(action: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Return the processor time of an action, the minimum of several rounds."""
    seconds = []
    for _ in range(rounds):
        start = time.process_time()
        action()
        seconds.append(time.process_time() - start)
    return min(seconds)


def record_predictions(store: Store) -> float:
    """Record runs with the predictions and metrics of the test split, and return the time of one in seconds."""
    config = make_config({"method": "tfidf", "test_size": TEST_SIZE, "train_size": 2_000, "validation_size": 500})
    data = load_data(config)
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(len(data.labels)), TEST_SIZE).astype(np.float32)
    evaluation = evaluate(data.test.labels, probabilities, data.labels)
    truncated = np.zeros(TEST_SIZE, dtype=np.bool_)
    seconds = []
    for _ in range(ROUNDS):
        with recording(store, config, "tfidf", {}) as run:
            dataset_id = run.save_dataset(data, "benchmark")
            start = time.process_time()
            run.save_predictions(data, "test", dataset_id, probabilities, evaluation, truncated)
            seconds.append(time.process_time() - start)
    return min(seconds)


def bytes_per_prediction(store: Store) -> float:
    """Delete all predictions, and return by how much the file shrinks, indexes included, per prediction."""
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:

        def compact_size() -> int:
            connection.exec_driver_sql("VACUUM")
            pages, size = (
                connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("page_count", "page_size")
            )
            return int(pages or 0) * int(size or 0)

        count = connection.exec_driver_sql("SELECT count(*) FROM predictions").scalar()
        before = compact_size()
        connection.exec_driver_sql("DELETE FROM predictions")
        return (before - compact_size()) / int(count or 1)


def list_in_tracker(name: str, runs: int, folder: Path) -> float:
    """Record runs with a tracker in an environment of its own, and return the time in which it lists them."""
    environment = folder / name
    venv.create(environment, with_pip=True)
    python = str(environment / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", name], check=True)
    script = Path(__file__).with_name("trackers") / f"{name}_listing.py"
    request = json.dumps({"runs": runs, "metrics": LISTED_METRICS, "rounds": ROUNDS})
    done = subprocess.run(
        [python, str(script), request],
        cwd=folder,
        env={**os.environ, "HOME": str(folder), "PYTHONPATH": ""},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(done.stderr)
    return float(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
