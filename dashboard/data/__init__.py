"""Cached reads: with `dashboard.cache` the only door to the store, the verdicts and the models."""

from core.store.curator import Annotation
from dashboard.data.annotations import annotated
from dashboard.data.answers import predict
from dashboard.data.changes import annotate, archive, delete, note, rename, restore, tag, to_trash
from dashboard.data.comparisons import adjusted_p, comparable, comparison, configurations, sentences, training_warning
from dashboard.data.datasets import (
    balance,
    dataset,
    example_text,
    examples,
    newest_test_set,
    sample_text,
    test_set_of,
    test_sets,
    versions,
)
from dashboard.data.predictions import codes, judged, probabilities, suspects, test_size
from dashboard.data.runs import (
    address,
    archived,
    best_epoch,
    class_metrics,
    complete_runs,
    everything,
    foot,
    history,
    is_empty,
    label,
    labels,
    metrics,
    model_card,
    rechecks,
    row,
    run,
    runs,
    some_runs,
    temperature,
    trash,
    without_scores,
    worst_class,
)
