"""The page of two and more runs: the verdict, where it comes from, and tables to take away."""

import csv
import io

import pytest
from streamlit.dataframe_util import convert_arrow_bytes_to_pandas_df

from core.store.engine import open_store
from dashboard import data
from dashboard.app_pages.compare import tables
from dashboard.app_pages.compare import view_data as frames
from dashboard.components import table_downloads as exports
from tests.dashboard.reading import page_text
from tests.seeded import ODD_NAME, record_adapters


def heads(app):
    return [element.value for element in app.subheader]


def table(app, column):
    """Return the table on the page that has this column."""
    return next(element.value for element in app.dataframe if column in element.value)


def test_the_verdict_comes_first_and_says_what_differs(seeded, open_page):
    app = open_page("compare", run=seeded.lora, against=seeded.tfidf)
    assert " helped: macro F1 +" in app.markdown[0].value.replace("\\", "")
    assert "What differs: method lora ↔ tfidf" in page_text(app)
    shown = table(app, "F1, points")
    assert set(shown) >= {"class", "recall, points", "precision, points", "p (Holm)", "gained", "lost"}
    assert [name for name in shown if name.startswith("F1 of #")] == ["F1 of #3 lora-r8", "F1 of #2 tfidf"]


def test_what_the_seeds_the_margin_and_the_accuracy_say(seeded, open_page):
    words = page_text(open_page("compare", run=seeded.lora, against=seeded.tfidf))
    assert "Over 3 seeds this configuration helped" in words
    assert " most 1.0 points worse (p " in words
    assert "Accuracy: +" in words and "McNemar p " in words


def test_no_evidence_says_what_it_would_take_to_know(seeded, open_page):
    words = page_text(open_page("compare", run=seeded.seeds[1], against=seeded.seeds[2]))
    assert "No evidence either way: macro F1 " in words
    assert "This test set could only show differences in accuracy of " in words


def test_other_versions_are_a_warning(seeded, open_page):
    app = open_page("compare", run=seeded.lora, against=seeded.odd)
    assert "Mind the versions: torch 2.13 ↔ 2.12" in app.warning[0].value.replace("\\", "")


def test_swap_lets_two_runs_change_places(seeded, open_page):
    app = open_page("compare", run=seeded.lora, against=seeded.tfidf)
    next(button for button in app.button if button.label == "Swap").click().run()
    assert " hurt: macro F1 −" in page_text(app)
    assert app.query_params["run"] == str(seeded.tfidf)


def test_flips_stand_on_the_page_the_surest_first(seeded, open_page):
    app = open_page("compare", run=seeded.lora, against=seeded.tfidf, flips="broken", **{"class": "negative"})
    lost = frames.flips(seeded.lora, seeded.tfidf, "lost", "negative")
    assert len(lost) > 0 and lost["confidence"].is_monotonic_decreasing
    assert lost["text"].iloc[0] in [element.value for element in app.text]
    assert f"True label: negative. #{seeded.lora} lora-r8 said positive" in page_text(app)


def test_each_class_leads_to_its_flips(seeded, open_page):
    app = open_page("compare", run=seeded.lora, against=seeded.tfidf)
    links = {link.proto.label: link.proto.query_string for link in app.get("page_link")}
    shown = table(app, "F1, points").set_index("class")
    label = f"{shown.loc['negative', 'gained']:.0f} gained"
    wanted = {"run": seeded.lora, "against": seeded.tfidf, "true": "negative", "flip": "fixed"}
    assert all(f"{key}={value}" in links[label] for key, value in wanted.items())


def test_the_difference_of_the_confusion_matrices_adds_up(seeded):
    cells = frames.confusion_change(seeded.lora, seeded.tfidf)
    assert (cells["a"] - cells["b"] == cells["more"]).all()
    assert cells["more"].sum() == 0


def test_several_runs_are_held_against_the_first(seeded, open_page):
    app = open_page("compare", run=seeded.majority, against=f"{seeded.lora},{seeded.odd}")
    assert list(app.dataframe[0].value["verdict"]) == ["—", "helped", "helped"]
    assert f"#{seeded.lora} lora-r8 scores highest of these 3" in page_text(app)
    assert f"Held against #{seeded.majority} majority: 2 helped." in page_text(app)
    assert "p (Holm)" in app.dataframe[0].value
    assert "Exploratory: not adjusted for the number of pairs." in page_text(app)


@pytest.fixture
def seven(empty):
    """Seven adapters of which some beat the first, each held against it alone."""
    return record_adapters(open_store(str(empty), create=True), 2, 0.7, 0.86, 0.87, 0.9, 0.91, 0.93, 0.94)


def test_the_verdict_on_several_runs_goes_by_the_adjusted_p(seven):
    first, *others = seven
    alone = [data.comparison(other, first).result for other in others]
    assert [one.verdict for one in alone].count("helped") == 2 and min(one.p for one in alone) < 0.05
    together = frames.pairwise(first, others)[1:]
    assert (together["p"] >= 0.05).all()
    assert set(together["verdict"]) == {"no evidence either way"}


@pytest.mark.parametrize("order", [("lora", "odd"), ("odd", "lora")], ids=["lora-odd", "odd-lora"])
def test_a_pair_of_several_runs_is_read_from_the_address(order, seeded, open_page):
    first, second = (getattr(seeded, name) for name in order)
    everyone = f"{seeded.lora},{seeded.odd}"
    app = open_page("compare", run=seeded.majority, against=everyone, pair=f"{first},{second}")
    assert app.selectbox(key="pick pair").value == f"{first},{second}"
    assert f": a positive difference speaks for #{first} " in page_text(app)


@pytest.mark.parametrize("pair", ["99,1", "x", "1", "1,1", "2,5"])
def test_a_pair_that_is_not_among_the_runs_is_passed_over(pair, seeded, open_page):
    app = open_page("compare", run=seeded.majority, against=f"{seeded.lora},{seeded.odd}", pair=pair)
    assert app.selectbox(key="pick pair").value is None
    assert "pair" not in app.query_params


def test_every_two_of_many_runs_are_compared_on_demand(seven, open_page):
    def opened(runs):
        return open_page("compare", run=runs[0], against=",".join(map(str, runs[1:])))

    few, many = opened(seven[:6]), opened(seven)
    drawn = "bold where it helped or hurt"
    assert not few.toggle and drawn in page_text(few)
    assert drawn not in page_text(many)
    many.toggle(key="pairs").set_value(True).run()
    assert drawn in page_text(many)


def test_choices_stand_in_the_address(seeded, open_page):
    address = {"curve": "training loss", "flips": "broken"}
    app = open_page("compare", run=seeded.lora, against=seeded.odd, **address)
    assert {key: app.button_group(key=key).value for key in address} == address
    odd = open_page("compare", run=seeded.lora, against=seeded.odd, curve="x", flips="<b>", **{"class": "99"})
    assert odd.button_group(key="flips").value == "fixed"


def test_curves_are_drawn_for_the_runs_that_have_some(seeded, open_page):
    drawn, missing = frames.curves([seeded.lora, seeded.tfidf], "validation_macro_f1")
    assert set(drawn["id"]) == {seeded.lora}
    assert missing == [f"#{seeded.tfidf} tfidf"]
    app = open_page("compare", run=seeded.lora, against=seeded.tfidf)
    assert f"Nothing was logged for #{seeded.tfidf} tfidf." in page_text(app)


@pytest.mark.parametrize(
    ("other", "reason"), [("failed", "it has no predictions to compare"), ("other_test_set", "can't be compared")]
)
def test_runs_that_cannot_be_compared_say_why_and_offer_others(other, reason, seeded, open_page):
    app = open_page("compare", run=seeded.lora, against=getattr(seeded, other))
    assert reason in app.warning[0].value.replace("\\", "")
    assert f"#{seeded.tfidf} tfidf" in app.multiselect(key="pick against").options
    assert any("against" in link.proto.label for link in app.get("page_link"))


@pytest.mark.parametrize(("labels", "drawn"), [(1, 1), (150, frames.MOST_CLASSES)])
def test_one_class_and_a_hundred_and_fifty_can_be_read(labels, drawn, empty, open_page):
    first, second = record_adapters(open_store(str(empty), create=True), labels, 0.9, 0.4)
    app = open_page("compare", run=second, against=first)
    assert len(table(app, "F1, points")) == labels
    assert len(frames.most_confused(frames.confusion_change(second, first))) == drawn
    assert ("Shown: 15 of 150 classes" in page_text(app)) == (labels == 150)


def test_a_file_holds_the_very_texts_of_the_table(seeded, open_page):
    (metrics, by_class) = open_page("compare", run=seeded.odd, against=seeded.tfidf).dataframe
    wanted = [
        (metrics, tables.run_metrics(data.run_rows([seeded.odd, seeded.tfidf]))),
        (by_class, tables.class_changes(frames.class_changes(seeded.odd, seeded.tfidf), [ODD_NAME, "tfidf"])),
    ]
    for shown, frame in wanted:
        screen = convert_arrow_bytes_to_pandas_df(shown.proto.arrow_data.styler.display_values)
        rows = list(csv.reader(io.StringIO(exports.to_csv(frame), newline="")))[1:]
        assert screen.to_numpy().tolist() == rows


def test_the_tables_can_be_taken_away(seeded, open_page):
    two = open_page("compare", run=seeded.lora, against=seeded.tfidf)
    assert [button.label for button in two.get("download_button")] == ["CSV", "Markdown", "LaTeX"] * 2
    many = open_page("compare", run=seeded.majority, against=f"{seeded.lora},{seeded.odd}")
    assert [button.label for button in many.get("download_button")] == ["CSV", "Markdown", "LaTeX"] * 2
