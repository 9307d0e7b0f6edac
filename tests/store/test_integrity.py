"""What `db check` finds in the rows, and what it mends there; each on a database that is sound else."""

import json
import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import text

from cli.main import DONE, RUN_FAILED, WRONG_REQUEST, main
from core.config import make_config
from core.data import load_data
from core.store import queries
from core.store.engine import open_store
from core.store.integrity import check
from core.store.recorder import recording
from tests.seeded import seed
from tests.store.test_store import DATA, record


@pytest.fixture(scope="module")
def data():
    return load_data(make_config({"dataset": "movie-reviews-3", **DATA}))


@pytest.fixture(scope="module")
def other_data():
    return load_data(make_config({"dataset": "movie-reviews-3", **DATA, "seed": 7, "test_size": 20}))


def address(store):
    return store.engine.url.render_as_string(hide_password=False)


def found(store, **options):
    """Return what is wrong: kind, where, and whether it is or can be mended."""
    return [(one.kind, one.where, one.fixable) for one in check(address(store), **options).findings]


def change(store, *statements):
    """Change rows as another program would, which heeds no foreign keys."""
    if store.engine.dialect.name != "sqlite":
        with store.engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))
        return
    with closing(sqlite3.connect(store.address)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def test_a_sound_database_has_no_findings(store, data):
    record(store, data)
    with recording(store, make_config({}), "at work", {}):
        checked = check(address(store))
        assert (checked.findings, checked.is_sound, checked.backup) == ((), True, None)


def test_a_database_of_all_kinds_of_runs_has_no_findings(tmp_path):
    assert check(str(seed(tmp_path).database)).findings == ()


def test_an_empty_database_has_no_findings(store):
    assert check(address(store), fix=True).findings == ()


ROWS = {
    "fewer predictions than examples": (
        "DELETE FROM predictions WHERE example_id % 5 = 0",
        ("missing predictions", "run 1", False),
    ),
    "no predictions": ("DELETE FROM predictions", ("missing predictions", "run 1", False)),
    "a label of no class": (
        "UPDATE predictions SET predicted = 'so-so' WHERE example_id % 5 = 0",
        ("unknown label", "run 1", False),
    ),
    "a link that is gone though its predictions tell it": (
        "UPDATE runs SET dataset_id = NULL",
        ("broken link", "run 1", True),
    ),
}


@pytest.mark.parametrize(("statement", "expected"), ROWS.values(), ids=ROWS)
def test_what_is_wrong_with_rows_is_found(store, data, statement, expected):
    record(store, data)
    change(store, statement)
    assert found(store) == [expected]


def test_probabilities_of_another_length_are_found(store, data):
    record(store, data)
    cut = "substr" if store.engine.dialect.name == "sqlite" else "substring"
    change(store, f"UPDATE predictions SET probabilities = {cut}(probabilities, 1, 5) WHERE example_id % 7 = 0")
    (finding,) = check(address(store)).findings
    assert finding.what.endswith("with 5 bytes of probabilities; 12 were expected for 3 labels.")
    assert "delete 1" in finding.advice


def test_predictions_on_another_data_set_are_found(store, data, other_data):
    first, second = record(store, data)[0], record(store, other_data, test_size=20)[0]
    assert queries.run(store, first).dataset_id != queries.run(store, second).dataset_id
    change(store, f"UPDATE runs SET dataset_id = {queries.run(store, second).dataset_id} WHERE id = {first}")
    assert found(store) == [("mismatched predictions", f"run {first}", False)]


def test_a_lost_link_is_found_again_by_the_predictions(store, data):
    run_id, _ = record(store, data)
    dataset_id = queries.run(store, run_id).dataset_id
    change(store, "UPDATE runs SET dataset_id = NULL")
    checked = check(address(store), fix=True, backed_up=True)
    assert [one.fixed for one in checked.findings] == [True] and checked.is_sound
    assert queries.run(store, run_id).dataset_id == dataset_id
    assert check(address(store)).findings == ()


def test_rows_of_a_server_are_mended_where_somebody_says_that_it_is_backed_up(postgres_store, data, capsys):
    record(postgres_store, data)
    change(postgres_store, "UPDATE runs SET dataset_id = NULL")
    assert main(["db", "check", "--fix", "--db", address(postgres_store)]) == WRONG_REQUEST
    assert "--backed-up" in capsys.readouterr().err
    assert queries.run(postgres_store, 1).dataset_id is None
    assert main(["db", "check", "--fix", "--backed-up", "--db", address(postgres_store)]) == DONE


LINKS = {
    "a baseline that is not there": ("UPDATE runs SET baseline_id = 99", ("broken link", "run 1", True)),
    "a data set that is not there": (
        "INSERT INTO runs (id, name, kind, method, status, config, created_at, environment, archived, tags, "
        "changed_at, dataset_id) SELECT 5, name, kind, method, 'failed', config, created_at, environment, archived, "
        "tags, changed_at, 77 FROM runs",
        ("broken link", "run 5", True),
    ),
    "metrics of no run": ("INSERT INTO metrics VALUES (9, 'test', 'mcc', 0.5, 0, 1)", ("orphaned rows", "run 9", True)),
    "a curve of no run": ("INSERT INTO history VALUES (9, 1, 0.5, 'loss', 0.5)", ("orphaned rows", "run 9", True)),
    "a log of no run": (
        "INSERT INTO log VALUES (9, 1, '2026-01-02 03:04:05.000000', 'x')",
        ("orphaned rows", "run 9", True),
    ),
    "predictions of no run": (
        "INSERT INTO predictions SELECT 9, example_id, predicted, confidence, true_probability, probabilities, "
        "truncated FROM predictions",
        ("orphaned rows", "run 9", True),
    ),
    "a prediction of no example": (
        "INSERT INTO predictions SELECT run_id, 999, predicted, confidence, true_probability, probabilities, "
        "truncated FROM predictions LIMIT 1",
        ("orphaned rows", "run 1", True),
    ),
    "counts of no data set": (
        "INSERT INTO class_balance VALUES (8, 'test', 'good', 1, 1)",
        ("orphaned rows", "data set 8", True),
    ),
    "examples of no data set": (
        "INSERT INTO examples VALUES (500, 8, 'test', 0, 'a', 'b', '{}')",
        ("orphaned rows", "data set 8", True),
    ),
}


@pytest.mark.parametrize(("statement", "expected"), LINKS.values(), ids=LINKS)
def test_what_leads_nowhere_is_mended_after_a_backup_and_all_else_stays(sqlite_store, data, statement, expected):
    run_id, probabilities = record(sqlite_store, data)
    change(sqlite_store, statement)
    assert found(sqlite_store) == [expected]
    checked = check(sqlite_store.address, fix=True)
    assert checked.is_sound and all(one.fixed for one in checked.findings)
    assert found(open_store(str(checked.backup))) == [expected]
    assert found(sqlite_store) == []
    assert (queries.probabilities(sqlite_store, run_id) == probabilities).all()
    assert (queries.run(sqlite_store, run_id).state, len(queries.examples(sqlite_store, 1))) == ("complete", 90)


def test_a_data_set_whose_row_alone_is_lost_is_left_to_a_person(sqlite_store, data):
    record(sqlite_store, data)
    change(sqlite_store, "DELETE FROM datasets")
    checked = check(sqlite_store.address, fix=True)
    assert [(one.kind, one.where, one.fixed) for one in checked.findings] == [("missing data set", "data set 1", False)]
    assert (checked.is_sound, checked.backup) == (False, None)
    assert queries.run(sqlite_store, 1).dataset_id == 1


VALUES = {
    "half a JSON text": 'UPDATE runs SET config = \'{"method": "lo\'',
    "JSON of another shape": "UPDATE runs SET environment = '[]'",
    "tags that are no list": "UPDATE runs SET tags = '{}'",
    "a time that is none": "UPDATE runs SET created_at = 'yesterday'",
    "a text that is no UTF-8": "UPDATE runs SET name = CAST(x'66ff66' AS TEXT)",
    "bytes for a text": "UPDATE runs SET name = x'0102'",
    "a text for a number": "UPDATE runs SET seed = 'some'",
    "neither true nor false": "UPDATE runs SET archived = 7",
}


@pytest.mark.parametrize("statement", VALUES.values(), ids=VALUES)
def test_values_that_can_not_be_read_are_found(sqlite_store, data, statement):
    record(sqlite_store, data)
    change(sqlite_store, statement)
    assert found(sqlite_store) == [("unreadable value", "run 1", False)]


def test_values_of_data_sets_are_counted(sqlite_store, data):
    record(sqlite_store, data)
    change(sqlite_store, "UPDATE examples SET extra = '{' WHERE position < 3", "UPDATE datasets SET labels = '[\"a'")
    told = {(one.where, one.what) for one in check(sqlite_store.address).findings}
    assert told == {
        ("data set 1", "9 values of examples.extra cannot be read."),
        ("data set 1", "1 value of datasets.labels cannot be read."),
    }


def test_a_text_of_probabilities_is_found(sqlite_store, data):
    record(sqlite_store, data)
    change(sqlite_store, "UPDATE predictions SET probabilities = '123456789012' WHERE example_id % 7 = 0")
    (finding,) = check(sqlite_store.address).findings
    assert finding.what.endswith("values of predictions.probabilities cannot be read.")


def test_the_command_tells_what_is_wrong_and_its_exit_code_whether_anything_is_left(sqlite_store, data, capsys):
    record(sqlite_store, data)
    asked = ["db", "check", "--db", sqlite_store.address]
    assert main(asked) == DONE
    assert capsys.readouterr().out.count("\n") == 1
    change(sqlite_store, "UPDATE runs SET baseline_id = 99")
    assert main(asked) == RUN_FAILED
    told = capsys.readouterr().out
    assert "run 1: baseline_id of 1 row of the table runs refers to a missing run. With --fix: the link" in told
    assert "1 problem, 1 fixable: python runner.py db check --fix" in told
    assert main([*asked, "--fix"]) == DONE
    told = capsys.readouterr().out
    assert "before-" in told and "all fixed" in told
    assert main([*asked, "--json"]) == DONE
    assert json.loads(capsys.readouterr().out) == {"database": sqlite_store.address, "backup": None, "findings": []}


def test_mending_belongs_to_checking(sqlite_store, capsys):
    assert main(["db", "upgrade", "--fix", "--db", sqlite_store.address]) == WRONG_REQUEST
    assert "--fix" in capsys.readouterr().err
