"""The simulator keeps the log's contract, logs true propensities and plants recoverable tastes."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.schema import EVENT_TYPES, ConfigError, ContractError, SchemaError
from recsys.simulator import KINDS, Simulation, SimulatorConfig, simulate

LOOKS = [f"look-{number:02d}" for number in range(12)]
FAMILIES = [number // 3 for number in range(12)]
SMALL = SimulatorConfig(n_shoppers=120, n_impressions=12_000)
IMPRESSION_KEY = ["user_id", "item_id", "session_id", "position"]


def catalogue(n_items: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "item_id": [f"{number:03d}" for number in range(n_items)],
            "category": [f"category {number % 6}" for number in range(n_items)],
            "price": rng.lognormal(3.0, 0.7, n_items).round(2),
        }
    )


@pytest.fixture(scope="module")
def shop() -> Simulation:
    return simulate(catalogue(), LOOKS, FAMILIES, SMALL, seed=3)


def test_events_follow_the_canonical_contract(shop: Simulation) -> None:
    events = shop.events
    assert events["timestamp"].dtype == "datetime64[us, UTC]"
    for column in ("user_id", "item_id", "event_type", "style_id", "session_id"):
        assert events[column].dtype == "str"
    assert set(events["event_type"]) == set(EVENT_TYPES) - {"click"}
    assert events["timestamp"].is_monotonic_increasing
    assert set(events["style_id"].dropna()) <= set(LOOKS)
    assert set(events["item_id"]) <= set(catalogue()["item_id"])
    assert events["propensity"].between(0, 1, inclusive="right").all()
    assert set(events["position"]) == {1, 2, 3, 4, 5}
    dwell = events["dwell_s"]
    assert (dwell.notna() == (events["event_type"] == "view")).all()
    assert (dwell.dropna() > 0).all()


def test_the_same_seed_gives_the_same_log_and_another_seed_another() -> None:
    config = replace(SMALL, n_shoppers=40, n_impressions=2_000)
    first, again, other = (simulate(catalogue(), LOOKS, FAMILIES, config, s) for s in (1, 1, 2))
    pd.testing.assert_frame_equal(first.events, again.events)
    pd.testing.assert_frame_equal(first.truth, again.truth)
    assert not first.events["item_id"].head(50).equals(other.events["item_id"].head(50))


def test_truth_has_every_shopper_with_a_kind_and_one_utility_per_look_and_the_plain_photo(
    shop: Simulation,
) -> None:
    truth = shop.truth
    assert truth["user_id"].is_unique
    assert len(truth) == SMALL.n_shoppers
    assert set(shop.events["user_id"]) == set(truth["user_id"])
    assert set(truth["kind"]) == set(KINDS)
    assert {len(row) for row in truth["utility"]} == {len(LOOKS) + 1}


def test_kinds_differ_as_they_say(shop: Simulation) -> None:
    utility = np.stack(list(shop.truth["utility"]))
    kind = shop.truth["kind"].to_numpy()
    assert (utility[kind == "plain"].argmax(axis=1) == len(LOOKS)).all()
    assert (utility[kind == "family"].argmax(axis=1) < len(LOOKS)).all()
    spread = utility.std(axis=1)
    assert spread[kind == "indifferent"].max() < spread[kind != "indifferent"].min()
    best = utility[kind == "family"][:, :-1].argmax(axis=1)
    families = np.asarray(FAMILIES)
    same = families[best][:, None] == families[None, :]
    looks = utility[kind == "family"][:, :-1]
    assert looks[same].mean() > looks[~same].mean() + 0.5


def test_every_outcome_follows_its_own_impression(shop: Simulation) -> None:
    events = shop.events
    shown = events[events["event_type"] == "impression"]
    for outcome in ("view", "cart", "purchase"):
        rows = events[events["event_type"] == outcome]
        joined = rows.merge(shown, on=IMPRESSION_KEY, suffixes=("", "_shown"))
        joined = joined[joined["style_id"].fillna("") == joined["style_id_shown"].fillna("")]
        earlier = joined[joined["timestamp_shown"] < joined["timestamp"]]
        assert len(earlier[[*IMPRESSION_KEY, "timestamp"]].drop_duplicates()) == len(rows)
        assert (joined["propensity"] > 0).all()


def test_a_slate_shows_an_item_once_at_positions_without_a_gap(shop: Simulation) -> None:
    shown = shop.events.query("event_type == 'impression'")
    slates = shown.groupby(["user_id", "timestamp"])
    assert not shown.duplicated(["user_id", "timestamp", "item_id"]).any()
    short = slates.size() < SMALL.slate_size
    assert short.mean() < 0.05
    assert (slates["position"].max() == slates.size()).all()


def test_logged_propensities_are_the_frequencies_of_the_looks() -> None:
    config = replace(SMALL, n_shoppers=50, n_impressions=60_000)
    items = catalogue()
    shop = simulate(items, LOOKS, FAMILIES, config, seed=8)
    shown = shop.events.query("event_type == 'impression'").merge(items, on="item_id")
    shown["style_id"] = shown["style_id"].fillna("original")
    rows = shown.groupby(["category", "style_id"])["propensity"].agg(["size", "first", "nunique"])
    assert (rows["nunique"] == 1).all()
    n = rows.groupby("category")["size"].transform("sum")
    expected = rows["first"]
    z = (rows["size"] / n - expected) / np.sqrt(expected * (1 - expected) / n)
    assert z.abs().max() < 4.5
    assert rows.groupby("category")["first"].sum().to_numpy() == pytest.approx(1.0)
    originals = rows.xs("original", level="style_id")["first"]
    assert originals.to_numpy() == pytest.approx(config.null_look_share)


def test_higher_positions_and_better_liked_looks_are_viewed_more(shop: Simulation) -> None:
    shown = shop.events.query("event_type == 'impression'")
    viewed = shop.events.query("event_type == 'view'")
    rate = viewed["position"].value_counts() / shown["position"].value_counts()
    assert rate[1] > rate[3] > rate[5]

    utility = pd.DataFrame(
        np.stack(list(shop.truth["utility"])),
        index=shop.truth["user_id"],
        columns=[*LOOKS, "original"],
    ).stack()

    def mean_utility(rows: pd.DataFrame) -> float:
        keys = pd.MultiIndex.from_arrays([rows["user_id"], rows["style_id"].fillna("original")])
        return float(utility.reindex(keys).mean())

    assert mean_utility(viewed) > mean_utility(shown) + 0.1


def test_some_shoppers_are_cold_with_one_or_two_events() -> None:
    config = replace(SMALL, cold_share=0.2)
    events = simulate(catalogue(), LOOKS, FAMILIES, config, seed=4).events
    counts = events["user_id"].value_counts()
    assert 10 <= (counts <= 2).sum() <= 40
    assert counts.median() > 20


def test_ids_stay_opaque_and_missing_prices_do_no_harm() -> None:
    items = catalogue()
    items.loc[::3, "price"] = np.nan
    events = simulate(items, LOOKS, FAMILIES, SMALL, seed=1).events
    assert set(events["item_id"]) <= set(items["item_id"])
    assert "007" in set(events["item_id"])


def test_a_matrix_of_families_is_taken_as_it_is() -> None:
    matrix = (np.asarray(FAMILIES)[:, None] == np.arange(4)).astype(float)
    by_number = simulate(catalogue(), LOOKS, FAMILIES, SMALL, seed=1)
    by_matrix = simulate(catalogue(), LOOKS, matrix, SMALL, seed=1)
    pd.testing.assert_frame_equal(by_number.events, by_matrix.events)


@settings(max_examples=15, deadline=None)
@given(
    n_items=st.integers(3, 30),
    n_looks=st.integers(1, 8),
    n_shoppers=st.integers(1, 20),
    seed=st.integers(0, 2**31),
)
def test_any_small_shop_can_be_drawn(
    n_items: int, n_looks: int, n_shoppers: int, seed: int
) -> None:
    config = SimulatorConfig(n_shoppers=n_shoppers, n_impressions=5 * n_shoppers, slate_size=3)
    families = np.arange(n_looks) % 3
    shop = simulate(catalogue(n_items), LOOKS[:n_looks], families, config, seed)
    assert shop.events["user_id"].nunique() == n_shoppers
    assert not shop.events.drop(columns=["dwell_s", "style_id"]).isna().any(axis=None)


def test_what_does_not_fit_is_refused_with_the_reason() -> None:
    with pytest.raises(SchemaError, match=r"items lack \['price'\]"):
        simulate(catalogue().drop(columns="price"), LOOKS, FAMILIES, SMALL, seed=0)
    with pytest.raises(ContractError, match="families have shape"):
        simulate(catalogue(), LOOKS, FAMILIES[:-1], SMALL, seed=0)
    with pytest.raises(ConfigError, match="ask for more impressions"):
        SimulatorConfig(n_shoppers=100, n_impressions=100)
    with pytest.raises(ConfigError, match="shares must lie in"):
        SimulatorConfig(plain_share=0.8, indifferent_share=0.4)


@pytest.mark.slow
def test_a_million_impressions_take_seconds() -> None:
    config = SimulatorConfig(n_shoppers=10_000, n_impressions=1_000_000)
    started = time.perf_counter()
    shop = simulate(catalogue(2_000), LOOKS, FAMILIES, config, seed=0)
    assert time.perf_counter() - started < 20
    assert len(shop.events) > 1_000_000
