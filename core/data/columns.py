"""Detection of the text column and the label column of a table."""

from collections.abc import Iterable, Sequence

import pandas as pd

from core.config import RunConfig, flag
from core.data.labels import MAX_LABELS, normalize_label
from core.errors import RequestError, did_you_mean

TEXT_NAMES = (
    *("text", "sentence", "review", "content", "comment", "tweet", "message", "body", "question"),
    *("review text", "review body", "comment text", "tweet text", "utterance", "document", "post"),
    *("description", "abstract", "phrase", "query", "summary", "headline", "title"),
)
"""In order of precedence: a short name of a text comes after the text itself."""
LABEL_NAMES = (
    *("label", "labels", "sentiment", "class", "category", "target", "polarity", "rating", "stars"),
    *("label text", "topic", "intent", "emotion", "genre", "score", "tag"),
)
_MAX_LISTED_COLUMNS = 50
_MIN_WORDS_OF_TEXT = 5
"""A column name of so many words is probably a text, of a file without a header."""
_MIN_MEAN_TEXT_LENGTH = 10
"""Minimum mean number of characters for inferring the text column of a table without common column names."""


def detect_columns(
    frame: pd.DataFrame,
    columns: Sequence[str],
    dataset: str,
    config: RunConfig,
    reference: tuple[str, str] | None = None,
) -> tuple[str, str]:
    """Return the names of the text column and the label column.

    In order of precedence: the columns of ``reference`` (the text and the label column of another
    table), those named in the config, those with a common name, and the only possible assignment of
    exactly two columns. Raises `RequestError` with the columns if none is unambiguous.
    """
    text = _requested_column(config, "text_column", columns, dataset, reference and reference[0])
    label = _requested_column(config, "label_column", columns, dataset, reference and reference[1])
    unassigned = [column for column in columns if column not in (text, label)]
    text = text or _common_column("text_column", unassigned, TEXT_NAMES, dataset)
    label = label or _common_column(
        "label_column", [column for column in unassigned if column != text], LABEL_NAMES, dataset
    )
    if text is None or label is None:
        text, label = _infer_from_values(frame, columns, dataset, text, label)
    if text == label:
        raise RequestError(f"--text-column and --label-column both name '{text}' of {dataset}.", code="same_column")
    return text, label


def other_text_columns(text: str, columns: Iterable[str]) -> list[str]:
    """Return the columns that could also be the text, as they have a common name."""
    common_names = set(map(_normalize_name, TEXT_NAMES))
    return [column for column in columns if column != text and _normalize_name(column) in common_names]


def format_columns(columns: Sequence[str]) -> str:
    """Return the columns as a sentence of a message."""
    names = [f"{name:.60}" for name in map(str, columns[:_MAX_LISTED_COLUMNS])]
    more = f" and {len(columns) - len(names):,} more" if len(columns) > len(names) else ""
    return f"Columns: {', '.join(names)}{more}."


def unknown_column_error(flag_name: str, name: str, dataset: object, columns: Sequence[str]) -> RequestError:
    """Return the error for a column that a table lacks, with the table's columns and the most similar name."""
    hint = did_you_mean(name, map(str, columns))
    return RequestError(
        f"{flag_name} '{name}' is not in {dataset}. {format_columns(columns)}{hint}", code="unknown_column"
    )


def _requested_column(
    config: RunConfig, field: str, columns: Sequence[str], dataset: str, reference: str | None
) -> str | None:
    """Return the column named in the config; raise `RequestError` if the table lacks it.

    With a ``reference`` column, return that one if the table has it, else the config's, else None.
    """
    name: str | None = getattr(config, field)
    if reference is not None:
        return next((column for column in (reference, name) if column in columns), None)
    if name is not None and name not in columns:
        raise unknown_column_error(flag(field), name, dataset, columns)
    return name


def _common_column(field: str, columns: Sequence[str], common_names: Sequence[str], dataset: str) -> str | None:
    """Return the column with the first of the common names, ignoring case, spaces and punctuation."""
    for name in map(_normalize_name, common_names):
        matches = [column for column in columns if _normalize_name(column) == name]
        if len(matches) > 1:
            raise RequestError(
                f"{dataset} has several possible {_role(field)} columns: {', '.join(map(str, matches))}. "
                f"Name one with {flag(field)}.",
                code="ambiguous_column",
            )
        if matches:
            return matches[0]
    return None


def _normalize_name(name: object) -> str:
    return "".join(filter(str.isalnum, str(name).casefold()))


def _role(field: str) -> str:
    return field.removesuffix("_column")


def _infer_from_values(
    frame: pd.DataFrame, columns: Sequence[str], dataset: str, text: str | None, label: str | None
) -> tuple[str, str]:
    """Return the text and label column of a table of two columns, if only one assignment is possible."""
    candidates = [column for column in columns if not str(column).startswith("Unnamed:")]  # pandas' index
    if len(candidates) == 2:
        assignments = [
            (text_column, label_column)
            for text_column, label_column in (candidates, candidates[::-1])
            if text_column == (text or text_column)
            and label_column == (label or label_column)
            and (text or _looks_like_texts(frame[text_column]))
            and (label or _looks_like_labels(frame[label_column]))
        ]
        if len(assignments) == 1:
            _require_header(frame, dataset, *assignments[0])
            return assignments[0]
    field = "label_column" if text else "text_column"
    hint = " A data set needs a column of texts and a column of labels." if len(columns) < 2 else ""
    if any(len(str(column).split()) >= _MIN_WORDS_OF_TEXT for column in columns):
        hint += " If these are the fields of an example, pass --no-header."
    raise RequestError(
        f"{dataset} has no column with a common name for a {_role(field)}. {format_columns(columns)}{hint} "
        f"Name the {_role(field)} column with {flag(field)}.",
        code="no_column",
    )


def _looks_like_texts(column: pd.Series) -> bool:
    texts = [value for value in column if isinstance(value, str)]
    is_long = sum(map(len, texts)) >= _MIN_MEAN_TEXT_LENGTH * len(texts)
    return bool(texts) and is_long and 2 * len(set(texts)) > len(column)


def _looks_like_labels(column: pd.Series) -> bool:
    values = column.dropna().map(str)
    return 2 <= int(values.nunique()) <= min(MAX_LABELS, len(values) // 2)


def _require_header(frame: pd.DataFrame, dataset: str, text: str, label: str) -> None:
    """Raise `RequestError` if the name of the label column is also a label: the header is probably an example."""
    if str(label) in {normalize_label(value) for value in frame[label].dropna()}:
        raise RequestError(
            f"The first line of {dataset} looks like an example, not a header: '{text}', '{label}'. "
            "Pass --no-header, or add a header line with the column names, such as: text,label",
            code="no_header",
        )
