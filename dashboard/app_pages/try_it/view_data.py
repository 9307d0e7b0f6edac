"""Data of the Try it page: predictions of the session and what an edit changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import pandas as pd

from dashboard.components.safe_text import escape_markdown

MAX_CLASSES = 12
"""With more classes, the chart shows the most probable ones."""
MAX_ENTRIES = 50


@dataclass(frozen=True)
class HistoryEntry:
    """A text with its predictions: the label and the sentence on the page, by the run's label."""

    text: str
    predictions: Mapping[str, tuple[str, str]]


def add_entry(history: Sequence[HistoryEntry], entry: HistoryEntry) -> list[HistoryEntry]:
    """Return the history, newest first, with an entry added.

    An earlier entry of the same text is merged: predictions of runs that are no longer selected are kept.
    """
    earlier: Mapping[str, tuple[str, str]] = next(
        (other.predictions for other in history if other.text == entry.text), {}
    )
    others = [other for other in history if other.text != entry.text]
    return [HistoryEntry(entry.text, {**earlier, **entry.predictions}), *others][:MAX_ENTRIES]


def select_most_probable(prediction: pd.DataFrame) -> pd.DataFrame:
    """Return the probabilities to draw: all in the order of the labels or, with many labels, the highest ones."""
    if len(prediction) <= MAX_CLASSES:
        return prediction
    return prediction.nlargest(MAX_CLASSES, "probability").reset_index(drop=True)


def predicted_label(prediction: pd.DataFrame) -> str:
    """Return the label with the highest probability."""
    return str(prediction.loc[prediction["probability"].idxmax(), "label"])


def mark_changes(before: str, after: str) -> str:
    """Return the difference of two texts in Markdown: deleted words struck through, inserted words bold."""
    old, new = before.split(), after.split()
    parts = []
    for operation, old_from, old_to, new_from, new_to in SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        deleted, inserted = (escape_markdown(" ".join(words)) for words in (old[old_from:old_to], new[new_from:new_to]))
        if operation == "equal":
            parts.append(inserted)
            continue
        if deleted:
            parts.append(f"~~{deleted}~~")
        if inserted:
            parts.append(f"**{inserted}**")
    return " ".join(parts)


def history_table(history: Sequence[HistoryEntry]) -> pd.DataFrame:
    """Return a row per text, with a column per run."""
    rows = [
        {"text": entry.text} | {run: sentence for run, (_, sentence) in entry.predictions.items()} for entry in history
    ]
    return pd.DataFrame(rows).fillna("")


def changed_predictions(before: HistoryEntry, now: HistoryEntry) -> pd.DataFrame:
    """Return a row per run with predictions for both texts: before, now, and whether the label changed."""
    rows = []
    for run, (label, sentence) in now.predictions.items():
        if run in before.predictions:
            old_label, old_sentence = before.predictions[run]
            change = "unchanged" if label == old_label else f"{old_label} → {label}"
            rows.append({"run": run, "before": old_sentence, "now": sentence, "label": change})
    return pd.DataFrame(rows)
