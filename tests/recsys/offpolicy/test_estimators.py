"""Estimators give what their formulas say, and the truth where the truth can be computed."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.schema import ContractError
from recsys.offpolicy import (
    Estimate,
    LoggedFeedback,
    difference,
    dm,
    dr,
    dr_os,
    ips,
    relative_lift,
    sndr,
    snips,
    sub_gaussian_dr,
    sub_gaussian_ips,
    switch_dr,
)

Floats = NDArray[np.float64]


def _world(n: int, seed: int, positions: int = 0) -> tuple[LoggedFeedback, Floats]:
    """A log drawn by known propensities, and the true expected reward of every action."""
    rng = np.random.default_rng(seed)
    actions = 4
    kind = rng.integers(0, 3, n)
    behaviour = rng.dirichlet(np.full(actions, 3.0), 3)[kind]
    shape = (actions, positions) if positions else (actions,)
    policy = rng.dirichlet(np.full(actions, 1.0), (3, max(positions, 1))).swapaxes(1, 2)
    policy = policy.reshape(3, *shape)[kind]
    q = rng.uniform(0.05, 0.6, (3, *shape))[kind]
    action = (behaviour.cumsum(axis=1) > rng.random(n)[:, None]).argmax(axis=1)
    rows = np.arange(n)
    place = rng.integers(0, positions, n) if positions else None
    chance = q[rows, action] if place is None else q[rows, action, place]
    reward = (rng.random(n) < chance).astype(float)
    log = LoggedFeedback(action, reward, behaviour[rows, action], policy, position=place)
    return log, q


def _by_hand(log: LoggedFeedback, q: Floats, rule: Callable[[float], float]) -> list[float]:
    """Row by row: the value under q, and the corrections with a changed weight."""
    assert log.policy is not None
    values = []
    for i in range(len(log)):
        a, place = log.action[i], None if log.position is None else log.position[i]
        pi = log.policy[i] if place is None else log.policy[i][:, place]
        guess = q[i] if place is None else q[i][:, place]
        expected = sum(float(p) * float(r) for p, r in zip(pi, guess, strict=True))
        weight = rule(float(pi[a]) / float(log.pscore[i]))
        values.append(expected + weight * (float(log.reward[i]) - float(guess[a])))
    return values


@pytest.mark.parametrize("positions", [0, 3])
def test_each_estimator_is_its_formula_row_by_row(positions: int) -> None:
    log, q = _world(60, 3, positions)
    guess = np.clip(q + 0.1, 0, 1)
    nothing = np.zeros_like(q)
    pairs: list[tuple[Estimate, list[float]]] = [
        (ips(log), _by_hand(log, nothing, lambda w: w)),
        (sub_gaussian_ips(log, 0.3), _by_hand(log, nothing, lambda w: w / (0.7 + 0.3 * w))),
        (dm(log, guess), _by_hand(log, guess, lambda w: 0.0)),
        (dr(log, guess), _by_hand(log, guess, lambda w: w)),
        (switch_dr(log, guess, 1.5), _by_hand(log, guess, lambda w: w if w <= 1.5 else 0.0)),
        (dr_os(log, guess, 2.0), _by_hand(log, guess, lambda w: 2 * w / (w * w + 2))),
        (sub_gaussian_dr(log, guess, 0.3), _by_hand(log, guess, lambda w: w / (0.7 + 0.3 * w))),
    ]
    for estimate, rows in pairs:
        np.testing.assert_allclose(estimate.per_round, rows, rtol=1e-12, err_msg=estimate.name)
        assert math.isclose(estimate.value, math.fsum(rows) / len(rows), rel_tol=1e-12)
    weight = log.weight
    assert math.isclose(snips(log).value, (weight * log.reward).sum() / weight.sum())
    corrections = ips(log).value - (weight * _at(log, guess)).mean()
    expected = dm(log, guess).value + corrections / weight.mean()
    assert math.isclose(sndr(log, guess).value, expected)


def _at(log: LoggedFeedback, q: Floats) -> Floats:
    rows = np.arange(len(log))
    return q[rows, log.action] if log.position is None else q[rows, log.action, log.position]


def test_estimators_come_to_the_true_value() -> None:
    log, q = _world(200_000, 1)
    assert log.policy is not None
    truth = float((log.policy * q).sum(axis=1).mean())
    wrong = np.full_like(q, 0.9)
    spread = float(np.std(log.weight * log.reward) / np.sqrt(len(log)))
    for estimate in (
        ips(log),
        snips(log),
        dr(log, wrong),
        sndr(log, wrong),
        dr(log, q),
        dm(log, q),
    ):
        assert abs(estimate.value - truth) < 6 * spread, estimate.name


@given(seed=st.integers(0, 10_000))
def test_hyper_parameters_reach_their_limits(seed: int) -> None:
    log, q = _world(40, seed)
    close = {"rel_tol": 1e-9, "abs_tol": 1e-12}
    assert math.isclose(switch_dr(log, q, math.inf).value, dr(log, q).value, **close)
    assert math.isclose(switch_dr(log, q, 0.0).value, dm(log, q).value, **close)
    assert math.isclose(dr_os(log, q, math.inf).value, dr(log, q).value, **close)
    assert math.isclose(dr_os(log, q, 0.0).value, dm(log, q).value, **close)
    assert math.isclose(sub_gaussian_ips(log, 0.0).value, ips(log).value, **close)
    assert math.isclose(dr(log, np.zeros_like(q)).value, ips(log).value, **close)
    assert math.isclose(sndr(log, np.zeros_like(q)).value, snips(log).value, **close)


@given(seed=st.integers(0, 10_000), shift=st.floats(-2, 2))
def test_self_normalised_values_move_with_the_rewards(seed: int, shift: float) -> None:
    log, _ = _world(40, seed)
    moved = LoggedFeedback(log.action, log.reward + shift, log.pscore, log.policy)
    assert math.isclose(snips(moved).value, snips(log).value + shift, abs_tol=1e-9)
    assert 0.0 <= snips(log).value <= 1.0


def test_the_logging_policy_itself_is_judged_by_its_plain_mean() -> None:
    rng = np.random.default_rng(0)
    behaviour = rng.dirichlet(np.ones(3), 50)
    action = np.array([rng.choice(3, p=row) for row in behaviour])
    log = LoggedFeedback(
        action, rng.random(50), behaviour[np.arange(50), action], target=None, policy=behaviour
    )
    for estimate in (ips(log), snips(log)):
        assert math.isclose(estimate.value, log.reward.mean())


def test_influence_of_a_ratio_has_the_spread_of_its_redraws() -> None:
    log, _ = _world(2_000, 5)
    estimate = snips(log)
    rng = np.random.default_rng(0)
    drawn = [snips(log.take(rng.integers(0, 2_000, 2_000))).value for _ in range(400)]
    assert math.isclose(np.std(drawn), estimate.per_round.std() / 2_000**0.5, rel_tol=0.12)
    assert math.isclose(estimate.per_round.mean(), estimate.value, rel_tol=1e-9)


def test_difference_and_lift_of_two_policies_on_the_same_rows() -> None:
    log, q = _world(500, 2)
    even = log.under(np.full_like(q, 0.25))
    b, a = dr(log, q), snips(even)
    assert math.isclose(difference(b, a).value, b.value - a.value)
    lift = relative_lift(b, a)
    assert math.isclose(lift.value, b.value / a.value - 1)
    assert math.isclose(lift.per_round.mean(), lift.value, rel_tol=1e-9)
    assert difference(a, a).per_round.std() == 0.0
    with pytest.raises(ContractError, match="expected the same logged rows"):
        difference(b, ips(log.take(np.arange(10))))
    nobody = LoggedFeedback(log.action, 0 * log.reward, log.pscore, log.policy)
    with pytest.raises(ContractError, match="expected above 0"):
        relative_lift(b, ips(nobody))


def test_a_policy_the_log_never_shows_has_no_self_normalised_value() -> None:
    n = 10
    policy = np.tile([0.0, 1.0], (n, 1))
    log = LoggedFeedback(np.zeros(n, dtype=int), np.ones(n), np.full(n, 0.5), policy)
    assert math.isnan(snips(log).value)
    assert ips(log).value == 0.0


def test_settings_out_of_range_and_ill_fitting_predictions_are_refused() -> None:
    log, q = _world(20, 0)
    with pytest.raises(ContractError, match=r"strength is 1.5: expected a number in \[0, 1\]"):
        sub_gaussian_ips(log, 1.5)
    with pytest.raises(ContractError, match="threshold is -1: expected a number of at least 0"):
        switch_dr(log, q, -1)
    with pytest.raises(ContractError, match="shrinkage is nan"):
        dr_os(log, q, math.nan)
    with pytest.raises(ContractError, match=r"q has shape \(20, 3\): expected \(20, 4\)"):
        dr(log, q[:, :3])
    only_target = LoggedFeedback(log.action, log.reward, log.pscore, target=log.target_propensity)
    assert ips(only_target).value == ips(log).value
    with pytest.raises(ContractError, match="give `policy` instead of `target`"):
        dm(only_target, q)
