"""The link of a fine-tuned run to the best baseline on its data."""

from collections.abc import Sequence

from core.catalog.figures import MACRO_F1_DIFFERENCE, MACRO_F1_DIFFERENCE_P_VALUE
from core.evaluation.comparison import compare
from core.evaluation.intervals import Estimate
from core.store import queries
from core.store.run_writer import RunWriter


def link_to_baseline(run: RunWriter, dataset_id: int, labels: Sequence[str], seed: int) -> None:
    """Record a run's best baseline, and the difference in macro F1 with its interval and p value.

    Record nothing if the data set has no complete baseline yet.
    """
    baseline = queries.best_baseline(run.store, dataset_id, seed)
    if baseline is None:
        return
    true, predicted = queries.labels_and_predictions(run.store, run.id, labels)
    _, predicted_by_baseline = queries.labels_and_predictions(run.store, baseline, labels)
    run.update(baseline_id=baseline)
    result = compare(true, predicted, predicted_by_baseline, len(labels))
    run.save_metrics("test", {MACRO_F1_DIFFERENCE: result.macro_f1, MACRO_F1_DIFFERENCE_P_VALUE: Estimate(result.p)})
