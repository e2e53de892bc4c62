"""Thompson sampling's propensities are those of its draws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare, norm

from features.schema import ContractError
from recsys.policy.draw import draw
from recsys.policy.thompson import thompson_probabilities


@given(rows=st.integers(1, 5), looks=st.integers(1, 6), seed=st.integers(0, 2**32 - 1))
def test_rows_are_distributions_over_eligible_looks(rows: int, looks: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    eligible = rng.random((rows, looks)) < 0.5
    eligible[:, 0] = True
    mean, spread = rng.normal(size=(rows, looks)), rng.random((rows, looks))
    p = thompson_probabilities(mean, spread, eligible, seed, draws=50)
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    assert (p[~eligible] == 0.0).all()


def test_looks_are_drawn_exactly_as_often_as_their_propensity_says() -> None:
    n = 20_000
    one = thompson_probabilities(
        np.array([[0.0, 0.3, 0.5]]), np.array([[1.0, 0.5, 0.2]]), np.ones((1, 3), bool), 0, 200
    )
    choice, propensity = draw(np.repeat(one, n, axis=0), [f"u{i}" for i in range(n)], seed=1)
    np.testing.assert_array_equal(propensity, one[0][choice])
    assert chisquare(np.bincount(choice, minlength=3), one[0] * n).pvalue > 1e-4


def test_two_looks_are_weighed_by_the_chance_that_one_beats_the_other() -> None:
    p = thompson_probabilities(
        np.array([[0.4, 0.1]]), np.array([[0.3, 0.4]]), np.ones((1, 2), bool), seed=3, draws=40_000
    )
    assert p[0, 0] == pytest.approx(norm.cdf(0.3 / 0.5), abs=0.01)


def test_a_sure_belief_is_always_shown_and_ties_go_to_the_first() -> None:
    mean = np.array([[0.1, 0.9, 0.2], [0.5, 0.5, 0.5]])
    p = thompson_probabilities(mean, np.zeros_like(mean), np.ones((2, 3), bool), seed=0)
    np.testing.assert_array_equal(p, [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])


def test_a_row_depends_on_itself_and_the_seed_alone() -> None:
    rng = np.random.default_rng(0)
    mean, spread = rng.normal(size=(900, 20)), np.full((900, 20), 0.7)
    eligible = np.ones((900, 20), bool)
    p = thompson_probabilities(mean, spread, eligible, seed=5, draws=300)
    order = rng.permutation(900)
    np.testing.assert_array_equal(
        thompson_probabilities(mean[order], spread[order], eligible, 5, 300), p[order]
    )
    assert (thompson_probabilities(mean, spread, eligible, 6, 300) != p).any()


def test_bad_beliefs_are_refused() -> None:
    one, yes = np.zeros((1, 2)), np.ones((1, 2), bool)
    with pytest.raises(ContractError, match=r"expected one \(n, looks\)"):
        thompson_probabilities(one, one[:, :1], yes, 0)
    with pytest.raises(ContractError, match="spread at least 0"):
        thompson_probabilities(one, one - 1, yes, 0)
    with pytest.raises(ContractError, match="no eligible look"):
        thompson_probabilities(one, one, ~yes, 0)
    with pytest.raises(ContractError, match="draws is 0"):
        thompson_probabilities(one, one, yes, 0, draws=0)
