"""Cleaning, weighting and splitting of event logs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from features.config import CleaningConfig, EventWeights
from features.events import (
    clean_events,
    event_weights,
    interactions,
    require_outcomes,
    split_at,
    time_split,
)
from features.schema import ConfigError, ContractError, InputError, SchemaError
from features.tables import validate_events

NOON = pd.Timestamp("2026-01-01 12:00", tz="UTC")


def log(**columns: object) -> pd.DataFrame:
    table = pd.DataFrame(columns)
    for name, default in (
        ("user_id", "u1"),
        ("item_id", "i1"),
        ("timestamp", NOON),
        ("event_type", "view"),
    ):
        if name not in table:
            table[name] = default
    return validate_events(table)[0]


EVENTS = st.lists(
    st.fixed_dictionaries(
        {
            "user_id": st.sampled_from(["u1", "u2", "u10"]),
            "item_id": st.sampled_from(["a", "b", "007"]),
            "event_type": st.sampled_from(["impression", "view", "click", "cart", "purchase"]),
            "timestamp": st.integers(0, 5).map(lambda hours: NOON + pd.Timedelta(hours=hours)),
            "style_id": st.sampled_from(["s1", "s2", None]),
            "position": st.sampled_from([1, 2, None]),
            "session_id": st.sampled_from(["x", "y", None]),
            "dwell_s": st.sampled_from([0.1, 0.2, 7.3, None]),
        }
    ),
    min_size=1,
    max_size=25,
).map(lambda rows: validate_events(pd.DataFrame(rows))[0])


@settings(deadline=None, max_examples=50)
@given(EVENTS, st.integers(0, 2**32 - 1))
def test_the_order_of_rows_changes_nothing(events: pd.DataFrame, seed: int) -> None:
    shuffled = events.sample(frac=1, random_state=seed).reset_index(drop=True)
    clean, rejects = clean_events(events)
    again, again_rejects = clean_events(shuffled)
    assert_frame_equal(clean, again)
    assert len(rejects) == len(again_rejects)
    assert len(clean) + len(rejects) == len(events)
    now = NOON + pd.Timedelta(days=1)
    assert_frame_equal(
        interactions(events, event_weights(events, EventWeights(), now)),
        interactions(shuffled, event_weights(shuffled, EventWeights(), now)),
    )


@settings(deadline=None, max_examples=50)
@given(EVENTS)
def test_a_clean_log_is_in_time_order_without_repeats_and_stays_as_it_is(
    events: pd.DataFrame,
) -> None:
    clean, _ = clean_events(events)
    assert clean["timestamp"].is_monotonic_increasing
    assert not clean.duplicated().any()
    again, rejects = clean_events(clean)
    assert_frame_equal(again, clean)
    assert rejects.empty


def test_at_one_time_an_impression_comes_before_what_followed_it() -> None:
    events = log(event_type=["purchase", "click", "cart", "impression", "view"])
    clean, _ = clean_events(events)
    assert clean["event_type"].tolist() == ["impression", "view", "click", "cart", "purchase"]


def test_a_row_logged_twice_is_set_aside_by_its_row() -> None:
    clean, rejects = clean_events(log(item_id=["a", "b", "a"]))
    assert clean["item_id"].tolist() == ["a", "b"]
    assert rejects["row"].tolist() == [2]
    assert rejects["key"].tolist() == ["u1"]
    assert "more than once" in rejects["reason"].iloc[0]


def test_an_impression_delivered_twice_counts_once() -> None:
    times = [NOON + pd.Timedelta(milliseconds=ms) for ms in (0, 40, 999, 1000, 5000)]
    events = log(
        timestamp=times, event_type="impression", session_id="x", position=1, style_id="s1"
    )
    clean, rejects = clean_events(events, rows=np.arange(5) + 100)
    assert clean["timestamp"].tolist() == [times[0], times[3], times[4]]
    assert rejects["row"].tolist() == [101, 102]
    assert set(rejects["reason"]) == {"the same event within 1 s: the first was kept"}
    kept, _ = clean_events(events, CleaningConfig(repeat_window_s=0.0))
    assert len(kept) == 5
    kept, _ = clean_events(events, CleaningConfig(repeat_window_s=60.0))
    assert len(kept) == 1


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("user_id", ["u", "v"]),
        ("session_id", ["x", "y"]),
        ("position", [1, 2]),
        ("item_id", ["a", "b"]),
        ("style_id", ["s1", None]),
        ("event_type", ["impression", "click"]),
    ],
)
def test_events_that_differ_in_more_than_time_are_no_repeats(
    column: str, values: list[object]
) -> None:
    same = {"session_id": "x", "position": 1, "style_id": "s1", "event_type": "impression"}
    events = log(timestamp=[NOON, NOON], **(same | {column: values}))
    assert len(clean_events(events)[0]) == 2


def test_a_log_without_outcomes_is_refused_and_says_where_they_went() -> None:
    shown = log(event_type=["impression"])
    require_outcomes(log(event_type=["impression", "view"]), shown.iloc[:0].assign(reason=""))
    lost = pd.DataFrame({"reason": ["event_type is not one of impression"] * 3})
    with pytest.raises(SchemaError, match=r"no outcome is left: all 1 rows.*impression: 3\); expe"):
        require_outcomes(shown, lost)


def burst(user: str, count: int, minutes: float, kind: str) -> pd.DataFrame:
    times = NOON + pd.to_timedelta(np.linspace(0, minutes * 60, count), unit="s")
    return pd.DataFrame(
        {"user_id": user, "item_id": "a", "timestamp": times.round("us"), "event_type": kind}
    )


def test_a_user_busier_than_people_can_be_is_set_aside_as_a_bot() -> None:
    raw = pd.concat(
        [
            burst("fast", 6, 59, "view"),
            burst("at the limit", 5, 10, "view"),
            burst("slow", 6, 61, "view"),
            burst("browsing", 20, 10, "impression"),
            burst("crawler", 21, 23 * 60, "impression"),
        ]
    )
    events = validate_events(raw)[0]
    clean, rejects = clean_events(
        events, CleaningConfig(max_actions_per_hour=5, max_events_per_day=20)
    )
    assert set(clean["user_id"]) == {"at the limit", "slow", "browsing"}
    reasons = rejects.groupby("key")["reason"].agg(["first", "size"])
    assert reasons.loc["fast"].tolist() == [
        "the user looks like a bot: more than 5 actions in an hour",
        6,
    ]
    assert reasons.loc["crawler"].tolist() == [
        "the user looks like a bot: more than 20 events in a day",
        21,
    ]


def test_events_spread_over_two_clock_hours_still_count_as_one_burst() -> None:
    raw = burst("u", 6, 50, "view")
    raw["timestamp"] += pd.Timedelta(minutes=35)
    clean, rejects = clean_events(validate_events(raw)[0], CleaningConfig(max_actions_per_hour=5))
    assert clean.empty
    assert len(rejects) == 6


@pytest.mark.slow
def test_a_million_events_of_one_bot_leave_the_shoppers_alone() -> None:
    raw = pd.concat([burst("bot", 1_000_000, 60 * 24 * 7, "view"), burst("u", 50, 300, "view")])
    clean, rejects = clean_events(validate_events(raw)[0])
    assert len(clean) == 50
    assert len(rejects) == 1_000_000


def test_weights_follow_the_formula() -> None:
    config = EventWeights(view=1, cart=3, purchase=5, dwell_reference_s=10, half_life_days=30)
    events = log(
        event_type=["impression", "view", "view", "view", "view", "cart", "purchase"],
        dwell_s=[None, None, 10, 30, 1e9, None, 0],
        timestamp=[NOON] * 5 + [NOON - pd.Timedelta(days=30), NOON - pd.Timedelta(days=60)],
    )
    weights = event_weights(events, config, NOON)
    assert weights.dtype == np.float32
    # log2(1 + 30/10) = 2, the cap; 3 at one half-life; 5 halved twice, and once for no dwell.
    np.testing.assert_allclose(weights, [0, 1, 1, 2, 2, 1.5, 0.625], rtol=1e-6)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.integers(0, 1000), min_size=2, max_size=10),
    st.floats(0.1, 1000),
    st.sampled_from(["view", "cart", "purchase"]),
)
def test_older_events_never_weigh_more(days: list[int], half_life: float, kind: str) -> None:
    events = log(timestamp=[NOON - pd.Timedelta(days=day) for day in days], event_type=kind)
    config = EventWeights(half_life_days=half_life)
    weights = event_weights(events, config, NOON)
    assert np.all(np.diff(weights[np.argsort(days)]) <= 0)
    later = event_weights(events, config, NOON + pd.Timedelta(days=half_life))
    np.testing.assert_allclose(later, weights / 2, rtol=1e-4, atol=1e-30)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=10))
def test_longer_dwell_never_weighs_less_and_stays_within_a_factor_of_two(
    dwell: list[float],
) -> None:
    weights = event_weights(log(dwell_s=dwell), EventWeights(), NOON)
    assert np.all(np.diff(weights[np.argsort(dwell)]) >= 0)
    assert weights.min() >= 0.5
    assert weights.max() <= 2


def test_an_infinite_half_life_means_no_decay() -> None:
    events = log(timestamp=[NOON - pd.Timedelta(days=5000)])
    assert event_weights(events, EventWeights(half_life_days=np.inf), NOON).tolist() == [1.0]


def test_events_of_the_future_are_refused() -> None:
    with pytest.raises(ContractError, match=r"after now_utc .*split_at"):
        event_weights(log(timestamp=[NOON]), EventWeights(), NOON - pd.Timedelta(seconds=1))


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="weight of cart is -1"):
        EventWeights(cart=-1)
    with pytest.raises(ConfigError, match="half_life_days is 0.*above 0"):  # noqa: RUF043
        EventWeights(half_life_days=0)
    with pytest.raises(ConfigError, match="max_events_per_day is 0"):
        CleaningConfig(max_events_per_day=0)


def test_interactions_sum_weights_and_leave_out_what_weighs_nothing() -> None:
    events = log(
        user_id=["u2", "u1", "u1", "u1"],
        item_id=["a", "b", "b", "c"],
        event_type=["view", "view", "purchase", "impression"],
        timestamp=pd.date_range(NOON, periods=4, freq="D"),
    )
    table = interactions(events, np.array([1, 2, 0.5, 0], dtype=np.float32))
    assert table[["user_id", "item_id", "weight"]].to_numpy().tolist() == [
        ["u1", "b", 2.5],
        ["u2", "a", 1.0],
    ]
    assert table["weight"].dtype == np.float32
    assert table["last_timestamp"].tolist() == [NOON + pd.Timedelta(days=2), NOON]
    with pytest.raises(ContractError, match=r"shape \(3,\) for 4 events"):
        interactions(events, np.ones(3, dtype=np.float32))


@settings(deadline=None, max_examples=50)
@given(EVENTS, st.floats(0.05, 0.95))
def test_a_time_split_leaks_nothing_and_loses_nothing(
    events: pd.DataFrame, fraction: float
) -> None:
    assume(events["timestamp"].nunique() > 1)
    cut = time_split(events, fraction)
    before, after = split_at(events, cut)
    assert len(before) > 0
    assert len(after) > 0
    assert before["timestamp"].max() < cut <= after["timestamp"].min()
    assert_frame_equal(
        pd.concat([before, after]).sort_values(list(events.columns), ignore_index=True),
        events.sort_values(list(events.columns), ignore_index=True),
    )


def test_the_cut_has_the_asked_share_before_it() -> None:
    events = log(timestamp=pd.date_range(NOON, periods=100, freq="h")).sample(
        frac=1, random_state=0
    )
    for share in (0.5, 0.8, 0.99):
        assert len(split_at(events, time_split(events, share))[0]) == round(100 * share)


def test_a_log_without_a_span_of_time_cannot_be_split() -> None:
    with pytest.raises(InputError, match="all 2 have the same time"):
        time_split(log(item_id=["a", "b"]))
    with pytest.raises(ContractError, match="fraction is 1"):
        time_split(log(item_id=["a", "b"]), 1.0)
    with pytest.raises(ContractError, match="without a time zone"):
        split_at(log(item_id=["a"]), pd.Timestamp("2026-01-01"))
