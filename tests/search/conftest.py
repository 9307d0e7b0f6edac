"""Jobs and searches of a tiny model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.config import make_config
from core.runs.job import Job, prepare_jobs
from core.runs.progress import Progress
from core.search.search import Search, SearchOptions, build_space, open_search, run_search
from tests.small_runs import SIZES, create_store, write_films

LEARNS, DESTROYS, DIVERGES = 1e-2, 5.0, 1e30
"""Learning rates with which the tiny model learns, forgets what its head was initialized with, and fails."""


@pytest.fixture
def prepare(tmp_path: Path, tiny_bert: Path) -> Callable[..., Job]:
    """Return a function that prepares the job of a tiny model with some settings."""
    settings = {"dataset": write_films(tmp_path), "model": str(tiny_bert), "lr": LEARNS, **SIZES}
    return lambda **changes: prepare_jobs([make_config(settings | changes)], tmp_path)[0]


def open_small_search(folder: Path, model: Path, space: dict[str, Any], **changes: Any) -> Search:
    """Open the search of a tiny model on the films in a folder; ``space`` is the whole space."""
    settings = {"dataset": write_films(folder), "model": str(model), **SIZES, **changes}
    (job,) = prepare_jobs([make_config(settings | {"lr": LEARNS})], folder)
    defaults = {"lora": job}
    built = build_space(defaults, settings, space, is_complete=True)
    return open_search(create_store(folder), built, defaults, settings, "films", "median")


def search_small(search: Search, trials: int, progress: Progress | None = None, **options: Any) -> str:
    """Run a search without a plateau rule."""
    return run_search(search, SearchOptions(trials, **{"plateau": 0} | options), progress or Progress())
