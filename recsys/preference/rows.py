"""Exposures as tensors: who saw what, in which look and place, and whether it was clicked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from features.ids import IdMap
from features.schema import SchemaError

LAST_POSITION = 50
"""Positions further down count as this one; level 0 stands for an unlogged position."""

_COLUMNS = ("user_id", "item_id", "style_id", "position")


@dataclass(frozen=True)
class Rows:
    """Exposures, one element each: int64 (n,) user, look and effect levels, -1 where unknown.

    clicked is float64 (n,) of 0 and 1. `levels` has user, item, position and pair (one level for
    each user-item pair). `outcomes` has what followed a click, float64 (n,), NaN where there was
    no click or nothing is known: dwell (log of 1 + seconds), carted and purchased (0 or 1).
    day: float64 (n,), days since 1970 (zero where the log has no time). propensity: float64 (n,) of
    the look shown, NaN where it is not logged.
    """

    user: Tensor
    look: Tensor
    clicked: Tensor
    levels: dict[str, Tensor]
    outcomes: dict[str, Tensor]
    day: Tensor
    propensity: Tensor

    def weight(self, now_day: float, half_life_days: float) -> Tensor:
        """What is left of each row's evidence at `now_day`: 2^(-age / half-life), float64 (n,)."""
        return torch.exp2((self.day - now_day) / half_life_days)

    def inverse_propensity(self, floor: float) -> Tensor:
        """1 / max(propensity, floor) over its mean, float64 (n,); 1 where it is not logged."""
        inverse = 1.0 / self.propensity.clamp_min(floor)
        return torch.nan_to_num(inverse / inverse.nanmean(), nan=1.0)

    def take(self, keep: Tensor) -> Rows:
        """The rows where `keep`, bool (n,), holds."""
        levels = {name: level[keep] for name, level in self.levels.items()}
        outcomes = {name: outcome[keep] for name, outcome in self.outcomes.items()}
        return Rows(
            self.user[keep],
            self.look[keep],
            self.clicked[keep],
            levels,
            outcomes,
            self.day[keep],
            self.propensity[keep],
        )


@dataclass(frozen=True)
class Vocabulary:
    """Ids by position. `pairs` is sorted int64: user position * n_items + item position."""

    users: IdMap
    items: IdMap
    looks: IdMap
    pairs: NDArray[np.int64]

    @classmethod
    def of(cls, exposures: pd.DataFrame, looks: IdMap) -> Vocabulary:
        """Users, items and pairs of `exposures` in ascending order of their ids."""
        require(exposures, ("clicked",))
        users = IdMap.sorted(exposures["user_id"].unique())
        items = IdMap.sorted(exposures["item_id"].unique())
        keys = _pair_keys(
            _positions(users, exposures["user_id"]),
            _positions(items, exposures["item_id"]),
            len(items),
        )
        # Several times as fast as np.unique.
        return cls(users, items, looks, np.sort(pd.unique(keys)))

    def joined(self, more: Vocabulary) -> Vocabulary:
        """Ids and pairs of both, in ascending order; the looks are ours."""
        users = IdMap.sorted(np.union1d(self.users.ids, more.users.ids))
        items = IdMap.sorted(np.union1d(self.items.ids, more.items.ids))
        both = Vocabulary(users, items, self.looks, self.pairs)
        pairs = np.union1d(both.pairs_of(self), both.pairs_of(more))
        return Vocabulary(users, items, self.looks, pairs)

    def pairs_of(self, other: Vocabulary) -> NDArray[np.int64]:
        """The pairs of `other`, whose users and items we all have, in our numbers."""
        if len(other.pairs) == 0:
            return other.pairs
        user = self.users.to_index(other.users.ids)[other.pairs // len(other.items)]
        item = self.items.to_index(other.items.ids)[other.pairs % len(other.items)]
        return _pair_keys(user, item, len(self.items))

    @property
    def sizes(self) -> dict[str, int]:
        """Number of levels of each effect."""
        return {
            "user": len(self.users),
            "item": len(self.items),
            "position": LAST_POSITION + 1,
            "pair": len(self.pairs),
        }

    def encode(self, exposures: pd.DataFrame) -> Rows:
        """Exposures in this vocabulary; without a column `clicked` nothing counts as clicked."""
        require(exposures, ())
        user = _positions(self.users, exposures["user_id"])
        item = _positions(self.items, exposures["item_id"])
        look = _positions(self.looks, exposures["style_id"])
        place = exposures["position"].to_numpy(dtype=np.float64, na_value=np.nan)
        position = np.nan_to_num(place, nan=0.0).clip(0, LAST_POSITION).astype(np.int64)
        if "clicked" in exposures.columns:
            clicked = exposures["clicked"].to_numpy(dtype=np.float64)
        else:
            clicked = np.zeros(len(exposures))
        keys = _pair_keys(user, item, len(self.items))
        at = np.searchsorted(self.pairs, keys).clip(max=max(len(self.pairs) - 1, 0))
        found = self.pairs[at] == keys if len(self.pairs) else np.zeros(len(keys), dtype=bool)
        levels = {
            "user": user,
            "item": item,
            "position": position,
            "pair": np.where(found & (user >= 0) & (item >= 0), at, -1),
        }
        return Rows(
            torch.from_numpy(user),
            torch.from_numpy(look),
            torch.from_numpy(clicked),
            {name: torch.from_numpy(level) for name, level in levels.items()},
            _outcomes(exposures, clicked > 0),
            _days(exposures),
            _propensity(exposures),
        )


def require(exposures: pd.DataFrame, more: tuple[str, ...]) -> None:
    """Raise SchemaError unless `exposures` has the columns every step needs, and `more`."""
    missing = [name for name in (*_COLUMNS, *more) if name not in exposures.columns]
    if missing:
        raise SchemaError(
            f"exposures lack {missing}, got {list(exposures.columns)}: "
            "build them with features.events.exposures"
        )


def _positions(ids: IdMap, column: pd.Series) -> NDArray[np.int64]:
    # A log repeats few ids many times: look each up once.
    codes, distinct = pd.factorize(column)
    return ids.to_index(distinct)[codes]


def _pair_keys(user: NDArray[np.int64], item: NDArray[np.int64], n_items: int) -> NDArray[np.int64]:
    return user * n_items + item


def last_day(rows: Rows) -> float:
    """Day of the latest row, 0 where there is none."""
    return float(rows.day.max()) if len(rows.day) else 0.0


def _days(exposures: pd.DataFrame) -> Tensor:
    if "timestamp" not in exposures.columns:
        return torch.zeros(len(exposures), dtype=torch.float64)
    moments = exposures["timestamp"].to_numpy(dtype="datetime64[us]")
    return torch.from_numpy(moments.astype(np.int64) / 86_400e6)


def _propensity(exposures: pd.DataFrame) -> Tensor:
    if "propensity" not in exposures.columns:
        return torch.full((len(exposures),), torch.nan, dtype=torch.float64)
    logged = exposures["propensity"].to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    return torch.from_numpy(logged)


def _outcomes(exposures: pd.DataFrame, clicked: NDArray[np.bool_]) -> dict[str, Tensor]:
    outcomes = {}
    if "dwell_s" in exposures.columns:
        dwell_s = exposures["dwell_s"].to_numpy(dtype=np.float64, na_value=np.nan)
        known = clicked & (dwell_s > 0)
        outcomes["dwell"] = np.where(known, np.log1p(np.where(known, dwell_s, 0.0)), np.nan)
    for name in ("carted", "purchased"):
        if name in exposures.columns:
            happened = exposures[name].to_numpy(dtype=np.float64)
            outcomes[name] = np.where(clicked, happened, np.nan)
    return {name: torch.from_numpy(outcome) for name, outcome in outcomes.items()}
