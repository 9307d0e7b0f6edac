"""Clicks, typing and downloads on single pages in a browser."""

import csv
import io
import zipfile
from pathlib import Path

import pandas as pd
import yaml

from core.config import RunConfig
from core.store import queries
from core.store.engine import open_store
from core.store.recorder import recording
from tests.e2e.browsing import needs_chromium, select_row
from tests.seeded import SIZES

pytestmark = needs_chromium


def test_sorting_and_filters_are_url_parameters(dashboard, visit):
    visitor = visit(dashboard)
    visitor.open()
    visitor.page.get_by_role("button", name="name", exact=True).click()
    visitor.page.wait_for_url(lambda url: "sort=name" in url and "order=ascending" in url)
    box = visitor.page.get_by_role("textbox", name="Search")
    box.fill("lora")
    box.press("Enter")
    visitor.page.wait_for_url("**search=lora**")
    visitor.page.get_by_text("Filters").first.click()
    visitor.page.get_by_role("button", name="Clear filters").click()
    visitor.page.wait_for_url(lambda url: "search" not in url)
    visitor.settle("Runs")


def test_undo_restores_a_deleted_run(writable_dashboard, seeded, visit):
    visitor = visit(writable_dashboard[1])
    visitor.open(f"?chosen={seeded.odd}")
    visitor.page.get_by_role("button", name="Delete").click()
    assert visitor.wait_for_text("1 run moved to the trash.")
    visitor.page.keyboard.press("u")
    assert visitor.wait_for_text("1 run restored.")
    visitor.settle("Runs")


def test_run_is_deleted_permanently_after_a_confirmation(writable_dashboard, seeded, visit):
    visitor = visit(writable_dashboard[1])
    visitor.open(f"?chosen={seeded.odd}")
    visitor.page.get_by_role("button", name="Delete").click()
    assert visitor.wait_for_text("1 run moved to the trash.")
    visitor.open(f"?show=trash&chosen={seeded.odd}")
    visitor.page.get_by_role("button", name="Delete permanently …").click()
    dialog = visitor.page.get_by_role("dialog")
    dialog.get_by_text(f"This deletes #{seeded.odd}").wait_for()
    dialog.get_by_role("button", name="Delete permanently").click()
    assert visitor.wait_for_text("No runs on this test set are in the trash.")
    assert seeded.odd not in queries.runs(open_store(str(writable_dashboard[0])), trash=True)["id"].tolist()


def test_progress_of_a_running_run_is_refreshed_until_it_ends(writable_dashboard, visit):
    store, visitor = open_store(str(writable_dashboard[0])), visit(writable_dashboard[1])
    with recording(store, RunConfig(**SIZES), "running", {}) as run:
        run.enter_phase("training")
        run.update_progress(1, 10, 1.0, 58.0)
        visitor.open()
        assert visitor.wait_for_text("step 1 of 10")
        run.update_progress(7, 10, 7.0, 58.0)
        assert visitor.wait_for_text("step 7 of 10")
    visitor.page.get_by_text("Running: 1").wait_for(state="detached")
    visitor.settle("Runs")


def test_cell_filters_the_failures_until_a_double_click(dashboard, seeded, visit):
    visitor = visit(dashboard)
    visitor.open(f"failures?run={seeded.odd}")
    cell = visitor.page.locator('[data-testid="stVegaLiteChart"]').first.locator(".mark-text text").nth(2)
    cell.click()
    assert visitor.wait_for_text("with true label positive, predicted negative")
    visitor.settle()
    cell.dblclick()
    visitor.page.get_by_text("with true label").wait_for(state="detached")
    visitor.settle()


def test_examples_are_annotated_by_keyboard_while_a_toggle_has_the_focus(writable_dashboard, seeded, visit):
    database, home = writable_dashboard
    visitor = visit(home)
    visitor.open(f"failures?run={seeded.odd}&answers=all")
    grid = visitor.page.locator('[data-testid="stDataFrame"]').first
    grid.click(position={"x": 150, "y": 70})
    assert visitor.wait_for_text("Example 1 of 100")
    keyboard = visitor.page.keyboard
    visitor.page.get_by_role("switch", name="Include better slices").press("Space")
    visitor.settle()
    keyboard.press("2")
    assert visitor.wait_for_text("Delete annotation")
    keyboard.press("j")
    assert visitor.wait_for_text("Example 2 of 100")
    keyboard.press("t")
    keyboard.type("j 1, irony")
    keyboard.press("Enter")
    assert visitor.wait_for_text("Delete annotation")
    keyboard.press("Escape")
    keyboard.press("u")
    visitor.page.get_by_text("Delete annotation").wait_for(state="detached")
    keyboard.press("k")
    assert visitor.wait_for_text("Example 1 of 100")
    visitor.settle()
    stored = queries.annotations(open_store(str(database)))
    assert stored["proposed_label"].tolist() == ["positive"] and stored["tag"].isna().all()


def test_popover_closes_after_checked_examples_are_annotated(writable_dashboard, seeded, visit):
    visitor = visit(writable_dashboard[1])
    visitor.open(f"failures?run={seeded.odd}")
    grid = visitor.page.locator('[data-testid="stDataFrame"]').first
    for row in (0, 1):
        grid.click(position={"x": 15, "y": 70 + 68 * row})
        assert visitor.wait_for_text(f"Annotate {row + 1} selected")
    visitor.page.get_by_text("Annotate 2 selected").click()
    visitor.page.get_by_label("Add tags").fill("bulk")
    visitor.page.keyboard.press("Enter")
    visitor.page.keyboard.press("Tab")
    visitor.page.get_by_role("button", name="Save").click()
    visitor.page.get_by_role("button", name="Save").wait_for(state="detached")
    visitor.settle()
    assert queries.annotations(open_store(str(writable_dashboard[0])))["tag"].tolist() == ["bulk", "bulk"]


def test_typed_text_is_predicted(dashboard, seeded, visit):
    visitor = visit(dashboard)
    visitor.open(f"try?run={seeded.tfidf}&beside={seeded.majority}")
    box = visitor.page.locator("textarea").first
    box.fill("A wonderful, moving film.")
    box.press("Control+Enter")
    visitor.page.locator('[data-testid="stVegaLiteChart"]').nth(1).wait_for()  # one chart per run
    visitor.settle()
    assert visitor.page.locator('[data-testid="stVegaLiteChart"]').count() == 2


def test_open_tab_is_kept_on_reload(dashboard, seeded, visit):
    visitor = visit(dashboard)
    visitor.open(f"run?run={seeded.lora}")
    visitor.page.get_by_role("tab", name="Training").click()
    assert visitor.wait_for_text("Kept epoch 2, the best and the last")
    visitor.settle()
    assert "part=Training" in visitor.page.url
    visitor.page.reload()
    assert visitor.wait_for_text("Kept epoch 2, the best and the last")
    visitor.settle("Run")


def test_downloads_of_a_run_have_the_right_contents(dashboard, seeded, visit):
    visitor = visit(dashboard)
    visitor.open(f"run?run={seeded.tfidf}")
    visitor.page.get_by_test_id("stPopoverButton").click()

    def download_file(label: str) -> Path:
        with visitor.page.expect_download() as download:
            visitor.page.get_by_role("button", name=label).click()
        return Path(download.value.path())

    with zipfile.ZipFile(download_file("Model files (zip")) as archive:
        assert {Path(name).name for name in archive.namelist()} == {"README.md", "tfidf.safetensors", "vocabulary.json"}
    assert len(pd.read_csv(download_file("Predictions (CSV)"))) == 100
    assert yaml.safe_load(download_file("Settings (YAML)").read_text())["method"] == "tfidf"
    assert download_file("Log (text)").read_text() == ""
    assert visitor.errors == []


def test_grouped_seeds_can_be_selected_as_one_row(dashboard, seeded, visit):
    visitor = visit(dashboard)
    visitor.open()
    assert visitor.wait_for_text("5 configurations")
    select_row(visitor, 1)
    assert visitor.wait_for_text(", ".join(f"#{number} lora-r8" for number in seeded.seeds))
    assert visitor.wait_for_text("Over 3 seeds")


def test_downloaded_table_equals_the_screen(dashboard, seeded, visit):
    visitor = visit(dashboard)
    visitor.open(f"compare?run={seeded.tfidf}&against={seeded.lora},{seeded.odd}&runs_tab=classes")
    with visitor.page.expect_download() as download:
        visitor.page.get_by_role("button", name="CSV", exact=True).last.click()
    titles, *rows = csv.reader(io.StringIO(download.value.path().read_text("utf-8-sig"), newline=""))
    screen = visitor.page.locator('[data-testid="stDataFrame"]').last
    screen.locator("tbody td").first.wait_for(state="attached")
    assert titles[0] == "class" and len(rows) == 2
    assert screen.locator("th").all_text_contents() == titles
    assert screen.locator("tbody td").all_text_contents() == [cell for row in rows for cell in row]


def test_name_of_a_run_opens_its_page_without_a_new_session(dashboard, seeded, visit):
    visitor = visit(dashboard)
    visitor.open("?group=&search=tfidf")
    visitor.page.evaluate("window.isSameDocument = true")
    visitor.page.locator(".runs").get_by_role("link", name="tfidf").click()
    visitor.settle("Run")
    assert f"run={seeded.tfidf}" in visitor.page.url
    assert visitor.page.evaluate("window.isSameDocument")


def test_narrow_screen_shows_cards_that_nothing_cuts(dashboard, visit):
    visitor = visit(dashboard)
    visitor.page.set_viewport_size({"width": 400, "height": 900})
    visitor.open()
    cards = visitor.page.locator(".runs tbody tr")
    cards.first.wait_for()
    assert cards.first.get_by_text("helped").is_visible()
    widths = visitor.page.locator(".runs").evaluate("table => [table.scrollWidth, table.clientWidth, innerWidth]")
    assert widths[0] <= widths[1] < widths[2]
