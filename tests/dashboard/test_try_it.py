"""The page where runs are tried."""

from core.store.engine import open_store
from core.store.queries import predictions
from dashboard.app_pages.try_it import view_data as frames
from tests.dashboard.hard_texts import record_hard_texts
from tests.dashboard.reading import page_text


def test_try_it_is_calibrated_and_unsure_below_the_threshold(seeded, open_page):
    app = open_page("try_it", run=seeded.tfidf, threshold=99)
    words = page_text(app)
    assert "Calibrated with the temperature fitted on the validation examples, 1.500;" in words
    assert "unsure: " in words


def test_try_it_answers_with_a_baseline_beside(seeded, open_page):
    app = open_page("try_it", run=seeded.tfidf, beside=seeded.majority)
    app.text_area[0].input("A wonderful, moving film.").run()
    assert next(iter(app.dataframe[-1].value["text"])) == "A wonderful, moving film."
    assert len(app.dataframe[-1].value) == 2


def test_try_it_says_so_where_a_runs_files_are_gone(seeded, open_page):
    app = open_page("try_it", run=seeded.lora)
    assert "files of run" in app.error[0].value


def test_several_runs_answer_side_by_side_and_stand_in_the_address(seeded, open_page):
    app = open_page("try_it", run=seeded.tfidf)
    app.multiselect(key="pick beside").set_value([seeded.majority]).run()
    assert not app.exception
    assert app.query_params["beside"] == str(seeded.majority)
    assert list(app.dataframe[-1].value.columns) == ["text", f"#{seeded.tfidf} tfidf", f"#{seeded.majority} majority"]


def test_a_typed_text_stands_in_the_address_and_comes_back_from_it(seeded, open_page):
    app = open_page("try_it", run=seeded.tfidf, beside="")
    app.text_area[0].input("A dull, *dull* film.").run()
    assert app.query_params["text"] == "A dull, *dull* film."
    again = open_page("try_it", run=seeded.tfidf, beside="", text="A dull, *dull* film.")
    assert again.text_area[0].value == "A dull, *dull* film."


def test_an_example_of_another_training_version_is_there_to_be_tried(empty, open_page):
    store = open_store(str(empty), create=True)
    record_hard_texts(store)
    _, run = record_hard_texts(store, trained_on=20)
    example = predictions(store, run).iloc[20]
    app = open_page("try_it", run=run, beside="", example=example["example_id"])
    assert app.text_area[0].value == example["text"]


def test_an_edit_shows_what_changed_in_the_text_and_in_the_answers(seeded, open_page):
    app = open_page("try_it", run=seeded.tfidf, beside="", text="A dull film.")
    app.text_area[0].input("A wonderful film.").run()
    assert "A ~~dull~~ **wonderful** film\\." in [element.value for element in app.markdown]
    changed = app.dataframe[0].value
    assert list(changed["run"]) == [f"#{seeded.tfidf} tfidf"]
    assert changed["label"].iloc[0].startswith(("flipped: ", "same label"))


def test_a_text_of_markup_is_shown_as_text(seeded, open_page):
    app = open_page("try_it", run=seeded.tfidf, beside="", text="<b>bold</b>")
    app.text_area[0].input("<script>alert(1)</script> ![x](y)").run()
    assert not app.exception
    assert not [element.value for element in app.markdown if "<script>" in element.value or "![" in element.value]


def test_the_words_that_an_answer_rests_on_are_shown_when_asked_for(seeded, open_page):
    app = open_page("try_it", run=seeded.tfidf, beside="", weights="true", text="A wonderful, moving film.")
    assert "Which words it rests on" in [element.value for element in app.subheader]
    assert "fall when a word is left out" in page_text(app)


def test_a_label_that_changed_is_a_flip():
    before = frames.Tried("a", {"#1 x": ("no", "no, 60.0 %"), "#2 y": ("no", "no, 90.0 %")})
    now = frames.Tried("b", {"#1 x": ("yes", "yes, 70.0 %"), "#3 z": ("yes", "yes, 99.0 %")})
    assert frames.changed_answers(before, now).to_dict("records") == [
        {"run": "#1 x", "before": "no, 60.0 %", "now": "yes, 70.0 %", "label": "flipped: no → yes"}
    ]
