"""Saved views of the dashboard."""

import shutil

import pytest

from core.errors import RequestError
from core.store import queries
from core.store.engine import open_store
from core.store.import_db import import_database
from core.store.records import SavedView
from core.store.view_edits import delete_view, save_view
from tests.store.helpers import execute_sql

TOKEN = "hf_" + "aB3dE5gH7j" * 3  # not a real one


def test_views_are_saved_replaced_and_deleted_by_page_and_name(store):
    save_view(store, "runs", " by\nsize ", {"sort": ["size"]})
    save_view(store, "failures", "by size", {"by": ["length"]})
    save_view(store, "runs", "by size", {"sort": ["size"], "columns": ["size", "r"]})
    runs = SavedView("runs", "by size", {"sort": ["size"], "columns": ["size", "r"]})
    failures = SavedView("failures", "by size", {"by": ["length"]})
    assert queries.saved_views(store) == [failures, runs]
    delete_view(store, "failures", "by size")
    delete_view(store, "failures", "unknown")
    assert queries.saved_views(store) == [runs]


@pytest.mark.parametrize(
    ("name", "parameters", "code"),
    [
        pytest.param(" ", {}, "name_length", id="blank-name"),
        pytest.param("x" * 201, {}, "name_length", id="long-name"),
        pytest.param("a\0", {}, "unstorable_text", id="nul"),
        pytest.param("fine", {"search": [TOKEN]}, "secret_in_text", id="secret"),
    ],
)
def test_invalid_views_are_refused(name, parameters, code, store):
    with pytest.raises(RequestError) as refused:
        save_view(store, "runs", name, parameters)
    assert refused.value.code == code
    assert queries.saved_views(store) == []


def test_parameters_of_another_form_are_left_out(sqlite_store):
    save_view(sqlite_store, "runs", "odd", {"sort": ["size"]})
    execute_sql(sqlite_store, """UPDATE saved_views SET parameters = '{"sort": "size", "r": [4]}'""")
    assert queries.saved_views(sqlite_store)[0].parameters == {"r": ["4"]}


def test_imported_views_have_no_ids_and_replace_none(sqlite_store, empty_file, tmp_path):
    (tmp_path / "other").mkdir()
    other = open_store(str(shutil.copy(empty_file, tmp_path / "other" / "runs.db")))
    save_view(sqlite_store, "runs", "ours", {"sort": ["size"]})
    save_view(other, "runs", "ours", {"sort": ["r"]})
    save_view(other, "runs", "theirs", {"tag": ["paper"], "chosen": ["3,4"], "dataset": ["2"]})
    save_view(other, "runs", "secret", {"sort": ["r"]})
    execute_sql(other, f"UPDATE saved_views SET name = '{TOKEN}' WHERE name = 'secret'")
    result = import_database(sqlite_store, other.address)
    assert (result.views, {problem.kind for problem in result.problems}) == (1, {"view_conflict", "invalid_view"})
    assert {view.name: view.parameters for view in queries.saved_views(sqlite_store)} == {
        "ours": {"sort": ["size"]},
        "theirs": {"tag": ["paper"]},
    }
    assert import_database(sqlite_store, other.address).views == 0
    other.engine.dispose()
