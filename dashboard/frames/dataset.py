"""The page of the data: lengths, rare classes, and what is wrong with the rows."""

import numpy as np
import pandas as pd

from dashboard import choices, data
from dashboard.frames.failures import containing


def examples(frame: pd.DataFrame, split: str | None, label: str | None, contains: str) -> pd.DataFrame:
    """Return the examples of a split and a label whose text holds these words."""
    for column, value in (("split", split), ("label", label)):
        frame = frame if value is None else frame[frame[column] == value]
    return containing(frame, contains).reset_index(drop=True)


def lengths(dataset_id: int) -> pd.DataFrame:
    """Return how long the texts are: label, from, to (characters) and share of the label's examples, in 30 bins.

    The longest hundredth is counted in the last bin, so that one long text does not flatten the rest.
    """
    frame = data.examples(dataset_id)
    longest = max(float(frame["length"].quantile(0.99)), 1.0)
    edges = np.linspace(0, longest, 31)
    parts = []
    for label, own in frame.groupby("label")["length"]:
        counts, _ = np.histogram(own.clip(upper=longest), edges)
        parts.append(pd.DataFrame({"label": label, "from": edges[:-1], "to": edges[1:], "share": counts / len(own)}))
    return pd.concat(parts)


def length_summary(dataset_id: int) -> pd.DataFrame:
    """Return a row a label: shortest, median, 95th percentile and longest text in characters."""
    of_label = data.examples(dataset_id).groupby("label")["length"]
    steps = {"shortest": 0.0, "median": 0.5, "95 % are shorter than": 0.95, "longest": 1.0}
    return pd.DataFrame({name: of_label.quantile(step) for name, step in steps.items()}).reset_index()


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
    from core.data.checks import normalise

    frame = data.examples(dataset_id)
    same = frame.assign(same=frame["text"].map(normalise)).groupby(["split", "same"], sort=False)
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
