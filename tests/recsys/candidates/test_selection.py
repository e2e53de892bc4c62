"""The best k are exact, ties by position."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from features.schema import ContractError
from recsys.candidates.selection import top_k

SCORES = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=9),
    elements=st.sampled_from([-np.inf, -1e30, -2.5, -0.0, 0.0, 1e-40, 1.0, 1.5, 1e30]),
)


@given(scores=SCORES, k=st.integers(1, 12))
def test_top_k_is_a_stable_sort_by_falling_score(scores: np.ndarray, k: int) -> None:
    positions, values = top_k(scores, k)
    assert positions.shape == values.shape == (len(scores), k)
    for row, got, value in zip(scores, positions, values, strict=True):
        order = [i for i in np.argsort(-row, kind="stable") if row[i] > -np.inf][:k]
        assert got.tolist() == order + [-1] * (k - len(order))
        assert value.tolist() == row[order].tolist() + [-np.inf] * (k - len(order))


def test_a_nan_and_a_zero_k_are_refused() -> None:
    with pytest.raises(ContractError, match="scores hold a NaN"):
        top_k(np.array([[np.nan]], dtype=np.float32), 1)
    with pytest.raises(ContractError, match="k is 0: expected at least 1"):
        top_k(np.zeros((1, 1), dtype=np.float32), 0)
