"""Sentences about a data set that a user reads before training."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from core.data.columns import other_text_columns
from core.data.splits import DataSet
from core.text.formatting import MIN_SUPPORT, format_count, format_percent

_MAX_LISTED = 5


def describe_dataset(data: DataSet) -> list[str]:
    """Return the sizes of the splits, the columns, the rows that are left out, and warnings: a sentence each."""
    return [
        _splits(data),
        _columns(data),
        *data.notes,
        *_excluded_rows(data.excluded_rows),
        *_leaks(data.checks, len(data.test)),
        *_duplicates(data.checks),
        *_rare_labels(data),
    ]


def _splits(data: DataSet) -> str:
    sizes = ", ".join(f"{format_count(len(split))} {name}" for name, split in data.splits.items())
    used = sum(map(len, data.splits.values()))
    total = f", {format_count(used)} of {format_count(data.usable_rows)} rows" if used < data.usable_rows else ""
    return f"Splits of {data.name}: {sizes} examples{total}."


def _columns(data: DataSet) -> str:
    others = other_text_columns(data.text_column, data.test.extra[0] if data.test.extra else ())
    advice = f" The text could also be in: {', '.join(others)}. Choose with --text-column." if others else ""
    return f"Columns: text '{data.text_column}', label '{data.label_column}'.{advice}"


def _excluded_rows(rows: Mapping[str, int]) -> list[str]:
    listed = ", ".join(f"{format_count(count)} {reason}" for reason, count in rows.items())
    return [f"Rows left out: {listed}."] if listed else []


def _leaks(checks: Mapping[str, Any], test_size: int) -> list[str]:
    exact, near = checks["leaked_test_examples"], checks["near_duplicate_test_examples"]
    if not exact + near:
        return []
    return [
        f"Warning: {format_percent((exact + near) / test_size)}% of the test examples are also in another split "
        f"({format_count(exact)} equal, {format_count(near)} nearly equal): scores are inflated."
    ]


def _duplicates(checks: Mapping[str, Any]) -> list[str]:
    listed = ", ".join(f"{format_count(count)} in {name}" for name, count in checks["duplicates"].items() if count)
    conflicts = checks["conflicting_texts"]
    parts = [f"duplicates within a split: {listed}"] if listed else []
    parts += [f"texts with several labels: {format_count(conflicts)}"] if conflicts else []
    return [f"Warning: {'; '.join(parts)}."] if parts else []


def _rare_labels(data: DataSet) -> list[str]:
    counts = np.bincount(data.train.labels, minlength=len(data.labels))
    rare = [code for code in counts.argsort(kind="stable") if counts[code] < MIN_SUPPORT]
    listed = ", ".join(f"{data.labels[code]} ({counts[code]})" for code in rare[:_MAX_LISTED])
    more = f" and {len(rare) - _MAX_LISTED} more" if len(rare) > _MAX_LISTED else ""
    return [f"Warning: fewer than {MIN_SUPPORT} training examples: {listed}{more}."] if rare else []
