"""Comparisons agree with scipy, pair the users, and correct for their number."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from features.schema import ContractError, SchemaError
from recsys.evaluation.comparison import compare, holm

N_USERS = 400


def scores() -> pd.DataFrame:
    """`near` differs from `base` by a little for everybody, `equal` only by noise."""
    rng = np.random.default_rng(4)
    base = rng.beta(0.4, 2.0, N_USERS)
    return pd.DataFrame(
        {
            "base": base,
            "near": base + 0.02 + rng.normal(0.0, 0.05, N_USERS),
            "equal": base + rng.normal(0.0, 0.05, N_USERS),
            "worse": base * 0.5,
        }
    )


def test_intervals_and_p_values_agree_with_scipy() -> None:
    table, values = compare(scores(), "base", draws=8_000).set_index("model"), scores()
    for name in ("near", "equal", "worse"):
        difference = (values[name] - values["base"]).to_numpy()
        oracle = stats.bootstrap(
            (difference,), np.mean, n_resamples=8_000, method="percentile", rng=1
        ).confidence_interval
        row, error = table.loc[name], stats.sem(difference)
        assert row["gain"] == pytest.approx(difference.mean())
        assert abs(row["gain_low"] - oracle.low) < 0.12 * error
        assert abs(row["gain_high"] - oracle.high) < 0.12 * error
        p_value = stats.ttest_rel(values[name], values["base"]).pvalue
        assert row["p_value"] == pytest.approx(p_value, abs=0.02)
    ratio = stats.bootstrap(
        (values["near"].to_numpy(), values["base"].to_numpy()),
        lambda x, y, axis: x.mean(axis=axis) / y.mean(axis=axis) - 1.0,
        paired=True, n_resamples=8_000, method="percentile", rng=2,
    ).confidence_interval  # fmt: skip
    assert table.loc["near", "relative_low"] == pytest.approx(ratio.low, abs=0.004)
    assert table.loc["near", "relative_high"] == pytest.approx(ratio.high, abs=0.004)


def test_pairing_finds_a_difference_smaller_than_the_spread_between_users() -> None:
    table = compare(scores(), "base").set_index("model")
    assert table.loc["near", "p_holm"] < 0.01
    assert table.loc["near", "gain_low"] > 0.0
    # Unpaired, the two means' intervals overlap.
    assert table.loc["near", "low"] < table.loc["base", "high"]
    assert table.loc["equal", "p_holm"] > 0.05
    assert table.loc["worse", "gain_high"] < 0.0


def test_the_reference_is_compared_with_nothing() -> None:
    row = compare(scores(), "base").set_index("model").loc["base"]
    assert row[["gain", "gain_low", "gain_high", "relative"]].tolist() == [0.0] * 4
    assert np.isnan(row["p_value"])
    assert np.isnan(row["p_holm"])


def test_no_false_alarm_beyond_the_level_when_models_are_equal() -> None:
    rng = np.random.default_rng(0)
    alarms = 0
    for seed in range(100):
        equal = pd.DataFrame(rng.normal(size=(60, 4)), columns=list("abcd"))
        alarms += bool((compare(equal, "a", draws=400, seed=seed)["p_holm"] < 0.05).any())
    assert alarms <= 12


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=8))
def test_holm_is_the_definition(p_values: list[float]) -> None:
    given_ = np.array(p_values)
    corrected = holm(given_)
    order = np.argsort(given_, kind="stable")
    for rank, place in enumerate(order):
        stepped = [given_[order[j]] * (len(order) - j) for j in range(rank + 1)]
        assert corrected[place] == pytest.approx(min(1.0, max(stepped)))


def test_the_same_seed_gives_the_same_table() -> None:
    pd.testing.assert_frame_equal(compare(scores(), "base", 500), compare(scores(), "base", 500))


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"reference": "gone"}, SchemaError, "no column 'gone'"),
        ({"draws": 0}, ContractError, "draws is 0"),
        ({"level": 1.0}, ContractError, "level 1.0"),
        ({"scores": scores().iloc[:1]}, ContractError, "1 users with 0 gaps"),
        ({"scores": scores().assign(near=np.nan)}, ContractError, "400 gaps"),
    ],
)
def test_bad_input_is_named(change: dict[str, object], error: type, match: str) -> None:
    with pytest.raises(error, match=match):
        compare(**{"scores": scores(), "reference": "base", **change})
