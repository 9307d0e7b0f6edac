"""Render a report as one HTML file without scripts and external resources."""

from typing import Any

from jinja2 import Environment, PackageLoader
from markdown_it import MarkdownIt

from core.report.document import charts
from core.report.document.blocks import Document, Table
from core.text.sanitize import isolate_rtl

_CARD_RULES = ("heading", "list", "fence", "table", "backticks", "escape")
"""The Markdown of model cards; links, images and HTML are shown as text."""


def render_html(document: Document) -> str:
    """Return a report as HTML; all texts are escaped."""
    environment = Environment(
        loader=PackageLoader("core.report.document"),
        autoescape=True,
        finalize=_isolate_text,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"charts": charts, "render_card": _render_card, "row_spans": _row_spans}
    return environment.get_template("report.html").render(document=document)


def _isolate_text(value: Any) -> Any:
    """Make a text safe to show, see `isolate_rtl`; HTML that a template has rendered stays unchanged."""
    return isolate_rtl(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _render_card(text: str, level: int) -> str:
    """Return a model card as HTML, without its front matter; its headings begin at ``level``.

    The parser escapes all text.
    """
    body = text.split("\n---\n", 1)[-1] if text.startswith("---\n") else text
    parser = MarkdownIt("zero").enable(list(_CARD_RULES))
    tokens = parser.parse(isolate_rtl(body))
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + level - 1)}"
    return str(parser.renderer.render(tokens, parser.options, {}))


def _row_spans(table: Table) -> list[int]:
    """Return how many rows the header of each row spans; 0 for a row whose header is merged with the one above."""
    names = [row[0] for row in table.rows]
    if not table.is_grouped:
        return [1] * len(names)
    starts = [place for place, name in enumerate(names) if place == 0 or name != names[place - 1]]
    ends = dict(zip(starts, [*starts[1:], len(names)], strict=True))
    return [ends[place] - place if place in ends else 0 for place in range(len(names))]
