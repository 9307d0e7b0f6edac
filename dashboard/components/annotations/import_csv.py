"""Import annotations from a CSV file, which is validated completely before anything is saved."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import RequestError, did_you_mean
from core.text.formatting import format_count
from core.text.sanitize import unescape_formula
from dashboard import data

Annotation = dict[str, str | None]
"""Tag, note and proposed label; some may be missing."""

MAX_MEGABYTES = 20
_MAX_BYTES = MAX_MEGABYTES * 1_000_000
_SEPARATORS = (",", ";", "\t")
_MAX_COLUMNS_NAMED, _MAX_NAME_LENGTH, _MAX_LABELS_NAMED = 8, 30, 20


@dataclass(frozen=True)
class ImportedAnnotations:
    """The annotations of a file.

    ``texts``: the number of annotated texts. ``changes``: by text the fields that differ from the
    stored ones. ``unknown``: the number of texts that are not in the data set.
    """

    texts: int
    changes: dict[str, Annotation]
    unknown: int


def read_annotations(
    content: bytes, stored: Mapping[str, Mapping[str, str | None]], labels: Sequence[str]
) -> ImportedAnnotations:
    """Return the annotations of a CSV file. Raises `RequestError` with the reason if it is invalid.

    ``stored``: the annotation of every text of the data set; fields without a column in the file keep
    their value. Rows without an annotation are skipped, and so are rows that repeat the stored one.
    """
    rows, columns = _parse(content)
    by_text = {_normalize_line_ends(text): text for text in stored}
    texts: set[str] = set()
    unknown: set[str] = set()
    changes: dict[str, tuple[int, Annotation]] = {}
    for line, row in rows:
        fields = {name: _clean(name, unescape_formula(row[name])) for name in data.ANNOTATION_FIELDS if name in columns}
        _check_fields(fields, line, labels)
        if not any(fields.values()):
            continue
        text = _find_text(row["text"], by_text)
        if text is None:
            unknown.add(row["text"])
            continue
        texts.add(text)
        change = {name: value for name, value in fields.items() if value != _clean(name, stored[text][name])}
        if change:
            _check_consistent(changes.setdefault(text, (line, change)), line, change)
    return ImportedAnnotations(len(texts), {text: change for text, (_, change) in changes.items()}, len(unknown))


def _error(message: str, code: str | None) -> RequestError:
    return RequestError(f"{message} Nothing was imported.", code=code)


def _clean(name: str, text: str | None) -> str | None:
    """Return a field as it is stored: tags sorted, others without surrounding blanks; None for an empty one."""
    return data.join_tags([text or ""]) if name == "tag" else (text or "").strip() or None


def _check_consistent(first: tuple[int, Annotation], line: int, change: Annotation) -> None:
    """Raise `RequestError` for two rows that annotate the same text differently."""
    if first[1] != change:
        lines = f"Lines {format_count(first[0])} and {format_count(line)}"
        raise _error(f"{lines} annotate the same text differently.", "conflicting_rows")


def _parse(content: bytes) -> tuple[list[tuple[int, dict[str, str]]], list[str]]:
    """Return the rows with their line numbers, and the column names."""
    text = _decode(content)
    csv.field_size_limit(_MAX_BYTES)
    separator = max(_SEPARATORS, key=text.split("\n", 1)[0].count)
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        columns = [name.strip() for name in reader.fieldnames or []]
        _check_columns(columns)
        reader.fieldnames = columns
        rows: list[tuple[int, dict[Any, Any]]] = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise _error(f"The file is not valid CSV: {error}.", "invalid_csv") from None
    for line, row in rows:
        if None in row or None in row.values():
            raise _error(f"Line {format_count(line)} does not have as many cells as the header.", "cell_count")
    return rows, columns


def _decode(content: bytes) -> str:
    if len(content) > _MAX_BYTES:
        raise _error(f"The file is larger than {MAX_MEGABYTES} MB.", "file_size")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _error("The file is not UTF-8. Save it as 'CSV UTF-8' and try again.", "encoding") from None
    if not text.strip():
        raise _error("The file is empty.", "empty_file")
    return text


def _check_columns(columns: Sequence[str]) -> None:
    listed = ", ".join(name[:_MAX_NAME_LENGTH] for name in columns[:_MAX_COLUMNS_NAMED])
    if "text" not in columns:
        raise _error(f"There is no column 'text'. Columns: {listed}.", "missing_column")
    if not set(data.ANNOTATION_FIELDS) & set(columns):
        raise _error(f"There is no column 'tag', 'note' or 'proposed_label'. Columns: {listed}.", "missing_column")
    duplicate = next((name for name in ("text", *data.ANNOTATION_FIELDS) if columns.count(name) > 1), None)
    if duplicate:
        raise _error(f"There is more than one column '{duplicate}'.", "duplicate_column")


def _check_fields(fields: Mapping[str, str | None], line: int, labels: Sequence[str]) -> None:
    prefix, label = f"Line {format_count(line)}", fields.get("proposed_label")
    try:
        data.validate_annotation(fields)
    except RequestError as error:
        raise _error(f"{prefix}: {error}", error.code) from None
    if label and label not in labels:
        listed, suggestion = ", ".join(labels[:_MAX_LABELS_NAMED]), did_you_mean(label, labels)
        raise _error(f"{prefix}: unknown label '{label[:50]}'.{suggestion} Labels: {listed}.", "unknown_label")


def _normalize_line_ends(text: str) -> str:
    r"""Return a text with ``\n`` as the only line end: spreadsheets change them."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _find_text(cell: str, by_text: dict[str, str]) -> str | None:
    """Return the text of the data set that a cell contains, with or without the apostrophe of exported formulas."""
    text = _normalize_line_ends(cell)
    return by_text.get(text) or by_text.get(unescape_formula(text))
