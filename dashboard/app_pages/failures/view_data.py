"""The page of the failures: which examples are wrong, and which labels are in doubt."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from core.text.formatting import format_setting
from dashboard import data
from dashboard.components.filters import filter_texts

FULL_RANGE = (0, 100)
WRONG, RIGHT, EITHER = "wrong", "right", "all"
SORTS = {
    "surest first": ("confidence", False),
    "least sure first": ("confidence", True),
    "highest loss first": ("loss", False),
    "lowest loss first": ("loss", True),
    "most disputed first": ("disagreement", False),
    "least disputed first": ("disagreement", True),
}
"""By what a person reads: the column, and whether the lowest comes first."""
NOTED, NOT_NOTED, PROPOSED, TAGGED = "annotated", "not annotated", "with a proposed label", "tag: "
FEW_VALUES = 10
"""A column of numbers with more different values is filtered by a range, others by their commonest values."""
MOST_VALUES = 200

Bounds = tuple[float | None, float | None]


@dataclass(frozen=True)
class Filters:
    """What to show of judged examples; None or empty lets all through. ``confidence`` is in percent.

    ``within``: the name of a slice and the positions of its examples; ``column``: a column of the
    data, which the frame then has as ``value``.
    """

    true: str | None = None
    predicted: str | None = None
    flip: str | None = None
    confidence: tuple[int, int] = FULL_RANGE
    contains: str = ""
    outcome: str = EITHER
    words: Bounds = (None, None)
    truncated: bool | None = None
    column: str | None = None
    value: str | None = None
    between: Bounds = (None, None)
    noted: str | None = None
    within: tuple[str, NDArray[Any]] | None = None

    def apply(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the rows that pass, in their order and under their old index."""
        if self.within is not None:
            frame = frame[frame.index.isin(self.within[1])]
        chosen = {"label": self.true, "predicted": self.predicted, "flip": self.flip, "truncated": self.truncated}
        chosen |= {"right": None if self.outcome == EITHER else self.outcome == RIGHT}
        chosen |= {"value": self.value}
        for column, value in chosen.items():
            frame = frame if value is None else frame[frame[column] == value]
        if self.confidence != FULL_RANGE:
            low, high = self.confidence
            frame = frame[(frame["confidence"] * 100).between(low, high)]
        frame = between(between(frame, "words", self.words), "value", self.between)
        return filter_texts(self._noted(frame), self.contains)

    def _noted(self, frame: pd.DataFrame) -> pd.DataFrame:
        if self.noted is None:
            return frame
        frame = data.annotated(frame)
        if self.noted == PROPOSED:
            return frame[frame["proposed_label"].notna()]
        if self.noted.startswith(TAGGED):
            return frame[frame["tag"] == self.noted.removeprefix(TAGGED)]
        noted = frame[list(data.ANNOTATION_FIELDS)].notna().any(axis=1)
        return frame[noted if self.noted == NOTED else ~noted]

    def said(self) -> list[str]:
        """Return the filters that are set, in words."""
        low, high = self.confidence
        beginning = {True: "beginning only", False: "whole", None: None}[self.truncated]
        parts = {
            "true label": self.true,
            "predicted": self.predicted,
            "flip:": self.flip,
            "confidence from": None if self.confidence == FULL_RANGE else f"{low} to {high} %",
            "text with": f"«{self.contains}»" if self.contains else None,
            "length": _range(self.words, " words"),
            "read:": beginning,
            f"{self.column}": self.value or _range(self.between),
            "annotation:": self.noted,
            "slice:": self.within and self.within[0],
        }
        return [f"{name} {value}" for name, value in parts.items() if value is not None]


def between(frame: pd.DataFrame, column: str, bounds: Bounds) -> pd.DataFrame:
    """Return the rows whose value lies within bounds; None is none."""
    for bound, above in zip(bounds, (True, False), strict=True):
        if bound is not None:
            frame = frame[frame[column] >= bound if above else frame[column] <= bound]
    return frame


def _range(bounds: Bounds, unit: str = "") -> str | None:
    low, high = (None if bound is None else format_setting(bound) for bound in bounds)
    if low is None and high is None:
        return None
    if low is None or high is None:
        return f"up to {high}{unit}" if low is None else f"from {low}{unit}"
    return f"{low} to {high}{unit}"


def examples(run_id: int, against: int | None = None, column: str | None = None) -> pd.DataFrame:
    """Return the test examples that a run judged, with ``words`` and, of a column, ``value``."""
    frame = data.predictions_with_outcomes(run_id, against).assign(words=data.word_counts(run_id))
    return frame if column is None else frame.assign(value=_values(run_id, column))


def in_order(frame: pd.DataFrame, sort: str, run_id: int, test_set: int) -> pd.DataFrame:
    """Return examples in one of the orders of `SORTS`; by what other runs said, with that as ``disagreement``."""
    column, ascending = SORTS[sort]
    if column == "disagreement":
        said = data.disagreement(run_id, data.other_runs(run_id, test_set))
        frame = frame.assign(disagreement=said)
    return frame.sort_values(column, ascending=ascending, kind="stable")


def is_numeric(run_id: int, column: str) -> bool:
    """Tell whether a column of the data is to be filtered by a range."""
    return bool(pd.api.types.is_numeric_dtype(_values(run_id, column)))


def commonest(run_id: int, column: str) -> list[str]:
    """Return the commonest values of a column of the data, the commonest first."""
    return [str(one) for one in _values(run_id, column).value_counts().index[:MOST_VALUES]]


def _values(run_id: int, column: str) -> pd.Series:
    """Return a column of the data: numbers where there are many different ones, else text."""
    values = data.prediction_columns(run_id)[column]
    if pd.api.types.is_numeric_dtype(values) and values.dtype != bool and values.nunique() > FEW_VALUES:
        return values
    return values.map(lambda value: None if value is None or value != value else format_setting(value)).astype(object)


def suspects(run_id: int) -> pd.DataFrame:
    """Return the test examples whose label is in doubt, the likeliest error first.

    Columns: those of `data.predictions_with_outcomes`, ``suggested`` (a label), ``quality`` (of the label, 0 to 1) and,
    where the data have it, ``deviation`` (of the raters).
    """
    found, names = data.suspects(run_id), data.labels(run_id)
    frame = examples(run_id).iloc[[one.position for one in found]].reset_index(drop=True)
    frame["suggested"] = [names[one.suggested] for one in found]
    frame["quality"] = [one.quality for one in found]
    deviation = [(extra or {}).get("rating_deviation") for extra in frame["extra"]]
    return frame.assign(deviation=deviation) if any(one is not None for one in deviation) else frame
