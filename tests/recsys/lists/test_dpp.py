"""The fast greedy choice is the slow one, and variety is what it buys."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.schema import ContractError
from recsys.lists.dpp import dpp_order


def units(n: int, d: int, seed: int) -> NDArray[np.float64]:
    vectors = np.random.default_rng(seed).normal(size=(n, d))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def by_determinants(
    relevance: NDArray[np.float64], vectors: NDArray[np.float64], k: int, strength: float
) -> list[int]:
    """Greedy by the determinant of every possible next set."""
    quality = np.exp(strength * relevance / 2.0)
    kernel = quality[:, None] * (1.0 + vectors @ vectors.T) / 2.0 * quality
    chosen: list[int] = []
    for _ in range(k):
        left = [n for n in range(len(kernel)) if n not in chosen]
        value = [np.linalg.slogdet(kernel[np.ix_([*chosen, n], [*chosen, n])])[1] for n in left]
        chosen.append(left[int(np.argmax(value))])
    return chosen


@given(st.integers(0, 10_000), st.floats(0.1, 5.0))
@settings(max_examples=40, deadline=None)
def test_the_order_is_greedy_by_determinant(seed: int, strength: float) -> None:
    relevance, vectors = np.random.default_rng(seed).normal(size=9), units(9, 12, seed)
    order = dpp_order(relevance, vectors, 6, strength)
    assert order.tolist() == by_determinants(relevance, vectors, 6, strength)


def test_a_copy_of_a_placed_item_comes_after_everything_else() -> None:
    vectors = np.eye(3)[[0, 0, 1, 2]]
    relevance = np.array([1.0, 0.99, 0.2, 0.1])
    assert dpp_order(relevance, vectors, 4).tolist() == [0, 2, 3, 1]


def test_a_strong_relevance_keeps_the_ranking() -> None:
    relevance = np.linspace(1.0, 0.0, 20)
    assert dpp_order(relevance, units(20, 30, 1), 20, 1_000.0).tolist() == list(range(20))


def test_variety_rises_as_relevance_weighs_less() -> None:
    rng = np.random.default_rng(2)
    vectors = units(5, 16, 3)[np.repeat(np.arange(5), 12)] + 0.1 * rng.normal(size=(60, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    relevance = np.repeat(np.linspace(1.0, 0.0, 5), 12)
    likeness = []
    for strength in (100.0, 3.0, 0.0):
        shown = vectors[dpp_order(relevance, vectors, 5, strength)]
        likeness.append((shown @ shown.T)[np.triu_indices(5, 1)].mean())
    assert likeness[0] > likeness[1] + 0.1
    assert likeness[1] >= likeness[2]


def test_all_items_are_placed_once_even_when_nothing_is_new() -> None:
    order = dpp_order(np.array([0.1, 0.3, 0.2]), np.ones((3, 1)), 5)
    assert order.tolist() == [1, 2, 0]
    assert dpp_order(np.array([0.1, 0.3]), np.zeros((2, 4)), 2).tolist() == [1, 0]
    assert dpp_order(np.empty(0), np.empty((0, 4)), 2).tolist() == []


@pytest.mark.parametrize(
    ("relevance", "k", "strength", "match"),
    [
        ([1.0, 2.0], 1, 1.0, r"2 relevances and vectors \(3, 3\)"),
        ([1.0, np.nan, 0.0], 1, 1.0, "NaN"),
        ([1.0, 2.0, 3.0], 0, 1.0, "k is 0"),
        ([1.0, 2.0, 3.0], 1, -1.0, "strength -1.0"),
    ],
)
def test_bad_input_is_named(relevance: list[float], k: int, strength: float, match: str) -> None:
    with pytest.raises(ContractError, match=match):
        dpp_order(np.array(relevance), np.eye(3), k, strength)
