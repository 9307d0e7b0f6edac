"""The content of a report, independent of its format. All texts are unescaped: each format escapes them."""

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias, Union


@dataclass(frozen=True)
class Interval:
    """A cell that is drawn as a point with its interval on the axis of its column.

    ``text``: value and interval as text. ``color``: of a run. ``is_conclusive``: whether the point is filled.
    ``undetectable``: half the width of the band of differences that the test set cannot detect.
    """

    text: str
    value: float | None
    low: float | None
    high: float | None
    color: str = ""
    is_conclusive: bool = True
    undetectable: float | None = None


@dataclass(frozen=True)
class Heat:
    """A cell of a confusion matrix, shaded by its share of the row."""

    text: str
    share: float
    is_correct: bool


Cell: TypeAlias = str | Interval | Heat
"""A text's first line is the value; further lines are drawn smaller, such as an interval."""


@dataclass(frozen=True)
class Column:
    """The head of a column; ``axis``: how its intervals are drawn."""

    title: str
    help: str = ""
    is_number: bool = False
    axis: Literal["", "difference", "score"] = ""


@dataclass(frozen=True)
class Table:
    """A table; its first column contains the row headers. ``is_grouped``: equal neighbors among them are merged."""

    kind: ClassVar[str] = "table"
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""
    note: str = ""
    is_grouped: bool = False


@dataclass(frozen=True)
class Curve:
    """A logged figure of one run: epochs and values."""

    label: str
    color: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Curves:
    """A chart of learning curves."""

    kind: ClassVar[str] = "curves"
    title: str
    is_share: bool
    curves: tuple[Curve, ...]


@dataclass(frozen=True)
class Paragraph:
    """One or more sentences; ``lead``: the answer, ``warning``: what limits it, ``note``: how to read a chart."""

    kind: ClassVar[str] = "paragraph"
    text: str
    role: Literal["lead", "warning", "note", "text"] = "text"


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    kind: ClassVar[str] = "bullets"
    items: tuple[str, ...]


@dataclass(frozen=True)
class Facts:
    """Names, each with one or more sentences."""

    kind: ClassVar[str] = "facts"
    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Example:
    """A misclassified example."""

    text: str
    true: str
    predicted: str
    confidence: str


@dataclass(frozen=True)
class Examples:
    """Misclassified examples."""

    kind: ClassVar[str] = "examples"
    items: tuple[Example, ...]


@dataclass(frozen=True)
class Code:
    """A command."""

    kind: ClassVar[str] = "code"
    text: str


@dataclass(frozen=True)
class Card:
    """A model card in Markdown."""

    kind: ClassVar[str] = "card"
    markdown: str


@dataclass(frozen=True)
class Grid:
    """Blocks side by side where there is room."""

    kind: ClassVar[str] = "grid"
    blocks: tuple["Block", ...]


@dataclass(frozen=True)
class Section:
    """Blocks under a heading. ``is_folded``: only the heading is shown until the reader opens it."""

    kind: ClassVar[str] = "section"
    title: str
    blocks: tuple["Block", ...]
    is_folded: bool = False


Block: TypeAlias = Union[  # noqa: UP007 - forward references
    Table, Curves, Paragraph, Bullets, Facts, Examples, Code, Card, Grid, Section
]


@dataclass(frozen=True)
class Document:
    """A report. ``facts``: its test set, runs, date and version. ``command``: the command that reproduces it."""

    title: str
    facts: tuple[str, ...]
    sections: tuple[Section, ...]
    command: str
