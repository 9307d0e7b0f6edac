"""Runs that ended early: the reason, and the command to resume them."""

from datetime import timedelta

import pytest

from core.config import RunConfig
from core.data import load_data
from core.errors import OutOfMemory
from core.store.datasets import save_dataset
from core.store.recorder import recording
from core.store.schema import now
from dashboard import data
from tests.dashboard.reading import page_text
from tests.seeded import ENVIRONMENT, SIZES, record_failure

GB = 1_000_000_000


def record_early_end(store, error=None, **environment):
    """Record a run that can be resumed; ``error``: why it failed, or None for one that crashed."""
    with recording(store, RunConfig(**SIZES), "lora-r8", ENVIRONMENT | environment) as run:
        run.update(dataset_id=save_dataset(store, load_data(RunConfig(**SIZES))))
        run.enter_phase("training")
        run.create_work_folder()
        raise error or ValueError("killed")
    if error is None:
        unset = dict.fromkeys(("error_type", "error_message", "traceback", "ended_at", "host", "pid"))
        run.update(status="running", heartbeat_at=now() - timedelta(hours=2), peak_memory_bytes=21 * GB, **unset)
    return run.id


def codes(app):
    return [code.value for code in app.code]


@pytest.mark.parametrize("page", ["run", "runs"])
@pytest.mark.parametrize(
    ("error", "flag"),
    [(None, ""), (ValueError("no"), ""), (OutOfMemory("no"), " --auto-batch")],
    ids=["killed", "error", "out-of-memory"],
)
def test_run_that_ended_early_shows_the_command_to_resume_it(error, flag, page, store, open_page):
    run = record_early_end(store, error)
    assert f"python runner.py resume {run}{flag} --db {store.address}" in codes(open_page(page, run=run))


def test_run_without_its_work_folder_is_reproduced(store, open_page):
    run = record_early_end(store)
    folder = data.run(run).work_folder(store.folder)
    folder.rmdir()
    assert not [code for code in codes(open_page("run", run=run)) if "resume" in code]


def test_run_that_failed_without_a_work_folder_is_reproduced(store, open_page):
    run = record_failure(store, load_data(RunConfig(**SIZES)))
    assert not [code for code in codes(open_page("run", run=run)) if "resume" in code]


def test_out_of_memory_is_named(store, open_page):
    run = record_early_end(store, OutOfMemory("What takes less: --auto-batch."))
    assert "ran out of memory in phase training" in page_text(open_page("run", run=run))


@pytest.mark.parametrize(
    ("total", "is_warned"),
    [(24 * GB, True), (48 * GB, False), (None, False), ("<b>", False)],
    ids=["24-GB", "48-GB", "unknown", "markup"],
)
def test_crash_with_nearly_all_memory_used_is_explained(total, is_warned, store, open_page):
    run = record_early_end(store, memory_bytes=total)
    assert ("21 of 24 GB of memory" in page_text(open_page("run", run=run))) == is_warned
