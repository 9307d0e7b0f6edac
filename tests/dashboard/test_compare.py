"""The Compare page: the verdict on two or more runs, where they differ, and the downloads."""

import csv
import io

import pytest
from streamlit.dataframe_util import convert_arrow_bytes_to_pandas_df

from core.store.engine import open_store
from dashboard import data
from dashboard.app_pages.compare import controls, tables, view_data
from dashboard.components import table_downloads
from tests.dashboard.reading import page_text, table
from tests.seeded import ODD_NAME, record_adapters

DOWNLOADS = ["HTML", "Markdown", *["CSV", "Markdown", "LaTeX"] * 2]
"""The labels of the downloads: of the report, and of two tables."""


@pytest.fixture(scope="module")
def seven_adapters(tmp_path_factory):
    """Seven adapters, some of which beat the first when each is compared with it alone."""
    database = tmp_path_factory.mktemp("seven") / "runs.db"
    return database, record_adapters(open_store(str(database), create=True), 2, 0.7, 0.86, 0.87, 0.9, 0.91, 0.93, 0.94)


@pytest.fixture
def seven(seven_adapters, monkeypatch):
    database, run_ids = seven_adapters
    monkeypatch.setenv("RUNS_DB", str(database))
    return run_ids


def test_page_of_two_runs_shows_verdict_tests_and_tables(seeded, open_page):
    app = open_page("compare", run=seeded.lora, against=seeded.tfidf, tab="tests")
    text = page_text(app)
    (verdict,) = [text for text in app.markdown if " helped" in text.value]
    assert "Over 3 seeds this configuration helped" in verdict.proto.help
    assert "method lora→tfidf" in text
    assert "McNemar p " in text
    shown = table(app, "F1, points")
    assert set(shown) >= {"class", "recall, points", "precision, points", "p (Holm)", "gained", "lost"}
    assert [name for name in shown if name.startswith("F1 of #")] == ["F1 of #3 lora-r8", "F1 of #2 tfidf"]
    assert [element.label for element in app.get("download_button")] == DOWNLOADS
    links = {link.proto.label: link.proto.query_string for link in app.get("page_link")}
    parameters = {"run": seeded.lora, "against": seeded.tfidf, "flip": "fixed", "view": "mistakes"}
    gained = f"{shown['gained'].sum():.0f} gained"
    assert all(f"{key}={value}" in links[gained] for key, value in parameters.items())


@pytest.mark.parametrize("tab", controls.PAIR_TABS)
def test_each_tab_on_two_runs_opens_by_its_url(tab, seeded, open_page):
    app = open_page("compare", run=seeded.lora, against=seeded.odd, tab=tab)
    assert not app.error and [drawn.label for drawn in app.tabs] == list(controls.PAIR_TABS.values())


@pytest.mark.parametrize("tab", controls.SEVERAL_TABS)
def test_each_tab_on_several_runs_opens_by_its_url(tab, seeded, open_page):
    app = open_page("compare", run=seeded.lora, against=f"{seeded.odd},{seeded.tfidf}", runs_tab=tab)
    assert not app.error and [drawn.label for drawn in app.tabs] == list(controls.SEVERAL_TABS.values())


def test_swap_exchanges_the_two_runs(seeded, open_page):
    app = open_page("compare", run=seeded.lora, against=seeded.tfidf)
    app.button(key="swap").click().run()
    assert f"#{seeded.tfidf} tfidf is worse than #{seeded.lora} lora-r8: −" in page_text(app)
    assert app.query_params["run"] == str(seeded.tfidf)


def test_different_package_versions_are_a_warning(seeded, open_page):
    app = open_page("compare", run=seeded.lora, against=seeded.odd)
    assert "torch 2.13 ↔ 2.12" in app.warning[0].value.replace("\\", "")


def test_no_evidence_comes_with_the_minimum_detectable_effect(seeded):
    verdict, *_ = data.verdict_sentences(seeded.seeds[1], seeded.seeds[2])
    assert data.comparison(seeded.seeds[1], seeded.seeds[2]).result.verdict == "no evidence either way"
    assert "Smallest gap this test set can detect: " in verdict


def test_flipped_examples_are_listed_most_confident_first(seeded, open_page):
    parameters = {"tab": "examples", "flips": "broken", "class": "negative"}
    app = open_page("compare", run=seeded.lora, against=seeded.tfidf, **parameters)
    lost = view_data.select_flips(seeded.lora, seeded.tfidf, "lost", "negative")
    assert len(lost) > 0
    assert lost["confidence"].is_monotonic_decreasing
    assert lost["text"].iloc[0] in [element.value for element in app.text]
    assert f"#{seeded.lora} lora-r8 predicted positive" in page_text(app)


def test_difference_of_the_confusion_matrices_adds_up(seeded):
    cells = view_data.confusion_difference(seeded.lora, seeded.tfidf, ["negative", "positive"])
    assert (cells["a"] - cells["b"] == cells["more"]).all()
    assert cells["more"].sum() == 0


def test_several_runs_are_compared_with_the_first(seeded, open_page):
    app = open_page("compare", run=seeded.majority, against=f"{seeded.lora},{seeded.odd}", runs_tab="metrics")
    ranking = app.dataframe[0].value
    assert list(ranking["verdict"]) == ["—", "helped", "helped"]
    assert "p (Holm)" in ranking
    text = page_text(app)
    assert f"#{seeded.lora} lora-r8 scores highest of these 3" in text
    assert f"Compared with #{seeded.majority} majority: 2 helped." in text
    assert [element.label for element in app.get("download_button")] == ["HTML", "Markdown", "CSV", "Markdown", "LaTeX"]


def test_verdicts_on_several_runs_use_the_adjusted_p(seven):
    first, *others = seven
    alone = [data.comparison(other, first).result for other in others]
    assert [result.verdict for result in alone].count("helped") == 2
    assert min(result.p for result in alone) < 0.05
    together = view_data.compare_with_first(first, others)[1:]
    assert (together["p_adjusted"] >= 0.05).all()
    assert set(together["verdict"]) == {"inconclusive"}


@pytest.mark.parametrize("tab", controls.SEVERAL_TABS)
def test_pair_of_several_runs_is_read_from_the_url_in_its_order(tab, seeded, open_page):
    pair = f"{seeded.odd},{seeded.lora}"
    parameters = {"against": f"{seeded.lora},{seeded.odd}", "pair": pair, "runs_tab": tab, "tab": tab}
    app = open_page("compare", run=seeded.majority, **parameters)
    assert app.selectbox(key="pick pair").value == pair
    assert "Open this pair" in [link.proto.label for link in app.get("page_link")]


@pytest.mark.parametrize("pair", ["99,1", "x", "1,1"], ids=["other-run", "text", "same-run"])
def test_invalid_pair_is_ignored(pair, seeded, open_page):
    app = open_page("compare", run=seeded.majority, against=f"{seeded.lora},{seeded.odd}", pair=pair)
    assert app.selectbox(key="pick pair").value is None
    assert "pair" not in app.query_params


def test_all_pairs_of_many_runs_are_compared_on_demand(seven, open_page):
    app = open_page("compare", run=seven[0], against=",".join(map(str, seven[1:])))
    before = len(app.get("vega_lite_chart"))
    app.toggle(key="pairs").set_value(True).run()
    assert len(app.get("vega_lite_chart")) == before + 1


def test_choices_are_read_from_the_url(seeded, open_page):
    for tab, key, value, default in (
        ("curves", "curve", "training loss", "validation macro F1"),
        ("examples", "flips", "broken", "fixed"),
    ):
        app = open_page("compare", run=seeded.lora, against=seeded.odd, tab=tab, **{key: value})
        assert app.button_group(key=f"choose {key}").value == value
        app = open_page("compare", run=seeded.lora, against=seeded.odd, tab=tab, **{key: "<b>", "class": "99"})
        assert app.button_group(key=f"choose {key}").value == default


def test_learning_curves_omit_runs_that_logged_none(seeded):
    curves, missing = view_data.learning_curves([seeded.lora, seeded.tfidf], "validation_macro_f1")
    assert set(curves["id"]) == {seeded.lora}
    assert missing == [f"#{seeded.tfidf} tfidf"]


@pytest.mark.parametrize("other", ["failed", "other_test_set"])
def test_incomparable_run_gets_a_reason_and_suggestions(other, seeded, open_page):
    app = open_page("compare", run=seeded.lora, against=getattr(seeded, other))
    assert len(app.warning) == 1
    assert f"#{seeded.tfidf} tfidf" in app.multiselect(key="pick against").options
    suggested = [link.proto.label for link in app.get("page_link") if " vs " in link.proto.label]
    assert 0 < len(suggested) <= view_data.MAX_SUGGESTIONS


def test_single_class_can_be_compared(empty, open_page):
    first, second = record_adapters(open_store(str(empty), create=True), 1, 0.9, 0.4)
    assert len(table(open_page("compare", run=second, against=first), "F1, points")) == 1


@pytest.mark.slow
def test_charts_of_many_classes_show_those_that_differ_most(empty, open_page):
    first, second = record_adapters(open_store(str(empty), create=True), 150, 0.9, 0.4)
    app = open_page("compare", run=second, against=first)
    assert len(table(app, "F1, points")) == 150
    assert len(view_data.select_most_confused(second, first)) == view_data.MAX_CLASSES
    assert "10 lowest and 10 highest of 150 classes" in page_text(app)


def test_downloaded_cells_equal_those_on_the_screen(seeded, open_page):
    (metrics, by_class) = open_page("compare", run=seeded.odd, against=seeded.tfidf, tab="tests").dataframe
    changes = view_data.class_changes(seeded.odd, seeded.tfidf)
    expected = [
        (metrics, tables.format_runs(data.run_rows([seeded.odd, seeded.tfidf]))),
        (by_class, tables.format_class_changes(changes, [ODD_NAME, "tfidf"])),
    ]
    for shown, cells in expected:
        screen = convert_arrow_bytes_to_pandas_df(shown.proto.arrow_data.styler.display_values)
        rows = list(csv.reader(io.StringIO(table_downloads.to_csv(cells), newline="")))[1:]
        assert screen.to_numpy().tolist() == rows
