"""When shoppers come, and how many slates they see."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recsys.simulator.config import SimulatorConfig

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def draw_visits(config: SimulatorConfig, rng: np.random.Generator) -> tuple[Ints, Floats, Ints]:
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
