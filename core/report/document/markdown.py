"""Render a report as GitHub's Markdown. Charts are left out: their values are in the tables."""

import re
from functools import singledispatch

from core.report.document.blocks import (
    Block,
    Bullets,
    Card,
    Code,
    Curves,
    Document,
    Examples,
    Facts,
    Grid,
    Paragraph,
    Section,
    Table,
)
from core.report.document.charts import draw_curves
from core.text.markdown import escape_markdown
from core.text.sanitize import escape_invisible

_MAX_HEADING = 6


def render_markdown(document: Document) -> str:
    """Return a report as Markdown; all texts are escaped."""
    parts = [f"# {escape_markdown(document.title)}", " · ".join(map(escape_markdown, document.facts))]
    parts += [_render(section, 2) for section in document.sections]
    parts.append(_render(Code(document.command), 2))
    return "\n\n".join(parts) + "\n"


@singledispatch
def _render(block: Block, level: int) -> str:
    """Return a block as Markdown; ``level``: of a heading in it."""
    raise TypeError(f"unknown block {type(block).__name__}")


@_render.register
def _(block: Section, level: int) -> str:
    heading = f"{'#' * min(level, _MAX_HEADING)} {escape_markdown(block.title)}"
    return "\n\n".join([heading, *(_render(inner, level + 1) for inner in block.blocks)])


@_render.register
def _(block: Grid, level: int) -> str:
    return "\n\n".join(_render(inner, level) for inner in block.blocks)


@_render.register
def _(block: Paragraph, level: int) -> str:
    text = escape_markdown(block.text)
    return f"**{text}**" if block.role == "lead" else text


@_render.register
def _(block: Bullets, level: int) -> str:
    return "\n".join(f"- {escape_markdown(item)}" for item in block.items)


@_render.register
def _(block: Facts, level: int) -> str:
    return "\n".join(f"- **{escape_markdown(name)}**: {escape_markdown(text)}" for name, text in block.items)


@_render.register
def _(block: Table, level: int) -> str:
    cells = [[cell if isinstance(cell, str) else cell.text for cell in row] for row in block.rows]
    rows = [[column.title for column in block.columns], *cells]
    head, *body = (f"| {' | '.join(map(escape_markdown, row))} |" for row in rows)
    rule = f"| {' | '.join('---:' if column.is_number else '---' for column in block.columns)} |"
    caption = [f"**{escape_markdown(block.caption)}**"] if block.caption else []
    note = [escape_markdown(block.note)] if block.note else []
    return "\n\n".join([*caption, "\n".join([head, rule, *body]), *note])


@_render.register
def _(block: Curves, level: int) -> str:
    return escape_markdown(draw_curves(block).description) + "."


@_render.register
def _(block: Examples, level: int) -> str:
    head = "| Text | True | Predicted | Confidence |\n| --- | --- | --- | ---: |"
    rows = [(item.text, item.true, item.predicted, item.confidence) for item in block.items]
    return "\n".join([head, *(f"| {' | '.join(map(escape_markdown, row))} |" for row in rows)])


@_render.register
def _(block: Code, level: int) -> str:
    return _fence(block.text, "bash")


@_render.register
def _(block: Card, level: int) -> str:
    return _fence(block.markdown, "markdown")


def _fence(text: str, language: str) -> str:
    """Return a code block whose fence is longer than any in the text."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{escape_invisible(text).rstrip()}\n{fence}"
