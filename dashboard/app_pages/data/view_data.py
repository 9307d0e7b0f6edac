"""The page of the data: lengths, rare classes, and what is wrong with the rows."""

import numpy as np
import pandas as pd

from core.evaluation.intervals import proportion
from dashboard import data
from dashboard.components import default_runs as choices
from dashboard.components.filters import filter_texts


def examples(dataset_id: int, split: str | None, label: str | None, contains: str) -> pd.DataFrame:
    """Return the examples of a split and a label whose text holds these words; the index is their place."""
    frame = data.examples(dataset_id)
    for column, value in (("split", split), ("label", label)):
        frame = frame if value is None else frame[frame[column] == value]
    return filter_texts(frame, contains)


ALL = "all classes"


def lengths(dataset_id: int, *, by_class: bool = True) -> pd.DataFrame:
    """Return how long the texts are: label, from, to (characters) and share of the label's examples, in 30 bins.

    The longest hundredth is counted in the last bin, so that one long text does not flatten the rest.
    """
    frame = data.examples(dataset_id)
    longest = max(float(frame["length"].quantile(0.99)), 1.0)
    edges = np.linspace(0, longest, 31)
    parts = []
    for label, own in frame.groupby(frame["label"] if by_class else np.full(len(frame), ALL))["length"]:
        counts, _ = np.histogram(own.clip(upper=longest), edges)
        parts.append(pd.DataFrame({"label": label, "from": edges[:-1], "to": edges[1:], "share": counts / len(own)}))
    return pd.concat(parts)


def length_summary(dataset_id: int) -> pd.DataFrame:
    """Return a row a label: shortest, median, 95th percentile and longest text in characters."""
    of_label = data.examples(dataset_id).groupby("label")["length"]
    steps = {"shortest": 0.0, "median": 0.5, "95 % are shorter than": 0.95, "longest": 1.0}
    return pd.DataFrame({name: of_label.quantile(step) for name, step in steps.items()}).reset_index()


def training_balance(dataset_id: int) -> pd.DataFrame:
    """Return label and count of the training split."""
    frame = data.balance(dataset_id)
    return frame[frame["split"] == "train"][["label", "count"]]


RATERS = "rating_deviation"
"""The column that says how far the people were apart who rated a text."""


def disputed(dataset_id: int, most: int = 100) -> pd.DataFrame:
    """Return the texts that the raters judged most differently: split, label, text and deviation.

    Empty where nobody recorded that.
    """
    frame, extra = data.examples(dataset_id), data.source_columns(dataset_id)
    if RATERS not in extra:
        return pd.DataFrame()
    frame = frame.assign(deviation=pd.to_numeric(extra[RATERS], errors="coerce").to_numpy())
    return frame.nlargest(most, "deviation").reset_index(drop=True)


def errors_by_raters(run_id: int) -> pd.DataFrame:
    """Return how often a run is wrong by how far the raters of a text were apart, in quarters of the test set.

    Columns: raters (in words), errors with errors_low and errors_high, and size; empty without raters.
    """
    frame = data.predictions_with_outcomes(run_id)
    deviation = pd.Series([(extra or {}).get(RATERS) for extra in frame["extra"]], dtype=float)
    if deviation.nunique() < len(QUARTERS):
        return pd.DataFrame()
    quarter = pd.qcut(deviation, len(QUARTERS), labels=list(QUARTERS), duplicates="drop")
    rows = []
    for name, own in (~frame["right"]).groupby(quarter, observed=True):
        share = proportion(int(own.sum()), len(own))
        ends = {"errors": share.value, "errors_low": share.low, "errors_high": share.high}
        rows.append({"raters": name, **ends, "size": len(own)})
    return pd.DataFrame(rows)


QUARTERS = ("most of one mind", "second quarter", "third quarter", "furthest apart")


def truncation(test_set: int) -> dict[str, float]:
    """Return for each split the share of texts of which the best run with a model read the beginning only."""
    known = (data.run(int(run_id)) for run_id in data.complete_runs(test_set)["id"].head(20))
    return next((run.environment["truncated"] for run in known if run.environment.get("truncated")), {})


def truncated(run_id: int) -> pd.DataFrame:
    """Return the test examples of which a run read the beginning only: label, text and length."""
    frame = data.predictions_with_outcomes(run_id)
    own = frame[frame["truncated"].fillna(False).astype(bool)]
    return own.assign(characters=own["text"].str.len())[["label", "text", "characters"]].reset_index(drop=True)


RARE_SHARE = 0.1
"""A class with less of the test set than this is called rare."""


def leaks(dataset_id: int, *, exact: bool) -> pd.DataFrame:
    """Return the test examples that stand, or nearly stand, in another split: both texts, labels and similarity."""
    listed = data.dataset(dataset_id).checks.get("leaks", [])
    wanted = [leak for leak in listed if (leak["similarity"] == 1) == exact]
    places = data.examples(dataset_id).set_index(["split", "position"])
    rows = []
    for leak in wanted:
        own, twin = places.loc[("test", leak["test"])], places.loc[(leak["split"], leak["position"])]
        rows.append(
            {
                "test text": own["text"],
                "test label": own["label"],
                "twin": twin["text"],
                "its label": twin["label"],
                "split": leak["split"],
                "similarity": leak["similarity"],
            }
        )
    return pd.DataFrame(rows)


def conflicts(dataset_id: int) -> pd.DataFrame:
    """Return the texts that stand with more than one label: text, and where it stands with which."""
    rows = [
        {
            "text": conflict["text"],
            "labels": ", ".join(f"{place['label']} ({place['split']})" for place in conflict["places"]),
        }
        for conflict in data.dataset(dataset_id).checks.get("conflicts", [])
    ]
    return pd.DataFrame(rows)


def duplicates(dataset_id: int) -> pd.DataFrame:
    """Return the texts that stand twice or more within a split: split, text, label and times."""
    from core.data.checks import normalize_text

    frame = data.examples(dataset_id)
    same = frame.assign(same=frame["text"].map(normalize_text)).groupby(["split", "same"], sort=False)
    found = same.agg(text=("text", "first"), label=("label", "first"), times=("text", "size")).reset_index()
    return found[found["times"] > 1][["split", "text", "label", "times"]].reset_index(drop=True)


def rare_classes(dataset_id: int, test_set: int) -> pd.DataFrame:
    """Return the classes that are a small part of the test set: label, count, share and ``half``.

    ``half`` is half the width of the interval of the best run's F1: how well the class can be known.
    """
    balance = data.balance(dataset_id)
    rare = balance[(balance["split"] == "test") & (balance["share"] < RARE_SHARE)]
    best = choices.best_run(test_set)
    if best is None or data.class_metrics(best).empty:
        return rare.assign(half=np.nan)
    classes = data.class_metrics(best).set_index("label")
    half = (classes["f1_high"] - classes["f1_low"]) / 2
    return rare.assign(half=rare["label"].map(half).astype(float))
