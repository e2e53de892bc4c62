"""Team-draft interleaving: two rankers fill one list in turns, and clicks say who picked better."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import beta, binom

from features.ids import check_id_columns
from features.schema import ContractError, SchemaError


@dataclass(frozen=True)
class Interleaving:
    """How many shoppers clicked more on each ranker's picks.

    `preference` is the share of decided shoppers who preferred B, `low`..`high` its exact interval
    (Clopper and Pearson 1934) of level 1 - alpha, `p_value` the two-sided sign test's.
    """

    wins_a: int
    wins_b: int
    ties: int
    preference: float
    low: float
    high: float
    p_value: float


def team_draft(a: pd.DataFrame, b: pd.DataFrame, k: int, seed: int) -> pd.DataFrame:
    """Interleave two rankings into lists of at most `k` (Radlinski, Kurup and Joachims 2008).

    a, b: user_id, item_id, rank from 1. For every shopper of both: the ranker with fewer picks so
    far adds its best item not yet in the list, a coin decides when they are level. The coins
    depend on the seed and the user_id alone. Returns user_id, rank from 1, item_id and team ("a"
    or "b"), sorted by user_id and rank. Raises SchemaError for missing columns, ContractError k <
    1.
    """
    if k < 1:
        raise ContractError(f"k is {k}: expected at least 1")
    for name, table in (("a", a), ("b", b)):
        check_id_columns(table, ["user_id", "item_id"], f"ranking {name}")
    ranked = []
    for name, table in (("a", a), ("b", b)):
        missing = sorted({"user_id", "item_id", "rank"} - set(table.columns))
        if missing:
            raise SchemaError(f"ranking {name} has no column {missing[0]!r}")
        ordered = table.sort_values(["user_id", "rank", "item_id"])
        ranked.append(ordered.groupby("user_id", sort=True)["item_id"].agg(list))
    rows: list[tuple[str, int, str, str]] = []
    for user in ranked[0].index.intersection(ranked[1].index).sort_values():
        for place, (item, team) in enumerate(
            _draft(ranked[0][user], ranked[1][user], k, user, seed)
        ):
            rows.append((user, place + 1, item, team))
    drafted = pd.DataFrame(rows, columns=["user_id", "rank", "item_id", "team"])
    return drafted.astype({"user_id": "str", "item_id": "str", "team": "str", "rank": "int64"})


def _draft(a: list[str], b: list[str], k: int, user: str, seed: int) -> list[tuple[str, str]]:
    key = int.from_bytes(hashlib.blake2b(f"{seed}\0{user}".encode(), digest_size=8).digest(), "big")
    coins = np.random.default_rng(key).random(k) < 0.5
    waiting = {"a": iter(a), "b": iter(b)}
    picks = {"a": 0, "b": 0}
    taken: set[str] = set()
    drafted: list[tuple[str, str]] = []
    for coin in coins:
        level = picks["a"] == picks["b"]
        team = ("a" if coin else "b") if level else min(picks, key=picks.__getitem__)
        item = next((item for item in waiting[team] if item not in taken), None)
        if item is None:
            break
        taken.add(item)
        picks[team] += 1
        drafted.append((item, team))
    return drafted


def interleaving_test(shown: pd.DataFrame, alpha: float = 0.05) -> Interleaving:
    """Sign test over shoppers of who got more clicks on an interleaved list.

    shown: user_id, team ("a" or "b"), clicked (bool or count), one row per item shown. Shoppers
    with equal clicks on both teams are ties and do not count. Raises SchemaError for a missing
    column or another team.
    """
    missing = sorted({"user_id", "team", "clicked"} - set(shown.columns))
    if missing:
        raise SchemaError(f"shown has no column {missing[0]!r}: got {list(shown.columns)}")
    check_id_columns(shown, ["user_id"], "shown")
    other = ~shown["team"].isin(["a", "b"])
    if other.any():
        names = sorted({str(team) for team in shown.loc[other, "team"].dropna()})
        none = int(shown["team"].isna().sum())
        raise SchemaError(
            f"shown: {int(other.sum()):,} of {len(shown):,} rows have no team a or b "
            f"({none:,} without any{f', others {names[:5]}' if names else ''}): expected a or b in "
            "every row: leave out what was not interleaved"
        )
    sign = np.where(shown["team"] == "b", 1.0, -1.0) * shown["clicked"].to_numpy(dtype=np.float64)
    lead = pd.Series(sign).groupby(shown["user_id"].to_numpy()).sum()
    wins_a, wins_b = int((lead < 0).sum()), int((lead > 0).sum())
    decided = wins_a + wins_b
    low = float(beta.ppf(alpha / 2, wins_b, wins_a + 1)) if wins_b else 0.0
    high = float(beta.ppf(1 - alpha / 2, wins_b + 1, wins_a)) if wins_a else 1.0
    p_value = min(1.0, 2 * float(binom.cdf(min(wins_a, wins_b), decided, 0.5)))
    preference = wins_b / decided if decided else 0.5
    ties = len(lead) - decided
    return Interleaving(wins_a, wins_b, ties, preference, low, high, p_value)
