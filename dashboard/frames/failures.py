"""The page of the failures: which examples are wrong, and which labels are in doubt."""

from dataclasses import dataclass

import pandas as pd

from dashboard import data

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


def failures(run_id: int, against: int | None = None) -> pd.DataFrame:
    """Return the wrong examples of a run, the surest mistakes first; with ``against`` also what it fixed."""
    frame = data.judged(run_id, against)
    shown = ~frame["right"] if against is None else frame["flip"] != "both right"
    return frame[shown].sort_values(["right", "confidence"], ascending=[True, False]).reset_index(drop=True)


def suspects(run_id: int) -> pd.DataFrame:
    """Return the test examples whose label is in doubt, the likeliest error first.

    Columns: those of `data.judged`, ``suggested`` (a label), ``quality`` (of the label, 0 to 1) and,
    where the data have it, ``deviation`` (of the raters).
    """
    found, names = data.suspects(run_id), data.labels(run_id)
    frame = data.judged(run_id).iloc[[one.position for one in found]].reset_index(drop=True)
    frame["suggested"] = [names[one.suggested] for one in found]
    frame["quality"] = [one.quality for one in found]
    deviation = [(extra or {}).get("rating_deviation") for extra in frame["extra"]]
    return frame.assign(deviation=deviation) if any(one is not None for one in deviation) else frame
