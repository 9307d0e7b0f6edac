"""Runs that ended early: why, and how they go on."""

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


def record_early_end(store, how=None, **environment):
    """Record a run that leaves a folder to go on with; ``how``: its error, or None for one that fell silent."""
    with recording(store, RunConfig(**SIZES), "lora-r8", ENVIRONMENT | environment) as run:
        run.update(dataset_id=save_dataset(store, load_data(RunConfig(**SIZES))))
        run.enter_phase("training")
        run.create_work_folder()
        raise how or ValueError("killed")
    if how is None:
        gone = dict.fromkeys(("error_type", "error_message", "traceback", "ended_at", "host", "pid"))
        run.update(status="running", heartbeat_at=now() - timedelta(hours=2), peak_memory_bytes=21 * GB, **gone)
    return run.id


def codes(app):
    return [one.value for one in app.code]


@pytest.mark.parametrize("page", ["run", "runs"])
@pytest.mark.parametrize(
    ("how", "flag"),
    [(None, ""), (ValueError("no"), ""), (OutOfMemory("no"), " --auto-batch")],
    ids=["killed", "error", "out-of-memory"],
)
def test_a_run_that_ended_early_tells_how_it_goes_on(how, flag, page, store, open_page):
    run = record_early_end(store, how)
    assert f"python runner.py resume {run}{flag} --db {store.address}" in codes(open_page(page, run=run))


def test_a_run_whose_folder_is_gone_is_made_again(store, open_page):
    run = record_early_end(store)
    folder = data.run(run).work_folder(store.folder)
    folder.rmdir()
    app = open_page("run", run=run)
    assert not [one for one in codes(app) if "resume" in one]
    assert "make it again by the command below" in page_text(app)


def test_a_run_that_failed_before_it_had_a_folder_is_made_again(store, open_page):
    run = record_failure(store, load_data(RunConfig(**SIZES)))
    assert not [one for one in codes(open_page("run", run=run)) if "resume" in one]


def test_memory_that_ran_out_is_said_so(store, open_page):
    run = record_early_end(store, OutOfMemory("What takes less: --auto-batch."))
    assert "This run ran out of memory in the phase «training»." in page_text(open_page("run", run=run))


@pytest.mark.parametrize(
    ("there", "told"),
    [(24 * GB, True), (48 * GB, False), (None, False), ("<b>", False)],
    ids=["24-GB", "48-GB", "unknown", "markup"],
)
def test_a_run_that_held_nearly_all_memory_may_have_been_killed_for_it(there, told, store, open_page):
    run = record_early_end(store, memory_bytes=there)
    words = page_text(open_page("run", run=run))
    assert ("It held 21 of 24 GB when last heard of: it may have been killed for want of memory." in words) == told
