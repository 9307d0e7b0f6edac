"""Filters, order, columns and pages of the table on the Runs page, and the runs in its chart."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from core.config import RunConfig
from core.data import load_data
from core.store.engine import open_store
from dashboard import data
from dashboard.app_pages.runs import view_data
from tests.dashboard.reading import page_text
from tests.dashboard.runs_page import content, ids, names, table
from tests.seeded import ODD_NAME, SIZES, record_failure


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        pytest.param({"kind": "baseline"}, ["tfidf", "majority"], id="kind"),
        pytest.param({"kind": "baseline", "search": "TFI"}, ["tfidf"], id="kind-and-search"),
        pytest.param({"search": "#4"}, [ODD_NAME], id="run-id"),
        pytest.param({"status": "failed"}, ["lora-r8"], id="status"),
    ],
)
def test_filters_are_url_parameters(parameters, expected, seeded, open_runs):
    assert seeded.odd == 4
    assert names(open_runs(**parameters)) == expected


def test_several_filters_must_all_match(seeded, open_runs):
    app = open_runs()
    app.multiselect(key="method").select("LoRA").run()
    app.text_input(key="search").set_value("r8").run()
    assert set(names(app)) == {"lora-r8"}


def test_invalid_url_parameters_are_ignored(seeded, open_runs):
    parameters = {"status": "<b>", "from": "yesterday", "sort": "nothing", "page": "99", "chosen": "99,x", "show": "?"}
    assert len(table(open_runs(**parameters, order="up", columns="x"))) == 7


def test_date_filters_include_both_days(seeded, open_runs):
    today, day = datetime.now(UTC).date(), timedelta(days=1)
    assert len(ids(open_runs(**{"from": today - day, "to": today + day}))) == 7
    assert content(open_runs(**{"from": today + 2 * day})) is None


@pytest.mark.parametrize("group", ["seeds", ""], ids=["grouped", "single"])
def test_filters_without_a_match_can_be_cleared(group, seeded, open_runs):
    app = open_runs(group=group, search="nothing of that name", kind="baseline")
    assert content(app) is None
    app.button(key="clear filters of empty table").click().run()
    assert app.text_input(key="search").value == ""
    assert app.multiselect(key="kind").value == []
    assert "tfidf" in names(app)


def test_any_column_sorts_in_both_directions(seeded, open_runs):
    assert ids(open_runs(sort="#", order="ascending"))[:2] == ["1", "2"]
    app = open_runs(sort="name", order="ascending")
    assert names(app) == sorted(names(app), key=str.casefold)
    app = open_runs(sort="training")
    assert [column["sort"] for column in content(app)["columns"] if column["key"] == "training"] == ["descending"]
    assert table(app)["training time"].iloc[-1] == "—"  # undefined values are last in both directions


def test_settings_that_vary_are_columns_and_filters(seeded, open_runs):
    shown = table(open_runs()).set_index("#")
    assert (shown.loc[str(seeded.lora), "r"], shown.loc[str(seeded.odd), "r"]) == ("8", "4")
    assert shown.loc[str(seeded.tfidf), "r"] == "—"
    assert "batch size" not in shown  # the same in all runs
    app = open_runs(r="4")
    assert names(app) == [ODD_NAME]
    app.multiselect(key="r").set_value(["4", "8"]).run()
    assert set(names(app)) == {ODD_NAME, "lora-r8"}
    app.button(key="clear filters").click().run()
    assert "tfidf" in names(app)


def test_setting_of_the_url_that_does_not_vary_is_no_filter(seeded, open_runs):
    app = open_runs(batch_size="32")
    assert "batch_size" not in app.query_params
    assert len(table(app)) == 7


def test_setting_that_no_run_has_sorts_nothing(seeded, open_runs):
    assert len(table(open_runs(sort="layers"))) == 7


def test_setting_varies_if_runs_of_one_method_differ():
    runs = pd.DataFrame(
        [
            ("adapter", "lora", "8", None, "32"),
            ("adapter", "lora", "8", "yes", "32"),
            ("adapter", "ia3", None, None, "32"),
            ("baseline", "tfidf", None, None, None),
        ],
        columns=["kind", "method", "setting_r", "setting_dora", "setting_batch_size"],
    )
    assert view_data.varying_settings(runs) == {"setting_dora": ["yes", "—"]}


def test_columns_follow_the_settings_that_vary(seeded_copy, open_runs):
    app = open_runs()
    assert "r" in table(app)
    with open_store(str(seeded_copy.database)).engine.begin() as connection:
        connection.exec_driver_sql("update runs set config = json_set(config, '$.r', 8, '$.warmup', id / 100.0)")
        connection.exec_driver_sql("update runs set changed_at = '2030-01-01 00:00:00'")
    app.run()
    assert "warmup" in table(app) and "r" not in table(app)
    assert "columns" not in app.query_params


def test_settings_sort_by_value_and_undefined_ones_are_last():
    rows = pd.DataFrame({"id": range(5), "setting_r": ["16", "8", None, "auto", "4"]})
    for descending, expected in ((False, [4, 1, 0, 3, 2]), (True, [3, 0, 1, 4, 2])):
        assert view_data.sort_runs(rows, "setting_r", descending=descending)["id"].tolist() == expected


def test_columns_are_a_url_parameter(seeded, open_runs):
    app = open_runs(columns="accuracy")
    assert list(table(app)) == ["#", "name", "accuracy"]
    app.multiselect(key="choose columns").set_value(["accuracy", "trained weights"]).run()
    assert list(table(app)) == ["#", "name", "accuracy", "trainable parameters"]
    assert app.query_params["columns"] == ["accuracy", "trained weights"]
    app.multiselect(key="choose columns").set_value([]).run()
    assert list(table(app)) == ["#", "name"]


@pytest.fixture(scope="module")
def many_failures(tmp_path_factory):
    """A database with 150 failed runs."""
    database = tmp_path_factory.mktemp("many") / "runs.db"
    store, dataset = open_store(str(database), create=True), load_data(RunConfig(**SIZES))
    for _ in range(150):
        record_failure(store, dataset)
    return database


@pytest.fixture
def many(many_failures, monkeypatch):
    monkeypatch.setenv("RUNS_DB", str(many_failures))


def test_of_many_failed_runs_the_newest_get_a_box(many, open_runs):
    app = open_runs()
    assert page_text(app).count("ValueError: the loss is *not* a number") == 3
    assert "1–50 of 150 runs" in page_text(app)
    assert len(table(app)) == 50
    app.button(key="without scores").click().run()
    assert app.multiselect(key="status").value == ["failed"]


def test_table_page_is_a_url_parameter_that_a_filter_resets(many, open_runs):
    app = open_runs(sort="#", order="ascending", page=3)
    assert ids(app)[0] == "101"
    app.text_input(key="search").set_value("lora").run()
    assert ids(app)[0] == "1"


def test_best_baseline_is_pinned_on_every_other_page(seeded):
    runs = view_data.add_baseline_differences(data.all_runs(), seeded.tfidf)
    best = runs[runs["id"] == seeded.tfidf]
    others = view_data.sort_runs(pd.concat([runs[runs["id"] != seeded.tfidf]] * 20), "id", descending=False)
    rows = pd.concat([others, best], ignore_index=True)
    first = view_data.select_page(rows, 1)
    assert first["id"].iloc[0] == seeded.tfidf and list(first["pinned"])[:2] == [True, False]
    last = view_data.select_page(rows, len(rows) // view_data.PAGE_SIZE + 1)
    assert list(last["id"]).count(seeded.tfidf) == 1 and not last["pinned"].any()


def test_chart_of_many_runs_keeps_the_best_the_front_and_the_baselines(seeded):
    complete = data.complete_runs(1)
    many = pd.concat([complete] * 100, ignore_index=True).assign(id=range(100 * len(complete)))
    many = many.sort_values("macro_f1", ascending=False, kind="stable").reset_index(drop=True)
    drawn = view_data.select_for_chart(many, "train_seconds")
    assert len(drawn) <= view_data.MAX_POINTS
    assert {"majority", "tfidf"} <= set(drawn["method"])
    assert drawn["macro_f1"].iloc[0] == many["macro_f1"].max()
