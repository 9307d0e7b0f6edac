"""Detect the text column and the label column."""

from collections.abc import Sequence

import pandas as pd

from core.config import RunConfig, flag
from core.data.labels import MAX_LABELS, label_name
from core.errors import RequestError, did_you_mean

TEXT_NAMES = (
    *("text", "sentence", "review", "content", "comment", "tweet", "message", "body", "question", "title"),
    *("review text", "review body", "comment text", "tweet text", "utterance", "document", "headline", "post"),
    *("description", "abstract", "summary", "phrase", "query"),
)
LABEL_NAMES = (
    *("label", "labels", "sentiment", "class", "category", "target", "polarity", "rating", "stars"),
    *("label text", "topic", "intent", "emotion", "genre", "score", "tag"),
)
_MAX_LISTED = 50
_MIN_MEAN_LENGTH = 10
"""Minimum mean number of characters of a text column without a common name."""


def detect_columns(
    frame: pd.DataFrame, columns: Sequence[str], dataset: str, config: RunConfig, like: tuple[str, str] | None = None
) -> tuple[str, str]:
    """Return the names of the text column and of the label column.

    They are those of the config, else those of ``like`` (another table), else those with a common name, else the only
    possible ones of two columns. Raises `RequestError` with the columns if that is ambiguous.
    """
    text = _requested_column(config, "text_column", columns, dataset, like and like[0])
    label = _requested_column(config, "label_column", columns, dataset, like and like[1])
    free = [column for column in columns if column not in (text, label)]
    text = text or _common_column("text_column", free, TEXT_NAMES, dataset)
    label = label or _common_column("label_column", [column for column in free if column != text], LABEL_NAMES, dataset)
    if text is None or label is None:
        text, label = _infer_from_content(frame, columns, dataset, text, label)
    if text == label:
        raise RequestError(f"--text-column and --label-column both name '{text}' of {dataset}.")
    return text, label


def format_columns(columns: Sequence[str]) -> str:
    """Return a sentence that lists the columns."""
    names = [f"{name:.60}" for name in map(str, columns[:_MAX_LISTED])]
    more = f" and {len(columns) - len(names):,} more" if len(columns) > len(names) else ""
    return f"Columns: {', '.join(names)}{more}."


def _requested_column(
    config: RunConfig, field: str, columns: Sequence[str], dataset: str, like: str | None
) -> str | None:
    """Return the requested column; in a second table, the column of the same name."""
    name: str | None = getattr(config, field)
    if like is not None:
        return like if like in columns else name if name in columns else None
    if name is not None and name not in columns:
        raise RequestError(
            f"{flag(field)} '{name}' is not in {dataset}. {format_columns(columns)}"
            f"{did_you_mean(name, map(str, columns))}"
        )
    return name


def _common_column(field: str, columns: Sequence[str], names: Sequence[str], dataset: str) -> str | None:
    """Return the column with the first of the common names, ignoring case, spaces and punctuation."""
    for name in map(_letters, names):
        matches = [column for column in columns if _letters(column) == name]
        if len(matches) > 1:
            raise RequestError(
                f"{dataset} has several candidates for its {_role(field)} column: {', '.join(map(str, matches))}. "
                f"Name one with {flag(field)}."
            )
        if matches:
            return matches[0]
    return None


def _letters(name: object) -> str:
    return "".join(filter(str.isalnum, str(name).casefold()))


def _role(field: str) -> str:
    return field.removesuffix("_column")


def _infer_from_content(
    frame: pd.DataFrame, columns: Sequence[str], dataset: str, text: str | None, label: str | None
) -> tuple[str, str]:
    """Return text and label of a table with two columns if their content allows only one assignment."""
    candidates = [column for column in columns if not str(column).startswith("Unnamed:")]  # pandas' own index
    if len(candidates) == 2:
        assignments = [
            (first, second)
            for first, second in (candidates, candidates[::-1])
            if first == (text or first)
            and second == (label or second)
            and (text or _looks_like_text(frame[first]))
            and (label or _looks_like_labels(frame[second]))
        ]
        if len(assignments) == 1:
            _refuse_missing_header(frame, dataset, *assignments[0])
            return assignments[0]
    field = "label_column" if text else "text_column"
    hint = " A data set needs a text column and a label column." if len(columns) < 2 else ""
    raise RequestError(
        f"{dataset} has no column with a common name for the {_role(field)}. {format_columns(columns)}{hint} "
        f"Name one with {flag(field)}."
    )


def _looks_like_text(column: pd.Series) -> bool:
    texts = [value for value in column if isinstance(value, str)]
    is_long = sum(map(len, texts)) >= _MIN_MEAN_LENGTH * len(texts)
    return bool(texts) and is_long and 2 * len(set(texts)) > len(column)


def _looks_like_labels(column: pd.Series) -> bool:
    values = column.dropna().map(str)
    return 2 <= int(values.nunique()) <= min(MAX_LABELS, len(values) // 2)


def _refuse_missing_header(frame: pd.DataFrame, dataset: str, text: str, label: str) -> None:
    if str(label) in {label_name(value) for value in frame[label].dropna()}:
        raise RequestError(
            f"The first line of {dataset} looks like an example, not a header: '{text}', '{label}'. "
            "Add a header line, such as: text,label"
        )
