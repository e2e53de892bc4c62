"""Variety and caps change the order only as much as they are asked to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.schema import ConfigError, ContractError
from recsys.config import METHODS, RerankConfig
from recsys.lists.dpp import dpp_order
from recsys.lists.rerank import rerank


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
    method=st.sampled_from(METHODS),
)
def test_k_different_candidates_within_the_caps_while_others_are_left(
    seed: int, n: int, k: int, variety: float, cap: int | None, method: str
) -> None:
    scores, vectors, categories = candidates(seed, n)
    order = rerank(scores, vectors, categories, k, RerankConfig(variety, cap, method))
    assert len(set(order.tolist())) == len(order) == min(k, n)
    if cap is None:
        return
    room = (categories == -1).sum() + sum(min(cap, (categories == c).sum()) for c in range(3))
    chosen = categories[order[: min(len(order), room)]]
    assert all((chosen == category).sum() <= cap for category in range(3))


@pytest.mark.parametrize("method", METHODS)
def test_no_variety_and_no_cap_keep_the_ranking(method: str) -> None:
    scores, vectors, categories = candidates(1, 9)
    order = rerank(scores, vectors, categories, 9, RerankConfig(method=method))
    assert order.tolist() == list(range(9))


def test_a_dpp_places_what_the_process_alone_would() -> None:
    scores, vectors, categories = candidates(4, 30)
    order = rerank(scores, vectors, categories, 8, RerankConfig(0.25, method="dpp"))
    relevance = (scores - scores[-1]) / (scores[0] - scores[-1])
    assert order.tolist() == dpp_order(relevance, vectors, 8, 3.0).tolist()
    assert order.tolist() != list(range(8))


@pytest.mark.parametrize("method", METHODS)
def test_variety_makes_the_list_less_alike(method: str) -> None:
    likeness = []
    for variety in (0.0, 0.3, 0.9):
        config, alike = RerankConfig(variety, method=method), []
        for seed in range(20):
            scores, vectors, categories = candidates(seed, 60)
            shown = vectors[rerank(scores, vectors, categories, 4, config)]
            alike.append((shown @ shown.T)[np.triu_indices(4, 1)].mean())
        likeness.append(np.mean(alike))
    assert likeness[0] > likeness[1] > likeness[2]


def test_variety_prefers_the_different_item_and_caps_skip_a_full_category() -> None:
    scores = np.array([1.0, 0.9, 0.5])
    vectors = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    categories = np.array([0, 0, 1])
    assert rerank(scores, vectors, categories, 2, RerankConfig(0.5)).tolist() == [0, 2]
    assert rerank(scores, vectors, categories, 2, RerankConfig(0.0, 1)).tolist() == [0, 2]
    assert rerank(scores, vectors, categories, 3, RerankConfig(0.0, 1)).tolist() == [0, 2, 1]


def test_bad_input_is_refused() -> None:
    scores, vectors, categories = candidates(1, 3)
    with pytest.raises(ContractError, match="3 scores, 2 embeddings and 3 categories"):
        rerank(scores, vectors[:2], categories, 2, RerankConfig())
    with pytest.raises(ContractError, match="scores rise"):
        rerank(scores[::-1], vectors, categories, 2, RerankConfig())
    with pytest.raises(ConfigError, match=r"variety is 2: expected a number in \[0, 1\]"):
        RerankConfig(2)
    with pytest.raises(ConfigError, match="max_per_category is 0"):
        RerankConfig(max_per_category=0)
    with pytest.raises(ConfigError, match="method is 'best': expected one of mmr, dpp"):
        RerankConfig(method="best")
    with pytest.raises(ConfigError, match="exploration_slots is -1"):
        RerankConfig(exploration_slots=-1)
