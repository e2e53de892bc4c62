"""Users and times are split evenly, for good, and each salt afresh."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency, chisquare

from features.schema import ConfigError, ContractError, InputError
from recsys.experiment.assignment import HOLDOUT, split_users, switchback

USERS = [f"u{i:05}" for i in range(20_000)]
HALVES = {"a": 0.5, "b": 0.5}


def test_arms_get_their_shares_and_the_holdout_its_own() -> None:
    arms = split_users(USERS, {"a": 0.2, "b": 0.3, "c": 0.5}, "s", holdout=0.1)
    counts = pd.Series(arms).value_counts()[["a", "b", "c", HOLDOUT]]
    expected = np.array([0.18, 0.27, 0.45, 0.1]) * len(USERS)
    assert chisquare(counts.to_numpy(), expected).pvalue > 1e-4


def test_an_arm_is_for_good_whatever_else_is_asked() -> None:
    arms = split_users(USERS, HALVES, "s")
    np.testing.assert_array_equal(split_users(USERS[::-1], HALVES, "s")[::-1], arms)
    np.testing.assert_array_equal(split_users(["u00007"] * 3, HALVES, "s"), [arms[7]] * 3)
    held = split_users(USERS, HALVES, "s", holdout=0.3)
    kept = held != HOLDOUT
    np.testing.assert_array_equal(held[kept], arms[kept])


def test_another_salt_splits_independently_and_keeps_the_holdout() -> None:
    one = split_users(USERS, HALVES, "s", holdout=0.1)
    two = split_users(USERS, HALVES, "t", holdout=0.2)
    assert (two[one == HOLDOUT] == HOLDOUT).all()
    both = (one != HOLDOUT) & (two != HOLDOUT)
    assert chi2_contingency(pd.crosstab(one[both], two[both])).pvalue > 1e-4


def test_a_switchback_gives_every_arm_one_block_of_each_round() -> None:
    times = pd.Series(pd.date_range("2025-01-01", periods=4_008, freq="15min", tz="UTC", unit="us"))
    arms, block = switchback(times, ["a", "b"], pd.Timedelta("3h"), "s")
    assert len(np.unique(block)) == len(times) // 12
    by_block = pd.Series(arms).groupby(block)
    assert (by_block.nunique() == 1).all()
    firsts = by_block.first()
    pairs = pd.DataFrame({"arm": firsts, "pair": firsts.index // 2}).groupby("pair")["arm"]
    whole = pairs.size() == 2
    assert (pairs.nunique()[whole] == 2).all()
    first = pairs.first()[whole]
    assert 0.3 < (first == "a").mean() < 0.7


def test_a_switchback_is_the_same_for_any_part_of_the_log() -> None:
    times = pd.Series(pd.date_range("2025-01-01", periods=500, freq="1h", tz="UTC", unit="us"))
    arms, block = switchback(times, ["a", "b", "c"], pd.Timedelta("5h"), "s")
    again, again_block = switchback(times[200:], ["a", "b", "c"], pd.Timedelta("5h"), "s")
    np.testing.assert_array_equal(again, arms[200:])
    np.testing.assert_array_equal(again_block, block[200:])
    assert set(arms) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("shares", "salt", "holdout", "words"),
    [
        ({"a": 0.5, "b": 0.6}, "s", 0.0, "summing to 1"),
        ({}, "s", 0.0, "summing to 1"),
        ({"a": 1.5, "b": -0.5}, "s", 0.0, "above 0"),
        ({HOLDOUT: 1.0}, "s", 0.0, "no arm called 'holdout'"),
        (HALVES, "", 0.0, "expected a salt"),
        (HALVES, "s", 1.0, r"holdout is 1.0: expected in \[0, 1\)"),
    ],
)
def test_bad_splits_are_refused(
    shares: dict[str, float], salt: str, holdout: float, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        split_users(USERS[:3], shares, salt, holdout)


def test_bad_switchbacks_are_refused() -> None:
    times = pd.Series(pd.to_datetime(["2025-01-01", None], utc=True)).astype("datetime64[us, UTC]")
    with pytest.raises(ConfigError, match="expected two or more"):
        switchback(times, ["a"], pd.Timedelta("1h"), "s")
    with pytest.raises(ConfigError, match="expected a length of time"):
        switchback(times, ["a", "b"], pd.Timedelta(0), "s")
    with pytest.raises(InputError, match="a time is missing"):
        switchback(times, ["a", "b"], pd.Timedelta("1h"), "s")


def test_users_that_are_no_text_are_refused() -> None:
    with pytest.raises(ContractError, match=r"split: user_ids: id 0 of 2 is 1 \(int\)"):
        split_users([1, 2], {"A": 0.5, "B": 0.5}, "salt")  # type: ignore[list-item]
