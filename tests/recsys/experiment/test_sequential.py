"""Monitoring may be read often without finding more than it should, and finds what is there."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial.hermite_e import hermegauss

from features.schema import ConfigError, ContractError, InputError, SchemaError
from recsys.experiment import SequentialConfig, confidence_sequence, monitor
from recsys.experiment.sequential import mixture_ratio

PEEKS = range(500, 10_001, 500)
CONFIG = SequentialConfig()


def test_the_ratio_is_the_mixture_of_likelihood_ratios() -> None:
    nodes, weights = hermegauss(80)
    for estimate, variance, prior in ((0.3, 0.04, 0.01), (-0.1, 0.02, 0.05), (0.0, 1.0, 0.5)):
        effect = np.sqrt(prior) * nodes
        ratio = np.exp((estimate * effect - effect**2 / 2) / variance)
        brute = (weights @ ratio) / np.sqrt(2 * np.pi)
        assert mixture_ratio(estimate, variance, prior) == pytest.approx(brute)


def test_the_half_width_is_that_of_waudby_smith() -> None:
    values = np.random.default_rng(0).normal(1.0, 3.0, 4_000)
    read = confidence_sequence(values, [4_000], CONFIG).iloc[0]
    rho2, t, sd = CONFIG.mixing_variance, 4_000, values.std(ddof=1)
    half = sd * np.sqrt(2 * (t * rho2 + 1) / (t**2 * rho2) * np.log(np.sqrt(t * rho2 + 1) / 0.05))
    assert read["high"] - read["mean"] == pytest.approx(half)
    assert read["mean"] == pytest.approx(values.mean())


def test_the_interval_is_tightest_where_it_was_asked_to_be() -> None:
    def half(tightest_at: int) -> float:
        values = np.tile([-1.0, 1.0], 2_500)
        read = confidence_sequence(values, [5_000], SequentialConfig(tightest_at=tightest_at))
        return float(read["high"].iloc[0])

    assert half(5_000) < min(half(3_500), half(7_000), half(500), half(50_000))


def test_peeking_at_nothing_finds_something_in_under_five_percent() -> None:
    rng = np.random.default_rng(2)
    found, naive = [], []
    for _ in range(400):
        values = rng.exponential(1.0, 10_000) - 1.0
        read = confidence_sequence(values, PEEKS, CONFIG)
        found.append(((read["low"] > 0) | (read["high"] < 0)).any())
        at = np.asarray(PEEKS)
        z = np.cumsum(values)[at - 1] / np.sqrt(at)
        naive.append((np.abs(z) > 1.96).any())
    assert np.mean(found) < 0.05
    # The fixed-horizon test, read as often, would have lied: the case is hard enough to tell.
    assert np.mean(naive) > 0.15


def arms(n: int, lift: float, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    variant = np.where(rng.random(n) < 0.3, "looks", "plain")
    value = rng.poisson(2.0, n) + lift * (variant == "looks")
    return pd.DataFrame({"variant": variant, "value": value})


def test_two_equal_arms_are_seldom_told_apart_and_unequal_ones_early() -> None:
    equal = [monitor(arms(10_000, 0.0, s), "plain", "looks", PEEKS, CONFIG) for s in range(200)]
    assert np.mean([read["p_value"].min() < 0.05 for read in equal]) < 0.05
    unequal = monitor(arms(10_000, 0.2, 0), "plain", "looks", PEEKS, CONFIG)
    assert unequal["p_value"].iloc[-1] < 0.001
    assert unequal["low"].iloc[-1] < 0.2 < unequal["high"].iloc[-1]


def test_the_last_reading_of_two_arms_has_their_difference() -> None:
    units = arms(2_000, 0.5, 3)
    units.loc[::7, "variant"] = "third"
    read = monitor(units, "plain", "looks", [800, 1_500], CONFIG).iloc[-1]
    first = units[units["variant"] != "third"].head(1_500).groupby("variant")["value"].mean()
    assert read["mean"] == pytest.approx(first["looks"] - first["plain"])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), shift=st.floats(-0.3, 0.3), alpha=st.floats(0.01, 0.5))
def test_the_p_value_is_under_alpha_exactly_when_an_interval_left_zero_out(
    seed: int, shift: float, alpha: float
) -> None:
    values = np.random.default_rng(seed).normal(shift, 1.0, 600)
    config = SequentialConfig(alpha=alpha)
    read = confidence_sequence(values, range(20, 601, 20), config)
    outside = ((read["low"] > 0) | (read["high"] < 0)).cummax()
    assert (outside == (read["p_value"] < alpha)).all()
    assert (read["p_value"].diff().dropna() <= 0).all()


def test_a_stream_that_never_varies_says_nothing() -> None:
    read = confidence_sequence(np.zeros(100), [50, 100], CONFIG)
    assert np.isinf(read["high"]).all()
    assert (read["p_value"] == 1.0).all()


def test_readings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ContractError, match=r"ascending counts in 2\.\.10"):
        confidence_sequence(np.ones(10), [5, 5], CONFIG)
    with pytest.raises(ContractError, match="one finite number per row"):
        confidence_sequence([1.0, np.nan, 2.0], [3], CONFIG)
    with pytest.raises(InputError, match="arm 'looks' has 0 shoppers at peek 3"):
        monitor(
            pd.DataFrame({"variant": "plain", "value": np.arange(9.0)}),
            "plain",
            "looks",
            [3, 9],
            CONFIG,
        )
    with pytest.raises(SchemaError, match="no column 'value'"):
        monitor(pd.DataFrame({"variant": ["a"]}), "a", "b", [1], CONFIG)
    with pytest.raises(ConfigError, match="0 < alpha < 1"):
        SequentialConfig(alpha=0.0)
