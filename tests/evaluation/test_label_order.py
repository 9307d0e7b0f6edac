"""The order of the labels of a large confusion matrix."""

import numpy as np
import pytest

from core.evaluation.label_order import cluster_labels


def test_confused_classes_are_neighbors():
    matrix = np.diag([9] * 6)
    for a, b in ((0, 3), (1, 4), (2, 5)):
        matrix[a, b] = 4
    order = cluster_labels(matrix).tolist()
    assert sorted(order) == list(range(6))
    assert all(abs(order.index(a) - order.index(b)) == 1 for a, b in ((0, 3), (1, 4), (2, 5)))


@pytest.mark.parametrize("classes", [0, 1, 2, 3])
def test_few_classes_and_classes_without_examples_are_kept(classes):
    assert sorted(cluster_labels(np.zeros((classes, classes), dtype=np.int64))) == list(range(classes))
