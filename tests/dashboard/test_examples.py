"""What the page of the failures tells of slices, and of one example and its neighbours."""

import pytest

from core.store.engine import open_store
from core.store.queries import predictions
from dashboard.components.safe_text import isolate_rtl
from dashboard.components.slices import view_data as slices
from tests.dashboard.hard_texts import HOSTILE, HOSTILE_IDS, LABELS, SLICE, WEAK_WORD, record_hard_texts
from tests.dashboard.reading import button, example_of, facts, listed, page_text, table

# --- Slices -----------------------------------------------------------------------------------------


def test_slices_are_ranked_and_said_in_words(hard, open_page):
    app = open_page("failures", run=hard[1])
    assert "more mistakes than chance explains." in page_text(app)
    assert f"{SLICE}: 100.0 % wrong against " in page_text(app)
    assert table(app, "slice")["slice"].iloc[0] == SLICE


def test_where_no_slice_stands_out_the_page_says_so(seeded, open_page):
    assert "No slice stands out: of " in page_text(open_page("failures", run=seeded.lora))


def test_all_slices_are_counted_that_stand_out(empty, open_page, monkeypatch):
    weak, _ = record_hard_texts(open_store(str(empty), create=True), weak=("grey", "pale", "dull"))
    worse = slices.standing_out(slices.slices(weak))
    assert len(worse) >= 3
    monkeypatch.setattr(slices, "MOST_LISTED", 1)
    app = open_page("failures", run=weak)
    assert f"{len(worse)} of {len(slices.slices(weak))} slices looked at have more mistakes" in page_text(app)
    assert len(table(app, "slice")) == 1


# --- One example ------------------------------------------------------------------------------------


def test_the_open_example_is_told_in_full(hard, open_page):
    store, weak, strong = hard
    text = f"Film 12 is {WEAK_WORD} fine."
    app = open_page("failures", run=weak, against=strong, example=example_of(store, weak, text))
    known = facts(app)
    assert text in [element.value for element in app.text]
    assert known["true label"].startswith(LABELS[0]) and known["predicted"].startswith(LABELS[1])
    assert (known["disagreement"], known["flip"], known["length"]) == ("100.0 %", "lost", "5 words")
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


@pytest.mark.parametrize("text", HOSTILE, ids=HOSTILE_IDS)
def test_hostile_texts_are_shown_as_text(text, hard, open_page):
    store, weak, _ = hard
    app = open_page("failures", run=weak, example=example_of(store, weak, text))
    assert isolate_rtl(text) in [element.value for element in app.text]
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
