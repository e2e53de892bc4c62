"""Slate estimators weigh what they say, and find the value of a feed under their assumption."""

from __future__ import annotations

import math

import numpy as np
import pytest

from features.schema import ContractError, InputError
from recsys.offpolicy import (
    LoggedFeedback,
    SlateFeedback,
    independent_ips,
    interval,
    ips,
    per_position,
    reward_interaction_ips,
    slate_ips,
)


def _slates(n: int, seed: int, interact: bool) -> tuple[SlateFeedback, float]:
    """Slates of three binary choices and the policy's true value.

    With `interact`, a good choice above halves the reward of every position below it.
    """
    rng = np.random.default_rng(seed)
    shown = rng.random((n, 3)) < 0.4
    chance = np.where(shown, 0.5, 0.2)
    if interact:
        above = np.c_[np.zeros(n), shown[:, :-1].cumsum(axis=1)]
        chance = chance * 0.5**above
    reward = (rng.random((n, 3)) < chance).astype(float)
    log = SlateFeedback(
        slate=np.repeat(np.arange(n), 3),
        position=np.tile([1, 2, 3], n),
        reward=reward.ravel(),
        pscore=np.where(shown, 0.4, 0.6).ravel(),
        target=np.where(shown, 0.7, 0.3).ravel(),
    )
    alone = 0.7 * 0.5 + 0.3 * 0.2
    fade = 0.7 * 0.5 + 0.3 if interact else 1.0
    return log, alone * (1 + fade + fade**2)


@pytest.mark.parametrize("interact", [False, True])
def test_each_estimator_finds_the_value_where_its_assumption_holds(interact: bool) -> None:
    log, truth = _slates(40_000, 0, interact)
    for estimator in (slate_ips, reward_interaction_ips, independent_ips):
        low, high = interval(estimator(log), level=0.9999)
        assert (low <= truth <= high) == (not interact or estimator is not independent_ips)


def test_weights_are_products_over_the_positions_each_estimator_names() -> None:
    log = SlateFeedback(
        slate=np.array([7, 3, 3, 7, 7]),
        position=np.array([3, 1, 2, 1, 2]),
        reward=np.array([1.0, 1.0, 0.5, 0.0, 1.0]),
        pscore=np.array([0.5, 0.5, 0.25, 0.5, 0.25]),
        target=np.array([0.25, 1.0, 0.5, 1.0, 0.25]),
    )
    # Slate 3: weights 2, 2; slate 7: weights 2, 1, 0.5.
    assert math.isclose(slate_ips(log).value, (4 * 1 + 4 * 0.5 + 1 * (0 + 1 + 1)) / 2)
    assert math.isclose(independent_ips(log).value, (2 * 1 + 2 * 0.5 + 1 * 1 + 0.5 * 1) / 2)
    expected = (2 * 1 + 4 * 0.5 + 2 * 1 + 1 * 1) / 2
    assert math.isclose(reward_interaction_ips(log).value, expected)


def test_rows_may_come_in_any_order_and_slates_keep_their_shopper() -> None:
    log, _ = _slates(50, 1, True)
    order = np.random.default_rng(0).permutation(150)
    fields = (log.slate, log.position, log.reward, log.pscore, log.target)
    group = log.slate // 5
    moved = SlateFeedback(*(field[order] for field in fields), group=group[order])
    assert math.isclose(slate_ips(moved).value, slate_ips(log).value)
    np.testing.assert_array_equal(slate_ips(moved).group, np.repeat(np.arange(10), 5))


def test_per_position_values_are_those_of_its_own_rows() -> None:
    slates, _ = _slates(100, 2, False)
    log = LoggedFeedback(
        np.zeros(300, dtype=int),
        slates.reward,
        slates.pscore,
        target=slates.target,
        position=slates.position - 1,
    )
    values = {place: estimate.value for place, estimate in per_position(log, ips).items()}
    assert list(values) == [0, 1, 2]
    rows = log.reward * log.weight
    assert math.isclose(values[1], rows[1::3].mean())
    with pytest.raises(ContractError, match="names no positions"):
        per_position(LoggedFeedback(log.action, log.reward, log.pscore, target=log.target), ips)


def test_a_position_twice_and_a_bad_propensity_are_refused() -> None:
    one = np.ones(2)
    with pytest.raises(ContractError, match="slate 4 has position 1 more than once"):
        SlateFeedback(np.array([4, 4]), np.array([1, 1]), one, one, one)
    with pytest.raises(InputError, match="is zero in 1 of 2 rows"):
        SlateFeedback(np.array([4, 4]), np.array([1, 2]), one, np.array([1.0, 0.0]), one)
