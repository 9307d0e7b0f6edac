"""Pages, links between them and reloads in a browser."""

import pytest

from core.store.engine import open_store
from tests.dashboard.runs_page import repeat_run
from tests.e2e.browsing import PAGES, needs_chromium, select_row, serve_dashboard

pytestmark = needs_chromium


def test_every_page_opens_from_the_navigation(dashboard, seeded, visit):
    visitor = visit(dashboard)
    visitor.open(f"try?run={seeded.tfidf}&beside={seeded.majority}")
    for title in PAGES:
        visitor.go_to(title)


@pytest.mark.parametrize(
    "page", ["", "run", "compare", "failures", "data", "try"], ids=["runs", "run", "compare", "failures", "data", "try"]
)
def test_every_page_opens_directly(page, dashboard, seeded, visit):
    visit(dashboard).open(f"{page}?run={seeded.tfidf}")


def test_links_and_reloads_keep_the_run(dashboard, seeded, visit):
    visitor = visit(dashboard)
    visitor.open(f"?chosen={seeded.lora}&group=")
    visitor.follow_link(f"Open #{seeded.lora}", "Run")
    assert f"run={seeded.lora}" in visitor.page.url
    visitor.page.get_by_role("button", name="Actions").click()
    visitor.page.get_by_test_id("stPopoverBody").get_by_text("See failures").click()
    visitor.settle("Failures")
    assert f"run={seeded.lora}" in visitor.page.url
    wrong = visitor.page.get_by_text("of 100 wrong").inner_text()
    visitor.page.reload()
    visitor.settle("Failures")
    assert visitor.page.get_by_text("of 100 wrong").inner_text() == wrong
    assert f"run={seeded.lora}" in visitor.page.url
    picker = visitor.page.locator('[data-testid="stMain"] [data-testid="stSelectbox"] input').nth(1)
    assert picker.input_value() == f"#{seeded.lora} lora-r8"


def test_selection_is_kept_on_reload_and_can_be_compared(dashboard, seeded, visit):
    visitor = visit(dashboard)
    visitor.open("?group=")
    select_row(visitor, 0)
    assert visitor.wait_for_text("1 selected: ")
    select_row(visitor, 4)
    assert visitor.wait_for_text("2 selected: ")
    visitor.page.reload()
    visitor.settle("Runs")
    assert visitor.wait_for_text(f"2 selected: #{seeded.tfidf} tfidf, #{seeded.lora} lora-r8")
    visitor.links(f"Open #{seeded.tfidf}").wait_for()
    visitor.links("Compare").nth(1).click()
    visitor.settle("Compare")
    assert {f"run={seeded.tfidf}", f"against={seeded.lora}"} <= set(visitor.page.url.partition("?")[2].split("&"))


def test_open_page_notices_a_new_run(writable_dashboard, seeded, visit):
    database, address = writable_dashboard
    visitor = visit(address)
    visitor.open("?group=")
    assert visitor.wait_for_text("7 runs")
    repeat_run(open_store(str(database)), seeded.lora, 0.9)
    visitor.page.get_by_role("button", name="Show 1 new run").click()
    assert visitor.wait_for_text("8 runs")


def test_cell_of_the_confusion_matrix_opens_its_examples(dashboard, seeded, visit):
    visitor = visit(dashboard)
    visitor.open(f"run?run={seeded.odd}")
    visitor.page.locator(".st-key-confusion-matrix .mark-text text").nth(1).click()
    visitor.settle("Failures")
    assert visitor.wait_for_text("with true label negative, predicted positive")
    assert "predicted=positive" in visitor.page.url
    visitor.go_to("Run")
    assert visitor.wait_for_text("Confusion matrix")


def test_annotation_made_on_the_way_from_the_runs_is_kept_on_reload(writable_dashboard, seeded, visit):
    visitor = visit(writable_dashboard[1])
    visitor.open("?search=lora&group=")
    select_row(visitor, 0)
    assert visitor.wait_for_text("1 selected: ")
    select_row(visitor, 1)
    assert visitor.wait_for_text("2 selected: ")
    visitor.links("Compare").nth(1).click()
    visitor.settle("Compare")
    visitor.page.get_by_role("tab", name="Confusion").click()
    matrices = visitor.page.locator('[data-testid="stVegaLiteChart"]').filter(has_text="predicted")
    matrices.first.locator(".mark-text text").nth(1).click()
    visitor.settle("Failures")
    assert visitor.wait_for_text("with true label negative, predicted positive")
    visitor.page.locator('[data-testid="stDataFrame"]').first.click(position={"x": 150, "y": 60})
    assert visitor.wait_for_text("Example 1 of ")
    visitor.settle()
    visitor.page.keyboard.press("n")
    visitor.page.keyboard.type("irony, not *praise*")
    visitor.page.keyboard.press("Escape")
    assert visitor.page.get_by_role("button", name="Delete annotation").wait_for() is None
    visitor.settle()
    address = visitor.page.url
    assert "example=" in address and "predicted=positive" in address
    visitor.page.reload()
    visitor.settle("Failures")
    assert visitor.wait_for_text("with true label negative, predicted positive")
    assert visitor.wait_for_text("Example 1 of ")
    visitor.wait_for_value("Note", "irony, not *praise*")
    assert visitor.page.url == address
    visitor.page.keyboard.press("j")
    assert visitor.wait_for_text("Example 2 of ")


def test_unknown_run_shows_a_message(dashboard, visit):
    visitor = visit(dashboard)
    visitor.open("run?run=99")
    assert visitor.wait_for_text("No run 99 here")


def test_link_to_try_it_keeps_the_threshold(dashboard, seeded, visit):
    visitor = visit(dashboard)
    visitor.open(f"run?run={seeded.tfidf}&part=Abstaining&threshold=99")
    visitor.follow_link("Try this threshold", "Try it")
    assert "threshold=99" in visitor.page.url
    visitor.page.get_by_role("button", name="Predict").click()
    assert visitor.wait_for_text("unsure: ")


def test_tile_of_the_data_page_opens_its_examples(dashboard, seeded, visit):
    visitor = visit(dashboard)
    visitor.open(f"data?run={seeded.flawed}")
    visitor.page.get_by_role("button", name="Show").first.click()
    visitor.page.get_by_role("heading", name="Duplicates").wait_for()
    assert "check=duplicates" in visitor.page.url


def test_every_page_without_a_database_shows_the_first_command(tmp_path, visit):
    with serve_dashboard(tmp_path / "runs.db") as address:
        visitor = visit(address)
        visitor.open()
        for title in PAGES:
            visitor.go_to(title)
            assert visitor.wait_for_text("No runs in")
            assert visitor.wait_for_text("python runner.py --r 8 --epochs 2")
