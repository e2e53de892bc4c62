"""Splits, plans and several questions at once keep the chances they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.schema import ConfigError, ContractError
from recsys.experiment import (
    PlanConfig,
    benjamini_hochberg,
    holm,
    minimum_detectable_effect,
    power,
    required_users,
    sample_ratio,
)

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def test_the_p_value_of_a_split_into_two_is_that_of_the_squared_normal() -> None:
    split = sample_ratio({"a": 5_150, "b": 4_850}, {"a": 1, "b": 1})
    assert split.chi_square == pytest.approx(9.0)
    assert split.p_value == pytest.approx(math.erfc(math.sqrt(9.0 / 2)))
    assert split.expected == {"a": 5_000.0, "b": 5_000.0}


def test_a_fair_split_is_seldom_called_broken_and_a_leaking_one_nearly_always() -> None:
    rng = np.random.default_rng(0)
    shares = {"a": 0.5, "b": 0.3, "c": 0.2}
    fair = rng.multinomial(5_000, list(shares.values()), 2_000)
    p = [sample_ratio(dict(zip("abc", map(int, row), strict=True)), shares).p_value for row in fair]
    assert np.mean(np.asarray(p) < 0.05) == pytest.approx(0.05, abs=0.015)
    leaking = {"a": 25_000, "b": 15_000, "c": 9_200}
    assert sample_ratio(leaking, shares).p_value < 1e-6


def test_a_split_that_cannot_be_tested_is_refused() -> None:
    with pytest.raises(ContractError, match="the same arms in both"):
        sample_ratio({"a": 1}, {"a": 1, "b": 1})
    with pytest.raises(ContractError, match="positive share"):
        sample_ratio({"a": 1, "b": 2}, {"a": 1, "b": 0})


def test_power_is_the_share_of_simulated_tests_that_find_the_effect() -> None:
    config = PlanConfig(treatment_share=0.3)
    effect = minimum_detectable_effect(sd=2.0, n_users=1_000, config=config)
    rng = np.random.default_rng(1)
    treated = effect + 2.0 * rng.standard_normal((4_000, 300)).mean(axis=1)
    control = 2.0 * rng.standard_normal((4_000, 700)).mean(axis=1)
    error = 2.0 * math.sqrt(1 / 300 + 1 / 700)
    found = np.abs(treated - control) > 1.959964 * error
    assert found.mean() == pytest.approx(0.8, abs=0.02)
    assert power(effect, 2.0, 1_000, config) == pytest.approx(0.8, abs=1e-4)


@given(
    effect=st.floats(0.01, 2),
    sd=st.floats(0.1, 10),
    share=st.floats(0.05, 0.95),
    rho=st.floats(0, 0.9),
)
def test_enough_shoppers_are_enough_and_one_in_a_hundred_fewer_are_not(
    effect: float, sd: float, share: float, rho: float
) -> None:
    config = PlanConfig(treatment_share=share, covariate_correlation=rho)
    n = required_users(effect, sd, config)
    assert minimum_detectable_effect(sd, n, config) <= effect * (1 + 1e-9)
    assert power(effect, sd, n, config) >= 0.8 - 1e-9
    if n > 200:
        assert minimum_detectable_effect(sd, 0.99 * n, config) > effect


def test_a_test_of_nothing_finds_it_with_probability_alpha() -> None:
    assert power(0.0, 1.0, 500, PlanConfig(alpha=0.1)) == pytest.approx(0.1)
    plain, sharper = (PlanConfig(covariate_correlation=rho) for rho in (0.0, 0.8))
    assert required_users(0.1, 1.0, sharper) == pytest.approx(
        0.36 * required_users(0.1, 1.0, plain), rel=0.01
    )


def test_plans_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="power above alpha"):
        PlanConfig(alpha=0.5, power=0.4)
    with pytest.raises(ConfigError, match=r"inside -1\.\.1"):
        PlanConfig(covariate_correlation=1.0)
    with pytest.raises(ContractError, match="expected positive numbers"):
        minimum_detectable_effect(0.0, 100, PlanConfig())
    with pytest.raises(ContractError, match="smallest difference worth finding"):
        required_users(0.0, 1.0, PlanConfig())


@given(P_VALUES)
def test_adjusted_p_values_reject_what_the_step_rules_reject(p_values: list[float]) -> None:
    p, n = np.asarray(p_values), len(p_values)
    ascending = np.sort(p)
    for alpha in (0.01, 0.05, 0.2):
        # Holm steps down from the smallest, Benjamini-Hochberg up from the largest.
        fails = np.flatnonzero(ascending * (n - np.arange(n)) > alpha)
        down = fails[0] if len(fails) else n
        passes = np.flatnonzero(ascending * n <= alpha * (1 + np.arange(n)) * (1 - 1e-15))
        up = passes[-1] + 1 if len(passes) else 0
        assert (holm(p) <= alpha).sum() == down
        assert (benjamini_hochberg(p) <= alpha).sum() >= up
    assert (p <= benjamini_hochberg(p)).all()
    assert (benjamini_hochberg(p) <= holm(p) + 1e-15).all()
    assert (holm(p) <= np.minimum(1.0, n * p) + 1e-15).all()


def test_adjustment_by_hand() -> None:
    p = [0.01, 0.04, 0.03, 0.005]
    assert holm(p) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert benjamini_hochberg(p) == pytest.approx([0.02, 0.04, 0.04, 0.02])
    with pytest.raises(ContractError, match=r"numbers in 0\.\.1"):
        holm([0.5, 1.5])
