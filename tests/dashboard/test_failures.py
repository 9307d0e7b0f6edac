"""The page of the failures: every filter, order and page from the address; odd labels and columns."""

import sqlite3

import numpy as np
import pandas as pd
import pytest

from core.config import RunConfig
from core.data import load_data
from core.data.splits import DataSet, Split
from core.store.engine import open_store
from dashboard.components.confusion import view_data as confusion
from tests.dashboard.hard_texts import HOSTILE, LABELS, SIZE, SLICE, WRONG, record_on
from tests.dashboard.reading import button, example_of, facts, listed, page_text, table
from tests.seeded import SIZES, record_adapters, record_failure

# --- The list ---------------------------------------------------------------------------------------


def test_mistakes_are_listed_surest_first(seeded, open_page):
    app = open_page("failures", run=seeded.lora)
    shown = listed(app)
    assert (shown["true"] != shown["predicted"]).all()
    assert shown["confidence, %"].is_monotonic_decreasing
    assert f"{len(shown)} of 100 test examples are wrong" in page_text(app)


@pytest.mark.parametrize(
    ("address", "passes", "words"),
    [
        pytest.param({"true": LABELS[0]}, lambda place: place % 2 == 0, f"true label {LABELS[0]}", id="true-label"),
        pytest.param({"predicted": LABELS[0]}, lambda place: place % 2 == 1, f"predicted {LABELS[0]}", id="predicted"),
        pytest.param(
            {"confidence": ["95", "100"]},
            lambda place: 0.99 - place * 0.39 / 239 >= 0.95,
            "confidence from 95 to 100 %",
            id="confidence",
        ),
        pytest.param({"shortest": "100"}, lambda place: place == 4, "length from 100 words", id="length"),
        pytest.param({"truncated": "beginning only"}, lambda place: place < 8, "read: beginning only", id="truncated"),
        pytest.param({"column": "stars", "value": "1"}, lambda place: place % 3 == 1, "stars 1", id="column-value"),
        pytest.param(
            {"column": "size", "least": "10", "most": "20.5"},
            lambda place: 20 <= place <= 41,
            "size 10 to 20.5",
            id="column-range",
        ),
        pytest.param({"contains": "FILM 8 IS"}, lambda place: place == 8, "text with «FILM 8 IS»", id="text"),
        pytest.param({"slice": SLICE}, lambda place: place >= 8 and place % 4 == 0, f"slice: {SLICE}", id="slice"),
        pytest.param(
            {"slice": SLICE, "contains": "5"},
            lambda place: place >= 8 and place % 4 == 0 and "5" in str(place),
            "with «5»",
            id="slice-and-text",
        ),
        pytest.param(
            {"noted": "not annotated", "longest": "4"},
            lambda place: place in (3, 5, 6),
            "annotation: not annotated",
            id="annotation-and-length",
        ),
    ],
)
def test_filters_come_from_the_address(address, passes, words, hard, open_page):
    rows = [place for place in range(SIZE) if (WRONG[place] or place < len(HOSTILE)) and passes(place)]
    app = open_page("failures", run=hard[1], **address)
    assert f"Shown: {len(rows)} with " in page_text(app) and words in page_text(app)
    assert len(listed(app)) == min(len(rows), 50)


@pytest.mark.parametrize(("answers", "rows"), [("right", 167), ("all", 240), ("wrong", 73)])
def test_right_answers_can_be_read_too(answers, rows, hard, open_page):
    assert f" of {rows} in the list" in "".join(
        element.value
        for element in open_page(
            "failures", run=hard[1], answers=answers, example=listed_example(hard, answers)
        ).subheader
    )


def listed_example(hard, answers):
    return example_of(hard[0], hard[1], "Film 9 is quite fine." if answers == "right" else HOSTILE[0])


def test_both_labels_settle_whether_the_answer_is_right(hard, open_page):
    app = open_page("failures", run=hard[1], true=LABELS[1], predicted=LABELS[1])
    assert (listed(app)["true"] == listed(app)["predicted"]).all()


@pytest.mark.parametrize(
    "address",
    [
        pytest.param({"true": "nobody"}, id="true-label"),
        pytest.param({"confidence": "abc"}, id="confidence"),
        pytest.param({"shortest": "x"}, id="length"),
        pytest.param({"column": "none", "value": "1"}, id="column"),
        pytest.param({"slice": "with the word «zebra»"}, id="slice"),
        pytest.param({"sheet": "99"}, id="sheet"),
        pytest.param({"by": "colour"}, id="order"),
        pytest.param({"noted": "tag: none"}, id="annotation"),
        pytest.param({"view": "sideways"}, id="view"),
        pytest.param({"answers": "maybe"}, id="answers"),
    ],
)
def test_an_address_that_makes_no_sense_is_passed_over(address, hard, open_page):
    app = open_page("failures", run=hard[1], **address)
    assert len(listed(app)) == 50
    assert "slice" not in address or "has no slice" in app.warning[0].value


def test_one_click_lifts_all_filters(hard, open_page):
    address = {"true": LABELS[0], "contains": "film", "slice": SLICE, "answers": "all"}
    app = open_page("failures", run=hard[1], **address)
    assert "Shown: " in page_text(app)
    button(app, "Clear the filters").click().run()
    assert "Shown: " not in page_text(app)
    assert not address.keys() & set(app.query_params)
    assert len(listed(app)) == 50


@pytest.mark.parametrize(
    ("order", "column"),
    [("least sure first", "confidence, %"), ("lowest loss first", "loss"), ("least disputed first", "disagreement, %")],
)
def test_each_order_can_be_turned_round(order, column, hard, open_page):
    app = open_page("failures", run=hard[1], by=order)
    assert listed(app)[column].is_monotonic_increasing
    app.selectbox(key="by").select(
        order.replace("least", "most").replace("lowest", "highest").replace("most sure", "surest")
    ).run()
    assert listed(app)[column].is_monotonic_decreasing


def test_disagreement_is_the_share_of_other_runs_that_name_another_label(hard, open_page):
    shown = listed(open_page("failures", run=hard[1], by="most disputed first", contains="film"))
    assert set(shown["disagreement, %"]) == {100}
    assert set(
        listed(open_page("failures", run=hard[1], truncated="beginning only", by="most disputed first"))[
            "disagreement, %"
        ]
    ) == {0}


def test_a_long_list_comes_in_pages(hard, open_page):
    app = open_page("failures", run=hard[1], sheet=2)
    assert len(listed(app)) == 23
    assert app.query_params["sheet"] == ["2"] or app.query_params["sheet"] == "2"
    app.text_input(key="contains").input("film").run()
    assert len(listed(app)) == 50, "another filter leads back to the first page"


def test_flips_against_another_run(seeded, open_page):
    app = open_page("failures", run=seeded.odd, against=seeded.tfidf)
    assert {"lost", "both wrong"} <= set(listed(app)["flip"])
    app.selectbox(key="flip").select("fixed").run()
    shown = listed(app)
    assert set(shown["flip"]) == {"gained"}
    assert (shown["true"] == shown["predicted"]).all()


def test_a_run_without_mistakes_says_so(empty, open_page):
    (run,) = record_adapters(open_store(str(empty), create=True), 1, 1.0)
    assert "got every test example right" in open_page("failures", run=run).success[0].value


def test_filters_that_find_nothing_say_so(seeded, open_page):
    app = open_page("failures", run=seeded.lora, contains="no text has this")
    assert app.info[0].value == "No example passes these filters."


def test_a_run_without_predictions_says_why(empty, open_page):
    store = open_store(str(empty), create=True)
    record_adapters(store, 2, 0.9)
    failed = record_failure(store, load_data(RunConfig(**SIZES)))
    record_adapters(store, 2, 0.8)
    app = open_page("failures", run=failed)
    assert "No run on this test set is complete yet" in app.info[0].value


def test_a_failed_run_beside_complete_ones_says_why(seeded, open_page):
    words = page_text(open_page("failures", run=seeded.failed))
    assert "has no predictions on the test set. This run failed in the phase «training»." in words


# --- Labels, few and many ---------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [1, 150])
def test_one_label_and_many(labels, empty, open_page):
    (run,) = record_adapters(open_store(str(empty), create=True), labels, 0.6)
    app = open_page("failures", run=run)
    if labels > 1:
        assert "Shown: 16 of 150 labels, those with the most mistakes" in page_text(app)
        row = table(app, "share, %").iloc[0]
        app = open_page("failures", run=run, true=row["true"], predicted=row["predicted"])
        assert len(listed(app)) == row["examples"]
    app = open_page("failures", run=run, answers="all", example=example_of(open_store(str(empty)), run, "test 3"))
    assert len(table(app, "probability, %")) == labels


def test_the_labels_with_most_mistakes_are_drawn_in_their_order():
    names = [f"{place:02}" for place in range(30)]
    cells = pd.DataFrame([(a, b, 0) for a in names for b in names], columns=["true", "predicted", "count"])
    cells.loc[(cells["true"] == "29") & (cells["predicted"] == "07"), "count"] = 5
    drawn = confusion.most_mistaken(cells, names)
    assert len(drawn) == confusion.MOST_DRAWN and {"07", "29"} <= set(drawn) and drawn == sorted(drawn)


# --- Columns and labels with odd names --------------------------------------------------------------


@pytest.fixture
def clashing(empty):
    """A run on data whose columns have names of ours, or names that read alike."""
    names = ("text", "true", "predicted", "loss", "length", "confidence, %", "a_b", "a b", "characters", "label")
    splits = {
        name: Split(
            tuple(f"{name} {place}" for place in range(40)), np.arange(40) % 2, (dict.fromkeys(names, "o"),) * 40
        )
        for name in ("train", "validation", "test")
    }
    store = open_store(str(empty), create=True)
    data = DataSet("odd", "file:odd.csv", None, "said", "is", ("no", "yes"), splits, {})
    return names, record_on(store, data, "adapter", np.arange(40) < 20)


@pytest.mark.parametrize("place", range(6))
def test_a_column_of_the_data_may_have_a_name_of_ours(place, clashing, open_page):
    names, run = clashing
    shown = listed(open_page("failures", run=run, column=names[place]))
    assert len(shown) == 20 and "o" in shown.iloc[0].tolist()


def test_columns_of_the_data_leave_the_facts_of_a_run_alone(clashing, open_page):
    _, run = clashing
    known = facts(open_page("failures", run=run, example=example_of(open_store(), run, "test 0")))
    assert known["predicted"].startswith("yes") and known["predicted (data)"] == "o"
    assert known["length"] == "2 words" and {"a b", "a b (data)"} <= set(known)


def test_the_examples_of_data_with_names_of_ours_are_listed(clashing, open_page):
    shown = table(open_page("data"), "characters (data)")
    assert {"text", "text (data)", "a b", "a b (data)"} <= set(shown)


def test_a_label_that_no_class_has_is_told_in_plain_words(empty, open_page):
    store = open_store(str(empty), create=True)
    (run,) = record_adapters(store, 2, 0.6)
    with sqlite3.connect(empty) as connection:
        connection.execute("UPDATE predictions SET predicted = 'odd' WHERE example_id = (SELECT max(id) FROM examples)")
    for page in ("failures", "run"):
        assert f"Run {run} is damaged: it names the label 'odd'" in open_page(page, run=run).error[0].value.replace(
            "\\", ""
        )
