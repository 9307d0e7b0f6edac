"""Runs in progress and crashed runs on the Runs page."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from core.config import RunConfig
from core.data import load_data
from core.store import queries
from core.store.datasets import save_dataset
from core.store.recorder import recording
from tests.dashboard.reading import page_text
from tests.dashboard.runs_page import store_of, table
from tests.seeded import ENVIRONMENT, SIZES


@contextmanager
def run_in_progress(store, **config):
    with recording(store, RunConfig(**SIZES, **config), "lora running", ENVIRONMENT) as run:
        run.update(dataset_id=save_dataset(store, load_data(RunConfig(**SIZES))))
        run.enter_phase("training")
        run.update_progress(20, 60, 10.0, 58.2)
        run.log_line("epoch 1 begins")
        yield run


def test_run_in_progress_shows_its_progress_and_its_log_on_demand(seeded_copy, open_runs):
    with run_in_progress(store_of(seeded_copy)) as run:
        app = open_runs()
        (bar,) = app.get("progress")
        assert bar.proto.value == 33
        text = bar.proto.text.replace("\\", "")
        assert text == f"#{run.id} lora running: training, step 20 of 60 · 58 examples/s · 20 s left"
        assert "epoch 1 begins" not in page_text(app)
        app.session_state[f"log {run.id}"] = True
        assert "epoch 1 begins" in page_text(app.run())
        assert table(app).set_index("name").loc["lora running", "status"] == "running"
    assert not app.run().get("progress")


def test_run_without_steps_shows_its_phase(seeded_copy, open_runs):
    with (
        run_in_progress(store_of(seeded_copy)),
        recording(store_of(seeded_copy), RunConfig(**SIZES), "started", ENVIRONMENT) as run,
    ):
        newest, _ = open_runs().get("progress")
        assert newest.proto.value == 0
        assert newest.proto.text.replace("\\", "") == f"#{run.id} started: start"


def test_run_in_progress_cannot_be_moved_to_trash(seeded_copy, open_runs):
    with run_in_progress(store_of(seeded_copy)) as run:
        app = open_runs(chosen=run.id)
        app.button(key="delete").click().run()
        assert app.toast[0].icon == ":material/error:"
        assert queries.run(store_of(seeded_copy), run.id).deleted_at is None


def test_crashed_run_shows_the_last_line_of_its_log(seeded_copy, open_runs):
    with run_in_progress(store_of(seeded_copy)) as run:
        run.update(heartbeat_at=datetime.now(UTC) - timedelta(minutes=5), host="elsewhere")
        app = open_runs()
        assert not app.get("progress")
        assert f"#{run.id} lora running." in page_text(app)
        assert "epoch 1 begins" in page_text(app)
