"""Describe the results of the data quality checks in sentences."""

from collections.abc import Mapping
from typing import Any

from core.text.formatting import format_count


def describe_checks(checks: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each result of `core.data.checks.check_splits`."""
    conflicts = checks.get("conflicting_texts", 0)
    return [
        *(f"{format_count(rows)} rows {reason} were dropped." for reason, rows in checks.get("left_out", {}).items()),
        *_replacements(checks.get("mended", 0)),
        _duplicates(checks.get("duplicates", {})),
        *_leaks(checks.get("leaked_test_examples", 0), checks.get("near_duplicate_test_examples", 0)),
        *([f"Conflicting labels: {format_count(conflicts)} texts."] if conflicts else []),
    ]


def _replacements(rows: int) -> list[str]:
    return [f"In {format_count(rows)} rows \ufffd replaces characters that cannot be stored."] if rows else []


def _duplicates(by_split: Mapping[str, int]) -> str:
    parts = [f"{format_count(rows)} in {split}" for split, rows in by_split.items() if rows]
    return f"Duplicates within a split: {', '.join(parts)}." if parts else "No duplicates within a split."


def _leaks(exact: int, near: int) -> list[str]:
    if exact:
        head = f"Leakage: {_test_examples(exact)} also in the training or validation split: scores are inflated."
    else:
        head = "No leakage: no test example is in the training or validation split."
    return [head, *([f"Near duplicates: {_test_examples(near)} almost equal to one in another split."] if near else [])]


def _test_examples(number: int) -> str:
    return f"{format_count(number)} test {'example is' if number == 1 else 'examples are'}"
