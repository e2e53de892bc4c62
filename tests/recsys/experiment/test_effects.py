"""Means, ratios and CUPED agree with their textbook formulas; bad tables are refused."""

from __future__ import annotations

import math
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.schema import ConfigError, ContractError, InputError, SchemaError
from recsys.experiment import Metric, analyse, by_segment, compare, user_metrics

pytest.importorskip("tea_tasting")
CLICKS = Metric("clicks", "clicks")
RATE = Metric("click rate", "clicks", per="impressions")
SHARPER = Metric("click rate", "clicks", "impressions", "clicks_before", "impressions_before")


def shoppers(n: int, lift: float, seed: int) -> pd.DataFrame:
    """Shoppers whose clicks before and during a test share their activity and their taste."""
    rng = np.random.default_rng(seed)
    activity, taste = rng.gamma(2.0, 20.0, n), rng.beta(2, 8, n)
    variant = np.where(rng.random(n) < 0.4, "looks", "plain")
    shown = 5 + rng.poisson(activity)
    before = 5 + rng.poisson(activity)
    rate = np.clip(taste + lift * (variant == "looks"), 0, 1)
    return pd.DataFrame(
        {
            "user_id": [f"u{number:05d}" for number in range(n)],
            "variant": variant,
            "segment": np.where(taste > 0.2, "keen", "cool"),
            "impressions": shown,
            "clicks": rng.binomial(shown, rate),
            "impressions_before": before,
            "clicks_before": rng.binomial(before, taste),
        }
    )


def test_a_mean_is_compared_as_by_welch() -> None:
    users = shoppers(300, 0.05, 1)
    effect = compare(users, CLICKS, "plain", "looks")
    a, b = (users["clicks"][users["variant"] == arm].to_numpy() for arm in ("plain", "looks"))
    error = math.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
    assert effect.difference == pytest.approx(b.mean() - a.mean())
    assert effect.standard_error == pytest.approx(error)
    assert effect.relative == pytest.approx(b.mean() / a.mean() - 1)
    assert (effect.n_control, effect.n_treatment) == (len(a), len(b))
    # Student's quantile is a little above the normal one's 1.96.
    assert 1.96 * error < effect.high - effect.difference < 1.98 * error


def linearised(users: pd.DataFrame, value: str, per: str) -> np.ndarray:
    """Each shopper's influence on the ratio of means in their arm."""
    arm = users.groupby("variant")[[value, per]].transform("mean")
    return np.asarray((users[value] - arm[value] / arm[per] * users[per]) / arm[per])


def test_a_ratio_has_the_error_of_its_linearisation() -> None:
    users = shoppers(400, 0.02, 2)
    effect = compare(users, RATE, "plain", "looks")
    influence = pd.Series(linearised(users, "clicks", "impressions"))
    parts = influence.groupby(users["variant"]).agg(["var", "size"])
    assert effect.standard_error == pytest.approx(math.sqrt((parts["var"] / parts["size"]).sum()))
    sums = users.groupby("variant")[["clicks", "impressions"]].sum()
    rates = sums["clicks"] / sums["impressions"]
    assert effect.difference == pytest.approx(rates["looks"] - rates["plain"])


def test_cuped_subtracts_the_regression_on_the_covariate() -> None:
    users = shoppers(500, 0.0, 3)
    metric = Metric("clicks", "clicks", covariate="clicks_before")
    effect = compare(users, metric, "plain", "looks")
    x, y = users["clicks_before"].to_numpy(), users["clicks"].to_numpy()
    # One slope for both arms, as Deng et al. take it.
    slope = np.cov(x, y)[0, 1] / x.var(ddof=1)
    adjusted = pd.Series(y - slope * (x - x.mean())).groupby(users["variant"])
    means, error = adjusted.mean(), np.sqrt((adjusted.var() / adjusted.size()).sum())
    assert effect.difference == pytest.approx(means["looks"] - means["plain"])
    assert effect.standard_error == pytest.approx(error)


def test_a_covariate_narrows_the_interval_of_people_who_stay_who_they_are() -> None:
    users = shoppers(600, 0.02, 4)
    plain, sharper = (compare(users, metric, "plain", "looks") for metric in (RATE, SHARPER))
    assert sharper.high - sharper.low < 0.6 * (plain.high - plain.low)
    assert sharper.low < 0.02 < sharper.high


def test_intervals_cover_the_true_lift_as_often_as_they_say() -> None:
    inside = [
        (effect := compare(shoppers(300, 0.03, seed), SHARPER, "plain", "looks")).low
        < 0.03
        < effect.high
        for seed in range(120)
    ]
    # 0.95 within three standard errors of 120 draws.
    assert 0.89 <= np.mean(inside) <= 1.0


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.floats(0.1, 50))
def test_swapping_arms_turns_the_sign_and_units_do_not_matter(seed: int, scale: float) -> None:
    users = shoppers(80, 0.05, seed)
    there = compare(users, SHARPER, "plain", "looks")
    back = compare(users, SHARPER, "looks", "plain")
    assert back.difference == pytest.approx(-there.difference)
    assert back.p_value == pytest.approx(there.p_value)
    scaled = compare(
        users.assign(clicks=users["clicks"] * scale, clicks_before=users["clicks_before"] * 3.0),
        SHARPER,
        "plain",
        "looks",
    )
    assert scaled.difference == pytest.approx(scale * there.difference)
    assert scaled.p_value == pytest.approx(there.p_value)


def test_segments_are_compared_apart_and_told_to_differ() -> None:
    users = pd.concat(
        [
            shoppers(700, 0.10, 5).assign(segment="look lovers"),
            shoppers(700, -0.08, 6).assign(segment="plain-photo lovers"),
            shoppers(40, 0.0, 7).assign(segment="few"),
        ]
    )
    parts = by_segment(users, SHARPER, "segment", "plain", "looks")
    assert set(parts.effects) == {"look lovers", "plain-photo lovers"}
    assert "shoppers in an arm, expected 30" in parts.left_out["few"]
    assert parts.effects["look lovers"].low > 0 > parts.effects["plain-photo lovers"].high
    assert parts.heterogeneity_p_value < 1e-6
    for name, effect in parts.effects.items():
        assert effect.p_value <= parts.benjamini_hochberg[name] <= parts.holm[name]


def test_equal_segments_are_rarely_told_to_differ() -> None:
    p_values = [
        by_segment(
            shoppers(400, 0.03, seed).assign(segment=np.arange(400) % 3),
            RATE,
            "segment",
            "plain",
            "looks",
        ).heterogeneity_p_value
        for seed in range(60)
    ]
    assert np.mean(np.asarray(p_values) < 0.05) < 0.14
    assert np.std(p_values) > 0.2


def test_a_broken_split_gets_no_verdict() -> None:
    users = shoppers(2_000, 0.05, 8)
    even = analyse(users, [RATE], "plain", "looks", {"plain": 1, "looks": 1})
    assert even.effects == ()
    assert even.segments is None
    assert even.verdict.startswith("No verdict: the arms hold")
    sound = analyse(users, [SHARPER, CLICKS], "plain", "looks", {"plain": 3, "looks": 2}, "segment")
    assert sound.verdict.startswith("The treatment raises click rate")
    assert sound.segments is not None
    assert all(
        adjusted >= effect.p_value
        for adjusted, effect in zip(sound.adjusted_p_values, sound.effects, strict=True)
    )


def test_a_verdict_names_the_shoppers_who_lose_and_admits_to_seeing_nothing() -> None:
    users = pd.concat(
        [
            shoppers(1500, 0.10, 5).assign(segment="look lovers"),
            shoppers(500, -0.08, 6).assign(segment="plain-photo lovers"),
        ]
    )
    shares = {"plain": 0.6, "looks": 0.4}
    mixed = analyse(users, [SHARPER], "plain", "looks", shares, "segment").verdict
    assert mixed.endswith("It lowers it for plain-photo lovers.")
    nothing = analyse(shoppers(60, 0.0, 1), [RATE], "plain", "looks", shares).verdict
    assert nothing.startswith("No difference in click rate is shown")


def test_shoppers_who_never_came_count_and_time_is_cut_at_the_start_of_the_test() -> None:
    since = pd.Timestamp("2025-05-01", tz="UTC")
    log = pd.DataFrame(
        {
            "user_id": ["b", "b", "a", "stranger"],
            "timestamp": since + pd.to_timedelta([-1, 0, 2, 3], unit="D"),
            "clicked": [True, False, True, True],
            "carted": [False, False, True, True],
            "purchased": False,
            "dwell_s": [3.0, 0.0, 8.0, 1.0],
        }
    )
    assignment = pd.DataFrame({"user_id": ["c", "b", "a"], "variant": ["x", "y", "x"]})
    users = user_metrics(log, assignment, since).set_index("user_id")
    assert list(users.index) == ["a", "b", "c"]
    assert users["impressions"].tolist() == [1.0, 1.0, 0.0]
    assert users["clicks"].tolist() == [1.0, 0.0, 0.0]
    assert users["impressions_before"].tolist() == [0.0, 1.0, 0.0]
    assert users["dwell_s_before"].tolist() == [0.0, 3.0, 0.0]
    with pytest.raises(SchemaError, match="one row for each"):
        user_metrics(log, pd.concat([assignment, assignment]), since)
    with pytest.raises(SchemaError, match="exposures has no column 'carted'"):
        user_metrics(log.drop(columns="carted"), assignment, since)


def test_what_cannot_be_compared_is_refused_with_the_reason() -> None:
    users = shoppers(50, 0.0, 1)
    with pytest.raises(SchemaError, match="users have no column 'revenue', which revenue needs"):
        compare(users, Metric("revenue", "revenue"), "plain", "looks")
    with pytest.raises(InputError, match="arm 'other' has 0 shoppers"):
        compare(users, RATE, "plain", "other")
    with pytest.raises(InputError, match="clicks does not vary"):
        compare(users.assign(clicks=0), CLICKS, "plain", "looks")
    with pytest.raises(SchemaError, match="missing or infinite value"):
        compare(users.assign(clicks=np.nan), CLICKS, "plain", "looks")
    with pytest.raises(ConfigError, match="names a column twice"):
        Metric("odd", "clicks", per="clicks")
    with pytest.raises(ConfigError, match="without a covariate"):
        Metric("odd", "clicks", covariate_per="clicks_before")
    with pytest.raises(SchemaError, match="a value for every shopper"):
        by_segment(users.assign(segment=None), RATE, "segment", "plain", "looks")


def test_without_tea_tasting_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tea_tasting", None)
    with pytest.raises(InputError, match=r"stylefeed\[experiment\]"):
        compare(shoppers(50, 0.0, 1), RATE, "plain", "looks")


@pytest.mark.parametrize("before", [0, 3])
def test_new_shoppers_alone_are_compared_without_the_covariate(before: int) -> None:
    users = shoppers(300, 0.05, 1).assign(impressions_before=before, clicks_before=0)
    effect = compare(users, SHARPER, "plain", "looks")
    plain = compare(users, RATE, "plain", "looks")
    assert effect.difference == pytest.approx(plain.difference)
    assert effect.standard_error == pytest.approx(plain.standard_error)
    mean = Metric("clicks", "clicks", covariate="clicks_before")
    assert compare(users, mean, "plain", "looks").p_value == pytest.approx(
        compare(users, CLICKS, "plain", "looks").p_value
    )


@pytest.mark.parametrize("ids", [[1], [1.0], [None]])
def test_an_assignment_whose_ids_are_no_text_is_refused(ids: list[object]) -> None:
    log = pd.DataFrame(
        {"user_id": ["1"], "timestamp": pd.to_datetime(["2026-01-02"], utc=True)}
        | {name: [1.0] for name in ("clicked", "carted", "purchased", "dwell_s")}
    )
    since = pd.Timestamp("2026-01-01", tz="UTC")
    with pytest.raises(ContractError, match="assignment: user_id: id 0 of 1"):
        user_metrics(log, pd.DataFrame({"user_id": ids, "variant": "a"}), since)
    with pytest.raises(InputError, match=r"user_id: none of 1 ids is known: got '1.0'"):
        user_metrics(log, pd.DataFrame({"user_id": ["1.0"], "variant": "a"}), since)
    with pytest.raises(ContractError, match=r"since is 2026-01-01 .*without a time zone"):
        user_metrics(
            log, pd.DataFrame({"user_id": ["1"], "variant": "a"}), pd.Timestamp("2026-01-01")
        )
