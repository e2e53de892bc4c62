"""Exploration gives its places at the stated odds, and leaves the rest as it was."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recsys.config import RerankConfig
from recsys.lists.exploration import explore_places

NONE = np.full(12, -1)


def config(slots: int, cap: int | None = None) -> RerankConfig:
    return RerankConfig(max_per_category=cap, exploration_slots=slots)


@given(
    slots=st.integers(0, 9),
    k=st.integers(1, 8),
    user=st.text(max_size=5),
    cap=st.none() | st.integers(1, 2),
)
def test_the_first_place_stays_and_the_kept_items_keep_their_order(
    slots: int, k: int, user: str, cap: int | None
) -> None:
    order = np.arange(k)
    mixed, propensity = explore_places(order, np.arange(12) % 5, config(slots, cap), user, 3)
    assert len(set(mixed.tolist())) == k
    assert mixed[0] == 0
    kept = mixed[np.isin(mixed, order[: k - min(slots, k - 1)])]
    assert (np.diff(kept) > 0).all()
    assert (propensity == 1.0).sum() >= k - min(slots, k - 1)
    again = explore_places(order, np.arange(12) % 5, config(slots, cap), user, 3)
    np.testing.assert_array_equal(again[0], mixed)


def test_every_item_left_and_every_later_place_is_drawn_as_often() -> None:
    order = np.arange(4)
    items, places = np.zeros(12), np.zeros(4)
    users = 4_000
    for number in range(users):
        mixed, propensity = explore_places(order, NONE, config(1), f"u{number}", 0)
        at = int(np.flatnonzero(propensity < 1.0)[0])
        assert propensity[at] == 1.0 / 9.0
        items[mixed[at]] += 1
        places[at] += 1
    assert (items[:3] == 0).all()
    np.testing.assert_allclose(items[3:] / users, 1 / 9, atol=0.02)
    np.testing.assert_allclose(places / users, [0, 1 / 3, 1 / 3, 1 / 3], atol=0.03)


def test_the_cap_holds_for_what_is_drawn() -> None:
    categories = np.array([0, 1, 2, *([0] * 8), 3])
    for number in range(20):
        mixed, propensity = explore_places(np.arange(3), categories, config(1, 1), f"u{number}", 0)
        assert set(mixed.tolist()) <= {0, 1, 2, 11}
        assert propensity.min() == 0.5


def test_another_seed_draws_others_and_a_full_list_has_nothing_to_draw() -> None:
    lists = {
        tuple(explore_places(np.arange(5), NONE, config(2), "u", seed)[0]) for seed in range(20)
    }
    assert len(lists) > 10
    mixed, propensity = explore_places(np.arange(3), NONE[:3], config(1), "u", 0)
    assert sorted(mixed.tolist()) == [0, 1, 2]
    assert propensity.tolist() == [1.0, 1.0, 1.0]
    assert explore_places(np.arange(0), NONE, config(2), "u", 0)[0].tolist() == []
