"""The Try it page: predictions for typed text, side by side, and what an edit changes."""

import pandas as pd

from core.store.engine import open_store
from core.store.queries import predictions
from dashboard.app_pages.try_it import text, view_data
from dashboard.app_pages.try_it.view_data import HistoryEntry
from tests.dashboard.hard_texts import record_hard_texts
from tests.dashboard.reading import page_text


def history(app):
    return app.dataframe[-1].value


def predict(app, text):
    app.text_area[0].input(text)
    app.button(key="predict").click().run()


def test_prediction_is_calibrated_and_unsure_below_the_threshold(seeded, open_page):
    app = open_page("try_it", run=seeded.tfidf, beside="", threshold=99, text="A dull film.")
    words = page_text(app)
    assert "Calibrated with temperature 1.500" in words
    assert "unsure: " in words


def test_several_runs_predict_side_by_side(seeded, open_page):
    app = open_page("try_it", run=seeded.tfidf, text="A dull film.")
    app.multiselect(key="pick beside").set_value([seeded.majority]).run()
    assert app.query_params["beside"] == str(seeded.majority)
    assert list(history(app).columns) == ["text", f"#{seeded.tfidf} tfidf", f"#{seeded.majority} majority"]


def test_run_without_files_gets_an_error(seeded, open_page):
    app = open_page("try_it", run=seeded.lora, text="A dull film.")
    assert "files of run" in app.error[0].value


def test_nothing_is_predicted_before_it_is_asked_for(seeded, open_page):
    app = open_page("try_it", run=seeded.tfidf, beside="")
    assert app.text_area[0].value and not app.get("vega_lite_chart")
    predict(app, app.text_area[0].value)
    assert len(app.get("vega_lite_chart")) == 1


def test_text_is_stored_in_the_url(seeded, open_page):
    app = open_page("try_it", run=seeded.tfidf, beside="")
    predict(app, "A dull, *dull* film.")
    assert app.query_params["text"] == "A dull, *dull* film."
    again = open_page("try_it", run=seeded.tfidf, beside="", text="A dull, *dull* film.")
    assert again.text_area[0].value == "A dull, *dull* film."


def test_example_of_another_training_version_can_be_opened(empty, open_page):
    store = open_store(str(empty), create=True)
    record_hard_texts(store)
    _, run = record_hard_texts(store, trained_on=20)
    example = predictions(store, run).iloc[20]
    app = open_page("try_it", run=run, beside="", example=example["example_id"])
    assert app.text_area[0].value == example["text"]


def test_edit_shows_changed_words_and_predictions(seeded, open_page):
    app = open_page("try_it", run=seeded.tfidf, beside="", text="A dull film.")
    predict(app, "A wonderful film.")
    assert "A ~~dull~~ **wonderful** film\\." in [element.value for element in app.markdown]
    assert list(app.dataframe[0].value["run"]) == [f"#{seeded.tfidf} tfidf"]
    assert list(history(app)["text"]) == ["A wonderful film.", "A dull film."]


def test_changes_are_marked_in_escaped_markdown():
    assert view_data.mark_changes("<b>bold</b>", "![x](y)") == r"~~\<b\>bold\<\/b\>~~ **\!\[x\]\(y\)**"


def test_word_importance_is_shown_on_demand(seeded, open_page):
    app = open_page("try_it", run=seeded.tfidf, beside="", weights="true", text="A wonderful, moving film.")
    assert "Word importance" in [element.value for element in app.subheader]
    assert len(app.get("vega_lite_chart")) == 2


def test_changed_predictions_name_both_labels():
    before = HistoryEntry("a", {"#1 x": ("no", "no, 60.0%"), "#2 y": ("no", "no, 90.0%")})
    now = HistoryEntry("b", {"#1 x": ("yes", "yes, 70.0%"), "#3 z": ("yes", "yes, 99.0%")})
    assert view_data.changed_predictions(before, now).to_dict("records") == [
        {"run": "#1 x", "before": "no, 60.0%", "now": "yes, 70.0%", "label": "no → yes"}
    ]


def test_history_merges_entries_of_the_same_text():
    first, second = HistoryEntry("a", {"#1 x": ("no", "no")}), HistoryEntry("b", {"#1 x": ("yes", "yes")})
    merged = view_data.add_entry([second, first], HistoryEntry("a", {"#2 y": ("no", "no")}))
    assert [entry.text for entry in merged] == ["a", "b"]
    assert set(merged[0].predictions) == {"#1 x", "#2 y"}


def test_prediction_below_the_threshold_is_unsure():
    shares = pd.DataFrame({"label": ["no", "yes"], "probability": [0.4, 0.6]})
    assert text.prediction(shares, 0.5) == "yes, 60.0%"
    assert text.prediction(shares, 0.7) == "unsure: yes, 60.0%"
