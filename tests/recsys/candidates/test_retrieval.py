"""The scan finds exactly the items that scoring everything finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from implicit.cpu.topk import topk
from scipy import sparse

from features.schema import ContractError
from recsys.candidates.retrieval import InnerProductIndex
from recsys.candidates.selection import top_k


def drawn(n: int, d: int, seed: int, spread: float = 0.0) -> np.ndarray:
    """Vectors whose lengths differ the more, the larger `spread`."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, d)) * rng.lognormal(0.0, spread, (n, 1))
    return np.asarray(vectors, dtype=np.float32)


@pytest.mark.parametrize("bfloat16", [True, False])
@pytest.mark.parametrize("spread", [0.0, 1.5])
def test_items_are_those_of_implicit(bfloat16: bool, spread: float) -> None:
    items, users = drawn(3000, 16, 0, spread), drawn(150, 16, 1)
    expected, expected_scores = topk(items, users, 20, num_threads=1)
    found, scores = InnerProductIndex(items, bfloat16).search(users, 20)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(scores, expected_scores, rtol=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 9999),
    n=st.integers(0, 130),
    n_items=st.integers(0, 700),
    k=st.integers(1, 12),
    high=st.integers(1, 40),
    shift=st.integers(-40, 40),
    density=st.sampled_from([0.0, 0.05, 0.99]),
    bfloat16=st.booleans(),
)
def test_whole_numbers_tie_by_position_and_excluded_items_never_come(
    seed: int, n: int, n_items: int, k: int, high: int, shift: int, density: float, bfloat16: bool
) -> None:
    # Products of small whole numbers are exact in float32, so that ties are ties.
    rng = np.random.default_rng(seed)
    items = (rng.integers(-high, high + 1, (n_items, 5)) + shift).astype(np.float32)
    users = rng.integers(-high, high + 1, (n, 5)).astype(np.float32)
    hidden = rng.random((n, n_items)) < density
    scores = users @ items.T
    scores[hidden] = -np.inf
    expected = top_k(scores, k)
    found = InnerProductIndex(items, bfloat16).search(users, k, sparse.csr_matrix(hidden))
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize("bfloat16", [True, False])
def test_scores_closer_than_the_rounding_of_the_scan_are_told_apart(bfloat16: bool) -> None:
    steps = np.random.default_rng(5).permutation(4000).astype(np.float32)
    items = np.stack([np.full(4000, 1.0, np.float32), steps * np.float32(2.0**-12)], axis=1)
    users = np.array([[64.0, 2.0**-6], [64.0, -(2.0**-6)]], dtype=np.float32)
    found, scores = InnerProductIndex(items, bfloat16).search(users, 5)
    expected, expected_scores = top_k(users @ items.T, 5)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(scores, expected_scores)


@pytest.mark.parametrize("scale", [0.0, 1e-25, 1e18])
def test_vectors_of_extreme_length_are_served(scale: float) -> None:
    items = drawn(2000, 8, 2)
    users = drawn(70, 8, 3) * np.float32(scale)
    found, _ = InnerProductIndex(items * np.float32(max(scale, 1e-12)), True).search(users, 10)
    expected, _ = top_k(users @ (items * np.float32(max(scale, 1e-12))).T, 10)
    np.testing.assert_array_equal(found, expected)


def test_users_served_together_or_alone_get_the_same() -> None:
    index, users = InnerProductIndex(drawn(3000, 16, 0)), drawn(70, 16, 1)
    together = index.search(users, 10)
    alone = [index.search(users[row : row + 1], 10) for row in range(70)]
    np.testing.assert_array_equal(together[0], np.concatenate([one[0] for one in alone]))
    np.testing.assert_array_equal(together[1], np.concatenate([one[1] for one in alone]))


def test_bad_input_is_refused() -> None:
    items = drawn(10, 4, 0)
    index = InnerProductIndex(items)
    with pytest.raises(ContractError, match="k is 0"):
        index.search(items, 0)
    with pytest.raises(ContractError, match=r"users are \(2, 3\): expected \(n, 4\)"):
        index.search(items[:2, :3], 1)
    with pytest.raises(ContractError, match=r"excluded is \(10, 9\): expected \(10, 10\)"):
        index.search(items, 1, sparse.csr_matrix((10, 9)))
    with pytest.raises(ContractError, match="finite numbers"):
        InnerProductIndex(np.full((3, 2), np.nan, np.float32))


def test_a_user_who_has_seen_nearly_everything_still_gets_what_is_left() -> None:
    rng = np.random.default_rng(5)
    items = rng.normal(size=(5_000, 16)).astype(np.float32)
    users = rng.normal(size=(3, 16)).astype(np.float32)
    seen = np.ones((3, 5_000), dtype=np.float32)
    open_ = rng.permutation(5_000)[:12]
    seen[1, open_] = 0.0
    found, scores = InnerProductIndex(items).search(users, 10, sparse.csr_matrix(seen))
    best = open_[np.argsort(-(items[open_] @ users[1]))][:10]
    np.testing.assert_array_equal(found[1], best)
    assert np.isfinite(scores[1]).all()
    assert (found[[0, 2]] == -1).all()


def test_items_serve_as_queries_for_the_items_like_them() -> None:
    items = np.random.default_rng(6).normal(size=(3_000, 16)).astype(np.float32)
    items /= np.linalg.norm(items, axis=1, keepdims=True)
    itself = sparse.eye(3_000, dtype=np.float32, format="csr")[:40]
    found, cosine = InnerProductIndex(items).search(items[:40], 5, itself)
    expected = items[:40] @ items.T
    expected[np.arange(40), np.arange(40)] = -np.inf
    np.testing.assert_array_equal(found, np.argsort(-expected, axis=1)[:, :5])
    assert (cosine < 1.0).all()
