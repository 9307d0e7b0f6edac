"""Error slices and the selected example on the Failures page."""

import pandas as pd
import pytest

from core.store.engine import open_store
from core.store.queries import predictions
from dashboard.app_pages.failures import overview
from dashboard.components.example.view_data import tint_words
from dashboard.components.safe_text import isolate_rtl
from dashboard.components.slices import view_data as slices
from tests.dashboard.hard_texts import HOSTILE, HOSTILE_IDS, LABELS, SLICE, WEAK_WORD, record_hard_texts
from tests.dashboard.reading import button, example_of, facts, listed, page_text, table

# --- Error slices -----------------------------------------------------------------------------------


def test_slice_with_the_smallest_p_is_first(hard, open_page):
    app = open_page("failures", run=hard[1])
    assert table(app, "slice")["slice"].iloc[0] == SLICE


def test_run_without_significant_slices(seeded):
    frame = slices.error_slices(seeded.lora)
    assert len(frame) > 0
    assert slices.select_significant(frame).empty


def test_summary_counts_slices_that_the_table_omits(empty, open_page, monkeypatch):
    weak, _ = record_hard_texts(open_store(str(empty), create=True), weak=("grey", "pale", "dull"))
    all_slices = slices.error_slices(weak)
    significant = slices.select_significant(all_slices)
    more = int((significant["gap"] > 0).sum())
    assert more >= 3
    monkeypatch.setattr(overview, "MAX_SLICES", 1)
    app = open_page("failures", run=weak)
    fewer = len(significant) - more
    assert f"Worse: {more} of {len(all_slices)}. Better: {fewer}." in page_text(app)
    assert len(table(app, "slice")) == 1


# --- The selected example ---------------------------------------------------------------------------


def test_selected_example_is_shown_in_full(hard, open_page):
    store, weak, strong = hard
    text = f"Film 12 is {WEAK_WORD} fine."
    app = open_page("failures", run=weak, against=strong, example=example_of(store, weak, text))
    properties = facts(app)
    assert text in [element.value for element in app.text]
    assert properties["true label"].startswith(LABELS[0])
    assert properties["predicted"].startswith(LABELS[1])
    assert (properties["disagreement"], properties["flip"], properties["length"]) == ("100.0%", "lost", "5 words")
    assert (properties["truncated"], properties["stars"], properties["size"]) == ("no", "0", "6")
    assert list(table(app, "probability, %")["label"]) == [LABELS[1], LABELS[0]]
    assert list(table(app, "outcome")["outcome"]) == ["correct"]
    nearest = table(app, "similarity, %")
    assert len(nearest) == 5
    assert set(nearest["label"]) <= set(LABELS)
    assert nearest["similarity, %"].between(1, 100).all()


def test_runs_with_other_training_data_are_among_the_other_runs(empty, open_page):
    store = open_store(str(empty), create=True)
    weak, _ = record_hard_texts(store)
    record_hard_texts(store, trained_on=20)
    app = open_page("failures", run=weak, example=example_of(store, weak, f"Film 12 is {WEAK_WORD} fine."))
    assert sorted(table(app, "outcome")["outcome"]) == ["correct", "correct", "wrong"]


@pytest.mark.parametrize("text", HOSTILE, ids=HOSTILE_IDS)
def test_hostile_text_is_shown_literally(text, hard, open_page):
    store, weak, _ = hard
    app = open_page("failures", run=weak, example=example_of(store, weak, text))
    assert isolate_rtl(text) in [element.value for element in app.text]
    assert not [element.value for element in app.markdown if text[:20] in element.value]


def test_previous_and_next_cross_the_pages_of_the_list(hard, open_page):
    store, weak, _ = hard
    last = listed(open_page("failures", run=weak))["text"].iloc[49]
    app = open_page("failures", run=weak, example=example_of(store, weak, last))
    assert "Example 50 of 73" in [element.value for element in app.subheader]
    button(app, "Next").click().run()
    assert "Example 51 of 73" in [element.value for element in app.subheader]
    assert len(listed(app)) == 23
    button(app, "Previous").click().run()
    assert len(listed(app)) == 50
    button(app, "Close").click().run()
    assert "example" not in app.query_params


@pytest.mark.parametrize("example", ["999999", "<b>"], ids=["unknown-id", "no-id"])
def test_unknown_example_gets_a_message(example, hard, open_page):
    app = open_page("failures", run=hard[1], example=example)
    assert example in app.info[0].value.replace("\\", "")


def test_word_importance_is_shown_on_demand(seeded, open_page):
    prediction = predictions(open_store(str(seeded.database)), seeded.tfidf).iloc[0]
    app = open_page("failures", run=seeded.tfidf, example=prediction["example_id"], answers="all", weights="true")
    assert list(table(app, "weight")["word"]) == prediction["text"].split()


def test_words_are_tinted_by_their_weight_and_the_text_is_escaped():
    text = "a <b>dull</b> film"
    weights = pd.DataFrame({"word": ["a", "film"], "start": [0, 14], "end": [1, 18], "weight": [0.5, -1.0]})
    html = tint_words(text, weights)
    assert "&lt;b&gt;dull&lt;/b&gt;" in html
    assert 'rgba(0, 114, 178, 0.23); border-radius: 0.2rem">a</span>' in html
    assert 'rgba(230, 159, 0, 0.45); border-radius: 0.2rem">film</span>' in html
