"""EASE's weights solve Steck's constrained ridge regression."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from features.schema import ContractError, InputError
from recsys.candidates.ease import item_weights


def test_each_column_is_the_ridge_regression_of_an_item_on_the_others() -> None:
    dense = (np.random.default_rng(1).random((40, 7)) < 0.4).astype(np.float64)
    weights = item_weights(sparse.csr_matrix(dense), l2=3.0)
    assert (np.diag(weights) == 0.0).all()
    for item in range(7):
        others = np.delete(dense, item, axis=1)
        ridge = np.linalg.solve(others.T @ others + 3.0 * np.eye(6), others.T @ dense[:, item])
        np.testing.assert_allclose(np.delete(weights[:, item], item), ridge, rtol=1e-5)


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ContractError, match=r"l2 is 0\.0: expected a number over 0"):
        item_weights(sparse.csr_matrix((2, 2)), l2=0.0)
    with pytest.raises(InputError, match="got 20001 items: expected at most 20000; use ItemKNN"):
        item_weights(sparse.csr_matrix((1, 20_001)), l2=1.0)
    assert item_weights(sparse.csr_matrix((3, 0)), l2=1.0).shape == (0, 0)
