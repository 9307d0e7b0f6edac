"""The Failures page: filters, orders and pages of the list; labels and columns with unusual names."""

import sqlite3

import numpy as np
import pandas as pd
import pytest

from core.config import RunConfig
from core.data import load_data
from core.data.splits import DataSet, Split
from core.store.engine import open_store
from dashboard import data
from dashboard.app_pages.failures import view_data
from dashboard.components.confusion import view_data as confusion
from tests.dashboard.hard_texts import HOSTILE, LABELS, SIZE, SLICE, WRONG, record_on
from tests.dashboard.reading import button, example_of, facts, listed, page_text, table
from tests.seeded import SIZES, record_adapters, record_failure

# --- The list ---------------------------------------------------------------------------------------


def test_misclassified_examples_are_listed_most_confident_first(seeded, open_page):
    app = open_page("failures", run=seeded.lora)
    rows = listed(app)
    assert (rows["true"] != rows["predicted"]).all()
    assert rows["confidence, %"].is_monotonic_decreasing
    assert f"{len(rows)} of 100 wrong" in page_text(app)


@pytest.mark.parametrize(
    ("parameters", "matches"),
    [
        pytest.param({"true": LABELS[0]}, lambda place: place % 2 == 0, id="true-label"),
        pytest.param({"predicted": LABELS[0]}, lambda place: place % 2 == 1, id="predicted"),
        pytest.param({"confidence": ["95", "100"]}, lambda place: 0.99 - place * 0.39 / 239 >= 0.95, id="confidence"),
        pytest.param({"shortest": "100"}, lambda place: place == 4, id="length"),
        pytest.param({"truncated": "beginning only"}, lambda place: place < 8, id="truncated"),
        pytest.param({"column": "stars", "value": "1"}, lambda place: place % 3 == 1, id="column-value"),
        pytest.param(
            {"column": "size", "least": "10", "most": "20.5"}, lambda place: 20 <= place <= 41, id="column-range"
        ),
        pytest.param(
            {"slice": SLICE, "contains": "5"},
            lambda place: place >= 8 and place % 4 == 0 and "5" in str(place),
            id="slice-and-text",
        ),
        pytest.param(
            {"noted": "not annotated", "longest": "4"}, lambda place: place in (3, 5, 6), id="annotation-and-length"
        ),
    ],
)
def test_list_is_filtered_by_the_url(parameters, matches, hard, open_page):
    places = [place for place in range(SIZE) if (WRONG[place] or place < len(HOSTILE)) and matches(place)]
    app = open_page("failures", run=hard[1], **parameters)
    assert f"Shown: {len(places)} with " in page_text(app)
    assert len(listed(app)) == min(len(places), 50)


@pytest.mark.parametrize(("outcome", "rows"), [("right", 167), ("all", 240), ("wrong", 73)])
def test_list_is_filtered_by_outcome(outcome, rows, hard):
    filters = view_data.Filters(outcome=outcome)
    assert len(filters.apply(view_data.predicted_examples(hard[1]))) == rows


def test_filter_by_a_column_named_like_another_filter_is_described():
    filters = view_data.Filters(predicted="good", column="predicted", value="bad")
    assert filters.describe() == ["predicted good", "predicted bad"]


def test_correct_predictions_are_listed_on_request(hard, open_page):
    rows = listed(open_page("failures", run=hard[1], answers="right"))
    assert (rows["true"] == rows["predicted"]).all()


def test_filters_by_both_labels_imply_the_outcome(hard, open_page):
    rows = listed(open_page("failures", run=hard[1], true=LABELS[1], predicted=LABELS[1]))
    assert len(rows) > 0
    assert (rows["true"] == rows["predicted"]).all()


INVALID = {
    "true": "unknown",
    "confidence": "abc",
    "shortest": "x",
    "column": "none",
    "value": "1",
    "sheet": "99",
    "by": "unknown",
    "noted": "tag: none",
    "view": "sideways",
    "answers": "maybe",
    "wrong": "most",
    "against": "me,999999999999",
}


def test_invalid_parameters_are_ignored(hard, open_page):
    app = open_page("failures", run=hard[1], **INVALID)
    assert len(listed(app)) in (23, 50)
    assert "Shown: " not in page_text(app)


def test_unknown_slice_is_ignored_with_a_warning(hard, open_page):
    app = open_page("failures", run=hard[1], slice="with the word «zebra»")
    assert len(listed(app)) == 50
    assert "zebra" in app.warning[0].value


def test_link_to_filtered_predictions_opens_them_whatever_view_was_last(hard, open_page):
    app = open_page("failures", run=hard[1], view="annotated")
    assert listed(app).empty
    app.query_params["true"], app.query_params["view"] = LABELS[0], "mistakes"
    app.run()
    assert set(listed(app)["true"]) == {LABELS[0]}


def test_all_filters_can_be_cleared(hard, open_page):
    parameters = {"true": LABELS[0], "contains": "film", "slice": SLICE, "answers": "all", "shortest": "2"}
    app = open_page("failures", run=hard[1], **parameters)
    assert "Shown: " in page_text(app)
    button(app, "Clear filters").click().run()
    assert "Shown: " not in page_text(app)
    assert not parameters.keys() & set(app.query_params)
    assert len(listed(app)) == 50


@pytest.mark.parametrize("order", view_data.SORTS)
def test_examples_are_sorted(order, hard):
    _, column, ascending = view_data.SORTS[order]
    examples = view_data.sort_examples(view_data.predicted_examples(hard[1]), order, hard[1], 1)[column]
    assert examples.is_monotonic_increasing if ascending else examples.is_monotonic_decreasing


def test_order_can_be_changed_on_the_page(hard, open_page):
    app = open_page("failures", run=hard[1], by="least disputed first")
    assert listed(app)["disagreement, %"].is_monotonic_increasing
    app.selectbox(key="choose by").select("highest loss first").run()
    assert listed(app)["loss"].is_monotonic_decreasing
    assert app.query_params["by"] == "highest loss first"


def test_disagreement_is_the_share_of_other_runs_with_another_label(hard):
    examples = view_data.predicted_examples(hard[1])
    disagreement = view_data.sort_examples(examples, "most disputed first", hard[1], 1)["disagreement"]
    both_wrong = np.arange(SIZE) < len(HOSTILE)
    assert disagreement.sort_index().tolist() == (WRONG & ~both_wrong).astype(float).tolist()


def test_changed_filter_returns_to_the_first_page(hard, open_page):
    app = open_page("failures", run=hard[1], sheet=2)
    assert len(listed(app)) == 23
    app.text_input(key="contains").input("film").run()
    assert len(listed(app)) == 50


def test_flips_are_filtered_by_their_label(seeded, open_page):
    app = open_page("failures", run=seeded.odd, against=seeded.tfidf)
    assert {"lost", "both wrong"} <= set(listed(app)["flip"])
    app.selectbox(key="choose flip").select("fixed").run()
    rows = listed(app)
    assert app.query_params["flip"] == "fixed"
    assert set(rows["flip"]) == {"gained"}
    assert (rows["true"] == rows["predicted"]).all()


# --- Several runs -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "matches"),
    [
        pytest.param("all", lambda wrong: wrong == 3, id="all"),
        pytest.param("one", lambda wrong: wrong == 1, id="one"),
        pytest.param("2", lambda wrong: wrong >= 2, id="at-least-two"),
    ],
)
def test_examples_are_filtered_by_the_number_of_runs_that_are_wrong(choice, matches, seeded, open_page):
    runs = [seeded.lora, seeded.tfidf, seeded.odd]
    wrong = sum((~data.predictions_with_outcomes(run)["is_correct"]).astype(int) for run in runs)
    app = open_page("failures", run=runs[0], against=",".join(map(str, runs[1:])), wrong=choice)
    assert f"Shown: {int(matches(wrong).sum())} with errors in " in page_text(app)
    assert app.query_params["against"] == f"{runs[1]},{runs[2]}"


def test_dots_show_which_runs_are_wrong(seeded, open_page):
    runs = [seeded.lora, seeded.tfidf, seeded.odd]
    page = view_data.predicted_examples(runs[0], runs[1:]).iloc[40:20:-1]
    for row, dots in view_data.add_dots(page, runs[0], runs[1:])["dots"].items():
        is_wrong = [not data.predictions_with_outcomes(run)["is_correct"].iloc[row] for run in runs]
        assert dots == f"{''.join('●' if wrong else '○' for wrong in is_wrong)} {sum(is_wrong)} of 3"
    rows = listed(
        open_page(
            "failures",
            run=runs[0],
            against=f"{runs[1]},{runs[2]}",
            by="wrong in most runs first",
            wrong="1",
        )
    )
    counts = rows["runs wrong"].str[-6:]
    assert counts.is_monotonic_decreasing and counts.nunique() > 1


def test_other_runs_of_an_example_are_the_compared_ones(seeded, open_page):
    example = data.predictions_with_outcomes(seeded.lora)["example_id"].iloc[0]
    app = open_page("failures", run=seeded.lora, against=f"{seeded.tfidf},{seeded.odd}", example=example)
    assert [label.partition(" ")[0] for label in table(app, "outcome")["run"]] == [f"#{seeded.tfidf}", f"#{seeded.odd}"]


def test_runs_without_predictions_are_ignored_with_a_warning(seeded, open_page):
    app = open_page("failures", run=seeded.lora, against=f"{seeded.tfidf},{seeded.failed},999")
    assert f"#{seeded.failed}, #999" in app.warning[0].value.replace("\\", "")
    assert "gained" in page_text(app)


def test_run_without_errors(empty, open_page):
    (run,) = record_adapters(open_store(str(empty), create=True), 1, 1.0)
    assert len(open_page("failures", run=run).success) == 1


def test_run_without_correct_predictions_has_none_to_list(empty, open_page):
    films = load_data(RunConfig(**SIZES))
    run = record_on(open_store(str(empty), create=True), films, "wrong", np.ones(len(films.test), dtype=bool))
    app = open_page("failures", run=run, answers="right")
    assert "No example matches" in app.info[0].value
    assert not app.success


def test_filters_without_matches_show_a_message(seeded, open_page):
    app = open_page("failures", run=seeded.lora, contains="no text has this")
    assert "No example matches" in app.info[0].value


def test_test_set_without_complete_runs_shows_a_message(empty, open_page):
    store = open_store(str(empty), create=True)
    failed = record_failure(store, load_data(RunConfig(**SIZES)))
    app = open_page("failures", run=failed)
    assert "No complete run" in app.info[0].value


def test_failed_run_shows_why_it_has_no_predictions(seeded, open_page):
    app = open_page("failures", run=seeded.failed)
    assert "has no predictions on the test set" in app.info[0].value.replace("\\", "")


# --- Few and many labels ----------------------------------------------------------------------------


def test_single_label_has_a_list_and_probabilities(empty, open_page):
    store = open_store(str(empty), create=True)
    (run,) = record_adapters(store, 1, 0.4)
    app = open_page("failures", run=run, answers="all", example=example_of(store, run, "test 3"))
    assert len(table(app, "probability, %")) == 1


@pytest.fixture(scope="module")
def many_labels(tmp_path_factory):
    """A run on a test set with 150 labels."""
    database = tmp_path_factory.mktemp("many labels") / "runs.db"
    (run,) = record_adapters(open_store(str(database), create=True), 150, 0.4)
    return database, run


@pytest.fixture
def run_with_many_labels(many_labels, monkeypatch):
    monkeypatch.setenv("RUNS_DB", str(many_labels[0]))
    return many_labels[1]


@pytest.mark.slow
def test_many_labels_come_with_their_most_frequent_confusions(run_with_many_labels, open_page):
    run = run_with_many_labels
    app = open_page("failures", run=run, answers="all", example=example_of(open_store(), run, "test 3"))
    assert len(table(app, "probability, %")) == 150
    confusions = confusion.frequent_confusions(confusion.confusion_cells(run))
    assert len(confusions) == confusion.MAX_CONFUSIONS
    app.button_group(key="frequent confusion").select(0).run()
    assert app.query_params["true"] == confusions["true"][0]
    assert len(listed(app)) == confusions["count"][0]
    app.button_group(key="frequent confusion").unselect(0).run()
    assert "true" not in app.query_params


@pytest.mark.slow
@pytest.mark.parametrize(
    ("view", "note"),
    [
        ("pairs", f"Shown: {confusion.MAX_PAIRS} of "),
        ("matrix", f"Shown: {confusion.MAX_LABELS} of 150 labels"),
        ("all", ""),
    ],
    ids=["pairs", "matrix", "all"],
)
def test_many_labels_have_several_views_of_the_confusion_matrix(view, note, run_with_many_labels, open_page):
    app = open_page("failures", run=run_with_many_labels, confusions=view)
    assert note in page_text(app)
    assert len(app.get("vega_lite_chart")) == 1


@pytest.mark.slow
def test_label_is_looked_up_in_the_table_of_confusions(run_with_many_labels, open_page):
    label = confusion.confusion_cells(run_with_many_labels)["true"][0]
    rows = table(open_page("failures", run=run_with_many_labels, confusions="table", label=label), "share")
    assert ((rows["true"] == label) | (rows["predicted"] == label)).all()
    assert set(rows["true"]) > {label} < set(rows["predicted"])


def test_few_labels_have_the_whole_matrix_and_a_table(seeded, open_page):
    assert len(open_page("run", run=seeded.lora).get("vega_lite_chart")) > 0
    assert table(open_page("run", run=seeded.lora, confusions="table"), "share")["count"].sum() == 100


@pytest.mark.slow
def test_confusions_with_examples_are_those_of_the_predictions(run_with_many_labels):
    cells = confusion.confusion_cells(run_with_many_labels)
    predictions = data.predictions_with_outcomes(run_with_many_labels)
    expected = predictions.groupby(["label", "predicted"]).size()
    assert cells.set_index(["true", "predicted"])["count"].to_dict() == expected.to_dict()
    support = cells.groupby("true")["count"].transform("sum")
    assert cells["share"].tolist() == pytest.approx((cells["count"] / support).tolist())
    assert confusion.select_confusions(cells)["count"].is_monotonic_decreasing


def test_matrix_has_the_labels_of_the_most_frequent_confusions_in_the_given_order():
    names = [f"{place:02}" for place in range(30)]
    pairs = pd.DataFrame([(names[-1 - place], names[place]) for place in range(15)], columns=["true", "predicted"])
    drawn = confusion.select_labels(pairs, names)
    assert len(drawn) == confusion.MAX_LABELS
    assert {"00", "29", "07", "22"} <= set(drawn)
    assert drawn == sorted(drawn)
    assert confusion.select_labels(pairs.head(0), names, "05") == ["05"]


# --- Columns and labels with unusual names ----------------------------------------------------------


@pytest.fixture(scope="module")
def clashing_names(tmp_path_factory):
    """A run on data whose columns are named like columns of the page, or alike."""
    names = ("text", "true", "predicted", "loss", "length", "confidence, %", "a_b", "a b", "characters", "label")
    splits = {
        name: Split(
            tuple(f"{name} {place}" for place in range(40)), np.arange(40) % 2, (dict.fromkeys(names, "o"),) * 40
        )
        for name in ("train", "validation", "test")
    }
    database = tmp_path_factory.mktemp("clashing") / "runs.db"
    dataset = DataSet("odd", "file:odd.csv", None, "said", "is", ("no", "yes"), splits, {})
    return database, record_on(open_store(str(database), create=True), dataset, "adapter", np.arange(40) < 20)


@pytest.fixture
def clashing(clashing_names, monkeypatch):
    database, run = clashing_names
    monkeypatch.setenv("RUNS_DB", str(database))
    return run


@pytest.mark.parametrize("column", ["text", "loss", "confidence, %"])
def test_source_column_may_be_named_like_a_column_of_the_page(column, clashing, open_page):
    rows = listed(open_page("failures", run=clashing, column=column))
    assert len(rows) == 20
    assert "o" in rows.iloc[0].tolist()


def test_properties_keep_their_names_beside_source_columns(clashing, open_page):
    properties = facts(open_page("failures", run=clashing, example=example_of(open_store(), clashing, "test 0")))
    assert properties["predicted"].startswith("yes")
    assert properties["predicted (data)"] == "o"
    assert properties["length"] == "2 words"
    assert {"a b", "a b (data)"} <= set(properties)


def test_data_page_renames_clashing_source_columns(clashing, open_page):
    columns = table(open_page("data"), "characters (data)")
    assert {"text", "text (data)", "a b", "a b (data)"} <= set(columns)


@pytest.mark.parametrize("page", ["failures", "run"])
def test_prediction_of_an_unknown_label_is_reported_as_damage(page, empty, open_page):
    store = open_store(str(empty), create=True)
    (run,) = record_adapters(store, 2, 0.6)
    with sqlite3.connect(empty) as connection:
        connection.execute("UPDATE predictions SET predicted = 'odd' WHERE example_id = (SELECT max(id) FROM examples)")
    assert "'odd'" in open_page(page, run=run).error[0].value.replace("\\", "")
