"""Projections to two dimensions, and stratified samples."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from core.evaluation.projection import UMAP, available_methods, project, sample_stratified


def test_projection_keeps_the_directions_of_the_largest_variance():
    rng = np.random.default_rng(0)
    features = np.column_stack([rng.normal(size=200), 10 * rng.normal(size=200), 5 * rng.normal(size=200)])
    projection = project(features)
    correlation = np.corrcoef(projection.coordinates.T, features[:, 1:].T)[:2, 2:]
    assert np.abs(np.diag(correlation)).min() > 0.99
    assert projection.explained == pytest.approx((0.8, 0.2), abs=0.05)


@pytest.mark.parametrize(
    "features",
    [np.ones((5, 3)), np.ones((2, 1)), csr_matrix(np.eye(4)), csr_matrix(np.ones((3, 1)))],
    ids=["no-variance", "one-feature", "sparse", "sparse-one-feature"],
)
def test_unusual_features_are_projected(features):
    projection = project(features)
    assert projection.coordinates.shape == (features.shape[0], 2)
    assert np.isfinite(projection.coordinates).all()
    assert np.isfinite(projection.explained).all()


if UMAP in available_methods():  # a skipped test fails the checks of a merge, and umap-learn is optional

    def test_umap_separates_distant_groups_and_is_deterministic():
        rng = np.random.default_rng(0)
        features = np.repeat(np.eye(2, 5), 30, axis=0) + 0.05 * rng.normal(size=(60, 5))
        first, second = (project(features, UMAP).coordinates for _ in range(2))
        assert (first == second).all()
        within = np.linalg.norm(first[:30] - first[:30].mean(axis=0), axis=1).mean()
        assert np.linalg.norm(first[:30].mean(axis=0) - first[30:].mean(axis=0)) > 2 * within


def test_sample_has_the_shares_of_the_classes():
    labels = np.repeat([0, 1, 2], [700, 200, 100])
    rows = sample_stratified(labels, 100)
    assert np.bincount(labels[rows]).tolist() == pytest.approx([70, 20, 10], abs=1)
    assert (np.diff(rows) > 0).all()
    assert (sample_stratified(labels, 100) == rows).all()


def test_small_set_is_its_own_sample():
    assert sample_stratified(np.zeros(3, dtype=np.int64), 5).tolist() == [0, 1, 2]
