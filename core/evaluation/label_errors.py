"""Examples whose labels are probably wrong, by a run's probabilities."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SuspectLabel:
    """An example with a suspect label: its position, the suggested class index, and the label's quality, 0 to 1."""

    position: int
    suggested: int
    quality: float


def find_suspect_labels(true: NDArray[np.int64], probabilities: NDArray[np.floating]) -> list[SuspectLabel]:
    """Return the examples whose labels are probably wrong, most suspect first.

    ``true``: [n] class indices; ``probabilities``: [n, k] of a run that was not trained on these
    examples. Confident learning (Northcutt et al. 2021, arXiv 1911.00068): an example is suspect where
    the probability of another class exceeds its mean over that class's own examples.
    """
    from cleanlab.filter import find_label_issues  # slow to import, and needed on one screen
    from cleanlab.rank import get_label_quality_scores

    present = np.unique(true)
    if len(present) < 2:
        return []
    # cleanlab needs examples of every class: columns of missing classes are dropped, the rest rescaled.
    codes = np.searchsorted(present, true)
    exact = probabilities[:, present].astype(np.float64) + np.finfo(np.float64).tiny
    exact /= exact.sum(axis=1, keepdims=True)
    ranked = find_label_issues(codes, exact, return_indices_ranked_by="self_confidence", n_jobs=1)
    quality = get_label_quality_scores(codes, exact)
    return [SuspectLabel(int(i), int(present[exact[i].argmax()]), float(quality[i])) for i in ranked]
