"""Detect quotation marks in delimited text that are characters of the texts and do not enclose fields."""

import re
from collections.abc import Sequence
from itertools import pairwise

import pandas as pd

_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_MAX_LABELS_PER_COLUMN = 1000
"""A column with more repeated values is not checked for labels."""


def is_unquoted(text: str, separator: str, width: int) -> bool:
    """Return whether every line has ``width`` fields, none of which is enclosed in quotation marks."""
    end = re.escape(separator)
    if re.search(rf'(?m)(?:^|{end})"[^{end}\r\n]*"(?:{end}|\r?$)', text):
        return False
    return all(line.count(separator) == width - 1 for line in _LINE_BREAK.split(text) if line.strip())


def find_merged_rows(frame: pd.DataFrame, separator: str) -> tuple[list[str], int]:
    """Return the cells that consist of several rows, and the number of cells of several lines.

    ``frame``: the table with all cells as texts. Such a cell is the result of a quotation mark that is not closed. Each
    of its lines has the fields of a row, one of which is a value that other rows have in the same column.
    """
    columns = [frame[name] for name in frame]
    multiline = [column[column.str.contains("[\r\n]", na=False)] for column in columns]
    count = sum(map(len, multiline))
    if not count:
        return [], 0
    labels = [_repeated_values(column) for column in columns]
    return [
        cell
        for position, cells in enumerate(multiline)
        for cell in cells
        if _is_several_rows(cell, position, separator, labels)
    ], count


def line_of(cell: str, text: str) -> int:
    """Return the number of the line in which a quoted cell starts."""
    start = text.find(f'"{_LINE_BREAK.split(cell)[0]}')
    return len(_LINE_BREAK.findall(text, 0, max(start, 0))) + 1


def count_line_breaks(cells: Sequence[str]) -> int:
    """Return the number of line breaks in all cells."""
    return sum(len(_LINE_BREAK.findall(cell)) for cell in cells)


def _repeated_values(column: pd.Series) -> set[str]:
    counts = column[~column.str.contains("[\r\n]", na=False)].value_counts()
    repeated = counts[counts > 1]
    return set(repeated.index) if len(repeated) <= _MAX_LABELS_PER_COLUMN else set()


def _is_several_rows(cell: str, position: int, separator: str, labels: Sequence[set[str]]) -> bool:
    """Return whether a label stands before or after each line break of a cell; ``position``: that of its column."""
    lines = [line.split(separator) for line in _LINE_BREAK.split(cell)]
    width = len(labels)
    widths = [width - position, *[width] * (len(lines) - 2), position + 1]
    if list(map(len, lines)) != widths:
        return False
    columns = [range(position, width), *[range(width)] * (len(lines) - 2), range(position + 1)]
    has_label = [
        [field in labels[column] for field, column in zip(line, line_columns, strict=True)]
        for line, line_columns in zip(lines, columns, strict=True)
    ]
    return all(any(before[1:]) or any(after[:-1]) for before, after in pairwise(has_label))
