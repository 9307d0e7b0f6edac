"""Which column holds the text, and which the label."""

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
_MOST_LISTED = 50
_SHORTEST_TEXT = 10  # characters on average, for a column that is taken without a usual name


def detect_columns(
    frame: pd.DataFrame, columns: Sequence[str], dataset: str, config: RunConfig, like: tuple[str, str] | None = None
) -> tuple[str, str]:
    """Return the names of the text column and of the label column.

    They are those that the config names, else those of ``like`` (another table's), else those with
    a usual name, else the only possible ones of exactly two columns. Raises `RequestError` with the
    columns where that leaves a doubt.
    """
    text = _named(config, "text_column", columns, dataset, like and like[0])
    label = _named(config, "label_column", columns, dataset, like and like[1])
    free = [column for column in columns if column not in (text, label)]
    text = text or _usual("text_column", free, TEXT_NAMES, dataset)
    label = label or _usual("label_column", [column for column in free if column != text], LABEL_NAMES, dataset)
    if text is None or label is None:
        text, label = _obvious(frame, columns, dataset, text, label)
    if text == label:
        raise RequestError(f"--text-column and --label-column both name '{text}' of {dataset}.")
    return text, label


def format_columns(columns: Sequence[str]) -> str:
    """Return the columns as a sentence of a message."""
    names = [f"{name:.60}" for name in map(str, columns[:_MOST_LISTED])]
    more = f" and {len(columns) - len(names):,} more" if len(columns) > len(names) else ""
    return f"Its columns are: {', '.join(names)}{more}."


def _named(config: RunConfig, field: str, columns: Sequence[str], dataset: str, like: str | None) -> str | None:
    """Return the column that was asked for; in a second table its namesake, where it has one."""
    name: str | None = getattr(config, field)
    if like is not None:
        return like if like in columns else name if name in columns else None
    if name is not None and name not in columns:
        raise RequestError(
            f"{flag(field)} '{name}' is not in {dataset}. {format_columns(columns)}"
            f"{did_you_mean(name, map(str, columns))}"
        )
    return name


def _usual(field: str, columns: Sequence[str], usual: Sequence[str], dataset: str) -> str | None:
    """Return the column with the first of the usual names; case, spaces and punctuation don't matter."""
    for name in map(_bare, usual):
        found = [column for column in columns if _bare(column) == name]
        if len(found) > 1:
            raise RequestError(
                f"{dataset} has several columns that may be its {_role(field)}: {', '.join(map(str, found))}. "
                f"Name one with {flag(field)}."
            )
        if found:
            return found[0]
    return None


def _bare(name: object) -> str:
    return "".join(filter(str.isalnum, str(name).casefold()))


def _role(field: str) -> str:
    return field.removesuffix("_column")


def _obvious(
    frame: pd.DataFrame, columns: Sequence[str], dataset: str, text: str | None, label: str | None
) -> tuple[str, str]:
    """Return what is left of two columns, where it can be nothing else."""
    both = [column for column in columns if not str(column).startswith("Unnamed:")]  # pandas' own index
    if len(both) == 2:
        fitting = [
            (one, other)
            for one, other in (both, both[::-1])
            if one == (text or one)
            and other == (label or other)
            and (text or _reads_like_text(frame[one]))
            and (label or _reads_like_labels(frame[other]))
        ]
        if len(fitting) == 1:
            _refuse_an_example_as_header(frame, dataset, *fitting[0])
            return fitting[0]
    field = "label_column" if text else "text_column"
    hint = " A data set needs two columns, one with texts and one with labels." if len(columns) < 2 else ""
    raise RequestError(
        f"{dataset} has no column with a usual name for a {_role(field)}. {format_columns(columns)}{hint} "
        f"Name one with {flag(field)}."
    )


def _reads_like_text(column: pd.Series) -> bool:
    texts = [value for value in column if isinstance(value, str)]
    long = sum(map(len, texts)) >= _SHORTEST_TEXT * len(texts)
    return bool(texts) and long and 2 * len(set(texts)) > len(column)


def _reads_like_labels(column: pd.Series) -> bool:
    values = column.dropna().map(str)
    return 2 <= int(values.nunique()) <= min(MAX_LABELS, len(values) // 2)


def _refuse_an_example_as_header(frame: pd.DataFrame, dataset: str, text: str, label: str) -> None:
    if str(label) in {label_name(value) for value in frame[label].dropna()}:
        raise RequestError(
            f"The first line of {dataset} looks like an example, not like a header: '{text}', '{label}'. "
            "Put the columns' names above it, such as: text,label"
        )
