"""Annotations from a file: what a CSV says of texts, read whole before anything is kept."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import RequestError, did_you_mean
from core.text.formatting import format_count
from core.text.sanitize import unescape_formula
from dashboard import data

MOST_MEGABYTES = 20
_SEPARATORS = (",", ";", "\t")
_LONGEST_CELL = MOST_MEGABYTES * 1_000_000


@dataclass(frozen=True)
class Found:
    """What a file says: on how many texts it notes something, what that changes by text, and how many it can't place.

    ``changes`` hold of each text the fields that are to become another; ``unknown`` counts the texts
    that this data set does not have.
    """

    texts: int
    changes: dict[str, dict[str, str | None]]
    unknown: int


def read(content: bytes, known: Mapping[str, Mapping[str, str | None]], labels: Sequence[str]) -> Found:
    """Read annotations from a CSV file. Raises `RequestError` with the reason where it can't be used.

    ``known``: every text of the data set with what is noted on it, which stays where the file lacks a
    column. Rows that say nothing are passed over; so are those that say what is known, beside a row of
    the same text that says something else.
    """
    rows, columns = _rows(content)
    by_text = {_plain(text): text for text in known}
    texts: set[str] = set()
    changed: dict[str, tuple[int, dict[str, str | None]]] = {}
    unknown: set[str] = set()
    for line, row in rows:
        fields = {name: _bare(unescape_formula(row[name])) for name in data.ANNOTATION_FIELDS if name in columns}
        _check(fields, line, labels)
        if not any(fields.values()):
            continue
        text = _its_text(row["text"], by_text)
        if text is None:
            unknown.add(row["text"])
            continue
        texts.add(text)
        new = {name: value for name, value in fields.items() if value != _bare(known[text][name])}
        if new:
            _check_alike(changed.setdefault(text, (line, new)), line, new)
    return Found(len(texts), {text: new for text, (_, new) in changed.items()}, len(unknown))


def _bare(text: str | None) -> str | None:
    """Return what is noted without the blanks around it, which nobody means; None for nothing."""
    return (text or "").strip() or None


def _check_alike(first: tuple[int, dict[str, str | None]], line: int, new: dict[str, str | None]) -> None:
    """Refuse two rows that say different things of one text."""
    if first[1] != new:
        raise RequestError(
            f"Lines {format_count(first[0])} and {format_count(line)} have the same text and "
            "say different things of it. Nothing was kept."
        )


def _rows(content: bytes) -> tuple[list[tuple[int, dict[str, str]]], list[str]]:
    """Return the rows with their line numbers, and the columns."""
    text = _decoded(content)
    csv.field_size_limit(_LONGEST_CELL)
    first = text.split("\n", 1)[0]
    separator = max(_SEPARATORS, key=first.count)
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        columns = [name.strip() for name in reader.fieldnames or []]
        _check_columns(columns)
        reader.fieldnames = columns
        rows: list[tuple[int, dict[Any, Any]]] = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise RequestError(f"This is no CSV that can be read: {error}. Nothing was kept.") from None
    for line, row in rows:
        if None in row or None in row.values():
            raise RequestError(f"Line {format_count(line)} has not as many cells as the first line. Nothing was kept.")
    return rows, columns


def _decoded(content: bytes) -> str:
    if len(content) > MOST_MEGABYTES * 1_000_000:
        raise RequestError(f"The file is larger than {MOST_MEGABYTES} MB. Nothing was kept.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RequestError(
            "The file is not in UTF-8. Save it as «CSV UTF-8» and try again. Nothing was kept."
        ) from None
    if not text.strip():
        raise RequestError("The file is empty. Nothing was kept.")
    return text


def _check_columns(columns: Sequence[str]) -> None:
    shown = ", ".join(name[:30] for name in columns[:8])
    if "text" not in columns:
        raise RequestError(f"There is no column «text». Its columns: {shown}. Nothing was kept.")
    if not set(data.ANNOTATION_FIELDS) & set(columns):
        raise RequestError(
            f"There is no column «tag», «note» or «proposed_label». Its columns: {shown}. Nothing was kept."
        )
    twice = next((name for name in ("text", *data.ANNOTATION_FIELDS) if columns.count(name) > 1), None)
    if twice:
        raise RequestError(f"There is more than one column «{twice}». Nothing was kept.")


def _check(fields: Mapping[str, str | None], line: int, labels: Sequence[str]) -> None:
    where, label = f"Line {format_count(line)}", fields.get("proposed_label")
    try:
        data.validate_annotation(fields)
    except RequestError as error:
        raise RequestError(f"{where}: {error} Nothing was kept.") from None
    if label and label not in labels:
        shown = ", ".join(labels[:20])
        raise RequestError(
            f"{where}: «{label[:50]}» is no label of this data set: {shown}.{did_you_mean(label, labels)} "
            "Nothing was kept."
        )


def _plain(text: str) -> str:
    """Return a text with plain line ends: spreadsheets change them."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _its_text(cell: str, by_text: dict[str, str]) -> str | None:
    """Return the data set's text that a cell means, with or without the apostrophe of our own files."""
    plain = _plain(cell)
    return by_text.get(plain) or by_text.get(unescape_formula(plain))
