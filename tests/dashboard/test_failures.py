"""The page of the failures: every filter, order and page from the address; the panel; annotations and their files."""

import csv
import io
import sqlite3

import numpy as np
import pandas as pd
import pytest

from core.config import RunConfig
from core.data import load_data
from core.data.splits import DataSet, Split
from core.store.curator import annotate
from core.store.engine import open_store
from core.store.queries import annotations, predictions
from core.store.records import ANNOTATED
from dashboard import annotating, exports
from dashboard.frames import confusion, files, slices
from dashboard.frames import failures as frames
from tests.dashboard.hard_texts import HOSTILE, LABELS, SIZE, WEAK_WORD, WRONG, record_hard_texts, record_on
from tests.dashboard.test_pages import said
from tests.seeded import SIZES, record_adapters, record_failure

NOTHING = dict.fromkeys(ANNOTATED)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    database = tmp_path_factory.mktemp("hard") / "runs.db"
    weak, strong = record_hard_texts(open_store(str(database), create=True))
    return database, weak, strong


@pytest.fixture
def hard(recorded, monkeypatch):
    monkeypatch.setenv("RUNS_DB", str(recorded[0]))
    store = open_store(str(recorded[0]))
    yield store, *recorded[1:]
    annotate(store, dict.fromkeys(predictions(store, recorded[1])["text"], NOTHING))


def listed(app):
    """Return the list of examples that is shown; empty where there is none."""
    shown = [table.value for table in app.dataframe if {"text", "true"} <= set(table.value.columns)]
    return shown[0] if shown else pd.DataFrame(columns=["text", "true", "predicted"])


def table(app, column):
    return next(element.value for element in app.dataframe if column in element.value.columns)


def facts(app):
    return dict(table(app, "what it is").iloc[:, :2].itertuples(index=False, name=None))


def example_of(store, run, text):
    frame = predictions(store, run)
    return int(frame.loc[frame["text"] == text, "example_id"].iloc[0])


def button(app, label):
    return next(one for one in app.button if one.label == label)


# --- The list ---------------------------------------------------------------------------------------


def test_mistakes_are_listed_surest_first(seeded, open_page):
    app = open_page("failures", run=seeded.lora)
    shown = listed(app)
    assert (shown["true"] != shown["predicted"]).all()
    assert shown["confidence, %"].is_monotonic_decreasing
    assert f"{len(shown)} of 100 test examples are wrong" in said(app)


SLICE = f"with the word «{WEAK_WORD}»"


@pytest.mark.parametrize(
    ("address", "passes", "words"),
    [
        ({"true": LABELS[0]}, lambda place: place % 2 == 0, f"true label {LABELS[0]}"),
        ({"predicted": LABELS[0]}, lambda place: place % 2 == 1, f"predicted {LABELS[0]}"),
        ({"confidence": ["95", "100"]}, lambda place: 0.99 - place * 0.39 / 239 >= 0.95, "confidence from 95 to 100 %"),
        ({"shortest": "100"}, lambda place: place == 4, "length from 100 words"),
        ({"truncated": "beginning only"}, lambda place: place < 8, "read: beginning only"),
        ({"column": "stars", "value": "1"}, lambda place: place % 3 == 1, "stars 1"),
        ({"column": "size", "least": "10", "most": "20.5"}, lambda place: 20 <= place <= 41, "size 10 to 20.5"),
        ({"contains": "FILM 8 IS"}, lambda place: place == 8, "text with «FILM 8 IS»"),
        ({"slice": SLICE}, lambda place: place >= 8 and place % 4 == 0, f"slice: {SLICE}"),
        (
            {"slice": SLICE, "contains": "5"},
            lambda place: place >= 8 and place % 4 == 0 and "5" in str(place),
            "with «5»",
        ),
        (
            {"noted": "not annotated", "longest": "4"},
            lambda place: place in (3, 5, 6),
            "annotation: not annotated",
        ),
    ],
)
def test_filters_come_from_the_address(address, passes, words, hard, open_page):
    rows = [place for place in range(SIZE) if (WRONG[place] or place < len(HOSTILE)) and passes(place)]
    app = open_page("failures", run=hard[1], **address)
    assert f"Shown: {len(rows)} with " in said(app) and words in said(app)
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
        {"true": "nobody"},
        {"confidence": "abc"},
        {"shortest": "x"},
        {"column": "none", "value": "1"},
        {"slice": "with the word «zebra»"},
        {"sheet": "99"},
        {"by": "colour"},
        {"noted": "tag: none"},
        {"view": "sideways"},
        {"answers": "maybe"},
    ],
)
def test_an_address_that_makes_no_sense_is_passed_over(address, hard, open_page):
    app = open_page("failures", run=hard[1], **address)
    assert len(listed(app)) == 50
    assert "slice" not in address or "has no slice" in app.warning[0].value


def test_one_click_lifts_all_filters(hard, open_page):
    address = {"true": LABELS[0], "contains": "film", "slice": SLICE, "answers": "all"}
    app = open_page("failures", run=hard[1], **address)
    assert "Shown: " in said(app)
    button(app, "Clear the filters").click().run()
    assert "Shown: " not in said(app)
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
    assert {"broken", "both wrong"} <= set(listed(app)["flip"])
    app.selectbox(key="flip").select("fixed").run()
    shown = listed(app)
    assert set(shown["flip"]) == {"fixed"}
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
    words = said(open_page("failures", run=seeded.failed))
    assert "has no predictions on the test set. This run failed in the phase «training»." in words


# --- Labels, few and many ---------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [1, 150])
def test_one_label_and_many(labels, empty, open_page):
    (run,) = record_adapters(open_store(str(empty), create=True), labels, 0.6)
    app = open_page("failures", run=run)
    if labels > 1:
        assert "Shown: 16 of 150 labels, those with the most mistakes" in said(app)
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


# --- Slices -----------------------------------------------------------------------------------------


def test_slices_are_ranked_and_said_in_words(hard, open_page):
    app = open_page("failures", run=hard[1])
    assert "more mistakes than chance explains." in said(app)
    assert f"{SLICE}: 100.0 % wrong against " in said(app)
    assert table(app, "slice")["slice"].iloc[0] == SLICE


def test_where_no_slice_stands_out_the_page_says_so(seeded, open_page):
    assert "No slice stands out: of " in said(open_page("failures", run=seeded.lora))


def test_all_slices_are_counted_that_stand_out(empty, open_page, monkeypatch):
    weak, _ = record_hard_texts(open_store(str(empty), create=True), weak=("grey", "pale", "dull"))
    worse = slices.standing_out(slices.slices(weak))
    assert len(worse) >= 3
    monkeypatch.setattr(slices, "MOST_LISTED", 1)
    app = open_page("failures", run=weak)
    assert f"{len(worse)} of {len(slices.slices(weak))} slices looked at have more mistakes" in said(app)
    assert len(table(app, "slice")) == 1


# --- One example ------------------------------------------------------------------------------------


def test_the_open_example_is_told_in_full(hard, open_page):
    store, weak, strong = hard
    text = f"Film 12 is {WEAK_WORD} fine."
    app = open_page("failures", run=weak, against=strong, example=example_of(store, weak, text))
    known = facts(app)
    assert text in [element.value for element in app.text]
    assert known["true label"].startswith(LABELS[0]) and known["predicted"].startswith(LABELS[1])
    assert (known["disagreement"], known["flip"], known["length"]) == ("100.0 %", "broken", "5 words")
    assert (known["the model read"], known["stars"], known["size"]) == ("whole", "0", "6")
    assert list(table(app, "probability, %")["label"]) == [LABELS[1], LABELS[0]]
    assert list(table(app, "right or wrong")["right or wrong"]) == ["right"]
    nearest = table(app, "similarity, %")
    assert len(nearest) == 5 and set(nearest["label"]) <= set(LABELS) and nearest["similarity, %"].between(1, 100).all()


def test_runs_that_learnt_from_other_examples_are_asked_too(empty, open_page):
    store = open_store(str(empty), create=True)
    weak, _ = record_hard_texts(store)
    record_hard_texts(store, trained_on=20)
    app = open_page("failures", run=weak, example=example_of(store, weak, f"Film 12 is {WEAK_WORD} fine."))
    assert sorted(table(app, "right or wrong")["right or wrong"]) == ["right", "right", "wrong"]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_stand_as_they_are(text, hard, open_page):
    store, weak, _ = hard
    app = open_page("failures", run=weak, example=example_of(store, weak, text))
    assert text in [element.value for element in app.text]
    assert not [element.value for element in app.markdown if text[:20] in element.value]


def test_previous_and_next_lead_through_the_list_and_its_pages(hard, open_page):
    store, weak, _ = hard
    app = open_page("failures", run=weak)
    last = listed(app)["text"].iloc[49]
    app = open_page("failures", run=weak, example=example_of(store, weak, last))
    assert "Example 50 of 73 in the list" in [element.value for element in app.subheader]
    button(app, "Next").click().run()
    assert "Example 51 of 73 in the list" in [element.value for element in app.subheader]
    assert len(listed(app)) == 23
    button(app, "Previous").click().run()
    assert len(listed(app)) == 50
    button(app, "Close").click().run()
    assert "example" not in app.query_params


@pytest.mark.parametrize("example", ["999999", "abc", "<b>"])
def test_an_example_that_is_not_there_gets_a_plain_message(example, hard, open_page):
    app = open_page("failures", run=hard[1], example=example)
    assert f"There is no example {example} in this test set" in app.info[0].value.replace("\\", "")


def test_word_weights_come_on_a_wish(seeded, open_page):
    wrong = predictions(open_store(str(seeded.database)), seeded.tfidf).iloc[0]
    app = open_page("failures", run=seeded.tfidf, example=wrong["example_id"], answers="all", weights="true")
    assert list(table(app, "weight")["word"]) == wrong["text"].split()


# --- Annotations ------------------------------------------------------------------------------------


def fill(app, tag=None, note=None, label=None):
    fields = {element.label: element for element in (*app.selectbox, *app.text_area)}
    if tag:
        fields["Tag"].set_value(tag)
    if note:
        fields["Note"].input(note)
    if label:
        fields["Proposed label"].select(label)
    button(app, "Save").click().run()
    assert not app.exception


def test_an_annotation_shows_in_the_list_after_a_reload_and_for_another_run(hard, open_page):
    store, weak, strong = hard
    example = example_of(store, weak, HOSTILE[0])
    fill(open_page("failures", run=weak, example=example), note="not =this *one*", label=LABELS[1])
    for run in (weak, strong):
        app = open_page("failures", run=run, example=example)
        shown = listed(app).set_index("text").loc[HOSTILE[0]]
        assert (shown["note"], shown["proposed label"]) == ("not =this *one*", LABELS[1])
        assert len(listed(open_page("failures", run=run, noted="with a proposed label"))) == 1
    button(open_page("failures", run=weak, example=example), "Take back").click().run()
    assert "note" not in listed(open_page("failures", run=weak))


def test_a_tag_is_offered_again_and_filters(hard, open_page):
    store, weak, _ = hard
    annotate(store, {HOSTILE[1]: {"tag": "irony"}})
    app = open_page("failures", run=weak, example=example_of(store, weak, HOSTILE[0]))
    assert "irony" in next(element for element in app.selectbox if element.label == "Tag").options
    fill(app, tag="irony")
    assert list(listed(open_page("failures", run=weak, noted="tag: irony"))["tag"]) == ["irony", "irony"]
    assert len(listed(open_page("failures", run=weak, noted="annotated"))) == 2


def test_a_form_keeps_what_somebody_else_noted_meanwhile(hard, open_page):
    store, weak, _ = hard
    app = open_page("failures", run=weak, example=example_of(store, weak, HOSTILE[0]))
    app.text_area[0].input("mine")
    annotate(store, {HOSTILE[0]: {"tag": "theirs"}})
    button(app, "Save").click().run()
    assert annotations(store)[["tag", "note"]].to_numpy().tolist() == [["theirs", "mine"]]


def test_labels_in_doubt_come_with_a_suggestion_that_can_be_taken(hard, open_page):
    store, weak, _ = hard
    annotate(store, {HOSTILE[0]: {"tag": "kept"}})
    app = open_page("failures", run=weak, view="labels in doubt", example=example_of(store, weak, HOSTILE[0]))
    assert f"of {SIZE} labels of the test set are in doubt" in said(app)
    shown = listed(app)
    assert (shown["true"] != shown["suggested label"]).all()
    next(one for one in app.button if one.label.startswith("Propose")).click().run()
    assert annotations(store).iloc[-1][["tag", "proposed_label"]].tolist() == ["kept", LABELS[1]]


def test_the_raters_deviation_stands_beside_labels_in_doubt(seeded, open_page):
    assert "deviation of the raters" in listed(open_page("failures", run=seeded.flawed, view="labels in doubt"))


# --- Files ------------------------------------------------------------------------------------------


def known_texts(**said_before):
    return dict.fromkeys(HOSTILE, NOTHING | said_before)


def test_annotations_go_through_a_file_and_back(hard):
    store, weak, _ = hard
    notes = {HOSTILE[6]: "=cmd|' /C calc'!A0", HOSTILE[7]: 'two\nlines, "so" — ünï 👍', HOSTILE[5]: "-5"}
    noted = {text: dict(zip(ANNOTATED, ("@tag", note, LABELS[0]), strict=True)) for text, note in notes.items()}
    annotate(store, noted)
    written = exports.for_spreadsheets(files.annotated(weak))
    rows = list(csv.DictReader(io.StringIO(written.removeprefix("\ufeff"), newline="")))
    assert {row["note"] for row in rows} >= {"'=cmd|' /C calc'!A0"} and {row["tag"] for row in rows} == {"'@tag"}
    found = annotating.read(written.encode(), known_texts(), LABELS)
    assert (found.texts, found.changes, found.unknown) == (3, noted, 0)


def test_the_list_goes_into_a_file_with_all_that_is_known(hard):
    _, weak, strong = hard
    listed_ = frames.in_order(frames.examples(weak, strong).iloc[8:12], "most disputed first", weak, 1)
    written = files.listed(weak, listed_)
    assert {"text", "label", "predicted", "loss", "flip", "disagreement", "stars", "text (data)", "tag"} <= set(written)
    assert written["text (data)"].tolist() == ["own"] * 4
    assert not written.isna().any().any()


def test_examples_without_other_columns_go_into_files(empty):
    store = open_store(str(empty), create=True)
    (run,) = record_adapters(store, 2, 0.6)
    assert len(files.listed(run, frames.examples(run).iloc[3:6])) == 3
    annotate(store, {"test 4": {"tag": "x"}})
    assert list(files.annotated(run)["text"]) == ["test 4"]


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


def test_a_file_may_lack_columns_and_hold_texts_from_elsewhere():
    before = known_texts(note="kept")
    rows = f"text;tag\n{HOSTILE[0]};new\nunknown;new\n{HOSTILE[1]};\n"
    found = annotating.read(rows.encode("utf-8-sig"), before, LABELS)
    assert found.changes == {HOSTILE[0]: {"tag": "new"}}
    assert found.unknown == 1


def test_of_rows_of_one_text_the_one_that_says_something_new_counts():
    rows = "text,tag,note\na,new,kept\na,old,kept\na,new,kept\n"
    found = annotating.read(rows.encode(), {"a": NOTHING | {"tag": "old", "note": "kept"}}, LABELS)
    assert (found.texts, found.changes) == (1, {"a": {"tag": "new"}})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"text,tag\na,b\nx,y\na,c\n", "Lines 2 and 4 have the same text and say different things"),
        (b"tag,note\na,b\n", "There is no column «text»"),
        (b"text,label\na,b\n", "There is no column «tag», «note» or «proposed_label»"),
        (b"text,tag,tag\na,b,c\n", "more than one column «tag»"),
        ("text,tag\nä,b\n".encode("latin-1"), "The file is not in UTF-8"),
        (b"\x89PNG\r\n\x1a\n\x00\xff", "The file is not in UTF-8"),
        (b"  \n", "The file is empty"),
        (b'text,tag\n"never closed,b\n', "no CSV that can be read"),
        (b"text,tag\na,b,c\n", "Line 2 has not as many cells"),
        (b"text,tag\na\n", "Line 2 has not as many cells"),
        (b"text,proposed_label\na,goood\n", "is no label of this data set"),
        (b"text,tag\na," + b"x" * 51, "Line 2: A tag has at most 50 characters"),
        (b"text,tag\n" + b"x" * 20_000_001, "larger than 20 MB"),
    ],
)
def test_a_wrong_file_is_refused_in_plain_words(content, reason):
    with pytest.raises(annotating.RequestError, match=reason):
        annotating.read(content, {"a": NOTHING}, ["good", "bad"])


def test_an_uploaded_file_is_told_before_it_is_kept(hard, open_page):
    store, weak, _ = hard
    app = open_page("failures", run=weak)
    content = f'text,tag\n"{HOSTILE[0]}",from a file\nunknown,x\n'.encode()
    app.file_uploader[0].upload("annotations.csv", content, "text/csv").run()
    assert "1 annotation, 1 of them new or changed. 1 text is not in this data set and is left out." in said(app)
    assert annotations(store).empty
    button(app, "Keep these annotations").click().run()
    assert annotations(store)["tag"].tolist() == ["from a file"]
    app = open_page("failures", run=weak)
    app.file_uploader[0].upload("annotations.csv", b"a,b\n1,2\n", "text/csv").run()
    assert "There is no column «text»" in app.error[0].value.replace("\\", "")
