"""Project features of texts to two dimensions, and select the texts to project."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

PCA, UMAP = "pca", "umap"
NEIGHBORS = 15
"""The number of neighbors of a text that UMAP keeps; of at most this many texts, PCA replaces it."""


@dataclass(frozen=True)
class Projection:
    """Coordinates [n, 2]; ``explained``: the share of the variance on each axis, None if the axes have no meaning."""

    coordinates: NDArray[np.float32]
    explained: tuple[float, float] | None


def available_methods() -> tuple[str, ...]:
    """Return the projection methods whose packages are installed."""
    return (PCA, UMAP) if find_spec("umap") else (PCA,)


def project(features: Any, method: str = PCA) -> Projection:
    """Project features [n, d], dense or sparse, to two dimensions; at least two texts are needed.

    PCA of sparse features is a truncated SVD, which does not center them. UMAP (McInnes, Healy and Melville 2018,
    arXiv 1802.03426) keeps the neighbors of a text by cosine distance. Both are deterministic.
    """
    if method == UMAP and features.shape[0] > NEIGHBORS:
        return _project_umap(features)
    from sklearn import decomposition

    if not isinstance(features, np.ndarray) and features.shape[1] < 2:  # too few for a truncated SVD
        features = features.toarray()
    width = min(2, *features.shape)
    reducer = decomposition.PCA if isinstance(features, np.ndarray) else decomposition.TruncatedSVD
    model = reducer(n_components=width, random_state=0)
    with np.errstate(invalid="ignore"):  # features without variance
        coordinates = model.fit_transform(features)
    missing = 2 - width
    explained = np.nan_to_num(np.pad(model.explained_variance_ratio_, (0, missing)))
    coordinates = np.pad(coordinates, ((0, 0), (0, missing))).astype(np.float32)
    return Projection(coordinates, (float(explained[0]), float(explained[1])))


def _project_umap(features: Any) -> Projection:
    import umap

    # Parallel optimization would make the result depend on the order of the threads.
    model = umap.UMAP(n_components=2, n_neighbors=NEIGHBORS, metric="cosine", random_state=0, n_jobs=1)
    return Projection(model.fit_transform(features).astype(np.float32), None)


def sample_stratified(labels: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Return the positions of a random sample, [min(n, size)], in ascending order; class shares are those of all.

    ``labels``: the class index of each example, [n]. The sample is the same in every call.
    """
    if len(labels) <= size:
        return np.arange(len(labels))
    shuffled = np.random.default_rng(0).permutation(len(labels))
    order = shuffled[np.argsort(labels[shuffled], kind="stable")]  # by class, random within each
    # Evenly spaced positions take the same share of every class.
    return np.sort(order[np.linspace(0, len(order) - 1, size).round().astype(np.int64)])
