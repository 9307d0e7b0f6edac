"""What a record still needs once it is in its database: the link to its baseline, and its card."""

from collections.abc import Sequence
from pathlib import Path

from core.card import model_card
from core.evaluation.comparison import compare
from core.evaluation.intervals import Estimate
from core.store import queries
from core.store.aside import kept_aside, take_in
from core.store.engine import Store
from core.store.recorder import RunWriter


def measure_against_baseline(run: RunWriter, dataset_id: int, labels: Sequence[str], seed: int) -> None:
    """Link a run to the best baseline of its data set, and record the difference in macro F1."""
    baseline = queries.best_baseline(run.store, dataset_id, seed)
    if baseline is None:
        return
    true, ours = queries.outcomes(run.store, run.id, labels)
    _, theirs = queries.outcomes(run.store, baseline, labels)
    run.update(baseline_id=baseline)
    result = compare(true, ours, theirs, len(labels))
    run.save_metrics("test", {queries.OVER_BASELINE: result.macro_f1, queries.OVER_BASELINE_P: Estimate(result.p)})


def recover(store: Store, folder: Path) -> int:
    """Take in the record that is kept aside in a folder; return its run's number.

    Raises `RequestError` where that is not possible yet.
    """
    run_id = take_in(store, folder)
    run = queries.run(store, run_id)
    if run.state != "complete" or run.kind == "baseline" or run.dataset_id is None:
        return run_id
    if run.baseline_id is None:
        writer, labels = RunWriter(store, run_id), queries.dataset(store, run.dataset_id).labels
        measure_against_baseline(writer, run.dataset_id, labels, int(run.config["seed"]))
    files = run.folder(store.folder)
    if files is not None:
        (files / "README.md").write_text(model_card(store, run_id), encoding="utf-8")
    return run_id


def recover_all(store: Store) -> list[int]:
    """Take in every record of a database that is kept aside; return their runs' numbers.

    Raises `RequestError` at the first one for which that is not possible yet.
    """
    return [recover(store, one.folder) for one in kept_aside(store)]
