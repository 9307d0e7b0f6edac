"""The results of the data quality checks as sentences."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from core.text.formatting import MIN_SUPPORT, format_count, format_percent, format_points

RARE_SHARE = 0.1
"""A class with a smaller share of the test set is rare; with many classes, one with less than half an equal share."""
RARE_NOTE = (
    "Classes with less than a tenth of the test examples or, with many classes, half an equal share. Their scores are "
    f"uncertain; those of a class with fewer than {MIN_SUPPORT} test examples are unreliable."
)
"""What a rare class is, and what it means for its metrics."""


def rare_classes(balance: pd.DataFrame, metrics: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the rare classes of the test set: label, count, share and half.

    ``balance``: split, label, count and share. ``half`` is half the width of the interval of F1 in the class metrics of
    a run, undefined without them.
    """
    limit = min(RARE_SHARE, 0.5 / max(1, balance["label"].nunique()))
    rare = balance[(balance["split"] == "test") & (balance["share"] < limit)]
    if metrics is None or metrics.empty:
        return rare.assign(half=np.nan)
    by_label = metrics.set_index("label")
    half = (by_label["f1_high"] - by_label["f1_low"]) / 2
    return rare.assign(half=rare["label"].map(half).astype(float))


def quality_checks(
    checks: Mapping[str, Any], rare: pd.DataFrame, truncated: Mapping[str, float] | None = None
) -> list[str]:
    """Return the results of the data quality checks, a sentence each.

    ``rare``: label, count, share and half (half the width of the interval of F1) of rare classes.
    ``truncated``: the share of each split's texts that the best run truncated.
    """
    conflicts = checks.get("conflicting_texts", 0)
    return [
        *source_notes(checks),
        duplicates_note(checks.get("duplicates", {})),
        *_leaks(checks.get("leaked_test_examples", 0), checks.get("near_duplicate_test_examples", 0)),
        *([f"Conflicting labels: {format_count(conflicts)} texts."] if conflicts else []),
        *([truncated_texts_note(truncated)] if truncated else []),
        *map(_rare_class, rare.rename(columns={"count": "examples"}).itertuples()),
    ]


def source_notes(checks: Mapping[str, Any]) -> list[str]:
    """Return which rows of the source were dropped or changed, a sentence each."""
    notes = [f"{format_count(rows)} rows {reason} were dropped." for reason, rows in checks.get("left_out", {}).items()]
    if changed := checks.get("mended", 0):
        notes.append(f"In {format_count(changed)} rows \ufffd replaces characters that cannot be stored.")
    return notes


def duplicates_note(by_split: Mapping[str, int]) -> str:
    """Return how many texts repeat within each split."""
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


def truncated_texts_note(shares: Mapping[str, float]) -> str:
    """Return which texts the best run truncated, and how to use more of them; ``shares``: of each split's texts."""
    if not shares:
        return "No run has recorded how many texts it truncated."
    parts = [f"{format_percent(share)}% of {split} texts" for split, share in shares.items() if share > 0]
    if not parts:
        return "No texts were truncated in the best run."
    return f"The best run truncated {', '.join(parts)}. Increase --max-length to use more of them."


def _rare_class(row: Any) -> str:
    """Return the size of a rare class, and how uncertain its metrics are."""
    head = (
        f"Rare class {row.label}: {format_count(row.examples)} test examples ({format_percent(row.share)}% of the "
        "test set)."
    )
    if row.examples < MIN_SUPPORT:
        return f"{head} Too few for reliable metrics (fewer than {MIN_SUPPORT})."
    if row.half == row.half:
        return f"{head} F1 is known to within ±{format_points(row.half)[1:]} points."
    return f"{head} Its metrics are uncertain."
