"""A hostile database on every page in a real browser: text is shown literally, no script runs, downloads are safe."""

import csv
import io
import re
import zipfile
from pathlib import PurePosixPath
from urllib.parse import urlencode

import pytest
import yaml

from core.store import queries
from core.store.engine import open_store
from tests.e2e.browsing import Visitor, needs_chromium, serve_dashboard
from tests.hostile import COMMANDS, FORMULAS, MARKUP, TEXTS, HostileDatabase, make_hostile_database

pytestmark = needs_chromium

FORMULA_START = re.compile(r"[\s\x00-\x1f\u200b-\u200f\u2060\ufeff]*[=+\-@＝＋－＠]")
FORMATTED_NUMBER = re.compile(r"[+−-]?[\d.,]+( \(.*\))?|[—−]")
CONTROL_CHARACTERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")
TABS = ("Classes", "Training", "Calibration", "Abstaining", "Cost", "Settings", "Record")
PAGES = (
    "?columns=note&columns=tags&columns=model&columns=worst+class&columns=training+set&chosen=2,3",
    "?show=trash&chosen=6",
    "?search=script",
    *(f"run?run=2&part={part}&card=true&log=true" for part in TABS),
    *(f"run?run={run}" for run in (1, 4, 5, 6)),
    "compare?run=2&against=1",
    "compare?run=2&against=1,3&pair=3,1",
    "failures?run=2&against=3&answers=all&more=true&column=a.b[0]",
    "failures?run=1&answers=all&weights=true&example={example}",
    "failures?run=2&view=labels+in+doubt",
    "data?split=test",
    "try?run=1&beside=1&weights=true&example={example}",
)


class GuardedVisitor(Visitor):
    """A visitor that also records dialogs, popups and requests to other servers."""

    def __init__(self, page, home: str) -> None:
        super().__init__(page, home)
        self.violations: list[str] = []
        page.on("dialog", self._dialog)
        page.on("request", self._request)
        page.on("popup", lambda popup: self.violations.append(f"popup {popup.url}"))

    def _dialog(self, dialog) -> None:
        self.violations.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def _request(self, request) -> None:
        if not request.url.startswith((self.home, "data:", "blob:")):
            self.violations.append(request.url)

    def settle(self, title: str | None = None) -> None:
        super().settle(title)
        self.check_unharmed()

    def check_unharmed(self) -> None:
        assert self.violations == []
        assert self.page.evaluate("window.hacked") is None
        inside = self.page.get_by_test_id("stMain")
        assert inside.locator("script, iframe, [onerror], [onload]").count() == 0
        assert inside.locator('a[href^="javascript"], img[src*="//evil"]').count() == 0
        assert inside.locator(':not(.st-key-notes *)a[href*="//evil"]').count() == 0  # notes are Markdown
        assert not CONTROL_CHARACTERS.findall(inside.inner_text())


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> HostileDatabase:
    return make_hostile_database(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="module")
def home(hostile):
    with serve_dashboard(hostile.database) as address:
        yield address


@pytest.fixture
def visitor(browser, home):
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    yield GuardedVisitor(context.new_page(), home)
    context.close()


@pytest.fixture(scope="module")
def example(hostile) -> int:
    """Return the id of the example whose text is markup."""
    frame = queries.predictions(open_store(str(hostile.database)), hostile.adapter)
    return int(frame.loc[frame["text"] == MARKUP[1], "example_id"].iloc[0])


@pytest.mark.parametrize("address", PAGES)
def test_page_shows_hostile_text_literally(address, visitor, example):
    visitor.open(address.format(example=example))
    visitor.page.wait_for_timeout(300)  # a script would run after the page is drawn
    visitor.check_unharmed()


def test_names_tags_and_notes_are_shown_literally(visitor, hostile):
    visitor.open(f"run?run={hostile.adapter}")
    for text in (MARKUP[0][:50], ":red[red] :material/home:", "&lt;b&gt; &amp; &#x202E;", "'; DROP TABLE runs; --"):
        assert visitor.wait_for_text(text)
    inside = visitor.page.get_by_test_id("stMain")
    assert inside.locator('img:not([src^="data:image/svg"])').count() == 0  # the logo that :streamlit: draws
    markup = "h2, table:not([role=grid]), blockquote, .katex"
    assert inside.locator(markup).count() == inside.locator(f".st-key-notes :is({markup})").count()  # Markdown


def test_click_on_hostile_cell_filters_by_its_labels(visitor, hostile):
    visitor.open(f"failures?run={hostile.adapter}")
    visitor.page.locator('[data-testid="stVegaLiteChart"]').first.locator(".mark-text text").nth(0).click()
    assert visitor.wait_for_text("with true label <script>")
    visitor.settle()
    visitor.page.reload()
    visitor.settle("Failures")
    assert visitor.wait_for_text("with true label <script>")


def test_edit_form_and_deletion_dialog_show_text_literally(visitor, hostile):
    visitor.open(f"?chosen={hostile.other}")
    visitor.page.get_by_text("Edit", exact=True).click()
    visitor.page.get_by_label("Notes", exact=True).wait_for()
    visitor.settle()
    visitor.open(f"?show=trash&chosen={hostile.trashed}")
    visitor.page.get_by_role("button", name="Delete permanently …").click()
    visitor.page.get_by_role("dialog").get_by_text(f"This deletes #{hostile.trashed}").wait_for()
    visitor.settle()


def download(visitor: Visitor, button) -> bytes:
    with visitor.page.expect_download() as downloaded:
        button.click()
    assert re.fullmatch(r"[\w.-]+", downloaded.value.suggested_filename)
    return downloaded.value.path().read_bytes()


def check_no_formulas(content: bytes) -> None:
    for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")):
        for cell in row:
            assert FORMATTED_NUMBER.fullmatch(cell) or not FORMULA_START.match(cell), cell
            assert not re.search(r"[;\r\n][\s\x00-\x1f]*[=@]", cell), cell


def test_downloads_of_a_run_are_safe(visitor, hostile):
    visitor.open(f"run?run={hostile.adapter}")
    visitor.page.get_by_role("button", name="Actions").click()

    def button(label: str):
        return visitor.page.get_by_role("button", name=label)

    check_no_formulas(download(visitor, button("Predictions (CSV)")))
    assert isinstance(yaml.safe_load(download(visitor, button("Settings (YAML)"))), dict)
    with zipfile.ZipFile(io.BytesIO(download(visitor, button("zip")))) as archive:
        for name in archive.namelist():
            path = PurePosixPath(name)
            assert not path.is_absolute() and ".." not in path.parts and "\\" not in name
    assert download(visitor, button("Log (text)"))


def test_downloads_of_tables_are_safe(visitor, hostile):
    visitor.open(f"compare?run={hostile.adapter}&against={hostile.baseline}&tab=tests")
    for place in (0, 1):
        check_no_formulas(download(visitor, visitor.page.get_by_role("button", name="CSV", exact=True).nth(place)))
        table = download(visitor, visitor.page.get_by_role("button", name="Markdown", exact=True).nth(place)).decode()
        assert not re.search(r"(?<!\\)[<\[`$!]", table)
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines() if line.startswith("|")}) == 1
        latex = download(visitor, visitor.page.get_by_role("button", name="LaTeX", exact=True).nth(place)).decode()
        assert not re.search(r"\\(href|input|write|html)", latex)


def test_exported_annotations_are_safe_and_can_be_imported(visitor, hostile, tmp_path):
    visitor.open(f"failures?run={hostile.adapter}&answers=all")
    visitor.page.get_by_text("Import / export").click()
    check_no_formulas(download(visitor, visitor.page.get_by_role("button", name="This list")))
    annotations = download(visitor, visitor.page.get_by_role("button", name="All annotated examples"))
    check_no_formulas(annotations)
    (tmp_path / "annotations.csv").write_bytes(annotations)
    visitor.page.locator('input[type="file"]').set_input_files(tmp_path / "annotations.csv")
    assert visitor.wait_for_text("annotations, 0 new or changed")


def test_hostile_url_is_shown_literally(visitor):
    for text in (*MARKUP[:3], COMMANDS[0], FORMULAS[0]):
        visitor.open("run?" + urlencode(dict.fromkeys(("run", "part", "dataset"), text)))
        visitor.open("failures?" + urlencode(dict.fromkeys(("slice", "example"), text)))


def test_hostile_text_is_predicted_and_its_changes_marked(visitor, hostile):
    visitor.open(f"try?run={hostile.baseline}")
    box = visitor.page.locator("textarea").first
    for text in (TEXTS[0], TEXTS[1]):
        box.fill(text)
        box.press("Control+Enter")
        visitor.page.wait_for_timeout(500)
        visitor.settle("Try it")
    assert visitor.wait_for_text("Changes")
