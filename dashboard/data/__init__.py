"""Cached reads: with `dashboard.data.cache` the only door to the store, the verdicts and the models."""

from core.store.records import ANNOTATION_FIELDS
from core.store.run_edits import MAX_NOTE_LENGTH, validate_annotation
from dashboard.data.annotations import annotated, annotations, tags
from dashboard.data.answers import predict, word_weights
from dashboard.data.changes import annotate, archive, describe, empty_trash, restore, to_trash
from dashboard.data.comparisons import (
    adjusted_p,
    comparable,
    comparison,
    configurations,
    sentence_over_seeds,
    sentences,
    training_warning,
)
from dashboard.data.datasets import (
    balance,
    dataset,
    example_text,
    examples,
    extras,
    nearest,
    newest_test_set,
    sample_text,
    test_set_of,
    test_sets,
    versions,
)
from dashboard.data.failures import answers, columns, disagreement, lengths, other_runs, slices
from dashboard.data.files import can_resume, files, folder_is_gone, folder_name, model_card, model_width
from dashboard.data.predictions import (
    codes,
    outcomes,
    predictions_with_outcomes,
    probabilities,
    reliability,
    suspects,
    test_size,
)
from dashboard.data.runs import (
    address,
    archived,
    best_epoch,
    class_metrics,
    command,
    complete_runs,
    everything,
    everything_is_in_the_trash,
    foot,
    history,
    is_empty,
    label,
    labels,
    log,
    metrics,
    on_test_set,
    rechecks,
    resume_command,
    row,
    run,
    runs,
    some_runs,
    temperature,
    trash,
    unquantized,
    worst_class,
)
