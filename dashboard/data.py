"""Cached reads: with `dashboard.cache` the only file that touches the store, the verdicts and the models."""

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from core.errors import RequestError
from core.formatting import count
from core.methods import METHODS
from core.store import engine, queries
from core.store.engine import Store
from core.store.records import Dataset, Run
from dashboard.cache import cached, store
from dashboard.cache import version as current

if TYPE_CHECKING:  # SciPy and torch come with these: a page that needs them waits, the others open at once
    from core.evaluation.noise import Suspect
    from core.inference import LoadedRun
    from core.verdicts import ConfigurationComparison, RunComparison
WORST = {
    "worst_class": "label",
    "worst_f1": "f1",
    "worst_f1_low": "f1_low",
    "worst_f1_high": "f1_high",
    "worst_support": "support",
}


# --- The database and its test sets -----------------------------------------------------------------


def is_empty() -> bool:
    """Tell whether there is no database yet, or one without runs."""
    url = engine.resolve()
    if not engine.exists(url):
        return True
    if url.get_backend_name() == "sqlite" and Path(url.database or "").stat().st_size == 0:
        return True
    return bool(everything().empty)


def address() -> str:
    """Return the database's address without its password; a file in the project's folder by its name there."""
    url = engine.resolve()
    if url.get_backend_name() != "sqlite":
        return url.render_as_string(hide_password=True)
    file, project = Path(url.database or ""), engine.DEFAULT.parent
    return str(file.relative_to(project)) if file.is_relative_to(project) else str(file)


def foot() -> str:
    """Return what stands at the foot of the frame: how many runs, how many at work, and the version."""
    states = pd.Series(dtype=str) if is_empty() else everything()["state"]
    running = int((states == "running").sum())
    return f"{count(len(states))} runs, {count(running)} running · version {version('adapter-bench')}"


@cached
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
    """Return the id of the test set that the newest run was measured on."""
    return int(everything()["test_set"].dropna().iloc[-1])


def test_set_of(run_id: int) -> int | None:
    """Return the id of the test set that a run was measured on; None where there is no such run."""
    found = everything()
    rows = found[found["id"] == run_id]
    return None if rows.empty or pd.isna(rows["test_set"].iloc[0]) else int(rows["test_set"].iloc[0])


# --- Runs -------------------------------------------------------------------------------------------


@cached
def everything(db: Store) -> pd.DataFrame:
    """Return all runs, oldest first, as in `queries.runs`, with what the screens say of them besides.

    That is ``test_set``, ``label`` (number and name, for people), ``title`` and ``note`` (of the
    method), and those of `WORST`: what is known of the class with the lowest F1.
    """
    frame = queries.runs(db)
    of_dataset = {member: row.id for row in test_sets().itertuples() for member in row.members}
    frame["test_set"] = frame["dataset_id"].map(of_dataset)
    frame["label"] = [f"#{row.id} {row.name}" for row in frame.itertuples(index=False)]
    frame["title"] = [METHODS[name].title if name in METHODS else name for name in frame["method"]]
    frame["note"] = [METHODS[name].note if name in METHODS else "" for name in frame["method"]]
    frame["model"] = frame["model"].fillna("none").str.removeprefix("sentence-transformers/")
    classes = queries.class_metrics(db, frame["id"].tolist()).dropna(subset="f1").sort_values("f1")
    worst = classes.groupby("run_id").first()
    for name, column in WORST.items():
        frame[name] = frame["id"].map(worst[column])
    return frame


def runs(test_set: int) -> pd.DataFrame:
    """Return the runs on a test set, as in `everything`; those that failed before they had data are among them."""
    frame = everything()
    return frame[(frame["test_set"] == test_set) | frame["test_set"].isna()].reset_index(drop=True)


def row(run_id: int) -> Any:
    """Return one row of `everything`, its columns as attributes. Raises `RequestError` where there is none."""
    found = everything()
    found = found[found["id"] == run(run_id).id]
    return next(found.itertuples(index=False))


def label(run_id: int) -> str:
    """Return a run's number and name, as on every screen."""
    return str(row(run_id).label)


def some_runs(run_ids: list[int]) -> pd.DataFrame:
    """Return these rows of `everything`, in this order."""
    return everything().set_index("id").loc[run_ids].reset_index()


def complete_runs(test_set: int) -> pd.DataFrame:
    """Return the complete runs on a test set, the best by macro F1 first."""
    frame = runs(test_set)
    done = frame[(frame["state"] == "complete") & frame["macro_f1"].notna()]
    return done.sort_values(["macro_f1", "id"], ascending=[False, True]).reset_index(drop=True)


def without_scores(frame: pd.DataFrame) -> list[Run]:
    """Return the runs of a frame that ended without being complete."""
    return [run(int(number)) for number in frame.loc[~frame["state"].isin(["complete", "running"]), "id"]]


@cached
def run(db: Store, run_id: int) -> Run:
    """Return one run. Raises `RequestError` where there is none of that number."""
    return queries.run(db, run_id)


@cached
def metrics(db: Store, run_id: int, split: str = "test") -> pd.DataFrame:
    """Return value, low and high of a run's figures on a split, by name."""
    frame = queries.metrics(db, [run_id])
    return frame[frame["split"] == split].set_index("name")[["value", "low", "high"]].astype(float)


def best_epoch(run_id: int) -> float | None:
    """Return the epoch with the best validation macro F1, the one that was kept."""
    figures = metrics(run_id, "validation")["value"]
    return float(figures["best_epoch"]) if "best_epoch" in figures else None


@cached
def class_metrics(db: Store, run_id: int) -> pd.DataFrame:
    """Return a row a class of the test set, in the order of the labels."""
    frame = queries.class_metrics(db, [run_id]).set_index("label")
    return frame.reindex(labels(run_id)).reset_index()


def worst_class(run_id: int) -> Any:
    """Return the class with the lowest F1: a row of `class_metrics`, its columns as attributes."""
    return next(class_metrics(run_id).sort_values("f1").itertuples(index=False))


@cached
def labels(db: Store, run_id: int) -> list[str]:
    """Return the labels of a run's data set, in their order."""
    dataset_id = queries.run(db, run_id).dataset_id
    return [] if dataset_id is None else queries.dataset(db, dataset_id).labels


@cached
def history(db: Store, run_id: int) -> pd.DataFrame:
    """Return step, epoch, name and value of what was logged while training."""
    return queries.history(db, [run_id])


def model_card(run_id: int) -> str | None:
    """Return the model card that lies beside a run's files, in Markdown; None where there is none."""
    folder = run(run_id).folder(store().folder)
    card = folder / "README.md" if folder else None
    return card.read_text(encoding="utf-8", errors="replace") if card and card.is_file() else None


# --- Comparisons and predictions --------------------------------------------------------------------


@cached
def comparison(db: Store, run_id: int, against: int) -> "RunComparison":
    """Compare two runs. Raises `RequestError` where they can't be compared, with the reason."""
    from core.verdicts import compare_runs

    return compare_runs(db, run_id, against)


@cached
def configurations(db: Store, run_id: int, against: int) -> "ConfigurationComparison | None":
    """Compare the configurations of two runs over the seeds that both have; None where these are fewer than two."""
    from core.verdicts import compare_configurations

    return compare_configurations(db, run_id, against)


def sentences(run_id: int, against: int) -> list[str]:
    """Return what is to be said of a run against another: the verdict, over seeds where there are some, the margin."""
    from core.verdicts import configuration_sentence, margin_sentence, sentence

    compared, over_seeds = comparison(run_id, against), configurations(run_id, against)
    seeds = [configuration_sentence(over_seeds)] if over_seeds else []
    return [sentence(compared), *seeds, margin_sentence(compared.result)]


def adjusted_p(run_ids: list[int], against: int) -> list[float]:
    """Return the p values of several runs against one, Holm-adjusted for their number."""
    from core.verdicts import adjusted_p

    return adjusted_p([comparison(run_id, against) for run_id in run_ids])


@cached
def training_warning(db: Store, run_id: int) -> str | None:
    """Return what speaks for a run's being under-trained, where it does not beat its best baseline."""
    from core.verdicts import training_warning

    return training_warning(db, queries.run(db, run_id))


@cached
def rechecks(db: Store, run_id: int) -> pd.DataFrame:
    """Return what predicting a run's test set again gave, the oldest time first."""
    return queries.rechecks(db, run_id)


@cached
def probabilities(db: Store, run_id: int, split: str = "test") -> NDArray[np.float32]:
    """Return a run's stored probabilities on a split: [n, k]; empty where it has none."""
    return queries.probabilities(db, run_id, split)


@cached
def codes(db: Store, run_id: int, split: str = "test") -> NDArray[np.int64]:
    """Return the true label codes of the examples of a split that a run judged: [n]."""
    names = queries.dataset(db, run(run_id).dataset_id or 0).labels
    place = {label: code for code, label in enumerate(names)}
    return np.array([place[label] for label in queries.predictions(db, run_id, split)["label"]], dtype=np.int64)


@cached
def suspects(db: Store, run_id: int) -> "list[Suspect]":
    """Return the test examples whose label a run's probabilities speak against."""
    from core.evaluation.noise import suspects

    return suspects(codes(run_id), queries.probabilities(db, run_id))


@cached
def judged(db: Store, run_id: int, against: int | None = None) -> pd.DataFrame:
    """Return a row a test example with what a run said of it, and how that stands to another run.

    Columns: those of `queries.predictions`, ``right``; with ``against`` also ``flip`` and ``other``
    (what the other run said).
    """
    frame = queries.predictions(db, run_id)
    frame["right"] = frame["label"] == frame["predicted"]
    if against is not None:
        from core.evaluation.comparison import flips

        other = queries.predictions(db, against)
        frame["other"] = other["predicted"]
        frame["flip"] = flips(frame["right"].to_numpy(), (other["label"] == other["predicted"]).to_numpy())
    return frame


def test_size(run_id: int) -> int:
    """Return how many test examples a run was measured on."""
    return len(judged(run_id))


def comparable(run_id: int, others: list[int]) -> tuple[list[int], list[str]]:
    """Return those of the others that a run can be compared with, and for each of the rest the reason."""
    fine, reasons = [], []
    for other in others:
        try:
            comparison(run_id, other)
        except RequestError as error:
            reasons.append(str(error))
        else:
            fine.append(other)
    return fine, reasons


# --- Data -------------------------------------------------------------------------------------------


@cached
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


@cached
def balance(db: Store, dataset_id: int) -> pd.DataFrame:
    """Return split, label, count and share, in the order of splits and labels."""
    frame = queries.class_balance(db, dataset_id)
    order = {label: place for place, label in enumerate(queries.dataset(db, dataset_id).labels)}
    frame["split"] = pd.Categorical(frame["split"], ["train", "validation", "test"])
    frame["place"] = frame["label"].map(order)
    return frame.sort_values(["split", "place"]).drop(columns=["place", "dataset_id"]).astype({"split": str})


@cached
def examples(db: Store, dataset_id: int) -> pd.DataFrame:
    """Return all examples: split, position, text, label, extra and length (in characters)."""
    frame = queries.examples(db, dataset_id)
    frame["length"] = frame["text"].str.len()
    return frame


# --- Prediction -------------------------------------------------------------------------------------


@st.cache_resource(max_entries=4, show_spinner=False)
def _loaded(address: str, run_id: int, sha256: str | None) -> "LoadedRun":
    from core.inference import load_run

    return load_run(store(), run_id)


def temperature(run_id: int) -> float | None:
    """Return the temperature that was fitted on the validation examples; None where none was."""
    figures = metrics(run_id, "validation")["value"]
    return float(figures["temperature"]) if "temperature" in figures else None


def predict(run_id: int, text: str) -> pd.DataFrame:
    """Return label and probability for one text, at the fitted temperature where there is one.

    The first call for a run loads its model.
    """
    from core.evaluation.calibration import calibrated

    loaded = _loaded(current().address, run_id, run(run_id).adapter_sha256)
    shares = calibrated(loaded.predict([text]), temperature(run_id) or 1.0)
    return pd.DataFrame({"label": loaded.labels, "probability": shares[0].astype(float)})


def sample_text(test_set: int) -> str:
    """Return a sentence to begin with: the first test example that is neither very short nor long."""
    frame = examples(test_set)
    fair = frame[(frame["split"] == "test") & frame["length"].between(40, 200)]
    return str((fair if len(fair) else frame)["text"].iloc[0])


def example_text(dataset_id: int, example: str) -> str | None:
    """Return the text of an example by its number; None where there is none."""
    frame = examples(dataset_id)
    found = frame.loc[frame["id"].astype(str) == example, "text"]
    return None if found.empty else str(found.iloc[0])
