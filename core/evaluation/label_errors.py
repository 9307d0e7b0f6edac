"""Examples with labels that are probably wrong, found by a run's probabilities."""

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
    examples. Confident learning (Northcutt et al. 2021, arXiv 1911.00068): an example is suspect if the
    probability of another class exceeds its mean over the examples of that class.
    """
    from cleanlab.filter import find_label_issues  # slow to import, and rarely needed
    from cleanlab.rank import get_label_quality_scores

    present = np.unique(true)
    if len(present) < 2:
        return []
    # cleanlab needs examples of every class: columns of missing classes are dropped, the others rescaled.
    indices = np.searchsorted(present, true)
    probabilities64 = probabilities[:, present].astype(np.float64) + np.finfo(np.float64).tiny
    probabilities64 /= probabilities64.sum(axis=1, keepdims=True)
    ranked = find_label_issues(indices, probabilities64, return_indices_ranked_by="self_confidence", n_jobs=1)
    quality = get_label_quality_scores(indices, probabilities64)
    return [SuspectLabel(int(i), int(present[probabilities64[i].argmax()]), float(quality[i])) for i in ranked]
