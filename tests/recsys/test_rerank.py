"""Variety and caps change the order only as much as they are asked to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.schema import ConfigError, InputError
from recsys.rerank import RerankConfig, rerank


def candidates(seed: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, 4))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.sort(rng.normal(size=n))[::-1], vectors, rng.integers(-1, 3, n)


@given(
    seed=st.integers(0, 9999),
    n=st.integers(0, 15),
    k=st.integers(1, 12),
    variety=st.floats(0, 1),
    cap=st.none() | st.integers(1, 3),
)
def test_k_different_candidates_within_the_caps_while_others_are_left(
    seed: int, n: int, k: int, variety: float, cap: int | None
) -> None:
    scores, vectors, categories = candidates(seed, n)
    order = rerank(scores, vectors, categories, k, RerankConfig(variety, cap))
    assert len(set(order.tolist())) == len(order) == min(k, n)
    if cap is None:
        return
    room = (categories == -1).sum() + sum(min(cap, (categories == c).sum()) for c in range(3))
    chosen = categories[order[: min(len(order), room)]]
    assert all((chosen == category).sum() <= cap for category in range(3))


def test_no_variety_and_no_cap_keep_the_ranking() -> None:
    scores, vectors, categories = candidates(1, 9)
    order = rerank(scores, vectors, categories, 9, RerankConfig())
    assert order.tolist() == list(range(9))


def test_variety_prefers_the_different_item_and_caps_skip_a_full_category() -> None:
    scores = np.array([1.0, 0.9, 0.5])
    vectors = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    categories = np.array([0, 0, 1])
    assert rerank(scores, vectors, categories, 2, RerankConfig(0.5)).tolist() == [0, 2]
    assert rerank(scores, vectors, categories, 2, RerankConfig(0.0, 1)).tolist() == [0, 2]
    assert rerank(scores, vectors, categories, 3, RerankConfig(0.0, 1)).tolist() == [0, 2, 1]


def test_bad_input_is_refused() -> None:
    scores, vectors, categories = candidates(1, 3)
    with pytest.raises(InputError, match="3 scores, 2 embeddings and 3 categories"):
        rerank(scores, vectors[:2], categories, 2, RerankConfig())
    with pytest.raises(InputError, match="scores rise"):
        rerank(scores[::-1], vectors, categories, 2, RerankConfig())
    with pytest.raises(ConfigError, match=r"variety is 2: expected a number in \[0, 1\]"):
        RerankConfig(2)
    with pytest.raises(ConfigError, match="max_per_category is 0"):
        RerankConfig(max_per_category=0)
