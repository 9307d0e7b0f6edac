"""Read the database: every function returns frozen records, DataFrames or arrays."""

from core.store.queries.annotation_queries import annotations
from core.store.queries.dataset_queries import class_balance, dataset, datasets, example_text, examples
from core.store.queries.metric_queries import (
    best_baseline,
    class_metrics,
    history,
    learning_curves,
    metrics,
    rechecks,
)
from core.store.queries.prediction_queries import (
    labels_and_predictions,
    predicted_label_counts,
    predictions,
    predictions_on_example,
    probabilities,
)
from core.store.queries.run_queries import (
    find_identical_run,
    log_tail,
    row_versions,
    run,
    run_settings,
    runs,
    runs_of_configuration,
    trial_runs,
)
from core.store.queries.view_queries import saved_views

__all__ = [
    "annotations",
    "best_baseline",
    "class_balance",
    "class_metrics",
    "dataset",
    "datasets",
    "example_text",
    "examples",
    "find_identical_run",
    "history",
    "labels_and_predictions",
    "learning_curves",
    "log_tail",
    "metrics",
    "predicted_label_counts",
    "predictions",
    "predictions_on_example",
    "probabilities",
    "rechecks",
    "row_versions",
    "run",
    "run_settings",
    "runs",
    "runs_of_configuration",
    "saved_views",
    "trial_runs",
]
