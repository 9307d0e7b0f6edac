"""Which labels are likely to be wrong, judged by a run's probabilities."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Suspect:
    """An example whose label is doubted: its place, the label code suggested, and the label's quality, 0 to 1."""

    position: int
    suggested: int
    quality: float


def suspects(true: NDArray[np.int64], probabilities: NDArray[np.floating]) -> list[Suspect]:
    """Return the examples whose labels are likely errors, the likeliest first.

    ``true``: [n] label codes; ``probabilities``: [n, k] of a run that did not learn from these
    examples. Confident learning (Northcutt et al. 2021, arXiv 1911.00068): an example is suspect
    where the run is surer of another class than it usually is of that class's own examples.
    """
    from cleanlab.filter import find_label_issues  # slow to import, and wanted on one screen alone
    from cleanlab.rank import get_label_quality_scores

    present = np.unique(true)
    if len(present) < 2:
        return []  # one class alone: there is nothing to be confused with
    # A class without examples has no usual confidence; its column is left out and the rest made whole.
    codes = np.searchsorted(present, true)
    exact = probabilities[:, present].astype(np.float64) + np.finfo(np.float64).tiny
    exact /= exact.sum(axis=1, keepdims=True)
    ranked = find_label_issues(codes, exact, return_indices_ranked_by="self_confidence", n_jobs=1)
    quality = get_label_quality_scores(codes, exact)
    return [Suspect(int(i), int(present[exact[i].argmax()]), float(quality[i])) for i in ranked]
