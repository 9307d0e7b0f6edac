"""What a page does where the database, the data or the files are not as they should be: it says so."""

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
from tests.dashboard.hard_texts import record_hard_texts
from tests.dashboard.reading import PAGES, page_text
from tests.seeded import ENVIRONMENT, SIZES

ROWS = 300
HOSTILE_NAME = "x **bold** ![i](http://evil/p.png) <script>"
MARKUP = ("<script>", "](javascript", "![", "**bold**", "](http://evil")


def record_two(store: Store, labels: tuple[str, ...]) -> tuple[int, int]:
    """Record two runs on texts of these labels, the second right more often."""
    codes = np.arange(ROWS) % len(labels)
    splits = {
        name: Split(tuple(f"{name} text {place}" for place in range(ROWS)), codes, ({},) * ROWS)
        for name in ("train", "validation", "test")
    }
    data = DataSet("many", "file:many.csv", None, "text", "label", labels, splits, {})
    return _record(store, data, 0.5), _record(store, data, 0.9)


def _record(store: Store, data: DataSet, right: float) -> int:
    rng = np.random.default_rng(0)
    k = len(data.labels)
    said_ = np.where(rng.random(ROWS) < right, data.test.labels, rng.integers(k, size=ROWS))
    shares = np.full((ROWS, k), 0.1 / k, dtype=np.float32)
    shares[np.arange(ROWS), said_] += np.float32(0.9)
    with recording(store, RunConfig(**SIZES, dataset="many"), f"{HOSTILE_NAME} {right}", ENVIRONMENT) as run:
        dataset_id = save_dataset(store, data)
        run.update(dataset_id=dataset_id)
        for split in ("validation", "test"):
            run.save_predictions(data, split, dataset_id, shares, evaluate(data.test.labels, shares, data.labels))
    assert queries.run(store, run.id).state == "complete", queries.run(store, run.id).error_message
    return run.id


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, int, int]]:
    """Databases of one class, of 150 classes, and of hostile texts, with two runs each."""
    many = tuple(f'class {place}: "{chr(97 + place % 26)}"' for place in range(150))
    kinds = {
        "one class": lambda store: record_two(store, ("only",)),
        "150 classes": lambda store: record_two(store, many),
        "hostile": record_hard_texts,
    }
    found = {}
    for name, record in kinds.items():
        database = tmp_path_factory.mktemp("odd") / "runs.db"
        store = open_store(str(database), create=True)
        found[name] = (database, *record(store))
        for run in found[name][1:]:
            run_edits.edit_run(store, run, f"{HOSTILE_NAME} {run}", f"a note: {HOSTILE_NAME}", ["**bold**"])
    return found


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("kind", ["one class", "150 classes", "hostile"])
def test_every_page_copes_with_odd_data(kind, page, odd, open_page, monkeypatch):
    database, first, second = odd[kind]
    monkeypatch.setenv("RUNS_DB", str(database))
    app = open_page(page, run=second, against=first)
    assert app.title[0].value == PAGES[page]
    assert not markup_in(app)


def test_an_open_example_of_hostile_runs_holds_no_markup(odd, open_page, monkeypatch):
    database, first, second = odd["hostile"]
    monkeypatch.setenv("RUNS_DB", str(database))
    example = queries.predictions(open_store(), second)["example_id"][0]
    for view in ("mistakes", "labels in doubt"):
        app = open_page("failures", run=second, against=first, example=example, view=view, answers="all")
        assert len(app.text_area) == 1, "the form of the open example"
        assert not markup_in(app)


def markup_in(app):
    """Return what a browser reads as Markdown on a page (bodies, labels and help) and holds a stranger's markup."""
    nodes = [node for node in app._tree if getattr(node, "proto", None) and node.type not in ("text", "code")]
    read = [getattr(node.proto, name, "") for node in nodes for name in ("body", "label", "help")]
    read += [option.content for node in nodes if node.type == "button_group" for option in node.proto.options]
    assert len(read) > 20
    return [text for text in read if any(sign in str(text) for sign in MARKUP)]


@pytest.fixture
def mine(record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database of one's own to spoil."""
    store = open_store(str(record.database))
    with store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database = tmp_path / "runs.db"
    shutil.copy(record.database, database)
    monkeypatch.setenv("RUNS_DB", str(database))
    return database


def error_of(app) -> str:
    return "\n".join(element.value.replace("\\", "") for element in app.error)


@pytest.mark.parametrize("page", PAGES)
def test_a_truncated_database_is_said_to_be_damaged(page, mine, open_page):
    mine.write_bytes(mine.read_bytes()[: mine.stat().st_size // 2])
    assert "damaged" in error_of(open_page(page))


@pytest.mark.parametrize("flips", [1, 20, 400])
@pytest.mark.parametrize("page", PAGES)
def test_a_database_with_flipped_bytes_gets_a_message_or_its_pages(page, flips, mine, open_page):
    content = bytearray(mine.read_bytes())
    rng = np.random.default_rng(flips)
    for place in rng.integers(4096, len(content), size=flips):
        content[place] ^= 0xFF
    mine.write_bytes(bytes(content))
    app = open_page(page)  # it fails on any exception
    assert error_of(app) or app.title[0].value == PAGES[page]


@pytest.mark.parametrize(
    "content",
    [b"", b"SQLite format 3\x00" + b"\x00" * 50, b"PK\x03\x04" + b"x" * 5_000],
    ids=["empty", "sqlite-header", "zip"],
)
def test_a_file_that_is_no_database_gets_a_plain_message(content, mine, open_page):
    mine.write_bytes(content)
    app = open_page("runs")
    assert error_of(app) or "No runs in" in page_text(app)


@pytest.mark.parametrize(("found", "message"), [("9999", "newer version"), ("0002", "python runner.py db upgrade")])
def test_a_database_of_another_version_says_what_to_do(found, message, mine, open_page):
    with sqlite3.connect(mine) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (found,))
    assert message in error_of(open_page("runs"))


def test_a_locked_database_says_so_and_works_again_when_it_is_free(mine, open_page):
    other = sqlite3.connect(mine, isolation_level=None)
    other.execute("PRAGMA journal_mode = DELETE")
    other.execute("BEGIN EXCLUSIVE")
    try:
        assert "locked by another program" in error_of(open_page("runs"))
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert not error_of(open_page("runs"))


def test_a_change_that_the_database_refuses_is_told_and_nothing_is_lost(mine, record, open_page):
    app = open_page("runs")
    app.query_params["chosen"] = str(record.lora)
    app.run()
    (archive,) = [button for button in app.button if button.label == "Archive"]
    other = sqlite3.connect(mine, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    archive.click().run()
    other.close()
    assert not app.exception
    assert "locked by another program" in "".join(toast.value for toast in app.toast).replace("\\", "")
    assert not queries.run(open_store(str(mine)), record.lora).archived


def test_a_database_that_goes_away_leaves_a_message(mine, open_page):
    app = open_page("runs")
    mine.unlink()
    app.run()
    assert not app.exception
    assert "No runs in" in page_text(app)


def test_a_run_that_another_program_deleted_is_gone_from_an_open_page(mine, record, open_page):
    app = open_page("run", run=record.odd)
    run_edits.delete_run(open_store(str(mine)), record.odd)
    app.run()
    assert not app.exception
    assert f"There is no run {record.odd} here" in error_of(app)
