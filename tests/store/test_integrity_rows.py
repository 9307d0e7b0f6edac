"""The integrity check of rows finds and fixes problems in an otherwise sound database."""

import json
from pathlib import Path

import pytest

from cli.main import main
from core.config import make_config
from core.errors import RequestError
from core.store import queries
from core.store.engine import open_store
from core.store.integrity import check, find_unreadable
from core.store.recorder import recording
from tests.seeded import seed
from tests.store.helpers import address_of, execute_sql, find_problems, record_run


def test_sound_database_has_no_findings(store, data):
    record_run(store, data)
    with recording(store, make_config({}), "in progress", {}):
        result = check(address_of(store))
        assert (result.findings, result.is_sound, result.backup) == ((), True, None)
    assert find_unreadable(store) == ()


def test_database_with_runs_of_every_kind_has_no_findings(tmp_path):
    assert check(str(seed(tmp_path).database)).findings == ()


def test_empty_database_has_no_findings(store):
    assert check(address_of(store), fix=True).findings == ()


ROWS = {
    "fewer predictions than examples": (
        "DELETE FROM predictions WHERE example_id % 5 = 0",
        ("missing predictions", "run 1", False),
    ),
    "no predictions": ("DELETE FROM predictions", ("missing predictions", "run 1", False)),
    "unknown predicted label": (
        "UPDATE predictions SET predicted = 'so-so' WHERE example_id % 5 = 0",
        ("unknown label", "run 1", False),
    ),
    "lost link that the predictions determine": (
        "UPDATE runs SET dataset_id = NULL",
        ("broken link", "run 1", True),
    ),
}


@pytest.mark.parametrize(("statement", "expected"), ROWS.values(), ids=ROWS)
def test_wrong_rows_are_found(store, data, statement, expected):
    record_run(store, data)
    execute_sql(store, statement)
    assert find_problems(store) == [expected]


def test_probabilities_of_another_length_are_found(store, data):
    record_run(store, data)
    cut = "substr" if store.engine.dialect.name == "sqlite" else "substring"
    execute_sql(store, f"UPDATE predictions SET probabilities = {cut}(probabilities, 1, 5) WHERE example_id % 7 = 0")
    (finding,) = check(address_of(store)).findings
    assert finding.kind == "unreadable value"
    assert "5 bytes" in finding.what and "12 were expected for 3 labels" in finding.what
    assert finding.advice.endswith(store.format_command("delete 1"))


def test_predictions_on_another_data_set_are_found(store, data, other_data):
    first, second = record_run(store, data)[0], record_run(store, other_data, test_size=20)[0]
    other_id = queries.run(store, second).dataset_id
    assert queries.run(store, first).dataset_id != other_id
    execute_sql(store, f"UPDATE runs SET dataset_id = {other_id} WHERE id = {first}")
    assert find_problems(store) == [("mismatched predictions", f"run {first}", False)]


def test_lost_link_to_the_data_set_is_restored(store, data):
    run_id, _ = record_run(store, data)
    dataset_id = queries.run(store, run_id).dataset_id
    execute_sql(store, "UPDATE runs SET dataset_id = NULL")
    result = check(address_of(store), fix=True, backed_up=True)
    assert [finding.fixed for finding in result.findings] == [True] and result.is_sound
    assert queries.run(store, run_id).dataset_id == dataset_id
    assert check(address_of(store)).findings == ()


def test_rows_of_a_server_are_fixed_only_with_a_confirmed_backup(postgres_store, data):
    record_run(postgres_store, data)
    execute_sql(postgres_store, "UPDATE runs SET dataset_id = NULL")
    with pytest.raises(RequestError) as error:
        check(address_of(postgres_store), fix=True)
    assert error.value.code == "backup_required"
    assert queries.run(postgres_store, 1).dataset_id is None
    assert main(["db", "check", "--fix", "--backed-up", "--db", address_of(postgres_store)]) == 0


_RUN_COLUMNS = "name, kind, method, status, config, created_at, environment, archived, tags, changed_at"
LINKS = {
    "missing baseline": ("UPDATE runs SET baseline_id = 99", ("broken link", "run 1", True)),
    "missing data set": (
        f"INSERT INTO runs (id, {_RUN_COLUMNS}, dataset_id) "
        f"SELECT 5, {_RUN_COLUMNS.replace('status', repr('failed'))}, 77 FROM runs",
        ("broken link", "run 5", True),
    ),
    "metrics of no run": ("INSERT INTO metrics VALUES (9, 'test', 'mcc', 0.5, 0, 1)", ("orphaned rows", "run 9", True)),
    "predictions of no run": (
        "INSERT INTO predictions SELECT 9, example_id, predicted, confidence, true_probability, probabilities, "
        "truncated FROM predictions",
        ("orphaned rows", "run 9", True),
    ),
    "prediction of no example": (
        "INSERT INTO predictions SELECT run_id, 999, predicted, confidence, true_probability, probabilities, "
        "truncated FROM predictions LIMIT 1",
        ("orphaned rows", "run 1", True),
    ),
    "examples of no data set": (
        "INSERT INTO examples VALUES (500, 8, 'test', 0, 'a', 'b', '{}')",
        ("orphaned rows", "data set 8", True),
    ),
}


@pytest.mark.parametrize(("statement", "expected"), LINKS.values(), ids=LINKS)
def test_broken_links_are_fixed_after_a_backup_and_all_other_rows_are_kept(sqlite_store, data, statement, expected):
    run_id, probabilities = record_run(sqlite_store, data)
    execute_sql(sqlite_store, statement)
    assert find_problems(sqlite_store) == [expected]
    result = check(sqlite_store.address, fix=True)
    assert result.is_sound and all(finding.fixed for finding in result.findings)
    backup = open_store(str(result.backup))
    assert find_problems(backup) == [expected]
    backup.engine.dispose()
    assert find_problems(sqlite_store) == []
    assert (queries.probabilities(sqlite_store, run_id) == probabilities).all()
    assert (queries.run(sqlite_store, run_id).state, len(queries.examples(sqlite_store, 1))) == ("complete", 90)


def test_used_data_set_without_its_row_is_not_fixed(sqlite_store, data):
    record_run(sqlite_store, data)
    execute_sql(sqlite_store, "DELETE FROM datasets")
    result = check(sqlite_store.address, fix=True)
    (finding,) = result.findings
    assert (finding.kind, finding.where, finding.fixed) == ("missing data set", "data set 1", False)
    assert (result.is_sound, result.backup) == (False, None)
    assert queries.run(sqlite_store, 1).dataset_id == 1


VALUES = {
    "incomplete JSON": 'UPDATE runs SET config = \'{"method": "lo\'',
    "JSON of another type": "UPDATE runs SET environment = '[]'",
    "tags without a list": "UPDATE runs SET tags = '{}'",
    "invalid time": "UPDATE runs SET created_at = 'yesterday'",
    "invalid UTF-8": "UPDATE runs SET name = CAST(x'66ff66' AS TEXT)",
    "bytes for a text": "UPDATE runs SET name = x'0102'",
    "text for a number": "UPDATE runs SET seed = 'some'",
    "number for a boolean": "UPDATE runs SET archived = 7",
}


@pytest.mark.parametrize("statement", VALUES.values(), ids=VALUES)
def test_unreadable_values_are_found(sqlite_store, data, statement):
    record_run(sqlite_store, data)
    execute_sql(sqlite_store, statement)
    assert find_problems(sqlite_store) == [("unreadable value", "run 1", False)]


def test_unreadable_values_of_a_data_set_are_counted(sqlite_store, data):
    record_run(sqlite_store, data)
    execute_sql(
        sqlite_store, "UPDATE examples SET extra = '{' WHERE position < 3", "UPDATE datasets SET labels = '[\"a'"
    )
    findings = {
        (finding.where, finding.what.partition(" cannot")[0]) for finding in check(sqlite_store.address).findings
    }
    assert findings == {
        ("data set 1", "9 values of examples.extra"),
        ("data set 1", "1 value of datasets.labels"),
    }


def test_find_unreadable_ignores_incomplete_evaluations(sqlite_store, data):
    record_run(sqlite_store, data)
    execute_sql(sqlite_store, "DELETE FROM predictions WHERE example_id % 5 = 0")
    assert find_unreadable(sqlite_store) == ()
    execute_sql(sqlite_store, "UPDATE runs SET baseline_id = 99, name = x'0102'")
    assert [finding.kind for finding in find_unreadable(sqlite_store)] == ["broken link", "unreadable value"]
    sqlite_store.engine.dispose()
    path = Path(sqlite_store.address)
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 4096 * 20)
    assert [finding.kind for finding in find_unreadable(sqlite_store)] == ["damaged file"]


def test_probabilities_stored_as_text_are_found(sqlite_store, data):
    record_run(sqlite_store, data)
    execute_sql(sqlite_store, "UPDATE predictions SET probabilities = '123456789012' WHERE example_id % 7 = 0")
    (finding,) = check(sqlite_store.address).findings
    assert finding.kind == "unreadable value" and "predictions.probabilities" in finding.what


def test_check_command_prints_findings_and_exits_with_1_if_a_fault_remains(sqlite_store, data, capsys):
    record_run(sqlite_store, data)
    command = ["db", "check", "--db", sqlite_store.address]
    assert main(command) == 0
    assert capsys.readouterr().out.count("\n") == 1
    execute_sql(sqlite_store, "UPDATE runs SET baseline_id = 99")
    assert main(command) == 1
    output = capsys.readouterr().out
    assert "run 1: baseline_id of 1 row of the table runs refers to a missing run. With --fix: the link" in output
    assert main([*command, "--fix"]) == 0
    assert "before-fix" in capsys.readouterr().out
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"database": sqlite_store.address, "backup": None, "findings": []}
