"""Cached reads, and the writes: the only access of the pages to the store, the verdicts and the models.

All results are safe to show, see `sanitize_records`, except the texts of examples (columns ``text`` and
`example_text`), which are looked up by hash and sent to models, and `config_of`.
"""

from core.store.records import ANNOTATION_FIELDS
from core.store.run_edits import MAX_NOTE_LENGTH, validate_annotation
from dashboard.data.annotations import annotated, annotations, tags
from dashboard.data.answers import predict, word_weights
from dashboard.data.changes import annotate, archive_runs, delete_runs, edit_run, restore_runs, trash_runs
from dashboard.data.comparisons import (
    adjusted_p,
    comparison,
    configuration_comparison,
    configuration_verdict,
    split_comparable,
    verdict_sentences,
)
from dashboard.data.datasets import (
    balance,
    dataset,
    dataset_versions,
    example_text,
    examples,
    nearest_examples,
    newest_test_set,
    sample_text,
    source_columns,
    test_set_of,
    test_sets,
)
from dashboard.data.failures import (
    disagreement,
    other_runs,
    prediction_columns,
    predictions_on_example,
    slices,
    word_counts,
)
from dashboard.data.files import can_resume, files, folder_name, hidden_size, is_folder_missing, model_card
from dashboard.data.predictions import (
    MIN_JUDGES,
    class_indices,
    label_judges,
    predictions_with_outcomes,
    probabilities,
    reliability,
    suspects,
    test_size,
    true_codes,
)
from dashboard.data.runs import (
    address,
    all_runs,
    all_runs_in_trash,
    archived_runs,
    best_epoch,
    class_metrics,
    command,
    complete_runs,
    config_of,
    filter_test_set,
    footer,
    history,
    is_empty,
    labels,
    log_lines,
    metrics,
    rechecks,
    resume_command,
    run,
    run_label,
    run_row,
    run_rows,
    runs,
    temperature,
    training_macro_f1,
    trashed_runs,
    trial_runs,
    unquantized_run,
    worst_class,
)
from dashboard.data.searches import (
    is_search_running,
    parameter_importance,
    searches,
    winner_check,
    winner_verdict,
)
from dashboard.data.table import SETTING
