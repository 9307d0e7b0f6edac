"""Data of the Failures page: misclassified examples, suspect labels, and errors across runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd
from numpy.typing import NDArray

from core.text.formatting import format_count, format_setting
from dashboard import data
from dashboard.components.filters import filter_texts
from dashboard.components.ratings import rater_deviation

FULL_RANGE = (0, 100)
WRONG, CORRECT, ALL = "wrong", "right", "all"
ANNOTATED, NOT_ANNOTATED, PROPOSED, TAGGED = "annotated", "not annotated", "with a proposed label", "tag: "
"""The values of the filter by annotation; a tag follows the last one. The first one is a view of the page too."""
TRUNCATED, NOT_TRUNCATED = "beginning only", "whole"
MAX_CATEGORIES = 10
"""A numeric column with more distinct values is filtered by a range, other columns by value."""
MAX_VALUES = 200
MAX_DOTS = 12
"""With more runs, the list shows only the number of those that are wrong."""
WRONG_IN_ALL, WRONG_IN_ONE = "all", "one"
"""Values of the filter by the number of runs that are wrong; others are the least number."""

Bounds = tuple[float | None, float | None]


class Sort(NamedTuple):
    """An order of the list: its label on the page, and the column it sorts by."""

    label: str
    column: str
    ascending: bool


SORTS = {
    "surest first": Sort("Most confident first", "confidence", ascending=False),
    "least sure first": Sort("Least confident first", "confidence", ascending=True),
    "highest loss first": Sort("Highest loss first", "loss", ascending=False),
    "lowest loss first": Sort("Lowest loss first", "loss", ascending=True),
    "most disputed first": Sort("Most disagreement first", "disagreement", ascending=False),
    "least disputed first": Sort("Least disagreement first", "disagreement", ascending=True),
}
"""The orders of the list by their value in the URL."""
SORTS_ACROSS_RUNS = {"wrong in most runs first": Sort("Most runs wrong first", "wrong_runs", ascending=False)}
"""Further orders where several runs are compared."""


@dataclass(frozen=True)
class Filters:
    """Filters of predicted examples; None and the empty text match all.

    ``confidence``: in percent. ``wrong_runs``: how many of the compared runs are wrong. ``contains``: in the text, or
    in its annotation. ``column``: a column of the source, which the frame has as ``value``.
    ``slice_``: the name of an error slice and the positions of its examples.
    """

    true: str | None = None
    predicted: str | None = None
    flip: str | None = None
    wrong_runs: Bounds = (None, None)
    confidence: tuple[int, int] = FULL_RANGE
    contains: str = ""
    outcome: str = ALL
    words: Bounds = (None, None)
    is_truncated: bool | None = None
    column: str | None = None
    value: str | None = None
    value_range: Bounds = (None, None)
    annotation: str | None = None
    slice_: tuple[str, NDArray[Any]] | None = None

    def apply(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the rows that match, with their index."""
        if self.slice_ is not None:
            frame = frame[frame.index.isin(self.slice_[1])]
        equal = {
            "label": self.true,
            "predicted": self.predicted,
            "flip": self.flip,
            "truncated": self.is_truncated,
            "is_correct": None if self.outcome == ALL else self.outcome == CORRECT,
            "value": self.value,
        }
        for column, value in equal.items():
            frame = frame if value is None else frame[frame[column] == value]
        if self.confidence != FULL_RANGE:
            frame = frame[(frame["confidence"] * 100).between(*self.confidence)]
        for name, bounds in {"words": self.words, "value": self.value_range, "wrong_runs": self.wrong_runs}.items():
            frame = _filter_range(frame, name, bounds)
        return filter_texts(self._filter_annotations(frame), self.contains, ("text", *data.ANNOTATION_FIELDS))

    def _filter_annotations(self, frame: pd.DataFrame) -> pd.DataFrame:
        if self.annotation is None:
            return frame
        if self.annotation == PROPOSED:
            return frame[frame["proposed_label"].notna()]
        if self.annotation.startswith(TAGGED):
            return frame[data.has_tag(frame, self.annotation.removeprefix(TAGGED))]
        is_annotated = frame[list(data.ANNOTATION_FIELDS)].notna().any(axis=1)
        return frame[is_annotated if self.annotation == ANNOTATED else ~is_annotated]

    def implies_outcome(self) -> bool:
        """Return whether these filters show correct and wrong predictions, whatever the outcome that is chosen."""
        is_cell = self.true is not None and self.predicted is not None
        is_across_runs = self.flip is not None or self.wrong_runs != (None, None)
        return is_cell or is_across_runs or self.annotation not in (None, NOT_ANNOTATED)

    def describe(self, view: str = "") -> list[str]:
        """Return a phrase for each filter in use, except those of the outcome and of the view of the page."""
        low, high = self.confidence
        phrases = [
            ("true label {}", self.true),
            ("predicted {}", self.predicted),
            ("{}", self.flip),
            ("errors in {} runs", _format_range(self.wrong_runs)),
            ("confidence {}%", None if self.confidence == FULL_RANGE else f"{low}–{high}"),
            ("text containing '{}'", self.contains or None),
            ("{} words", _format_range(self.words)),
            ("{} text", {True: "truncated", False: "complete", None: None}[self.is_truncated]),
            (f"{_escape(self.column)} {{}}", self.value or _format_range(self.value_range)),
            ("annotation: {}", None if self.annotation == view else self.annotation),
            ("slice: {}", self.slice_ and self.slice_[0]),
        ]
        return [phrase.format(value) for phrase, value in phrases if value is not None]


def _escape(column: str | None) -> str:
    """Return a column's name for use in a format string."""
    return str(column).replace("{", "{{").replace("}", "}}")


def _filter_range(frame: pd.DataFrame, column: str, bounds: Bounds) -> pd.DataFrame:
    """Return the rows whose value lies within inclusive bounds."""
    low, high = bounds
    if low is not None:
        frame = frame[frame[column] >= low]
    return frame if high is None else frame[frame[column] <= high]


def _format_range(bounds: Bounds) -> str | None:
    low, high = (None if bound is None else format_setting(bound) for bound in bounds)
    if low is None or high is None:
        return f"at least {low}" if low is not None else f"at most {high}" if high is not None else None
    return low if low == high else f"{low}–{high}"


def predicted_examples(run_id: int, others: Sequence[int] = (), column: str | None = None) -> pd.DataFrame:
    """Return `data.predictions_with_outcomes` with ``words`` (their number) and the annotations.

    With one other run also ``flip`` and ``other``; with several ``wrong_runs``, the number of all these runs that are
    wrong. ``value``: a column of the source.
    """
    against = others[0] if len(others) == 1 else None
    frame = data.predictions_with_outcomes(run_id, against).assign(words=data.word_counts(run_id))
    frame = data.annotated(frame, data.text_hashes(run_id))
    if len(others) > 1:
        frame = frame.assign(wrong_runs=data.errors([run_id, *others]).sum(axis=0))
    return frame if column is None else frame.assign(value=_values(run_id, column))


def add_dots(examples: pd.DataFrame, run_id: int, others: Sequence[int]) -> pd.DataFrame:
    """Add ``dots``, which show the wrong runs of several, to some `predicted_examples`."""
    if len(others) < 2:
        return examples
    errors = data.errors([run_id, *others])[:, examples.index]
    return examples.assign(dots=[_draw_dots(is_wrong) for is_wrong in errors.T])


def _draw_dots(is_wrong: NDArray[Any]) -> str:
    """Return how many runs are wrong on an example, with a dot for each."""
    count = f"{format_count(is_wrong.sum())} of {format_count(len(is_wrong))}"
    return count if len(is_wrong) > MAX_DOTS else f"{''.join('●' if wrong else '○' for wrong in is_wrong)} {count}"


def wrong_runs_bounds(choice: str, runs: int) -> Bounds:
    """Return how many of several runs must be wrong, from the value of the filter in the URL."""
    if choice == WRONG_IN_ALL:
        return runs, runs
    return (1, 1) if choice == WRONG_IN_ONE else (int(choice), None)


def find_sort(value: str) -> Sort:
    """Return the order with a value in the URL."""
    return (SORTS | SORTS_ACROSS_RUNS)[value]


def sort_examples(frame: pd.DataFrame, sort: str, run_id: int, test_set: int) -> pd.DataFrame:
    """Return examples in an order of `SORTS`; sorted by disagreement, they get it as a column."""
    _, column, ascending = find_sort(sort)
    if column == "disagreement":
        frame = frame.assign(disagreement=data.disagreement(run_id, data.other_runs(run_id, test_set)))
    return frame.sort_values(column, ascending=ascending, kind="stable")


def is_numeric(run_id: int, column: str) -> bool:
    """Return whether a column of the source is filtered by a range."""
    return bool(pd.api.types.is_numeric_dtype(_values(run_id, column)))


def frequent_values(run_id: int, column: str) -> list[str]:
    """Return the most frequent values of a column of the source, in descending order."""
    return [str(value) for value in _values(run_id, column).value_counts().index[:MAX_VALUES]]


def _values(run_id: int, column: str) -> pd.Series:
    """Return a column of the source: as numbers if it has many distinct ones, else as text."""
    values = data.prediction_columns(run_id)[column]
    if pd.api.types.is_numeric_dtype(values) and values.dtype != bool and values.nunique() > MAX_CATEGORIES:
        return values
    return values.map(lambda value: None if value is None or value != value else format_setting(value)).astype(object)


def suspect_examples(run_id: int) -> pd.DataFrame:
    """Return the test examples with a suspect label, the most likely error first.

    Columns: those of `predicted_examples`, suggested (a label), quality (of the label, 0 to 1) and, if
    the source has ratings, deviation (their standard deviation).
    """
    suspects, labels = data.suspects(run_id).examples, data.labels(run_id)
    frame = predicted_examples(run_id).iloc[[suspect.position for suspect in suspects]]
    frame = frame.assign(
        suggested=[labels[suspect.suggested] for suspect in suspects],
        quality=[suspect.quality for suspect in suspects],
    )
    deviation = rater_deviation(frame["extra"])
    return frame if deviation.isna().all() else frame.assign(deviation=deviation.to_numpy())
