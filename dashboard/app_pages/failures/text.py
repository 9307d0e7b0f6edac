"""What the page of the failures says in whole sentences."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from core.evaluation.intervals import proportion
from core.text.formatting import format_count, format_percent, format_score

if TYPE_CHECKING:
    from core.store.records import Run


from dashboard.components.flips import FLIPS
from dashboard.components.text import describe_status


def headline(label: str, cells: pd.DataFrame) -> str:
    """Return how many test examples a run gets wrong, and its most frequent mistake, from its confusion matrix."""
    wrong, total = cells[cells["true"] != cells["predicted"]], int(cells["count"].sum())
    mistakes = int(wrong["count"].sum())
    share = proportion(mistakes, total)
    head = f"{label} gets {format_count(mistakes)} of {format_count(total)} test examples wrong"
    if not mistakes:
        return f"{head}."
    most = wrong.loc[wrong["count"].idxmax()]
    said = f"{head}: {format_score(share.value, share.low, share.high)} %."
    return (
        f"{said} Most often it takes «{most['true']}» for «{most['predicted']}»: {format_count(most['count'])} times."
    )


def shown_failures(wrong: int, total: int, shown: int, filters: Sequence[str]) -> str:
    """Return how many examples are wrong, how many are shown, and why."""
    share = proportion(wrong, total)
    said = format_score(share.value, share.low, share.high)
    head = f"{format_count(wrong)} of {format_count(total)} test examples are wrong: {said} %."
    return head if not filters else f"{head} Shown: {format_count(shown)} with {', '.join(filters)}."


def flips(counts: Mapping[str, int], other: str) -> str:
    """Return what a run made of another one's answers."""
    parts = (f"{format_count(counts.get(flip, 0))} {flip}" for flip in FLIPS.values())
    return f"Over the whole test set, against {other}: {', '.join(parts)}."


def suspects(found: int, total: int, label: str) -> str:
    """Return how many labels are in doubt, and who doubts them."""
    who = f"judged by the probabilities of {label}"
    if not found:
        return f"No label of the {format_count(total)} test examples is in doubt, {who}."
    return f"{format_count(found)} of {format_count(total)} labels of the test set are in doubt, {who}."


def suspicion(label: str, suggested: str, quality: float) -> str:
    """Return why an example's label is in doubt."""
    return (
        f"Its label is in doubt: the run's probabilities speak for {suggested} instead of {label} "
        f"(quality of the label {format_percent(quality)} %). The run may be the one that is wrong."
    )


def slices(worse: pd.DataFrame, looked_at: int) -> list[str]:
    """Return on which kinds of texts a run errs more than elsewhere. ``worse``: of all of them name, wrong and rest."""
    if not looked_at:
        return ["There are too few examples, or too few mistakes, to look for kinds of texts."]
    if worse.empty:
        return [
            f"No slice stands out: of {format_count(looked_at)} looked at, none has more mistakes than chance explains."
        ]
    head = f"{format_count(len(worse))} of {format_count(looked_at)} slices looked at "
    head += "have more mistakes than chance explains."
    if len(worse) == 1:
        head = f"1 of {format_count(looked_at)} slices looked at has more mistakes than chance explains."
    rows = worse.head(3).itertuples()
    return [
        head,
        *(f"{one.name}: {format_percent(one.wrong)} % wrong against {format_percent(one.rest)} %." for one in rows),
    ]


def without_predictions(run: "Run") -> str:
    """Return why there is nothing to read of a run."""
    why = "Its predictions are not in the record." if run.state == "complete" else describe_status(run)
    return f"#{run.id} {run.name} has no predictions on the test set. {why}"
