"""Cached reads, and the writes: the only access of the pages to the store, the verdicts and the models.

All results are safe to show, see `sanitize_records`, except the texts of examples (columns ``text`` and
`example_text`), which are looked up by hash and sent to models, and `config_of`.
"""

from core.store.records import ANNOTATION_FIELDS
from core.store.run_edits import MAX_NOTE_LENGTH, validate_annotation
from core.store.tags import join_tags, split_tags
from dashboard.data.annotations import annotated, has_tag, tags, text_hashes
from dashboard.data.answers import predict, word_weights
from dashboard.data.cache import version
from dashboard.data.changes import (
    annotate,
    annotate_alike,
    archive_runs,
    delete_runs,
    delete_view,
    edit_run,
    restore_runs,
    save_view,
    trash_runs,
)
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
    errors,
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
from dashboard.data.reports import report
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
    continue_command,
    filter_test_set,
    footer,
    history,
    is_empty,
    labels,
    learning_curves,
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
from dashboard.data.table import SETTING, cached_by_dataset, cached_by_runs
from dashboard.data.text_maps import TextMap, compute_text_map, map_features, projection_methods, text_map
from dashboard.data.views import saved_views
