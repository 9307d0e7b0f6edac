import numpy as np
import pytest

from core.evaluation.label_errors import find_suspect_labels


def test_changed_labels_are_suspect():
    rng = np.random.default_rng(0)
    true = rng.integers(0, 3, 300)
    shares = np.full((300, 3), 0.05)
    shares[np.arange(300), true] = 0.9
    given = true.copy()
    given[:10] = (true[:10] + 1) % 3
    suspects = find_suspect_labels(given, shares)
    assert {suspect.position for suspect in suspects} == set(range(10))
    assert all(suspect.suggested == true[suspect.position] for suspect in suspects)
    assert [suspect.quality for suspect in suspects] == sorted(suspect.quality for suspect in suspects)


@pytest.mark.parametrize("classes", [3, 150])
def test_classes_without_examples_are_accepted(classes):
    true = np.array([0, 1] * 20)
    shares = np.full((40, classes), 0.1 / classes)
    shares[np.arange(40), true] += 0.9
    assert find_suspect_labels(true, shares) == []


def test_single_class_has_no_suspects_and_certain_probabilities_have_some():
    assert find_suspect_labels(np.zeros(5, dtype=np.int64), np.eye(2)[[0] * 5]) == []
    true, predicted = np.array([0, 1, 1, 0] * 5), np.eye(2)[[0, 1, 1, 0] * 4 + [0, 1, 1, 1]]
    assert [suspect.position for suspect in find_suspect_labels(true, predicted)] == [19]
