"""Pages of unusual data, and of databases that are damaged, locked, deleted or of another version."""

import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from core.config import RunConfig
from core.data.splits import DataSet, Split
from core.evaluation.metrics import evaluate
from core.store import queries, run_edits
from core.store.datasets import save_dataset
from core.store.engine import Store, open_store
from core.store.recorder import recording
from dashboard.app_pages.compare.controls import PAIR_TABS
from dashboard.app_pages.run.controls import TABS
from tests.dashboard.hard_texts import record_hard_texts
from tests.dashboard.reading import PAGES, button, page_text, shows_page
from tests.seeded import ENVIRONMENT, SIZES

ROWS = 300
HOSTILE_NAME = "x **bold** ![i](http://evil/p.png) <script>"
MARKUP = ("<script>", "](javascript", "![", "**bold**", "](http://evil")
MANY_LABELS = tuple(f'class {place}: "{chr(97 + place % 26)}"' for place in range(150))


def record_two_runs(store: Store, labels: tuple[str, ...]) -> tuple[int, int]:
    """Record two runs on a data set with these labels; the second is more accurate."""
    codes = np.arange(ROWS) % len(labels)
    splits = {
        name: Split(tuple(f"{name} text {place}" for place in range(ROWS)), codes, ({},) * ROWS)
        for name in ("train", "validation", "test")
    }
    dataset = DataSet("many", "file:many.csv", None, "text", "label", labels, splits, {})
    return _record(store, dataset, 0.5), _record(store, dataset, 0.9)


def _record(store: Store, dataset: DataSet, accuracy: float) -> int:
    rng = np.random.default_rng(0)
    k = len(dataset.labels)
    predicted = np.where(rng.random(ROWS) < accuracy, dataset.test.labels, rng.integers(k, size=ROWS))
    shares = np.full((ROWS, k), 0.1 / k, dtype=np.float32)
    shares[np.arange(ROWS), predicted] += np.float32(0.9)
    with recording(store, RunConfig(**SIZES, dataset="many"), "adapter", ENVIRONMENT) as run:
        dataset_id = save_dataset(store, dataset)
        run.update(dataset_id=dataset_id)
        for split in ("validation", "test"):
            evaluation = evaluate(dataset.test.labels, shares, dataset.labels)
            run.save_predictions(dataset, split, dataset_id, shares, evaluation)
    assert queries.run(store, run.id).state == "complete", queries.run(store, run.id).error_message
    return run.id


@pytest.fixture(scope="module")
def single_class(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, int]:
    database = tmp_path_factory.mktemp("single") / "runs.db"
    return database, *record_two_runs(open_store(str(database), create=True), ("only",))


@pytest.fixture(scope="module")
def many_classes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, int]:
    database = tmp_path_factory.mktemp("many") / "runs.db"
    return database, *record_two_runs(open_store(str(database), create=True), MANY_LABELS)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, int]:
    """Two runs with hostile texts, names, notes and tags."""
    database = tmp_path_factory.mktemp("hostile") / "runs.db"
    store = open_store(str(database), create=True)
    run_ids = record_hard_texts(store)
    for run_id in run_ids:
        run_edits.edit_run(store, run_id, f"{HOSTILE_NAME} {run_id}", f"a note: {HOSTILE_NAME}", ["**bold**"])
    return database, *run_ids


def open_recorded(recorded, page, open_page, monkeypatch, **parameters):
    database, first, second = recorded
    monkeypatch.setenv("RUNS_DB", str(database))
    app = open_page(page, run=second, against=first, **parameters)
    assert shows_page(app, page)
    return app


@pytest.mark.parametrize("page", ["run", "data"])  # the tests of the other pages have cases of their own
def test_page_of_a_single_class(page, single_class, open_page, monkeypatch):
    open_recorded(single_class, page, open_page, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("page", ["run", "data"])
def test_page_of_many_classes(page, many_classes, open_page, monkeypatch):
    open_recorded(many_classes, page, open_page, monkeypatch)


@pytest.mark.parametrize(
    ("page", "tab"),
    [
        *((page, {}) for page in PAGES),
        *(("compare", {"tab": tab}) for tab in PAIR_TABS),
        *(("run", {"part": tab}) for tab in TABS),
    ],
)
def test_page_of_hostile_runs_contains_no_markup(page, tab, hostile, open_page, monkeypatch):
    markup = find_markup(open_recorded(hostile, page, open_page, monkeypatch, **tab))
    notes = [text for text in markup if text.startswith("a note:")]  # Markdown, without images
    assert markup == notes and not any("![" in text for text in notes)


@pytest.mark.parametrize("view", ["mistakes", "labels in doubt"])
def test_hostile_example_contains_no_markup(view, hostile, open_page, monkeypatch):
    database, _, run_id = hostile
    example = queries.predictions(open_store(str(database)), run_id)["example_id"][0]
    app = open_recorded(hostile, "failures", open_page, monkeypatch, example=example, view=view, answers="all")
    assert len(app.text_area) == 1
    assert not find_markup(app)


def find_markup(app):
    """Return hostile markup in what a browser renders as Markdown: bodies, labels and help."""
    nodes = [node for node in app._tree if getattr(node, "proto", None) and node.type not in ("text", "code")]
    texts = [getattr(node.proto, name, "") for node in nodes for name in ("body", "label", "help")]
    texts += [option.content for node in nodes if node.type == "button_group" for option in node.proto.options]
    assert len(texts) > 20
    return [text for text in texts if any(sign in str(text) for sign in MARKUP)]


@pytest.fixture
def database(seeded_runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the seeded database to damage."""
    with open_store(str(seeded_runs.database)).engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    copy = tmp_path / "runs.db"
    shutil.copy(seeded_runs.database, copy)
    monkeypatch.setenv("RUNS_DB", str(copy))
    return copy


def error_text(app) -> str:
    return "\n".join(element.value.replace("\\", "") for element in app.error)


def test_truncated_database_shows_an_error(database, open_page):
    database.write_bytes(database.read_bytes()[: database.stat().st_size // 2])
    assert error_text(open_page("runs"))


@pytest.mark.parametrize(
    ("page", "flips"), [("runs", 1), ("run", 20), ("failures", 400), ("compare", 400)], ids=lambda value: str(value)
)
def test_database_with_flipped_bytes_shows_an_error_or_the_page(page, flips, database, open_page):
    content = bytearray(database.read_bytes())
    for place in np.random.default_rng(flips).integers(4096, len(content), size=flips):
        content[place] ^= 0xFF
    database.write_bytes(bytes(content))
    app = open_page(page)  # fails on any exception
    assert error_text(app) or shows_page(app, page)


@pytest.mark.parametrize(
    "content",
    [b"", b"SQLite format 3\x00" + b"\x00" * 50, b"PK\x03\x04" + b"x" * 5_000],
    ids=["empty", "sqlite-header", "zip"],
)
def test_file_that_is_no_database_shows_a_message(content, database, open_page):
    database.write_bytes(content)
    app = open_page("runs")
    assert error_text(app) or app.info


@pytest.mark.parametrize(("version", "command"), [("9999", ""), ("0002", "db upgrade")], ids=["newer", "older"])
def test_database_of_another_version_shows_what_to_do(version, command, database, open_page):
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
    message = error_text(open_page("runs"))
    assert message
    assert command in message


@pytest.mark.slow
def test_locked_database_shows_an_error_until_it_is_unlocked(database, open_page):
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("PRAGMA journal_mode = DELETE")
    other.execute("BEGIN EXCLUSIVE")
    try:
        assert "locked" in error_text(open_page("runs"))
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert not error_text(open_page("runs"))


@pytest.mark.slow
def test_change_of_a_locked_database_is_reported_and_not_made(database, seeded_runs, open_page):
    app = open_page("runs", chosen=seeded_runs.lora)
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    button(app, "Archive").click().run()
    other.close()
    assert not app.exception
    assert "locked" in "".join(toast.value for toast in app.toast)
    assert not queries.run(open_store(str(database)), seeded_runs.lora).archived


def test_deleted_database_shows_the_empty_state(database, open_page):
    app = open_page("runs")
    database.unlink()
    app.run()
    assert not app.exception
    assert "No runs in" in page_text(app)


def test_deleted_run_disappears_from_an_open_page(database, seeded_runs, open_page):
    app = open_page("run", run=seeded_runs.odd)
    run_edits.delete_run(open_store(str(database)), seeded_runs.odd)
    app.run()
    assert not app.exception
    assert f"No run {seeded_runs.odd} " in error_text(app)
