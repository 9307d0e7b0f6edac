"""Runs, their metrics, curves and logs."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from core.catalog.figures import TRAINING_MACRO_F1
from core.catalog.methods import METHODS
from core.store import engine, queries
from core.store.engine import Store
from core.store.records import Run
from core.text.formatting import format_count
from core.text.sanitize import escape_invisible, to_single_line
from dashboard.data.cache import cached, database_key
from dashboard.data.sanitize_records import sanitize_record
from dashboard.data.table import all_runs_key, runs_key, table


def is_empty() -> bool:
    """Return whether there is no database, or one without runs."""
    return _is_missing() or bool(all_runs().empty)


def _is_missing() -> bool:
    url = engine.resolve_url()
    if not engine.database_exists(url):
        return True
    return url.get_backend_name() == "sqlite" and Path(url.database or "").stat().st_size == 0


def all_runs_in_trash() -> bool:
    """Return whether there are runs, and all of them are in the trash."""
    return not _is_missing() and all_runs().empty and not trashed_runs().empty


def address() -> str:
    """Return the database's address without its password; a file in the project's folder by its relative path."""
    url = engine.resolve_url()
    if url.get_backend_name() != "sqlite":
        return url.render_as_string(hide_password=True)
    file, project = Path(url.database or ""), engine.DEFAULT_DATABASE.parent
    return escape_invisible(str(file.relative_to(project) if file.is_relative_to(project) else file))


def command(arguments: str) -> str:
    """Return the command line with these arguments for the current database, such as ``resume 12``."""
    return escape_invisible(engine.format_command(arguments, engine.format_address(engine.resolve_url())))


def resume_command(run_id: int) -> str:
    """Return the command that resumes a run; after an out-of-memory error with smaller micro-batches."""
    smaller = " --auto-batch" if run(run_id).error_type == "OutOfMemory" else ""
    return command(f"resume {run_id}{smaller}")


def continue_command(run_id: int) -> str | None:
    """Return the command that trains a complete run for more epochs; None if its method does not support it."""
    record = run(run_id)
    method = METHODS.get(record.method)
    is_continuable = record.state == "complete" and record.deleted_at is None and method and method.is_continuable
    return command(f"resume {run_id} --epochs auto") if is_continuable else None


def footer(test_set: int | None) -> str:
    """Return the footer of the pages: the number of runs on a test set, of running ones if any, and the version.

    ``test_set``: None if there is none, which counts all runs.
    """
    frame = pd.DataFrame({"state": []}) if is_empty() else all_runs() if test_set is None else runs(test_set)
    running = int((frame["state"] == "running").sum())
    in_progress = f", {format_count(running)} running" if running else ""
    total = f"{format_count(len(frame))} {'run' if len(frame) == 1 else 'runs'}"
    return f"{total}{in_progress} · version {version('adapter-bench')}"


@cached(all_runs_key, keep=4)
def all_runs(db: Store) -> pd.DataFrame:
    """Return all runs except those in the trash, oldest first.

    Columns: those of `queries.runs`, ``test_set``, ``label`` (id and name), ``title`` and ``note`` (of the method).
    """
    frame = table().frame
    return frame[frame["deleted_at"].isna()].reset_index(drop=True)


@cached(all_runs_key, keep=4)
def trashed_runs(db: Store) -> pd.DataFrame:
    """Return the runs in the trash, the last deleted first."""
    frame = table().frame
    return frame[frame["deleted_at"].notna()].sort_values("deleted_at", ascending=False).reset_index(drop=True)


@cached(all_runs_key, keep=8)
def runs(db: Store, test_set: int) -> pd.DataFrame:
    """Return the runs on a test set that are neither archived nor in the trash, see `filter_test_set`.

    Trials of searches are left out once they have ended: they have no test scores.
    """
    frame = filter_test_set(all_runs(), test_set)
    is_ended_trial = frame["study"].notna() & (frame["state"] != "running")
    return frame[~frame["archived"].astype(bool) & ~is_ended_trial].reset_index(drop=True)


@cached(all_runs_key, keep=8)
def trial_runs(db: Store, test_set: int) -> pd.DataFrame:
    """Return the runs of the trials of searches on a test set, see `filter_test_set`."""
    frame = filter_test_set(all_runs(), test_set)
    return frame[frame["study"].notna()].reset_index(drop=True)


@cached(all_runs_key, keep=8)
def archived_runs(db: Store, test_set: int) -> pd.DataFrame:
    """Return the archived runs on a test set, see `filter_test_set`."""
    frame = filter_test_set(all_runs(), test_set)
    return frame[frame["archived"].astype(bool)].reset_index(drop=True)


def filter_test_set(frame: pd.DataFrame, test_set: int) -> pd.DataFrame:
    """Return the runs on a test set, and those that ended before they had a data set."""
    return frame[(frame["test_set"] == test_set) | frame["test_set"].isna()].reset_index(drop=True)


@cached(all_runs_key, keep=8)
def complete_runs(db: Store, test_set: int) -> pd.DataFrame:
    """Return the complete runs on a test set, highest macro F1 first."""
    frame = runs(test_set)
    complete = frame[(frame["state"] == "complete") & frame["macro_f1"].notna()]
    return complete.sort_values(["macro_f1", "id"], ascending=[False, True]).reset_index(drop=True)


def unquantized_run(run_id: int) -> int | None:
    """Return the newest complete run that differs from a quantized run only in that; None if there is none."""
    config = config_of(run_id)
    unquantized = {name: value for name, value in config.items() if name != "quantize"}
    if unquantized == config:
        return None
    quantized, frame = run(run_id), all_runs()
    alike = frame[(frame["dataset_id"] == quantized.dataset_id) & (frame["method"] == quantized.method)]
    complete = alike.loc[(alike["state"] == "complete") & (alike["seed"] == quantized.seed), "id"]
    return next((other for other in map(int, complete[::-1]) if config_of(other) == unquantized), None)


def run_row(run_id: int) -> Any:
    """Return one row of `all_runs`, its columns as attributes. Raises `RequestError` for an unknown run id."""
    run(run_id)
    frame = table().frame
    return next(frame[frame["id"] == run_id].itertuples(index=False))


def run_rows(run_ids: list[int]) -> pd.DataFrame:
    """Return these rows of `all_runs`, in this order."""
    return table().frame.set_index("id", drop=False).loc[run_ids].reset_index(drop=True)


def run_label(run_id: int) -> str:
    """Return the id and the name of a run, as every page shows them."""
    return f"#{run_id} {to_single_line(run(run_id).name)}"


@cached(runs_key)
def run(db: Store, run_id: int) -> Run:
    """Return one run. Raises `RequestError` for an unknown run id."""
    return queries.run(db, run_id)


@cached(runs_key, sanitize=False)
def exact_run(db: Store, run_id: int) -> Run:
    """Return one run with its paths and its configuration as recorded: for use, not to show."""
    return queries.run(db, run_id)


def config_of(run_id: int) -> dict[str, Any]:
    """Return a run's complete settings, unchanged: for commands and files, not to show."""
    return exact_run(run_id).settings


@cached(runs_key)
def metrics(db: Store, run_id: int, split: str = "test") -> pd.DataFrame:
    """Return a run's metrics on a split: value, low and high by name."""
    frame = queries.metrics(db, [run_id])
    return frame[frame["split"] == split].set_index("name")[["value", "low", "high"]].astype(float)


def best_epoch(run_id: int) -> float | None:
    """Return the epoch with the highest validation macro F1, which is the one that was kept."""
    return _metric(run_id, "validation", "best_epoch")


def temperature(run_id: int) -> float | None:
    """Return the temperature fitted on the validation split; None without one."""
    return _metric(run_id, "validation", "temperature")


def training_macro_f1(run_id: int) -> float | None:
    """Return macro F1 on training examples; None if it is not recorded."""
    return _metric(run_id, "train", TRAINING_MACRO_F1)


def _metric(run_id: int, split: str, name: str) -> float | None:
    values = metrics(run_id, split)["value"]
    return float(values[name]) if name in values else None


@cached(runs_key)
def class_metrics(db: Store, run_id: int) -> pd.DataFrame:
    """Return a run's metrics of each class of the test set, in the order of the labels."""
    frame = sanitize_record(queries.class_metrics(db, [run_id])).set_index("label")
    return frame.reindex(labels(run_id)).reset_index()


def worst_class(run_id: int) -> Any:
    """Return the class with the lowest F1 as a row of `class_metrics`; None without classes."""
    return next(class_metrics(run_id).sort_values("f1").itertuples(index=False), None)


@cached(runs_key)
def labels(db: Store, run_id: int) -> list[str]:
    """Return the labels of a run's data set, in their order."""
    dataset_id = queries.run(db, run_id).dataset_id
    return [] if dataset_id is None else queries.dataset(db, dataset_id).labels


@cached(database_key)
def history(db: Store, run_id: int) -> pd.DataFrame:
    """Return the values logged during training: step, epoch, name and value."""
    return queries.history(db, [run_id])


@cached(database_key)
def learning_curves(db: Store, run_ids: list[int]) -> dict[int, list[float]]:
    """Return macro F1 on the validation split after each evaluation, by run id; runs without any are left out."""
    frame = queries.learning_curves(db, run_ids, "validation_macro_f1")
    return {int(run_id): values.tolist() for run_id, values in frame.groupby("run_id")["value"]}


@cached(database_key)
def rechecks(db: Store, run_id: int) -> pd.DataFrame:
    """Return the results of predicting the test set again, oldest first."""
    return queries.rechecks(db, run_id)


@cached(database_key, keep=8)
def log_lines(db: Store, run_id: int, lines: int = 200) -> pd.DataFrame:
    """Return the last lines of a run's log, oldest first: line, at and text."""
    return queries.log_tail(db, run_id, lines)
