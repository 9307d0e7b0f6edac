"""Runs, and what is recorded of each."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from core.store import engine, queries
from core.store.engine import Store
from core.store.records import Run
from core.text.formatting import format_count
from core.text.sanitize import to_single_line
from dashboard.data.cache import any_change, cached
from dashboard.data.sanitize_records import sanitize_record
from dashboard.data.table import any_run, table, these_runs


def is_empty() -> bool:
    """Tell whether there is no database yet, or one without runs."""
    return _is_unwritten() or bool(everything().empty)


def _is_unwritten() -> bool:
    url = engine.resolve_url()
    if not engine.database_exists(url):
        return True
    return url.get_backend_name() == "sqlite" and Path(url.database or "").stat().st_size == 0


def everything_is_in_the_trash() -> bool:
    """Tell whether there are runs, and all of them in the trash."""
    return not _is_unwritten() and everything().empty and not trash().empty


def address() -> str:
    """Return the database's address without its password; a file in the project's folder by its name there."""
    url = engine.resolve_url()
    if url.get_backend_name() != "sqlite":
        return url.render_as_string(hide_password=True)
    file, project = Path(url.database or ""), engine.DEFAULT_DATABASE.parent
    return str(file.relative_to(project)) if file.is_relative_to(project) else str(file)


def command(words: str) -> str:
    """Return what to type to do something with this database, as in ``resume 12``."""
    return engine.format_command(words, engine.format_address(engine.resolve_url()))


def resume_command(run_id: int) -> str:
    """Return the command that resumes a run; after an out-of-memory error with smaller micro-batches."""
    smaller = " --auto-batch" if run(run_id).error_type == "OutOfMemory" else ""
    return command(f"resume {run_id}{smaller}")


def foot() -> str:
    """Return what stands at the foot of the frame: how many runs, how many at work, and the version."""
    states = pd.Series(dtype=str) if is_empty() else everything()["state"]
    running = int((states == "running").sum())
    return f"{format_count(len(states))} runs, {format_count(running)} running · version {version('adapter-bench')}"


def everything() -> pd.DataFrame:
    """Return all runs but those in the trash, oldest first, as in `queries.runs`, with what the screens say of them.

    That is ``test_set``, ``label`` (number and name, for people), ``title`` and ``note`` (of the method).
    """
    return _not_deleted()


@cached(any_run, keep=4)
def _not_deleted(db: Store) -> pd.DataFrame:
    frame = table().frame
    return frame[frame["deleted_at"].isna()].reset_index(drop=True)


@cached(any_run, keep=4)
def trash(db: Store) -> pd.DataFrame:
    """Return the runs in the trash, the last one first."""
    frame = table().frame
    return frame[frame["deleted_at"].notna()].sort_values("deleted_at", ascending=False).reset_index(drop=True)


@cached(any_run, keep=8)
def runs(db: Store, test_set: int) -> pd.DataFrame:
    """Return the runs on a test set, as in `everything`, without the archived ones.

    Those that failed before they had data are among them.
    """
    frame = on_test_set(everything(), test_set)
    return frame[~frame["archived"].astype(bool)].reset_index(drop=True)


@cached(any_run, keep=8)
def archived(db: Store, test_set: int) -> pd.DataFrame:
    """Return the archived runs on a test set, those that failed before they had data among them."""
    frame = on_test_set(everything(), test_set)
    return frame[frame["archived"].astype(bool)].reset_index(drop=True)


def unquantized(run_id: int) -> int | None:
    """Return the newest complete run that is like a quantised one in all but that; None where there is none."""
    ours = run(run_id)
    exact = {name: value for name, value in ours.config.items() if name != "quantize"}
    if exact == ours.config:
        return None
    frame = everything()
    alike = frame[(frame["dataset_id"] == ours.dataset_id) & (frame["method"] == ours.method)]
    complete = alike.loc[(alike["state"] == "complete") & (alike["seed"] == ours.seed), "id"]
    return next((number for number in map(int, complete[::-1]) if run(number).config == exact), None)


def on_test_set(frame: pd.DataFrame, test_set: int) -> pd.DataFrame:
    """Return the runs on a test set, and those without one: they ended before they had data."""
    return frame[(frame["test_set"] == test_set) | frame["test_set"].isna()].reset_index(drop=True)


def row(run_id: int) -> Any:
    """Return one row of `everything`, its columns as attributes. Raises `RequestError` where there is none."""
    run(run_id)
    found = table().frame
    return next(found[found["id"] == run_id].itertuples(index=False))


def label(run_id: int) -> str:
    """Return a run's number and name, as on every screen."""
    return f"#{run_id} {to_single_line(run(run_id).name)}"


def some_runs(run_ids: list[int]) -> pd.DataFrame:
    """Return these rows of `everything`, in this order."""
    return table().frame.set_index("id", drop=False).loc[run_ids].reset_index(drop=True)


@cached(any_run, keep=8)
def complete_runs(db: Store, test_set: int) -> pd.DataFrame:
    """Return the complete runs on a test set, the best by macro F1 first."""
    frame = runs(test_set)
    done = frame[(frame["state"] == "complete") & frame["macro_f1"].notna()]
    return done.sort_values(["macro_f1", "id"], ascending=[False, True]).reset_index(drop=True)


@cached(these_runs)
def run(db: Store, run_id: int) -> Run:
    """Return one run. Raises `RequestError` where there is none of that number."""
    return queries.run(db, run_id)


@cached(these_runs)
def metrics(db: Store, run_id: int, split: str = "test") -> pd.DataFrame:
    """Return value, low and high of a run's figures on a split, by name."""
    frame = queries.metrics(db, [run_id])
    return frame[frame["split"] == split].set_index("name")[["value", "low", "high"]].astype(float)


def best_epoch(run_id: int) -> float | None:
    """Return the epoch with the best validation macro F1, the one that was kept."""
    figures = metrics(run_id, "validation")["value"]
    return float(figures["best_epoch"]) if "best_epoch" in figures else None


@cached(these_runs)
def class_metrics(db: Store, run_id: int) -> pd.DataFrame:
    """Return a row a class of the test set, in the order of the labels."""
    frame = sanitize_record(queries.class_metrics(db, [run_id])).set_index("label")
    return frame.reindex(labels(run_id)).reset_index()


def worst_class(run_id: int) -> Any:
    """Return the class with the lowest F1: a row of `class_metrics`, as attributes; None where there are no classes."""
    return next(class_metrics(run_id).sort_values("f1").itertuples(index=False), None)


@cached(these_runs)
def labels(db: Store, run_id: int) -> list[str]:
    """Return the labels of a run's data set, in their order."""
    dataset_id = queries.run(db, run_id).dataset_id
    return [] if dataset_id is None else queries.dataset(db, dataset_id).labels


@cached(any_change)
def history(db: Store, run_id: int) -> pd.DataFrame:
    """Return step, epoch, name and value of what was logged while training."""
    return queries.history(db, [run_id])


def temperature(run_id: int) -> float | None:
    """Return the temperature that was fitted on the validation examples; None where none was."""
    figures = metrics(run_id, "validation")["value"]
    return float(figures["temperature"]) if "temperature" in figures else None


@cached(any_change)
def rechecks(db: Store, run_id: int) -> pd.DataFrame:
    """Return what predicting a run's test set again gave, the oldest time first."""
    return queries.rechecks(db, run_id)


@cached(any_change, keep=8)
def log(db: Store, run_id: int, lines: int = 200) -> pd.DataFrame:
    """Return the last lines of what a run told while it ran, the oldest first: line, at and text."""
    return queries.log_tail(db, run_id, lines)
