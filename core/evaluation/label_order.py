"""An order of the labels of a confusion matrix that shows which ones are confused with each other."""

import numpy as np
from numpy.typing import NDArray


def cluster_labels(matrix: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return class indices, [k], in which classes that are often confused are next to each other.

    ``matrix``: the confusion matrix, [k, k]. The order is that of the leaves of an average-linkage clustering; the
    similarity of two classes is the mean share of either that is predicted as the other.
    """
    from scipy.cluster.hierarchy import leaves_list, linkage  # slow to import, and rarely needed
    from scipy.spatial.distance import squareform

    if len(matrix) < 3:
        return np.arange(len(matrix))
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    distances = 1 - (shares + shares.T) / 2
    return np.asarray(leaves_list(linkage(squareform(distances, checks=False), "average")), dtype=np.int64)
