"""True values of policies agree with running them, and with brute force over every look."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.schema import ConfigError, ContractError
from recsys.config import PolicyConfig
from recsys.policy.draw import look_probabilities
from recsys.simulator import (
    ARTISTIC,
    FAITHFUL,
    Policy,
    RenderMode,
    Shop,
    SimulatorConfig,
    expected_clicks,
    logging_policy,
    one_look,
    open_shop,
    per_shopper,
    policy_value,
    run_policy,
    simulate,
)
from recsys.simulator.log import times_seen_before
from recsys.simulator.outcomes import expected_rates

LOOKS = [f"look-{number}" for number in range(6)]
FAMILIES = [number // 2 for number in range(6)]
PLAIN = len(LOOKS)


def items(n: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "item_id": [f"{number:03d}" for number in range(n)],
            "category": [f"category {number % 4}" for number in range(n)],
            "price": rng.lognormal(3.0, 0.7, n),
        }
    )


def shop_of(seed: int = 1, **settings: float) -> Shop:
    config = replace(SimulatorConfig(n_shoppers=300, n_impressions=20_000), **settings)
    return open_shop(items(), LOOKS, FAMILIES, config, np.random.default_rng(seed))


def best_for_each(shop: Shop) -> Policy:
    affinity = shop.utility
    return per_shopper(
        look_probabilities(affinity, np.ones_like(affinity, bool), PolicyConfig("best"))
    )


def test_the_shop_is_that_of_the_log() -> None:
    config = SimulatorConfig(n_shoppers=50, n_impressions=2_000, cold_share=0.0)
    events, truth = simulate(items(), LOOKS, FAMILIES, config, seed=3)
    shop = open_shop(items(), LOOKS, FAMILIES, config, np.random.default_rng(3))
    pd.testing.assert_frame_equal(shop.truth, truth)
    shown = events[events["event_type"] == "impression"]
    counts = np.bincount(shop.impressions.shopper, minlength=50)
    assert shown.groupby("user_id").size().reindex(shop.user_ids, fill_value=0).le(counts).all()


@pytest.mark.parametrize("wear_out", [0.0, 0.3])
@pytest.mark.parametrize("mode", [FAITHFUL, ARTISTIC], ids=lambda mode: mode.name)
def test_the_value_is_what_many_runs_average_to(wear_out: float, mode: RenderMode) -> None:
    shop = shop_of(wear_out=wear_out)
    value = policy_value(shop, logging_policy, mode)
    runs = [run_policy(shop, logging_policy, seed, mode) for seed in range(12)]
    for name, column in (
        ("clicks", "clicked"),
        ("purchases", "purchased"),
        ("returns", "returned"),
    ):
        rates = np.array([run[column].mean() for run in runs])
        error = rates.std(ddof=1) / np.sqrt(len(rates))
        assert getattr(value, name) == pytest.approx(rates.mean(), abs=4.5 * error), name
    assert value.net == pytest.approx(value.purchases - 1.5 * value.returns)
    assert (value.standard_error == 0.0) == (wear_out == 0.0)
    assert value.standard_error < 0.01 * value.net


def test_expectations_over_dwell_times_are_exact() -> None:
    config = SimulatorConfig()
    interest, appeal = np.array([0.0, 1.5, -2.0]), np.array([0.0, 1.2, -0.5])
    rates = expected_rates(interest, appeal, np.array([1, 2, 5]), np.full(3, 0.25), config)
    z = np.linspace(-9, 9, 20_001)[:, None]
    pull = 0.35 * interest + 0.3 * appeal
    cart = 1 / (1 + np.exp(1.5 - 0.8 * pull - 0.5 * (2.6 + pull + 0.6 * z - np.log(13))))
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) * (z[1] - z[0])
    buy = 1 / (1 + np.exp(-0.1 - 0.3 * interest - 0.2 * appeal))
    assert rates.purchases == pytest.approx(rates.clicks * (cart * density).sum(axis=0) * buy, 1e-8)
    assert rates.returns == pytest.approx(0.25 * rates.purchases)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 500))
def test_a_mixture_is_worth_the_mixture_of_the_values(seed: int) -> None:
    shop = shop_of(seed, wear_out=0.0, n_shoppers=20, n_impressions=400)
    share = np.random.default_rng(seed).dirichlet(np.ones(PLAIN + 1))
    mixed = policy_value(shop, per_shopper(np.tile(share, (20, 1))))
    single = [policy_value(shop, one_look(look)) for look in range(PLAIN + 1)]
    assert mixed.clicks == pytest.approx(share @ [value.clicks for value in single])
    assert mixed.net == pytest.approx(share @ [value.net for value in single])
    table = expected_clicks(shop, np.arange(len(shop.seconds)))
    assert mixed.clicks == pytest.approx((table @ share).mean())
    assert (mixed.by_kind["clicks"] > 0).all()


@pytest.mark.parametrize("wear_out", [0.0, 0.3])
def test_the_parts_of_a_shop_are_worth_the_whole(wear_out: float) -> None:
    shop = shop_of(wear_out=wear_out)
    late = shop.seconds > np.median(shop.seconds)
    whole = policy_value(shop, one_look(1))
    parts = [policy_value(shop, one_look(1), rows=np.flatnonzero(p)) for p in (late, ~late)]
    shares = np.array([late.mean(), 1 - late.mean()])
    assert whole.net == pytest.approx(shares @ [part.net for part in parts])
    assert (parts[0].clicks < parts[1].clicks) == (wear_out > 0 or shop.trend[1] < 0)


def test_personal_looks_beat_the_best_single_look_and_the_plain_photo() -> None:
    shop = shop_of(wear_out=0.0)
    single = [policy_value(shop, one_look(look)).clicks for look in range(PLAIN + 1)]
    personal = policy_value(shop, best_for_each(shop))
    assert personal.clicks > 1.1 * max(single)
    plain = policy_value(shop, one_look(PLAIN))
    assert personal.by_kind.loc["plain", "clicks"] == pytest.approx(
        plain.by_kind.loc["plain", "clicks"]
    )


def test_artistic_pictures_sell_more_and_earn_less_where_they_mislead() -> None:
    shop = shop_of(wear_out=0.0)
    policy = one_look(0)
    faithful, artistic = (policy_value(shop, policy, mode) for mode in (FAITHFUL, ARTISTIC))
    assert artistic.clicks > faithful.clicks
    assert artistic.purchases > faithful.purchases
    assert artistic.returns / artistic.purchases > 3 * faithful.returns / faithful.purchases
    assert artistic.net < faithful.net
    honest = policy_value(shop, policy, replace(ARTISTIC, misleading=0.0))
    assert honest.net > faithful.net


def test_the_plain_photo_neither_misleads_nor_wears_out() -> None:
    shop = shop_of(wear_out=0.5)
    plain = one_look(PLAIN)
    assert policy_value(shop, plain, ARTISTIC).net == policy_value(shop, plain).net
    fresh = replace(shop, config=replace(shop.config, wear_out=0.0))
    assert policy_value(shop, plain).net == pytest.approx(policy_value(fresh, plain).net)
    assert policy_value(shop, one_look(0)).net < policy_value(fresh, one_look(0)).net
    returned = run_policy(shop, plain, 0, ARTISTIC)
    assert returned["returned"].sum() < 0.2 * returned["purchased"].sum()


def test_times_seen_before_count_this_shopper_and_this_look() -> None:
    shop = shop_of(n_shoppers=5, n_impressions=200)
    look = np.random.default_rng(0).integers(0, 3, len(shop.seconds))
    counted: dict[tuple[int, int], int] = {}
    for row, seen in enumerate(times_seen_before(shop, look)):
        key = (int(shop.impressions.shopper[row]), int(look[row]))
        assert seen == counted.get(key, 0)
        counted[key] = seen + 1


def test_a_run_logs_the_probability_of_every_look_and_keeps_to_the_shop() -> None:
    shop = shop_of()
    affinity = shop.utility
    table = look_probabilities(affinity, np.ones_like(affinity, bool), PolicyConfig("softmax"))
    log = run_policy(shop, per_shopper(table), seed=4)
    pd.testing.assert_frame_equal(log, run_policy(shop, per_shopper(table), seed=4))
    look = log["style_id"].replace("original", LOOKS[-1] + "~").rank(method="dense").astype(int) - 1
    shopper = log["user_id"].str[1:].astype(int)
    assert log["propensity"].to_numpy() == pytest.approx(table[shopper, look])
    frequency = np.bincount(look, minlength=PLAIN + 1) / len(log)
    expected = table[shopper].mean(axis=0)
    assert np.abs(frequency - expected).max() < 4.5 * np.sqrt(0.25 / len(log))
    assert (~log["carted"] | log["clicked"]).all()
    assert (~log["purchased"] | log["carted"]).all()
    assert (~log["returned"] | log["purchased"]).all()
    assert (log["clicked"] == (log["dwell_s"] > 0)).all()


@given(ticket=st.floats(0, 1, exclude_max=True))
@settings(max_examples=20, deadline=None)
def test_a_look_of_probability_zero_is_never_drawn(ticket: float) -> None:
    shop = shop_of(n_shoppers=3, n_impressions=60)
    shares = np.array([0.0, 0.1, 0.0, 0.2, 0.7 - 1e-17, 0.0, 0.0])
    log = run_policy(shop, per_shopper(np.tile(shares, (3, 1))), seed=int(ticket * 1000))
    assert set(log["style_id"]) <= {"look-1", "look-3", "look-4"}


def test_what_cannot_be_run_is_refused() -> None:
    shop = shop_of(n_shoppers=10, n_impressions=200)
    with pytest.raises(ContractError, match=r"look is 9: expected a number in 0\.\.6"):
        policy_value(shop, one_look(9))
    with pytest.raises(ContractError, match=r"shape \(3, 2\): expected \(10, 7\)"):
        run_policy(shop, per_shopper(np.full((3, 2), 0.5)), 0)
    with pytest.raises(ConfigError, match="expected at least 2"):
        policy_value(shop, logging_policy, n_draws=1)
    with pytest.raises(ConfigError, match=r"misleading is 2: expected a number in 0\.\.1"):
        RenderMode("wild", 0.0, 2)
