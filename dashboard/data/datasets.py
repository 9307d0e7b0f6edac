"""Data sets, and the test sets that runs share."""

from typing import TYPE_CHECKING

import pandas as pd

from core.store import queries
from core.store.engine import Store
from core.store.records import Dataset
from dashboard.data.cache import any_change, cached
from dashboard.data.runs import everything
from dashboard.data.table import any_run, table, this_dataset

if TYPE_CHECKING:
    from core.evaluation.neighbors import TextIndex

LONGEST_NUMBER = 19
"""Numbers of fewer digits than this fit into a column of the database."""


@cached(any_run)
def test_sets(db: Store) -> pd.DataFrame:
    """Return a row a test set that has runs: id (of its first data set), title, examples, members and runs.

    Data sets that differ in their training examples alone share a test set, and their runs can be
    compared; ``members`` are their ids.
    """
    frame = queries.datasets(db)
    frame = frame[frame["runs"] > 0]
    sets = frame.groupby("evaluation_fingerprint", sort=False).agg(
        id=("id", "first"),
        name=("name", "first"),
        examples=("test_examples", "first"),
        members=("id", list),
        runs=("runs", "sum"),
    )
    twins = sets["name"].duplicated(keep=False)
    sets["title"] = sets["name"].where(~twins, sets["name"] + " · " + sets.index.str[:6])
    return sets.reset_index(drop=True)


def newest_test_set() -> int:
    """Return the id of the test set that the newest run was measured on, else of the last one that has runs at all.

    Where all runs with data are in the trash, their test sets can still be chosen. There has to be one.
    """
    known = everything()["test_set"].dropna()
    return int((known if len(known) else test_sets()["id"]).iloc[-1])


def test_set_of(run_id: int) -> int | None:
    """Return the id of the test set that a run was measured on; None where there is no such run."""
    found = table().frame
    rows = found[found["id"] == run_id] if len(found) else found
    return None if rows.empty or pd.isna(rows["test_set"].iloc[0]) else int(rows["test_set"].iloc[0])


@cached(this_dataset)
def dataset(db: Store, dataset_id: int) -> Dataset:
    """Return one data set."""
    return queries.dataset(db, dataset_id)


def versions(test_set: int) -> dict[int, str]:
    """Return the data sets that share a test set, by id, each with a title that tells them apart."""
    sets = test_sets().set_index("id")
    return {member: _title(member) for member in sets.loc[test_set, "members"]}


def _title(dataset_id: int) -> str:
    counts = balance(dataset_id).groupby("split")["count"].sum()
    return f"{dataset(dataset_id).name} with {counts['train']:,} training examples"


@cached(this_dataset)
def balance(db: Store, dataset_id: int) -> pd.DataFrame:
    """Return split, label, count and share, in the order of splits and labels."""
    frame = queries.class_balance(db, dataset_id)
    order = {label: place for place, label in enumerate(queries.dataset(db, dataset_id).labels)}
    frame["split"] = pd.Categorical(frame["split"], ["train", "validation", "test"])
    frame["place"] = frame["label"].map(order)
    return frame.sort_values(["split", "place"]).drop(columns=["place", "dataset_id"]).astype({"split": str})


@cached(this_dataset, keep=4)
def examples(db: Store, dataset_id: int) -> pd.DataFrame:
    """Return all examples: split, position, text, label, extra and length (in characters)."""
    frame = queries.examples(db, dataset_id)
    frame["length"] = frame["text"].str.len()
    return frame


def sample_text(test_set: int) -> str:
    """Return a sentence to begin with: the first test example that is neither very short nor long."""
    frame = examples(test_set)
    fair = frame[(frame["split"] == "test") & frame["length"].between(40, 200)]
    return str((fair if len(fair) else frame)["text"].iloc[0])


@cached(any_change, keep=64)
def example_text(db: Store, example: str) -> str | None:
    """Return the text of an example of whatever data set, by its number; None where there is none."""
    number = int(example) if example.isascii() and example.isdigit() and len(example) < LONGEST_NUMBER else None
    return None if number is None else queries.example_text(db, number)


@cached(this_dataset, keep=4)
def extras(db: Store, dataset_id: int) -> pd.DataFrame:
    """Return the source's other columns of all examples, row for row beside `examples`."""
    return pd.json_normalize(examples(dataset_id)["extra"].tolist(), max_level=0)


@cached(this_dataset, keep=2)
def _training_index(db: Store, dataset_id: int) -> "TextIndex":
    from core.evaluation.neighbors import index_texts

    return index_texts(_training(dataset_id)["text"].tolist())


def _training(dataset_id: int) -> pd.DataFrame:
    frame = examples(dataset_id)
    return frame[frame["split"] == "train"]


def nearest(dataset_id: int, text: str, most: int = 5) -> pd.DataFrame:
    """Return the training examples whose words are most like a text's: text, label and similarity."""
    found = _training_index(dataset_id).nearest(text, most)
    frame = _training(dataset_id)[["text", "label"]].iloc[[one.position for one in found]]
    return frame.assign(similarity=[one.similarity for one in found]).reset_index(drop=True)
