"""Shoppers with known tastes: a log of exposures and outcomes, and the truth behind it.

For tests, demos and benchmarks, where a recovered taste can be held against the real one. Every
look is drawn by a logging policy whose exact probability is written beside it, so off-policy
estimators can be checked too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from features.schema import ConfigError, SchemaError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

KINDS = ("plain", "indifferent", "family")


@dataclass(frozen=True)
class SimulatorConfig:
    """How many shoppers, what they see and how they answer.

    Shares and rates are in 0..1, effects are in logits of a click, times in days or seconds.
    `drift` moves every look's appeal by up to +-drift/2 over the whole window (a season's fashion),
    `wear_out` takes that much per unit of log1p(times this shopper has seen this look).
    """

    n_shoppers: int = 360
    cold_share: float = 0.05
    n_impressions: int = 34_000
    slate_size: int = 5
    days: float = 60.0
    start_utc: str = "2025-03-03"
    plain_share: float = 0.2
    indifferent_share: float = 0.25
    null_look_share: float = 0.25
    policy_spread: float = 0.5
    popularity_exponent: float = 0.7
    n_factors: int = 6
    click_bias: float = -2.2
    item_effect: float = 0.8
    style_effect: float = 1.2
    position_effect: float = 0.5
    wear_out: float = 0.04
    drift: float = 0.1

    def __post_init__(self) -> None:
        if self.n_shoppers < 1 or self.slate_size < 1 or self.n_factors < 1 or self.days <= 0:
            raise ConfigError(
                "the simulator needs at least one shopper, one slot per slate, one factor and a "
                f"positive number of days, got {self}"
            )
        if self.n_impressions < self.n_shoppers * self.slate_size:
            raise ConfigError(
                f"n_impressions is {self.n_impressions}, expected at least one slate for each "
                f"shopper ({self.n_shoppers} x {self.slate_size}): ask for more impressions"
            )
        shares = (self.cold_share, self.plain_share + self.indifferent_share)
        if not (all(0 <= share <= 1 for share in shares) and 0 < self.null_look_share < 1):
            raise ConfigError(f"shares must lie in 0..1 and leave some looks shown, got {self}")


class Simulation(NamedTuple):
    """What was logged, and what nobody but a judge may read.

    events: the canonical events table, sorted by time.
    truth: user_id, kind (plain, indifferent or family), utility (list of float32: one number per
        look in the order given, the plain photo last; logits of a click divided by style_effect,
        averaged over the window).
    """

    events: pd.DataFrame
    truth: pd.DataFrame


class _Exposures(NamedTuple):
    """One row per impression."""

    slate: Ints
    shopper: Ints
    item: Ints
    look: Ints
    position: Ints
    propensity: Floats
    interest: Floats


def simulate(
    items: pd.DataFrame,
    style_ids: Sequence[str],
    families: ArrayLike,
    config: SimulatorConfig,
    seed: int,
) -> Simulation:
    """Draw a shop's log, and the tastes that made it.

    items: item_id, category, price (missing prices count as the median).
    style_ids: the n looks. families: one integer per look (n,), or a matrix (n, f) of how much
    each look belongs to each family, 0..1. Same input, config and seed give the same tables.
    Raises SchemaError where items or families do not fit.
    """
    membership = _membership(families, len(style_ids))
    missing = sorted({"item_id", "category", "price"} - set(items.columns))
    if missing or len(items) < config.slate_size:
        raise SchemaError(
            f"items lack {missing or 'rows'} (got {len(items)} rows): expected item_id, category, "
            f"price and at least slate_size={config.slate_size} rows"
        )
    rng = np.random.default_rng(seed)
    kinds, utility = _tastes(membership, config, rng)
    slate_shopper, slate_seconds, slate_session = _visits(config, rng)
    seen = _exposures(items, slate_shopper, len(style_ids), config, rng)
    appeal = _appeal(seen, slate_seconds, utility, config, rng)
    rows = _outcomes(seen, slate_seconds, appeal, config, rng)
    return Simulation(
        _events(rows, seen, slate_session, items, style_ids, config, rng),
        pd.DataFrame(
            {
                "user_id": _user_ids(config.n_shoppers),
                "kind": [KINDS[kind] for kind in kinds],
                "utility": list(utility.astype(np.float32)),
            }
        ),
    )


def _membership(families: ArrayLike, n_looks: int) -> Floats:
    matrix = np.asarray(families)
    if matrix.ndim == 1:
        matrix = (matrix[:, None] == np.unique(matrix)[None, :]).astype(np.float64)
    if n_looks < 1 or matrix.ndim != 2 or len(matrix) != n_looks:
        raise SchemaError(
            f"families have shape {matrix.shape}, expected one integer or one row for each of the "
            f"{n_looks} looks (at least one)"
        )
    return matrix.astype(np.float64)


def _user_ids(n_shoppers: int) -> list[str]:
    return [f"u{number:05d}" for number in range(n_shoppers)]


def _tastes(
    membership: Floats, config: SimulatorConfig, rng: np.random.Generator
) -> tuple[Ints, Floats]:
    """Kind (n,) and utility (n, looks + 1) of every shopper."""
    n, (n_looks, n_families) = config.n_shoppers, membership.shape
    draw = rng.random(n)
    kinds = (draw > config.plain_share).astype(np.int64)
    kinds += draw > config.plain_share + config.indifferent_share
    # One favourite family, and for two in five a second, liked a little less.
    rank = rng.random((n, n_families)).argsort(axis=1).argsort(axis=1)
    second = (rank == 1) * (rng.random((n, 1)) < 0.4) * 0.75
    strength = rng.uniform(0.8, 1.4, (n, 1))
    liked = ((rank == 0) + second) * strength @ membership.T
    common = 0.12 * rng.standard_normal(n_looks)

    utility = np.empty((n, n_looks + 1))
    plain, mild, fond = (kinds == code for code in range(3))
    noise = rng.standard_normal((n, n_looks + 1))
    utility[mild] = 0.06 * noise[mild]
    utility[plain, :-1] = -0.45 + common + 0.12 * noise[plain, :-1]
    utility[plain, -1] = 0.9 + 0.15 * noise[plain, -1]
    utility[fond, :-1] = -0.35 + common + 0.2 * noise[fond, :-1] + 1.2 * liked[fond]
    utility[fond, -1] = -0.1 + 0.15 * noise[fond, -1]
    return kinds, utility


def _visits(config: SimulatorConfig, rng: np.random.Generator) -> tuple[Ints, Floats, Ints]:
    """Shopper, seconds since the start and session number of every slate, shoppers in order."""
    n = config.n_shoppers
    cold = rng.random(n) < config.cold_share
    activity = np.where(cold, 0.0, rng.lognormal(0.0, 0.7, n))
    n_more = round(config.n_impressions / config.slate_size) - n
    total = activity.sum()
    more = rng.multinomial(n_more, activity / total) if total > 0 else np.zeros(n, dtype=np.int64)
    slates = 1 + more
    shopper = np.repeat(np.arange(n), slates)

    first = np.r_[True, shopper[1:] != shopper[:-1]]
    opens = first | (rng.random(len(shopper)) < 0.3)
    session = np.cumsum(opens) - 1
    n_sessions = int(session[-1]) + 1
    session_shopper = shopper[opens]
    day = np.floor(rng.uniform(0, config.days, n_sessions))
    hour = np.where(
        rng.random(n_sessions) < 0.35,
        rng.normal(12.5, 1.5, n_sessions),
        rng.normal(20.0, 1.8, n_sessions),
    )
    start = np.round((day + np.clip(hour, 0.0, 23.5) / 24) * 86_400)
    start = start[np.lexsort((start, session_shopper))]

    gap = np.round(np.where(opens, 0.0, 25 + rng.exponential(45.0, len(shopper))))
    since = np.cumsum(gap)
    seconds = start[session] + since - since[opens][session]
    return shopper, seconds, session


def _exposures(
    items: pd.DataFrame,
    slate_shopper: Ints,
    n_looks: int,
    config: SimulatorConfig,
    rng: np.random.Generator,
) -> _Exposures:
    """Fill every slate: the shop shows popular items, a little fitted to the shopper."""
    n_items, n_slates, width = len(items), len(slate_shopper), config.slate_size
    category, names = pd.factorize(items["category"].fillna("").astype("str"), sort=True)
    category = np.asarray(category, dtype=np.int64)
    price = pd.Series(items["price"].to_numpy(dtype=np.float64))
    log_price = np.log(np.clip(price.fillna(price.median()).fillna(1.0).to_numpy(), 0.01, None))
    mean = np.bincount(category, weights=log_price) / np.bincount(category)
    relative = log_price - mean[category]

    n = config.n_shoppers
    popularity = (1.0 + np.arange(n_items)) ** -config.popularity_exponent
    popularity = rng.permutation(popularity / popularity.sum())
    item_factors = rng.standard_normal((n_items, config.n_factors)) / config.n_factors**0.5
    shopper_factors = rng.standard_normal((n, config.n_factors))
    by_category = rng.standard_normal((n, len(names)))
    thrift = np.abs(rng.normal(0.0, 0.8, n))

    n_drawn = min(2 * width, n_items)
    item = np.searchsorted(np.cumsum(popularity), rng.random((n_slates, n_drawn)) * (1 - 1e-12))
    item = np.minimum(item, n_items - 1)
    who = slate_shopper[:, None]
    interest = 0.8 * by_category[who, category[item]] - thrift[who] * relative[item]
    for factor in range(config.n_factors):
        interest += 0.8 * shopper_factors[who, factor] * item_factors[item, factor]

    # A repeated item in a slate sinks to its end, and goes when there are others enough.
    by_item = np.argsort(item, axis=1, kind="stable")
    ordered = np.take_along_axis(item, by_item, axis=1)
    repeated = np.zeros_like(item, dtype=bool)
    np.put_along_axis(repeated, by_item[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
    fit = 0.5 * interest + rng.gumbel(size=item.shape)
    order = np.argsort(np.where(repeated, np.inf, -fit), axis=1, kind="stable")[:, :width]
    keep = ~np.take_along_axis(repeated, order, axis=1)
    slate, column = np.nonzero(keep)
    chosen = order[slate, column]
    item, interest = item[slate, chosen], interest[slate, chosen]

    # The policy favours other looks in every category: naive click rates are confounded.
    weights = np.exp(config.policy_spread * rng.standard_normal((len(names), n_looks)))
    shown = (1 - config.null_look_share) * weights / weights.sum(axis=1, keepdims=True)
    table = np.column_stack([shown, np.full(len(names), config.null_look_share)])
    edges = np.cumsum(table, axis=1)
    edges[:, -1] = 1.0
    ticket = rng.random(len(item))
    look = np.empty(len(item), dtype=np.int64)
    for code in range(len(names)):
        here = category[item] == code
        look[here] = np.searchsorted(edges[code], ticket[here], side="right")
    propensity = table[category[item], look]
    return _Exposures(slate, slate_shopper[slate], item, look, column + 1, propensity, interest)


def _appeal(
    seen: _Exposures,
    slate_seconds: Floats,
    utility: Floats,
    config: SimulatorConfig,
    rng: np.random.Generator,
) -> Floats:
    """What the shown look adds at that moment, in units of utility."""
    appeal = utility[seen.shopper, seen.look]
    n_looks = utility.shape[1] - 1
    is_look = seen.look < n_looks
    trend = np.append(rng.uniform(-1, 1, n_looks), 0.0)
    elapsed = slate_seconds[seen.slate] / (config.days * 86_400) - 0.5
    appeal = appeal + config.drift * trend[seen.look] * elapsed
    pair = pd.Series(seen.shopper * utility.shape[1] + seen.look)
    times_before = pair.groupby(pair).cumcount().to_numpy()
    return np.asarray(appeal - config.wear_out * np.log1p(times_before) * is_look)


def _outcomes(
    seen: _Exposures,
    slate_seconds: Floats,
    appeal: Floats,
    config: SimulatorConfig,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Rows of impressions and what followed: exposure, seconds, event_type, dwell_s."""

    def happens(logit: Floats) -> Bools:
        return np.asarray(rng.random(len(logit)) < 1 / (1 + np.exp(-logit)))

    shown_at = slate_seconds[seen.slate]
    logit = config.click_bias + config.item_effect * seen.interest
    logit += config.style_effect * appeal - config.position_effect * np.log(seen.position)
    viewed = np.flatnonzero(happens(logit))
    viewed_at = shown_at[viewed] + 1 + np.round(rng.exponential(4.0, len(viewed)))
    pull = 0.35 * seen.interest[viewed] + 0.3 * appeal[viewed]
    dwell_s = np.exp(2.6 + pull + 0.6 * rng.standard_normal(len(viewed)))

    carts = happens(-1.5 + 0.8 * pull + 0.5 * np.log(dwell_s / 13))
    carted, carted_at = viewed[carts], viewed_at[carts] + np.ceil(dwell_s[carts])
    buys = happens(0.1 + 0.3 * seen.interest[carted] + 0.2 * appeal[carted])
    bought = carted[buys]
    bought_at = carted_at[buys] + 30 + np.round(rng.exponential(120.0, len(bought)))

    parts = {
        "impression": (np.arange(len(shown_at)), shown_at, None),
        "view": (viewed, viewed_at, dwell_s),
        "cart": (carted, carted_at, None),
        "purchase": (bought, bought_at, None),
    }
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "exposure": rows,
                    "seconds": seconds,
                    "event_type": pd.Series([name] * len(rows), dtype="str"),
                    "dwell_s": np.full(len(rows), np.nan) if dwell is None else dwell,
                }
            )
            for name, (rows, seconds, dwell) in parts.items()
        ],
        ignore_index=True,
    )


def _events(
    rows: pd.DataFrame,
    seen: _Exposures,
    slate_session: Ints,
    items: pd.DataFrame,
    style_ids: Sequence[str],
    config: SimulatorConfig,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """The canonical table, sorted by time; a shopper of one slate keeps one or two events."""
    exposure = rows["exposure"].to_numpy()
    rows = rows.assign(shopper=seen.shopper[exposure], position=seen.position[exposure])
    rows = rows.sort_values(["seconds", "shopper", "position"], kind="stable")
    slates = np.bincount(seen.shopper[seen.position == 1], minlength=config.n_shoppers)
    allowance = np.where(slates == 1, rng.integers(1, 3, config.n_shoppers), len(rows))
    rows = rows[rows.groupby("shopper").cumcount() < allowance[rows["shopper"]]]

    exposure = rows["exposure"].to_numpy()
    start = pd.Timestamp(config.start_utc, tz="UTC").as_unit("us")
    users = pd.array(_user_ids(config.n_shoppers), dtype="str")
    looks = pd.array([*style_ids, None], dtype="str")
    elapsed = pd.to_timedelta(rows["seconds"].to_numpy(), unit="s").as_unit("us")
    sessions = slate_session[seen.slate[exposure]]
    n_sessions = int(slate_session[-1]) + 1
    session_names = pd.array([f"v{number:07d}" for number in range(n_sessions)], dtype="str")
    return pd.DataFrame(
        {
            "user_id": users[rows["shopper"].to_numpy()],
            "item_id": items["item_id"].astype("str").array[seen.item[exposure]],
            "timestamp": start + elapsed,
            "event_type": rows["event_type"].to_numpy(),
            "dwell_s": rows["dwell_s"].to_numpy(dtype=np.float32),
            "style_id": looks[seen.look[exposure]],
            "position": rows["position"].to_numpy(dtype=np.int16),
            "propensity": seen.propensity[exposure],
            "session_id": session_names[sessions],
        }
    ).astype({"event_type": "str"})
