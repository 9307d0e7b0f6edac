"""Cached reads: the only file of the dashboard that touches the store, the verdicts and the models."""

from collections.abc import Callable
from functools import wraps
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, NamedTuple, ParamSpec, TypeVar, cast

import pandas as pd
import streamlit as st

from core.errors import RequestError
from core.formatting import count
from core.methods import METHODS
from core.store import engine, queries
from core.store.engine import Store
from core.store.records import Dataset, Run

if TYPE_CHECKING:  # SciPy and torch come with these: a page that needs them waits, the others open at once
    from core.inference import LoadedRun
    from core.verdicts import RunComparison

P = ParamSpec("P")
R = TypeVar("R")

TTL_SECONDS = 30  # a run that fell silent must read as crashed, though nothing was written


class Version(NamedTuple):
    """The database as of now; cached reads are kept until it changes."""

    address: str
    stamps: tuple[int, ...]


def _version() -> Version:
    url = engine.resolve()
    address = url.render_as_string(hide_password=True)
    if url.get_backend_name() != "sqlite":
        return Version(address, ())
    file = Path(url.database or "")
    parts = (file, file.with_name(file.name + "-wal"))
    stats = [part.stat() for part in parts if part.is_file()]
    return Version(address, tuple(number for one in stats for number in (one.st_ino, one.st_mtime_ns, one.st_size)))


@st.cache_resource(max_entries=4, show_spinner=False)
def _open(address: str, file: int) -> Store:
    """Open the database once; a file that was replaced by another of the same name is opened anew."""
    return engine.open_store()


def _store() -> Store:
    current = _version()
    return _open(current.address, current.stamps[0] if current.stamps else 0)


def _cached(read: Callable[Concatenate[Store, P], R]) -> Callable[P, R]:
    """Keep what a read of the store returned until the database changes."""

    # Streamlit tells caches apart by the name and the source of the wrapped function, which `wraps`
    # makes those of ``read``; the version takes the place of its store.
    @st.cache_data(ttl=TTL_SECONDS, max_entries=200, show_spinner=False)
    @wraps(read)
    def remembered(current: Version, *arguments: P.args, **named: P.kwargs) -> R:
        return read(_store(), *arguments, **named)

    @wraps(read)
    def latest(*arguments: P.args, **named: P.kwargs) -> R:
        return remembered(_version(), *arguments, **named)

    return cast(Callable[P, R], latest)


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


@_cached
def test_sets(store: Store) -> pd.DataFrame:
    """Return a row a test set that has runs: id (of its first data set), title, examples, members and runs.

    Data sets that differ in their training examples alone share a test set, and their runs can be
    compared; ``members`` are their ids.
    """
    frame = queries.datasets(store)
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


def test_set_of(run_id: int) -> int | None:
    """Return the id of the test set that a run was measured on; None where there is no such run."""
    found = everything()
    rows = found[found["id"] == run_id]
    return None if rows.empty or pd.isna(rows["test_set"].iloc[0]) else int(rows["test_set"].iloc[0])


# --- Runs -------------------------------------------------------------------------------------------


@_cached
def everything(store: Store) -> pd.DataFrame:
    """Return all runs, oldest first, as in `queries.runs`, with what the screens say of them besides.

    That is ``test_set``, ``label`` (number and name, for people), ``title`` and ``note`` (of the
    method), ``worst_class`` and ``worst_f1``.
    """
    frame = queries.runs(store)
    of_dataset = {member: row.id for row in test_sets().itertuples() for member in row.members}
    frame["test_set"] = frame["dataset_id"].map(of_dataset)
    frame["label"] = [f"#{row.id} {row.name}" for row in frame.itertuples(index=False)]
    frame["title"] = [METHODS[name].title if name in METHODS else name for name in frame["method"]]
    frame["note"] = [METHODS[name].note if name in METHODS else "" for name in frame["method"]]
    frame["model"] = frame["model"].fillna("none").str.removeprefix("sentence-transformers/")
    classes = queries.class_metrics(store, frame["id"].tolist()).dropna(subset="f1").sort_values("f1")
    worst = classes.groupby("run_id").first()
    frame["worst_class"] = frame["id"].map(worst["label"])
    frame["worst_f1"] = frame["id"].map(worst["f1"])
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


def best_baseline(test_set: int) -> int | None:
    """Return the id of the baseline with the highest macro F1."""
    done = complete_runs(test_set)
    return _first(done[done["kind"] == "baseline"])


def best_adapter(test_set: int) -> int | None:
    """Return the id of the run with the highest macro F1 that is no baseline."""
    done = complete_runs(test_set)
    return _first(done[done["kind"] != "baseline"])


def best_run(test_set: int) -> int | None:
    """Return the run to begin with: the best adapter, else the best baseline, else the newest run."""
    newest = runs(test_set).sort_values("id", ascending=False)
    return best_adapter(test_set) or best_baseline(test_set) or _first(newest)


def runner_up(test_set: int) -> int | None:
    """Return the id of the second best run that is no baseline."""
    done = complete_runs(test_set)
    return _first(done[done["kind"] != "baseline"].iloc[1:])


def _first(frame: pd.DataFrame) -> int | None:
    return None if frame.empty else int(frame["id"].iloc[0])


def rival(run_id: int) -> int | None:
    """Return the baseline that a run is measured against: the recorded one, else the best other one."""
    one, test_set = run(run_id), test_set_of(run_id)
    if one.baseline_id is not None or test_set is None:
        return one.baseline_id
    done = complete_runs(test_set)
    return _first(done[(done["kind"] == "baseline") & (done["id"] != run_id)])


@_cached
def run(store: Store, run_id: int) -> Run:
    """Return one run. Raises `RequestError` where there is none of that number."""
    return queries.run(store, run_id)


@_cached
def metrics(store: Store, run_id: int, split: str = "test") -> pd.DataFrame:
    """Return value, low and high of a run's figures on a split, by name."""
    frame = queries.metrics(store, [run_id])
    return frame[frame["split"] == split].set_index("name")[["value", "low", "high"]].astype(float)


def best_epoch(run_id: int) -> float | None:
    """Return the epoch with the best validation macro F1, the one that was kept."""
    figures = metrics(run_id, "validation")["value"]
    return float(figures["best_epoch"]) if "best_epoch" in figures else None


@_cached
def class_metrics(store: Store, run_id: int) -> pd.DataFrame:
    """Return a row a class of the test set, in the order of the labels."""
    frame = queries.class_metrics(store, [run_id]).set_index("label")
    return frame.reindex(labels(run_id)).reset_index()


def worst_class(run_id: int) -> Any:
    """Return the class with the lowest F1: a row of `class_metrics`, its columns as attributes."""
    return next(class_metrics(run_id).sort_values("f1").itertuples(index=False))


@_cached
def labels(store: Store, run_id: int) -> list[str]:
    """Return the labels of a run's data set, in their order."""
    dataset_id = queries.run(store, run_id).dataset_id
    return [] if dataset_id is None else queries.dataset(store, dataset_id).labels


@_cached
def history(store: Store, run_id: int) -> pd.DataFrame:
    """Return step, epoch, name and value of what was logged while training."""
    return queries.history(store, [run_id])


def model_card(run_id: int) -> str | None:
    """Return the model card that lies beside a run's files, in Markdown; None where there is none."""
    folder = run(run_id).folder(_store().folder)
    card = folder / "README.md" if folder else None
    return card.read_text(encoding="utf-8", errors="replace") if card and card.is_file() else None


# --- Comparisons and predictions --------------------------------------------------------------------


@_cached
def comparison(store: Store, run_id: int, against: int) -> "RunComparison":
    """Compare two runs. Raises `RequestError` where they can't be compared, with the reason."""
    from core.verdicts import compare_runs

    return compare_runs(store, run_id, against)


def verdict(run_id: int, against: int) -> str:
    """Return the verdict on a run against another in one sentence."""
    from core.verdicts import sentence

    return sentence(comparison(run_id, against))


@_cached
def judged(store: Store, run_id: int, against: int | None = None) -> pd.DataFrame:
    """Return a row a test example with what a run said of it, and how that stands to another run.

    Columns: those of `queries.predictions`, ``right``; with ``against`` also ``flip`` and ``other``
    (what the other run said).
    """
    frame = queries.predictions(store, run_id)
    frame["right"] = frame["label"] == frame["predicted"]
    if against is not None:
        from core.evaluation.comparison import flips

        other = queries.predictions(store, against)
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


@_cached
def dataset(store: Store, dataset_id: int) -> Dataset:
    """Return one data set."""
    return queries.dataset(store, dataset_id)


def versions(test_set: int) -> dict[int, str]:
    """Return the data sets that share a test set, by id, each with a title that tells them apart."""
    sets = test_sets().set_index("id")
    return {member: _title(member) for member in sets.loc[test_set, "members"]}


def _title(dataset_id: int) -> str:
    counts = balance(dataset_id).groupby("split")["count"].sum()
    return f"{dataset(dataset_id).name} with {counts['train']:,} training examples"


@_cached
def balance(store: Store, dataset_id: int) -> pd.DataFrame:
    """Return split, label, count and share, in the order of splits and labels."""
    frame = queries.class_balance(store, dataset_id)
    order = {label: place for place, label in enumerate(queries.dataset(store, dataset_id).labels)}
    frame["split"] = pd.Categorical(frame["split"], ["train", "validation", "test"])
    frame["place"] = frame["label"].map(order)
    return frame.sort_values(["split", "place"]).drop(columns=["place", "dataset_id"]).astype({"split": str})


@_cached
def examples(store: Store, dataset_id: int) -> pd.DataFrame:
    """Return all examples: split, position, text, label, extra and length (in characters)."""
    frame = queries.examples(store, dataset_id)
    frame["length"] = frame["text"].str.len()
    return frame


# --- Prediction -------------------------------------------------------------------------------------


@st.cache_resource(max_entries=4, show_spinner=False)
def _loaded(address: str, run_id: int, sha256: str | None) -> "LoadedRun":
    from core.inference import load_run

    return load_run(_store(), run_id)


def predict(run_id: int, text: str) -> pd.DataFrame:
    """Return label and probability for one text. The first call for a run loads its model."""
    loaded = _loaded(_version().address, run_id, run(run_id).adapter_sha256)
    return pd.DataFrame({"label": loaded.labels, "probability": loaded.predict([text])[0].astype(float)})


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
