"""No text of a database becomes an element, a link, a heading or a script of a report."""

import re
from itertools import pairwise

import pytest
from markdown_it import MarkdownIt

from core.report.document import render_report
from core.store import queries
from core.store.engine import open_store
from tests.hostile import make_hostile_database
from tests.report.document.reading import Page

ELEMENTS = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "nav", "section", "details", "summary"),
    *("footer", "h1", "h2", "h3", "h4", "h5", "h6", "p", "a", "span", "small", "bdi", "div", "dl", "dt", "dd"),
    *("ul", "ol", "li", "table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td", "pre", "code"),
    *("figure", "figcaption", "svg", "g", "line", "rect", "circle", "polyline", "text"),
}
"""What a report consists of: nothing that runs code or loads another file."""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    database = make_hostile_database(tmp_path_factory.mktemp("hostile"))
    run_ids = [database.baseline, database.adapter, database.other, database.failed, database.crashed]
    return open_store(str(database.database)), run_ids


@pytest.fixture(scope="module")
def html(hostile):
    return render_report(*hostile, "html")


@pytest.fixture(scope="module")
def markdown(hostile):
    return render_report(*hostile, "md")


def test_html_has_no_active_element_and_no_external_address(html):
    page = Page(html)
    assert {name for name, _ in page.elements} <= ELEMENTS
    attributes = [(name, value) for _, attributes in page.elements for name, value in attributes.items()]
    assert not [name for name, _ in attributes if name.startswith("on") or name in ("src", "srcdoc", "action")]
    assert all(value.startswith("#section-") for name, value in attributes if name == "href")
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    assert "url(" not in style and "@import" not in style


def test_headings_of_html_are_in_order(html):
    levels = Page(html).levels
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_markdown_has_no_markup_of_texts(markdown):
    rendered = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(markdown)
    names = set(re.findall(r"<([a-z][a-z0-9]*)[ />]", re.sub(r"<code[ >].*?</code>", "", rendered, flags=re.DOTALL)))
    assert not names & {"script", "img", "iframe", "svg", "a", "input"}
    assert rendered.count("<h1>") == 1


@pytest.mark.parametrize("form", ["html", "md"])
def test_invisible_and_bidirectional_characters_are_shown_as_codes(form, html, markdown):
    text = html if form == "html" else markdown
    assert "⟨U+202E⟩" in text
    assert not re.search("[\x00-\x08\x1b\u202a-\u202e\ud800-\udfff]", text)


def test_model_card_that_is_a_link_is_not_read(hostile, tmp_path):
    store, run_ids = hostile
    card = queries.run(store, run_ids[1]).adapter_folder(store.folder) / "README.md"
    (tmp_path / "secret.txt").write_text("secret text")
    card.unlink()
    card.symlink_to(tmp_path / "secret.txt")
    text = render_report(store, run_ids[1:2], "html")
    assert "secret text" not in text and "is a symbolic link" in text
