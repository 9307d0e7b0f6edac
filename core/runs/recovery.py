"""What a record still needs once it is in its database: the link to its baseline, and its card."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.catalog.figures import MACRO_F1_DIFFERENCE, MACRO_F1_DIFFERENCE_P_VALUE
from core.errors import RequestError, StoreError
from core.evaluation.comparison import compare
from core.evaluation.intervals import Estimate
from core.report.model_card import render_model_card
from core.store import queries
from core.store.engine import Store
from core.store.fallback import discard_fallback, import_fallback, list_fallbacks
from core.store.run_writer import RunWriter
from core.system.files import write_atomically


def measure_against_baseline(run: RunWriter, dataset_id: int, labels: Sequence[str], seed: int) -> None:
    """Link a run to the best baseline of its data set, and record the difference in macro F1."""
    baseline = queries.best_baseline(run.store, dataset_id, seed)
    if baseline is None:
        return
    true, ours = queries.labels_and_predictions(run.store, run.id, labels)
    _, theirs = queries.labels_and_predictions(run.store, baseline, labels)
    run.update(baseline_id=baseline)
    result = compare(true, ours, theirs, len(labels))
    run.save_metrics("test", {MACRO_F1_DIFFERENCE: result.macro_f1, MACRO_F1_DIFFERENCE_P_VALUE: Estimate(result.p)})


def recover(store: Store, folder: Path) -> int:
    """Take in the record that is kept aside in a folder; return its run's number.

    The folder is deleted at the very end: a try that is cut short is repeated whole. Raises
    `RequestError` where that is not possible yet.
    """
    run_id = import_fallback(store, folder)
    run = queries.run(store, run_id)
    if run.state == "complete" and run.kind != "baseline" and run.dataset_id is not None:
        if MACRO_F1_DIFFERENCE not in set(queries.metrics(store, [run_id])["name"]):
            writer, labels = RunWriter.reopen(store, run_id), queries.dataset(store, run.dataset_id).labels
            measure_against_baseline(writer, run.dataset_id, labels, int(run.config["seed"]))
        _write_card(store, run_id)
    discard_fallback(folder)
    return run_id


def _write_card(store: Store, run_id: int) -> None:
    files = queries.run(store, run_id).adapter_folder(store.folder)
    if files is None:
        return
    try:
        write_atomically(files / "README.md", render_model_card(store, run_id))
    except OSError as error:
        raise RequestError(f"The card of run {run_id} can't be written to {files}: {error}.") from None


@dataclass(frozen=True)
class Recovered:
    """The numbers of the runs that were taken in, and for each that was not, why."""

    taken: tuple[int, ...]
    left: tuple[str, ...]


def recover_all(store: Store) -> Recovered:
    """Take in every record of a database that is kept aside, where that is possible by now.

    Raises `StoreError` where the database itself still can't be used.
    """
    taken, left = [], []
    for one in list_fallbacks(store):
        try:
            taken.append(recover(store, one.folder))
        except StoreError:
            raise
        except RequestError as error:
            left.append(f"{one.folder}: {error}")
    return Recovered(tuple(taken), tuple(left))
