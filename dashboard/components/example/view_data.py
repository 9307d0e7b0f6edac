"""One example: what a run and others say of it, and what is like it."""

from typing import Any

import pandas as pd

from dashboard import data

MOST_WORDS = 15


def place_of(run_id: int, example_id: str) -> int | None:
    """Return the place of an example among those that a run judged; None where it is not among them."""
    ids = data.predictions_with_outcomes(run_id)["example_id"]
    found = ids.index[ids.astype(str) == example_id]
    return int(found[0]) if len(found) else None


def example(run_id: int, against: int | None, place: int) -> Any:
    """Return all that is recorded of an example: its outcome, length and annotation."""
    frame = data.predictions_with_outcomes(run_id, against).iloc[[place]]
    return data.annotated(frame.assign(words=data.word_counts(run_id).iloc[place])).iloc[0]


def shares(run_id: int, place: int) -> pd.DataFrame:
    """Return the probability that a run gives each label of an example, the likeliest first: label and probability."""
    frame = pd.DataFrame({"label": data.labels(run_id), "probability": data.probabilities(run_id)[place].astype(float)})
    return frame.sort_values("probability", ascending=False, kind="stable", ignore_index=True)


def others(run_id: int, test_set: int, row: Any) -> pd.DataFrame:
    """Return what the best other runs say of an example: run, predicted, confidence and right."""
    found = data.predictions_on_example(int(row["example_id"]), data.other_runs(run_id, test_set))
    found["run"] = data.run_rows(found["run_id"].tolist())["label"]
    return found.assign(right=found["predicted"] == row["label"])


def suspicion(run_id: int, place: int) -> tuple[str, float] | None:
    """Return the label that speaks against an example's own and the quality of its own; None without doubt."""
    found = next((one for one in data.suspects(run_id) if one.position == place), None)
    return (data.labels(run_id)[found.suggested], found.quality) if found else None


def nearest(run_id: int, text: str) -> pd.DataFrame:
    """Return the training examples that are nearest to a text: text, label and similarity."""
    dataset_id = data.run(run_id).dataset_id
    if dataset_id is None:
        return pd.DataFrame(columns=["text", "label", "similarity"])
    return data.nearest_examples(dataset_id, text)


def weightiest(weights: pd.DataFrame) -> pd.DataFrame:
    """Return the words that speak most for or against a label, in the order of the text; ``place`` numbers them."""
    numbered = weights.assign(place=range(1, len(weights) + 1))
    return numbered.loc[numbered["weight"].abs().nlargest(MOST_WORDS).index].sort_index()
