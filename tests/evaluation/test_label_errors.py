import numpy as np
import pytest

from core.evaluation.label_errors import find_suspect_labels


def confident(classes, predicted):
    """Return probabilities of a run that is sure of these predictions."""
    shares = np.full((len(predicted), classes), 0.05)
    shares[np.arange(len(predicted)), predicted] = 0.9
    return shares


def test_changed_labels_are_suspect():
    rng = np.random.default_rng(0)
    true = rng.integers(0, 3, 300)
    given = true.copy()
    given[:10] = (true[:10] + 1) % 3
    suspects = find_suspect_labels(given, [confident(3, true)] * 2).examples
    assert {suspect.position for suspect in suspects} == set(range(10))
    assert all(suspect.suggested == true[suspect.position] for suspect in suspects)
    assert [suspect.quality for suspect in suspects] == sorted(suspect.quality for suspect in suspects)


def test_error_of_one_run_is_no_suspect_label():
    true = np.array([0, 1, 2] * 100)
    first, second = true.copy(), true.copy()
    first[:20], second[10:30] = (true[:20] + 1) % 3, (true[10:30] + 1) % 3
    second[15:20] = (true[15:20] + 2) % 3  # both err, in different ways
    suspects = find_suspect_labels(true, [confident(3, first), confident(3, second)])
    assert {suspect.position for suspect in suspects.examples} == set(range(10, 15))


def test_number_of_independent_errors_is_as_expected():
    rng = np.random.default_rng(0)
    true = np.arange(4000) % 2
    runs = [np.where(rng.random(4000) < 0.2, 1 - true, true) for _ in range(2)]
    suspects = find_suspect_labels(true, [confident(2, predicted) for predicted in runs])
    assert suspects.expected == pytest.approx(4000 * 0.2**2, rel=0.1)
    assert len(suspects.examples) == pytest.approx(suspects.expected, rel=0.2)


@pytest.mark.parametrize("classes", [3, 150])
def test_classes_without_examples_are_accepted(classes):
    true = np.array([0, 1] * 20)
    shares = np.full((40, classes), 0.1 / classes)
    shares[np.arange(40), true] += 0.9
    assert find_suspect_labels(true, [shares, shares]).examples == ()


def test_single_class_has_no_suspects_and_certain_probabilities_have_some():
    assert find_suspect_labels(np.zeros(5, dtype=np.int64), [np.eye(2)[[0] * 5]]).examples == ()
    assert find_suspect_labels(np.zeros(5, dtype=np.int64), []).examples == ()
    true, predicted = np.array([0, 1, 1, 0] * 5), np.eye(2)[[0, 1, 1, 0] * 4 + [0, 1, 1, 1]]
    assert [suspect.position for suspect in find_suspect_labels(true, [predicted]).examples] == [19]
