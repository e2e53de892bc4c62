"""Looks are chosen by what they are worth, and who is undecided is explored at the set rate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.schema import ContractError
from recsys.config import GuardRails
from recsys.policy.draw import draw
from recsys.policy.guardrails import apply_guard_rails, find_plain_users
from recsys.policy.value import ValueChoice, value_probabilities

LOOKS = ["a", "b", "c", "original"]
PLAIN = 3


def choose(affinity: list[list[float]], spread: float | np.ndarray, **settings) -> ValueChoice:
    mean = np.array(affinity, dtype=np.float64)
    known = {"caution": 0.25, "temperature": 0.02, "explore": 0.1, "seed": 0, **settings}
    eligible = known.pop("eligible", np.ones(mean.shape, dtype=bool))
    return value_probabilities(mean, np.broadcast_to(spread, mean.shape), eligible, PLAIN, **known)


def test_the_best_look_is_shown_where_it_beats_the_plain_photo_and_else_the_photo() -> None:
    found = choose([[1.0, 0.0, 0.0, 0.0], [-1.0, -1.0, -1.0, 0.0]], 0.1)
    np.testing.assert_allclose(found.probabilities, [[1, 0, 0, 0], [0, 0, 0, 1]], atol=1e-9)
    assert not found.undecided.any()


def test_belief_decides_whether_a_look_is_shown() -> None:
    sure, unsure = (choose([[0.2, 0, 0, 0]], spread, explore=0.0) for spread in (0.1, 1.0))
    assert sure.probabilities[0, 0] == pytest.approx(1.0)
    assert unsure.probabilities[0, PLAIN] == pytest.approx(1.0)


def test_a_shopper_of_two_tastes_sees_both() -> None:
    found = choose([[1.0, 0.99, 0.2, 0.0]], 0.1)
    assert found.probabilities[0, :2].min() > 0.3
    assert found.probabilities[0, 2] == pytest.approx(0.0, abs=1e-9)


def test_undecided_shoppers_are_explored_at_the_set_rate_and_no_others() -> None:
    found = choose([[0.1, 0.05, 0.0, 0.0], [3.0, 0.0, 0.0, 0.0]], 0.5, explore=0.2)
    assert found.undecided.tolist() == [True, False]
    greedy = choose([[0.1, 0.05, 0.0, 0.0], [3.0, 0.0, 0.0, 0.0]], 0.5, explore=0.0)
    moved = np.abs(found.probabilities - greedy.probabilities).sum(axis=1) / 2
    assert moved[0] == pytest.approx(0.2, abs=1e-9)
    assert moved[1] == 0.0


def test_a_look_that_is_not_eligible_is_never_shown() -> None:
    eligible = np.array([[False, True, True, True]])
    found = choose([[5.0, 0.1, 0.0, 0.0]], 0.5, eligible=eligible)
    assert found.probabilities[0, 0] == 0.0


@given(st.integers(0, 10_000))
def test_rows_are_distributions_and_do_not_depend_on_their_neighbours(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mean, spread = rng.normal(0, 1, (6, 4)), rng.uniform(0, 1, (6, 4))
    eligible = rng.random((6, 4)) < 0.7
    eligible[:, PLAIN] = True
    settings = {"caution": 0.25, "temperature": 0.05, "explore": 0.1, "seed": 1}
    whole = value_probabilities(mean, spread, eligible, PLAIN, **settings)
    np.testing.assert_allclose(whole.probabilities.sum(axis=1), 1.0)
    assert (whole.probabilities[~eligible] == 0.0).all()
    alone = value_probabilities(mean[2:3], spread[2:3], eligible[2:3], PLAIN, **settings)
    np.testing.assert_allclose(alone.probabilities[0], whole.probabilities[2])


def test_logged_propensities_are_the_frequencies_of_the_draws() -> None:
    found = choose([[0.3, 0.28, 0.1, 0.0]], 0.4, explore=0.3)
    rails = GuardRails(original_floor=0.05)
    odds = apply_guard_rails(found.probabilities, LOOKS, rails)
    n = 40_000
    choice, logged = draw(np.repeat(odds, n, axis=0), [f"u{i}" for i in range(n)], seed=3)
    seen = np.bincount(choice, minlength=4) / n
    error = np.sqrt(odds[0] * (1 - odds[0]) / n)
    assert (np.abs(seen - odds[0]) <= 4 * error + 1e-12).all()
    np.testing.assert_array_equal(logged, odds[0][choice])
    assert odds[0, PLAIN] >= 0.05


def test_who_asked_for_plain_photos_is_known_by_name() -> None:
    rails = GuardRails(plain_users=("u2",))
    assert find_plain_users(["u1", "u2"], rails).tolist() == [False, True]


def test_numbers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ContractError, match="expected one"):
        value_probabilities(
            np.zeros((1, 4)), np.zeros((1, 3)), np.ones((1, 4), bool), PLAIN,
            caution=0.0, temperature=0.1, explore=0.0, seed=0,
        )  # fmt: skip
    with pytest.raises(ContractError, match="plain photo is not eligible"):
        choose([[0.0, 0.0, 0.0, 0.0]], 0.1, eligible=np.zeros((1, 4), bool))
    with pytest.raises(ContractError, match="must be finite"):
        choose([[np.nan, 0.0, 0.0, 0.0]], 0.1)
