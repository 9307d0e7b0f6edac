"""Which rows of a frame a screen shows: frames in, frames out."""

from dataclasses import dataclass

import pandas as pd

FLIPS = ("fixed", "broken", "both wrong")
FULL_RANGE = (0, 100)


@dataclass(frozen=True)
class Filters:
    """What to show of judged examples; None or empty lets all through. ``confidence`` is in percent."""

    true: str | None = None
    predicted: str | None = None
    flip: str | None = None
    confidence: tuple[int, int] = FULL_RANGE
    contains: str = ""

    def apply(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the rows that pass, in their order."""
        chosen = {"label": self.true, "predicted": self.predicted, "flip": self.flip}
        for column, value in chosen.items():
            frame = frame if value is None else frame[frame[column] == value]
        low, high = self.confidence
        frame = frame[(frame["confidence"] * 100).between(low, high)]
        return containing(frame, self.contains).reset_index(drop=True)

    def said(self) -> list[str]:
        """Return the filters that are set, in words."""
        low, high = self.confidence
        parts = {
            "true label": self.true,
            "predicted": self.predicted,
            "flip:": self.flip,
            "confidence from": None if self.confidence == FULL_RANGE else f"{low} to {high} %",
            "text with": f"«{self.contains}»" if self.contains else None,
        }
        return [f"{name} {value}" for name, value in parts.items() if value is not None]


def containing(frame: pd.DataFrame, words: str) -> pd.DataFrame:
    """Return the rows whose text holds these words, whatever their case."""
    return frame[frame["text"].str.contains(words, case=False, regex=False)] if words else frame


def examples(frame: pd.DataFrame, split: str | None, label: str | None, contains: str) -> pd.DataFrame:
    """Return the examples of a split and a label whose text holds these words."""
    for column, value in (("split", split), ("label", label)):
        frame = frame if value is None else frame[frame[column] == value]
    return containing(frame, contains).reset_index(drop=True)


def runs(frame: pd.DataFrame, search: str, chosen: dict[str, list[str]]) -> pd.DataFrame:
    """Return the runs whose label holds the words and whose columns have one of the chosen values."""
    keep = frame["label"].str.contains(search, case=False, regex=False)
    for column, values in chosen.items():
        if values:
            keep &= frame[column].isin(values)
    return frame[keep].reset_index(drop=True)
