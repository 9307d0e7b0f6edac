"""What the page of the data says in whole sentences."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from core.text.formatting import MIN_SUPPORT, format_count, format_percent, format_points

if TYPE_CHECKING:
    from core.store.records import Dataset


def of_dataset(dataset: "Dataset", balance: pd.DataFrame) -> str:
    """Return what a data set is."""
    sizes = balance.groupby("split")["count"].sum()
    parts = ", ".join(f"{format_count(sizes[split])} {split}" for split in ("train", "validation", "test"))
    return (
        f"{dataset.name}: {parts} examples; {len(dataset.labels)} labels. Text from the column "
        f"«{dataset.text_column}», labels from «{dataset.label_column}» of {dataset.source}."
    )


def remarks(checks: Mapping[str, Any], rare: pd.DataFrame, truncated: Mapping[str, float] | None = None) -> list[str]:
    """Return what to mind before believing a score on these data.

    ``rare``: label, count, share and half (the half width of the interval of its F1); ``truncated``: the
    share of each split's texts of which the best run read the beginning only.
    """
    left_out = [
        f"{format_count(rows)} rows {reason} were left out." for reason, rows in checks.get("left_out", {}).items()
    ]
    duplicates = [f"{format_count(rows)} in {split}" for split, rows in checks.get("duplicates", {}).items() if rows]
    leaked, near = checks.get("leaked_test_examples", 0), checks.get("near_duplicate_test_examples", 0)
    conflicts = checks.get("conflicting_texts", 0)
    return [
        *left_out,
        *_mended(checks.get("mended", 0)),
        f"Texts that stand twice within a split: {', '.join(duplicates)}." if duplicates else "No text stands twice.",
        f"{_test_examples(leaked)} in the training or validation split: the scores flatter."
        if leaked
        else "No test example also stands in the training or validation split.",
        *([f"Near duplicates: {_test_examples(near)} there with few changes."] if near else []),
        *([f"Texts that stand with more than one label: {format_count(conflicts)}."] if conflicts else []),
        *_truncated(truncated or {}),
        *map(_rare, rare.rename(columns={"count": "count_"}).itertuples()),
    ]


def _mended(rows: int) -> list[str]:
    return [f"In {format_count(rows)} rows \ufffd stands for characters that no database can hold."] if rows else []


def _truncated(shares: Mapping[str, float]) -> list[str]:
    if not shares:
        return []
    cut = [f"{format_percent(share)} % of the {split} texts" for split, share in shares.items() if share > 0]
    if not cut:
        return ["No text is longer than the best model reads."]
    return [f"The best model reads only the beginning of {', '.join(cut)}: a larger --max-length reads more."]


def _test_examples(number_: int) -> str:
    return f"{format_count(number_)} test {'example also stands' if number_ == 1 else 'examples also stand'}"


def _rare(row: Any) -> str:
    """Return how well the figures of a rare class can be known."""
    known = f"Its F1 is known to ± {format_points(row.half)[1:]} points at best." if row.half == row.half else ""
    few = f"That is too few to tell (fewer than {MIN_SUPPORT})." if row.count_ < MIN_SUPPORT else ""
    head = f"«{row.label}» is rare: {format_percent(row.share)} % of the test set, {format_count(row.count_)} examples."
    return f"{head} {few or known or 'Its figures are uncertain.'}"


def raters(disputed: pd.DataFrame) -> str:
    """Return how to read the raters' disagreement."""
    worst = disputed["deviation"].max()
    return (
        f"Several people rated each text. Where they are far apart (a standard deviation of up to {worst:.2f}), no "
        "label is quite right, and a run that is wrong there is wrong in company."
    )
