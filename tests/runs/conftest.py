"""Runs of a tiny GPT-2 and its baselines, shared by the tests of this folder."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from core.config import RunConfig, make_config
from core.runs.job import add_baselines, prepare_jobs
from core.runs.pipeline import run_job, run_jobs
from core.runs.progress import Progress
from core.store.engine import Store, open_store
from core.store.records import Run
from core.store.run_edits import delete_run

SIZES = {"train_size": 60, "validation_size": 20, "test_size": 40, "epochs": 2, "batch_size": 16, "max_length": 32}


class RecordedRuns(NamedTuple):
    """A store with the runs of one config and its baselines."""

    store: Store
    config: RunConfig
    records: list[Run]

    @property
    def adapter(self) -> Run:
        """The record of the adapter, which comes last."""
        return self.records[-1]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with texts of three classes that a small model can separate, in a file sorted by label."""
    folder = tmp_path_factory.mktemp("recorded_runs")
    words = {"bad": "bad awful film", "fine": "fine okay film", "good": "good lovely film"}
    rng = np.random.default_rng(0)
    rows = [
        {"text": " ".join(rng.choice(text.split(), size=rng.integers(2, 9))), "label": label, "row": f"{label}-{n}"}
        for label, text in words.items()
        for n in range(60)
    ]
    pd.DataFrame(rows).to_csv(folder / "films.csv", index=False)
    return folder


@pytest.fixture(scope="session")
def recorded_runs(folder: Path, tiny_gpt2: Path) -> RecordedRuns:
    """Run a tiny GPT-2 and its baselines; return the store, the config and the records."""
    config = make_config({"dataset": str(folder / "films.csv"), "model": str(tiny_gpt2), "lr": 1e-2, **SIZES})
    store = open_store(str(folder / "runs.db"), create=True)
    return RecordedRuns(store, config, run_jobs(prepare_jobs(add_baselines([config]), folder), store, Progress()))


@pytest.fixture
def run_variant(recorded_runs: RecordedRuns) -> Iterator[Callable[..., Run]]:
    """Return a function that runs the recorded config with changes; its runs are deleted after the test."""
    run_ids = []

    def run(**changes: object) -> Run:
        (job,) = prepare_jobs([recorded_runs.config.model_copy(update=changes)], recorded_runs.store.folder)
        record = run_job(job, recorded_runs.store, Progress())
        run_ids.append(record.id)
        return record

    yield run
    for run_id in run_ids:
        delete_run(recorded_runs.store, run_id)
