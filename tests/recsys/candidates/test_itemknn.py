"""ItemKNN's similarities are the shrunk cosine, cut to the nearest."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from recsys.candidates.itemknn import similarity
from recsys.config import ItemKNNConfig


def test_similarity_is_the_shrunk_cosine_of_the_columns() -> None:
    dense = np.random.default_rng(0).integers(0, 3, (20, 6)).astype(np.float32)
    got = similarity(sparse.csr_matrix(dense), ItemKNNConfig(neighbours=6, shrink=4.0)).toarray()
    norms = np.linalg.norm(dense, axis=0)
    expected = dense.T @ dense / (np.outer(norms, norms) + 4.0)
    np.fill_diagonal(expected, 0.0)
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_only_the_nearest_are_kept_ties_by_position() -> None:
    dense = np.array([[1, 1, 1, 1], [1, 1, 1, 0]], dtype=np.float32)
    got = similarity(sparse.csr_matrix(dense), ItemKNNConfig(neighbours=1, shrink=0.0))
    assert got.indices.tolist() == [1, 0, 0, 0]
    assert similarity(sparse.csr_matrix((3, 0)), ItemKNNConfig()).shape == (0, 0)
