"""Saved views of the dashboard."""

import pytest

from core.errors import RequestError
from core.store import queries
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
