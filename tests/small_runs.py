"""Helpers that run tiny models on a small data set."""

from pathlib import Path

import pandas as pd

from core.config import RunConfig, make_config
from core.data import load_data
from core.data.splits import DataSet
from core.models.backbone import find_backbone
from core.models.classifier import SavedClassifier
from core.runs.job import Job, prepare_jobs
from core.runs.pipeline import run_job
from core.runs.progress import Progress
from core.store.engine import Store, open_store
from core.store.records import Run

SIZES = {"train_size": 48, "validation_size": 18, "test_size": 36, "epochs": 1, "batch_size": 16, "max_length": 24}
WORDS = {"bad": "bad awful film", "fine, so-so": "fine okay film", "good": "good lovely film"}


def write_films(folder: Path) -> str:
    """Write a data set of three classes, with texts of many lengths, and return its path."""
    rows = [
        {"text": " ".join([words] * (1 + n % 7)) + f" {n}", "label": label}
        for label, words in WORDS.items()
        for n in range(50)
    ]
    path = folder / "films.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return str(path)


def job_for(config: RunConfig, data: DataSet | None = None) -> Job:
    """Return the job of a config; its adapter is not dry-run."""
    return Job(config, data or load_data(config), find_backbone(config) if config.uses("model") else None)


def saved_as(config: RunConfig, labels: tuple[str, ...], folder: Path) -> SavedClassifier:
    """Describe the files in a folder as those of a run with this config."""
    return SavedClassifier(config, labels, folder, find_backbone(config) if config.uses("model") else None)


def create_store(folder: Path) -> Store:
    """Open the database in a folder; create it where there is none."""
    return open_store(str(folder / "runs.db"), create=True)


def record_run(store: Store, model: Path | str, **settings: object) -> Run:
    """Run a tiny model on the data set beside the database, and return its complete record."""
    config = make_config({"dataset": write_films(store.folder), "model": str(model), "lr": 1e-2, **SIZES, **settings})
    (job,) = prepare_jobs([config], store.folder)
    run = run_job(job, store, Progress())
    assert run.state == "complete", run.error_message
    return run
