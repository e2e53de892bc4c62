"""What a policy is truly worth in a simulated shop, without the luck of single shoppers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.schema import ConfigError
from recsys.simulator.config import FAITHFUL, KINDS, RenderMode
from recsys.simulator.log import times_seen_before
from recsys.simulator.outcomes import Rates, expected_rates, return_probability
from recsys.simulator.policies import Policy, chunks, draw_looks
from recsys.simulator.shop import Shop

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class PolicyValue:
    """Expected clicks, purchases and returns per impression, and what is earned by them.

    `net`: purchases kept, minus `return_cost` for each one sent back. `standard_error` is that of
    `net` over the draws of looks, 0 where the value is exact. `by_kind`: the same four numbers
    indexed by the kind of shopper.
    """

    clicks: float
    purchases: float
    returns: float
    net: float
    standard_error: float
    by_kind: pd.DataFrame


def policy_value(
    shop: Shop,
    policy: Policy,
    mode: RenderMode = FAITHFUL,
    seed: int = 0,
    n_draws: int = 8,
    rows: Ints | None = None,
) -> PolicyValue:
    """The value of `policy` on the impressions of `shop`, pictures painted in `mode`.

    The policy runs on the whole shop; only the impressions `rows` are judged, by default all.

    Clicks, purchases and returns are never drawn: their chances are summed. Looks are not drawn
    either, unless the policy draws them at random and they wear out: then the chances depend on
    what came before, and are averaged over `n_draws` sequences of looks drawn with `seed`.
    """
    if n_draws < 2:
        raise ConfigError(f"n_draws is {n_draws}: expected at least 2, to know their spread")
    rows = np.arange(len(shop.seconds)) if rows is None else rows
    if shop.config.wear_out == 0:
        return _summary(shop, [_averaged(shop, policy, mode, rows)], rows)
    rng = np.random.default_rng(seed)
    runs = []
    for _ in range(n_draws):
        look, propensity = draw_looks(shop, policy, rng.random(len(shop.seconds)))
        runs.append(Rates(*(rate[rows] for rate in _along(shop, look, mode))))
        if (propensity == 1).all():
            break
    return _summary(shop, runs, rows)


def expected_clicks(shop: Shop, rows: Ints, mode: RenderMode = FAITHFUL) -> Floats:
    """Chance of a click on every look at the impressions `rows`, none seen before: (rows, L+1)."""
    return _every_look(shop, rows, mode).clicks


def _every_look(shop: Shop, rows: Ints, mode: RenderMode) -> Rates:
    look = np.arange(shop.n_looks + 1)[None, :]
    appeal = shop.appeal(rows[:, None], look, 0, mode)
    interest, position = shop.impressions.interest[rows], shop.impressions.position[rows]
    returned = _returned(shop, look, mode)
    return expected_rates(interest[:, None], appeal, position[:, None], returned, shop.config)


def _returned(shop: Shop, look: Ints, mode: RenderMode) -> Floats:
    painted = return_probability(mode, shop.config)
    return np.where(look < shop.n_looks, painted, return_probability(FAITHFUL, shop.config))


def _averaged(shop: Shop, policy: Policy, mode: RenderMode, rows: Ints) -> Rates:
    """Rates of the impressions `rows`, over the policy's looks."""
    parts = []
    for places in chunks(len(rows), shop.n_looks + 1):
        share = policy(shop, rows[places])
        rates = _every_look(shop, rows[places], mode)
        parts.append([np.einsum("ij,ij->i", share, rate) for rate in rates])
    return Rates(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _along(shop: Shop, look: Ints, mode: RenderMode) -> Rates:
    """Rates of every impression (n,) when these looks are shown."""
    appeal = shop.appeal(np.arange(len(look)), look, times_seen_before(shop, look), mode)
    seen = shop.impressions
    returned = _returned(shop, look, mode)
    return expected_rates(seen.interest, appeal, seen.position, returned, shop.config)


def _summary(shop: Shop, runs: list[Rates], judged: Ints) -> PolicyValue:
    mean = [np.mean([run[place] for run in runs], axis=0) for place in range(3)]
    cost = 1 + shop.config.return_cost
    nets = np.array([(run.purchases - cost * run.returns).mean() for run in runs])
    error = float(nets.std(ddof=1) / np.sqrt(len(nets))) if len(nets) > 1 else 0.0
    rows = pd.DataFrame(dict(zip(Rates._fields, mean, strict=True)))
    rows["net"] = rows["purchases"] - cost * rows["returns"]
    kind = np.array(KINDS)[shop.kinds[shop.impressions.shopper[judged]]]
    total = rows.mean()
    return PolicyValue(
        float(total["clicks"]),
        float(total["purchases"]),
        float(total["returns"]),
        float(total["net"]),
        error,
        rows.groupby(kind).mean(),
    )
