"""Interleaved lists are fair to both rankers, and the better one wins."""

from __future__ import annotations

from math import comb

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.schema import ContractError, SchemaError
from recsys.experiment import interleaving_test, team_draft

ORDERS = st.permutations([f"{number:02d}" for number in range(8)])


def ranking(orders: dict[str, list[str]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            (user, item, rank + 1)
            for user, order in orders.items()
            for rank, item in enumerate(order)
        ],
        columns=["user_id", "item_id", "rank"],
    )


@settings(max_examples=50, deadline=None)
@given(a=ORDERS, b=ORDERS, k=st.integers(1, 8), seed=st.integers(0, 99))
def test_each_pick_is_its_teams_best_left_and_turns_are_even(
    a: list[str], b: list[str], k: int, seed: int
) -> None:
    drafted = team_draft(ranking({"u": a}), ranking({"u": b}), k, seed)
    assert drafted["rank"].tolist() == list(range(1, k + 1))
    assert drafted["item_id"].is_unique
    taken: set[str] = set()
    for start in range(0, k, 2):
        assert drafted["team"].iloc[start : start + 2].is_unique
    for item, team in zip(drafted["item_id"], drafted["team"], strict=True):
        order = a if team == "a" else b
        assert item == next(one for one in order if one not in taken)
        taken.add(item)


def test_a_list_depends_on_the_shopper_alone_and_starts_with_either_team_evenly() -> None:
    order = ["x", "y", "z", "w"]
    a = ranking({f"u{number}": order for number in range(600)})
    b = ranking({f"u{number}": order[::-1] for number in range(600)})
    drafted = team_draft(a, b, 4, seed=1)
    some = a["user_id"].isin(["u7", "u99"])
    alone = team_draft(a[some], b.sample(frac=1, random_state=0), 4, seed=1)
    kept = drafted[drafted["user_id"].isin(["u7", "u99"])]
    pd.testing.assert_frame_equal(alone, kept.reset_index(drop=True))
    first = (drafted.loc[drafted["rank"] == 1, "team"] == "a").mean()
    assert first == pytest.approx(0.5, abs=0.08)
    other = team_draft(a, b, 4, seed=2)
    assert not other["team"].equals(drafted["team"])


def test_a_short_ranking_ends_the_list() -> None:
    drafted = team_draft(ranking({"u": ["x"]}), ranking({"u": ["x", "y", "z"]}), 5, seed=0)
    assert 1 <= len(drafted) <= 3
    assert set(team_draft(ranking({"u": ["x"]}), ranking({"v": ["x"]}), 3, 0)["user_id"]) == set()


def clicked_lists(n: int, better: float, seed: int) -> pd.DataFrame:
    """Shoppers who like low-numbered items; ranker b finds them with chance `better`."""
    rng = np.random.default_rng(seed)
    items = [f"{number:02d}" for number in range(20)]
    orders: dict[str, dict[str, list[str]]] = {"a": {}, "b": {}}
    for user in range(n):
        for name, skill in (("a", 0.0), ("b", better)):
            noise = rng.random(20) * 20
            score = np.where(rng.random(20) < skill, np.arange(20), noise)
            orders[name][f"u{user}"] = [items[place] for place in np.argsort(score, kind="stable")]
    shown = team_draft(ranking(orders["a"]), ranking(orders["b"]), 6, seed)
    appeal = 0.6 - 0.03 * shown["item_id"].astype(int)
    return shown.assign(clicked=rng.random(len(shown)) < appeal.to_numpy())


def test_the_better_ranker_wins_and_equal_ones_seldom_differ() -> None:
    better = interleaving_test(clicked_lists(400, 0.9, 0))
    assert better.p_value < 0.01
    assert better.low > 0.5
    assert better.wins_a + better.wins_b + better.ties == 400
    equal = [interleaving_test(clicked_lists(60, 0.0, seed)).p_value for seed in range(60)]
    assert np.mean(np.asarray(equal) < 0.05) <= 0.1


@given(a=st.integers(0, 12), b=st.integers(0, 12), ties=st.integers(0, 3))
def test_the_p_value_counts_coin_tosses(a: int, b: int, ties: int) -> None:
    leads = [("a", True)] * a + [("b", True)] * b + [("a", False)] * ties
    shown = pd.DataFrame(leads, columns=["team", "clicked"])
    shown["user_id"] = [f"u{number}" for number in range(len(shown))]
    result = interleaving_test(shown)
    n = a + b
    tail = sum(comb(n, wins) for wins in range(min(a, b) + 1)) / 2**n
    assert result.p_value == pytest.approx(min(1.0, 2 * tail))
    assert (result.wins_a, result.wins_b, result.ties) == (a, b, ties)
    assert result.low <= result.preference <= result.high


def test_bad_tables_are_refused() -> None:
    table = ranking({"u": ["x"]})
    with pytest.raises(ContractError, match="k is 0"):
        team_draft(table, table, 0, 0)
    with pytest.raises(SchemaError, match="ranking b has no column 'rank'"):
        team_draft(table, table.drop(columns="rank"), 3, 0)
    shown = pd.DataFrame({"user_id": ["u"], "team": ["c"], "clicked": [True]})
    with pytest.raises(SchemaError, match=r"have no team a or b \(0 without any, others \['c'\]"):
        interleaving_test(shown)


def test_rows_without_a_team_are_counted_in_the_refusal() -> None:
    shown = pd.DataFrame({"user_id": ["u"] * 3, "team": ["a", None, 7], "clicked": [1, 0, 0]})
    with pytest.raises(SchemaError, match=r"2 of 3 rows have no team a or b \(1 without any, oth"):
        interleaving_test(shown)
