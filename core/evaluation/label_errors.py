"""Examples with labels that are probably wrong, found by the probabilities of several runs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Suggestions = dict[int, tuple[int, float]]
"""The suggested class index and the quality of the label, by the position of an example."""


@dataclass(frozen=True)
class SuspectLabel:
    """An example with a suspect label: its position, the suggested class index, and the label's quality, 0 to 1."""

    position: int
    suggested: int
    quality: float


@dataclass(frozen=True)
class SuspectLabels:
    """The examples whose labels all runs find suspect, most suspect first.

    ``expected``: their number if the suggestions of the runs were independent of each other within each class. Runs
    tend to err on the same examples, so that more agree even if every label is correct.
    """

    examples: tuple[SuspectLabel, ...]
    expected: float


def find_suspect_labels(true: NDArray[np.int64], probabilities: Sequence[NDArray[np.floating]]) -> SuspectLabels:
    """Return the examples for which several runs suggest the same other label.

    ``true``: [n] class indices; ``probabilities``: [n, k] of each run, none of which was trained on these examples.
    Confident learning (Northcutt et al. 2021, arXiv 1911.00068): a run suggests another label if its probability
    exceeds its mean over the examples of that class. The quality is the mean over the runs.
    """
    by_run = [_suggest_labels(true, of_run) for of_run in probabilities]
    if not by_run:
        return SuspectLabels((), 0.0)
    shared = set.intersection(*(set(suggestions) for suggestions in by_run))
    suspects = [
        SuspectLabel(position, by_run[0][position][0], float(np.mean([run[position][1] for run in by_run])))
        for position in shared
        if len({run[position][0] for run in by_run}) == 1
    ]
    ranked = sorted(suspects, key=lambda suspect: (suspect.quality, suspect.position))
    return SuspectLabels(tuple(ranked), _expected_agreement(true, by_run, probabilities[0].shape[1]))


def _expected_agreement(true: NDArray[np.int64], by_run: Sequence[Suggestions], classes: int) -> float:
    """Return the expected number of examples with one suggestion of all runs, if these are independent by class."""
    sizes = np.maximum(np.bincount(true, minlength=classes), 1)
    product = np.ones((classes, classes))
    for suggestions in by_run:
        counts = np.zeros((classes, classes))
        for position, (suggested, _) in suggestions.items():
            counts[true[position], suggested] += 1
        product *= counts / sizes[:, None]
    return float((product * sizes[:, None]).sum())


def _suggest_labels(true: NDArray[np.int64], probabilities: NDArray[np.floating]) -> Suggestions:
    from cleanlab.filter import find_label_issues  # slow to import, and rarely needed
    from cleanlab.rank import get_label_quality_scores

    present = np.unique(true)
    if len(present) < 2:
        return {}
    # cleanlab needs examples of every class: columns of missing classes are dropped, the others rescaled.
    indices = np.searchsorted(present, true)
    probabilities64 = probabilities[:, present].astype(np.float64) + np.finfo(np.float64).tiny
    probabilities64 /= probabilities64.sum(axis=1, keepdims=True)
    suspects = find_label_issues(indices, probabilities64, return_indices_ranked_by="self_confidence", n_jobs=1)
    quality = get_label_quality_scores(indices, probabilities64)
    return {int(i): (int(present[probabilities64[i].argmax()]), float(quality[i])) for i in suspects}
