"""A data set with the proposed labels applied, without the texts that have a tag."""

from dataclasses import dataclass

import pandas as pd

from dashboard import data


@dataclass(frozen=True)
class CleanedExamples:
    """The examples of a cleaned data set.

    ``rows``: text (exact), label and split. ``relabeled``, ``removed``: the number of examples with another label, and
    of those left out. ``tag``: of the texts left out.
    """

    rows: pd.DataFrame
    relabeled: int
    removed: int
    tag: str


def clean_examples(dataset_id: int, tag: str) -> CleanedExamples:
    """Return the examples of all stored splits of a data set with the proposed labels, without texts with a tag.

    A proposed label that the data set does not have, such as one for another data set with the same text, is ignored.
    """
    frame = data.annotated(data.examples(dataset_id)[["text", "label", "split"]])
    is_removed = data.has_tag(frame, tag)
    kept = frame[~is_removed]
    is_label = kept["proposed_label"].isin(data.dataset(dataset_id).labels)
    label = kept["proposed_label"].where(is_label, kept["label"])
    rows = kept[["text", "label", "split"]].assign(label=label)
    return CleanedExamples(rows, int((label != kept["label"]).sum()), int(is_removed.sum()), tag)
