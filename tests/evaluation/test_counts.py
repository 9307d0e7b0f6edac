import numpy as np
import pytest

from core.evaluation.counts import confusion_matrix, count_by_class


def count_examples(true, predicted, classes):
    """Count single examples as one set."""
    return count_by_class(np.ones((1, len(true))), np.array(true), np.array(predicted), classes)


def test_class_with_a_single_example_has_scores():
    counts = count_examples([0, 0, 1], [0, 0, 1], 2)
    assert counts.recall().tolist() == counts.precision().tolist() == counts.f1().tolist() == [[1, 1]]


def test_single_example_that_is_never_predicted_counts_as_zero():
    counts = count_examples([0, 0, 1], [0, 0, 0], 2)
    assert counts.recall().tolist() == [[1, 0]]
    assert counts.f1()[0] == pytest.approx([0.8, 0])
    assert np.isnan(counts.precision()[0, 1])


def test_undefined_classes_are_excluded_from_means():
    counts = count_examples([0, 0], [0, 0], 3)
    assert (counts.macro_f1()[0], counts.balanced_accuracy()[0]) == (1, 1)


def test_each_set_has_its_own_counts():
    counts = count_by_class(np.array([[3.0, 1.0], [0.0, 2.0]]), np.array([0, 1]), np.array([0, 0]), 2)
    assert counts.true_positives.tolist() == [[3, 0], [0, 0]]
    assert counts.support.tolist() == [[3, 1], [0, 2]]
    assert counts.predicted.tolist() == [[4, 0], [2, 0]]


def test_undefined_mcc_is_zero():
    assert count_examples([0, 1], [0, 0], 2).mcc().tolist() == [0]
    assert count_examples([0, 1], [0, 1], 2).mcc().tolist() == [1]
    assert count_examples([0, 1], [1, 0], 2).mcc().tolist() == [-1]


def test_confusion_matrix_has_true_labels_as_rows_and_predicted_ones_as_columns():
    assert confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist() == [[1, 1], [0, 1]]
