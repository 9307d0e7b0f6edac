"""The page where runs are tried: the likeliest classes, and what an edit changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import pandas as pd

from dashboard.components.safe_text import escape_markdown

MOST_CLASSES = 12


@dataclass(frozen=True)
class Tried:
    """A text that was tried, and each run's answer to it: the label, and what the screen said. Runs by their names."""

    text: str
    answers: Mapping[str, tuple[str, str]]


def likeliest(answer: pd.DataFrame) -> pd.DataFrame:
    """Return the probabilities to draw: all in the labels' order, of many the likeliest first."""
    if len(answer) <= MOST_CLASSES:
        return answer
    return answer.nlargest(MOST_CLASSES, "probability").reset_index(drop=True)


def marked_changes(before: str, after: str) -> str:
    """Return in Markdown what was taken out of a text (struck through) and what was put in (bold)."""
    old, new = before.split(), after.split()
    parts = []
    for what, a, b, c, d in SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if what == "equal":
            parts.append(escape_markdown(" ".join(new[c:d])))
            continue
        if b > a:
            parts.append(f"~~{escape_markdown(' '.join(old[a:b]))}~~")
        if d > c:
            parts.append(f"**{escape_markdown(' '.join(new[c:d]))}**")
    return " ".join(parts)


def likeliest_label(answer: pd.DataFrame) -> str:
    """Return the label with the highest probability."""
    return str(answer.loc[answer["probability"].idxmax(), "label"])


def tried(history: Sequence[Tried]) -> pd.DataFrame:
    """Return what was tried to be read: the text, and a column a run with what it said."""
    rows = [{"text": one.text} | {run: said for run, (_, said) in one.answers.items()} for one in history]
    return pd.DataFrame(rows).fillna("")


def changed_answers(before: Tried, now: Tried) -> pd.DataFrame:
    """Return a row a run that answered both texts: what it said before and now, and whether the label flipped."""
    rows = []
    for run, (label, said) in now.answers.items():
        if run in before.answers:
            earlier, said_before = before.answers[run]
            flipped = "same label" if label == earlier else f"flipped: {earlier} → {label}"
            rows.append({"run": run, "before": said_before, "now": said, "label": flipped})
    return pd.DataFrame(rows)
