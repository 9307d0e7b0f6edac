"""Data sets, and the test sets that runs share."""

from typing import TYPE_CHECKING

import pandas as pd

from core.store import queries
from core.store.engine import Store
from core.store.records import Dataset
from dashboard.data.cache import cached, database_key
from dashboard.data.runs import all_runs
from dashboard.data.table import all_runs_key, dataset_key, table

if TYPE_CHECKING:
    from core.evaluation.neighbors import TextIndex

MAX_ID_DIGITS = 19
"""An id with this many digits may not fit into a column of the database."""


@cached(all_runs_key)
def test_sets(db: Store) -> pd.DataFrame:
    """Return the test sets that have runs: id (of the first data set), title, examples, members and runs.

    Data sets that differ only in their training examples share a test set, and their runs can be
    compared; ``members`` are the ids of these data sets.
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
    is_ambiguous = sets["name"].duplicated(keep=False)
    sets["title"] = sets["name"].where(~is_ambiguous, sets["name"] + " · " + sets.index.str[:6])
    return sets.reset_index(drop=True)


def newest_test_set() -> int:
    """Return the id of the test set of the newest run; if all runs are in the trash, of the last test set.

    At least one test set must exist.
    """
    with_runs = all_runs()["test_set"].dropna()
    return int((with_runs if len(with_runs) else test_sets()["id"]).iloc[-1])


def test_set_of(run_id: int) -> int | None:
    """Return the id of a run's test set; None for an unknown run id and for a run without data."""
    frame = table().frame
    rows = frame[frame["id"] == run_id] if len(frame) else frame
    return None if rows.empty or pd.isna(rows["test_set"].iloc[0]) else int(rows["test_set"].iloc[0])


@cached(dataset_key)
def dataset(db: Store, dataset_id: int) -> Dataset:
    """Return one data set."""
    return queries.dataset(db, dataset_id)


def dataset_versions(test_set: int) -> dict[int, str]:
    """Return the data sets that share a test set: a title by id that names the number of training examples."""
    sets = test_sets().set_index("id")
    return {member: _title(member) for member in sets.loc[test_set, "members"]}


def _title(dataset_id: int) -> str:
    counts = balance(dataset_id).groupby("split")["count"].sum()
    return f"{dataset(dataset_id).name} with {counts['train']:,} training examples"


@cached(dataset_key)
def balance(db: Store, dataset_id: int) -> pd.DataFrame:
    """Return the class balance: split, label, count and share, in the order of splits and labels."""
    frame = queries.class_balance(db, dataset_id)
    order = {label: place for place, label in enumerate(queries.dataset(db, dataset_id).labels)}
    frame["split"] = pd.Categorical(frame["split"], ["train", "validation", "test"])
    frame["place"] = frame["label"].map(order)
    return frame.sort_values(["split", "place"]).drop(columns=["place", "dataset_id"]).astype({"split": str})


@cached(dataset_key, keep=4, exact=["text"])
def examples(db: Store, dataset_id: int) -> pd.DataFrame:
    """Return all examples: split, position, text (exact), label, extra and length (in characters)."""
    frame = queries.examples(db, dataset_id)
    frame["length"] = frame["text"].str.len()
    return frame


def sample_text(test_set: int) -> str:
    """Return the first test example of medium length, exact."""
    frame = examples(test_set)
    medium = frame[(frame["split"] == "test") & frame["length"].between(40, 200)]
    return str((medium if len(medium) else frame)["text"].iloc[0])


@cached(database_key, keep=64, sanitize=False)
def example_text(db: Store, example: str) -> str | None:
    """Return the exact text of an example of any data set, by its id; None for an unknown id."""
    is_id = example.isascii() and example.isdigit() and len(example) < MAX_ID_DIGITS
    return queries.example_text(db, int(example)) if is_id else None


@cached(dataset_key, keep=4)
def source_columns(db: Store, dataset_id: int) -> pd.DataFrame:
    """Return the other columns of the source, with the same rows as `examples`."""
    return pd.json_normalize(examples(dataset_id)["extra"].tolist(), max_level=0)


@cached(dataset_key, keep=2, sanitize=False)
def _training_index(db: Store, dataset_id: int) -> "TextIndex":
    from core.evaluation.neighbors import index_texts

    return index_texts(_training_examples(dataset_id)["text"].tolist())


def _training_examples(dataset_id: int) -> pd.DataFrame:
    frame = examples(dataset_id)
    return frame[frame["split"] == "train"]


def nearest_examples(dataset_id: int, text: str, most: int = 5) -> pd.DataFrame:
    """Return the training examples with the most similar words: text (exact), label and similarity."""
    neighbors = _training_index(dataset_id).nearest(text, most)
    frame = _training_examples(dataset_id)[["text", "label"]].iloc[[neighbor.position for neighbor in neighbors]]
    return frame.assign(similarity=[neighbor.similarity for neighbor in neighbors]).reset_index(drop=True)
