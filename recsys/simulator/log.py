"""What a simulated shop logs: canonical events, or one row per exposure, under any policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from features.schema import ORIGINAL
from recsys.simulator.config import FAITHFUL, RenderMode, SimulatorConfig
from recsys.simulator.outcomes import Outcomes, draw_outcomes, return_probability
from recsys.simulator.policies import Policy, draw_looks, logging_policy
from recsys.simulator.shop import Shop, open_shop

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Simulation(NamedTuple):
    """What was logged, and what nobody but a judge may read.

    events: the canonical events table, sorted by time. truth: see `Shop.truth`.
    """

    events: pd.DataFrame
    truth: pd.DataFrame


def simulate(
    items: pd.DataFrame,
    style_ids: Sequence[str],
    families: ArrayLike,
    config: SimulatorConfig,
    seed: int,
) -> Simulation:
    """Draw a shop's log under its own logging policy, and the tastes that made it.

    Arguments and errors are those of `open_shop`. Same input, config and seed give the same
    tables, and `open_shop` with `default_rng(seed)` the shop behind them.
    """
    rng = np.random.default_rng(seed)
    shop = open_shop(items, style_ids, families, config, rng)
    look, propensity = draw_looks(shop, logging_policy, shop.ticket)
    outcomes = _outcomes(shop, look, FAITHFUL, rng)
    return Simulation(_events(shop, look, propensity, outcomes, rng), shop.truth)


def run_policy(shop: Shop, policy: Policy, seed: int, mode: RenderMode = FAITHFUL) -> pd.DataFrame:
    """Let the shoppers loose on `shop` under `policy`, with pictures painted in `mode`.

    Returns the columns of `features.exposures.exposures`, one row per impression in the shop's
    order, with `propensity` float64, and returned (bool: bought and sent back).
    """
    rng = np.random.default_rng(seed)
    look, propensity = draw_looks(shop, policy, rng.random(len(shop.impressions.item)))
    seen = shop.impressions
    outcomes = _outcomes(shop, look, mode, rng)
    flags = np.zeros((4, len(look)), dtype=bool)
    carted, bought = outcomes.viewed[outcomes.carted], outcomes.viewed[outcomes.bought]
    faithful = return_probability(FAITHFUL, shop.config)
    chance = np.where(look[bought] < shop.n_looks, return_probability(mode, shop.config), faithful)
    sent_back = bought[rng.random(len(bought)) < chance]
    for flag, rows in zip(flags, (outcomes.viewed, carted, bought, sent_back), strict=True):
        flag[rows] = True
    dwell_s = np.zeros(len(look), dtype=np.float32)
    dwell_s[outcomes.viewed] = outcomes.dwell_s
    return pd.DataFrame(
        {
            "user_id": pd.array(shop.user_ids, dtype="str")[seen.shopper],
            "item_id": pd.array(shop.catalogue.item_ids, dtype="str")[seen.item],
            "style_id": pd.array([*shop.style_ids, ORIGINAL], dtype="str")[look],
            "timestamp": _moment(shop, shop.seconds),
            "position": seen.position.astype(np.float32),
            "propensity": propensity,
            "session_id": _session_names(shop)[shop.session],
            "clicked": flags[0],
            "dwell_s": dwell_s,
            "carted": flags[1],
            "purchased": flags[2],
            "returned": flags[3],
        }
    )


def times_seen_before(shop: Shop, look: Ints) -> Ints:
    """How often the shopper of each impression has been shown its look before (n,)."""
    pair = pd.Series(shop.impressions.shopper * (shop.n_looks + 1) + look)
    return np.asarray(pair.groupby(pair).cumcount(), dtype=np.int64)


def _outcomes(shop: Shop, look: Ints, mode: RenderMode, rng: np.random.Generator) -> Outcomes:
    seen = shop.impressions
    appeal = shop.appeal(np.arange(len(look)), look, times_seen_before(shop, look), mode)
    return draw_outcomes(seen.interest, appeal, seen.position, shop.config, rng)


def _moment(shop: Shop, seconds: Floats) -> pd.DatetimeIndex:
    start = pd.Timestamp(shop.config.start_utc, tz="UTC").as_unit("us")
    return pd.DatetimeIndex(start + pd.to_timedelta(seconds, unit="s").as_unit("us"))


def _session_names(shop: Shop) -> pd.api.extensions.ExtensionArray:
    n_sessions = int(shop.session.max()) + 1
    return pd.array([f"v{number:07d}" for number in range(n_sessions)], dtype="str")


def _events(
    shop: Shop, look: Ints, propensity: Floats, outcomes: Outcomes, rng: np.random.Generator
) -> pd.DataFrame:
    """The canonical table, sorted by time; a shopper of one slate keeps one or two events."""
    seen = shop.impressions
    viewed, viewed_at = outcomes.viewed, shop.seconds[outcomes.viewed] + outcomes.waited_s
    carted_at = viewed_at[outcomes.carted] + np.ceil(outcomes.dwell_s[outcomes.carted])
    bought_at = carted_at[np.isin(outcomes.carted, outcomes.bought)] + outcomes.decided_s
    parts = {
        "impression": (np.arange(len(look)), shop.seconds, None),
        "view": (viewed, viewed_at, outcomes.dwell_s),
        "cart": (viewed[outcomes.carted], carted_at, None),
        "purchase": (viewed[outcomes.bought], bought_at, None),
    }
    rows = pd.concat(
        [
            pd.DataFrame(
                {
                    "exposure": exposure,
                    "seconds": seconds,
                    "event_type": pd.Series([name] * len(exposure), dtype="str"),
                    "dwell_s": np.full(len(exposure), np.nan) if dwell is None else dwell,
                }
            )
            for name, (exposure, seconds, dwell) in parts.items()
        ],
        ignore_index=True,
    )
    exposure = rows["exposure"].to_numpy()
    rows = rows.assign(shopper=seen.shopper[exposure], position=seen.position[exposure])
    rows = rows.sort_values(["seconds", "shopper", "position"], kind="stable")
    n_shoppers = shop.config.n_shoppers
    slates = np.bincount(seen.shopper[seen.position == 1], minlength=n_shoppers)
    allowance = np.where(slates == 1, rng.integers(1, 3, n_shoppers), len(rows))
    rows = rows[rows.groupby("shopper").cumcount() < allowance[rows["shopper"]]]

    exposure = rows["exposure"].to_numpy()
    return pd.DataFrame(
        {
            "user_id": pd.array(shop.user_ids, dtype="str")[rows["shopper"].to_numpy()],
            "item_id": pd.array(shop.catalogue.item_ids, dtype="str")[seen.item[exposure]],
            "timestamp": _moment(shop, rows["seconds"].to_numpy()),
            "event_type": rows["event_type"].to_numpy(),
            "dwell_s": rows["dwell_s"].to_numpy(dtype=np.float32),
            "style_id": pd.array([*shop.style_ids, None], dtype="str")[look[exposure]],
            "position": rows["position"].to_numpy(dtype=np.int16),
            "propensity": propensity[exposure],
            "session_id": _session_names(shop)[shop.session[exposure]],
        }
    ).astype({"event_type": "str"})
