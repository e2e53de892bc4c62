"""A million simulated impressions: seconds for the log, a policy's run and its true value.

    python -m benchmarks.simulator_speed

The peer is a plain Python loop over the same impressions with the same chances, timed on a slice
and scaled up.
"""

from __future__ import annotations

import math
import random
import resource
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks.machine import describe
from recsys.config import PolicyConfig
from recsys.policy.draw import look_probabilities
from recsys.simulator import (
    Shop,
    SimulatorConfig,
    logging_policy,
    open_shop,
    per_shopper,
    policy_value,
    run_policy,
    simulate,
)

N = 1_000_000
N_LOOKS = 60
REPEATS = 3


def shop_tables() -> tuple[pd.DataFrame, list[str], list[int]]:
    """Two thousand items in twenty categories, sixty looks in eight families."""
    rng = np.random.default_rng(0)
    items = pd.DataFrame(
        {
            "item_id": [f"{number:04d}" for number in range(2_000)],
            "category": [f"category {number % 20}" for number in range(2_000)],
            "price": rng.lognormal(3.0, 0.7, 2_000),
        }
    )
    looks = [f"look-{number:02d}" for number in range(N_LOOKS)]
    return items, looks, [number % 8 for number in range(N_LOOKS)]


def looped(shop: Shop, n: int) -> int:
    """Clicks of the first `n` impressions, one Python step each."""
    drawn, seen, config = random.Random(0), shop.impressions, shop.config
    looks = list(range(N_LOOKS + 1))
    before: dict[tuple[int, int], int] = {}
    clicks = 0
    for row in range(n):
        shopper, item = int(seen.shopper[row]), int(seen.item[row])
        odds = shop.logging_table[shop.catalogue.category[item]]
        look = drawn.choices(looks, odds)[0]
        appeal = shop.utility[shopper, look]
        elapsed = shop.seconds[row] / (config.days * 86_400) - 0.5
        appeal += config.drift * shop.trend[look] * elapsed
        if look < N_LOOKS:
            appeal -= config.wear_out * math.log1p(before.get((shopper, look), 0))
        before[shopper, look] = before.get((shopper, look), 0) + 1
        logit = config.click_bias + config.item_effect * seen.interest[row]
        logit += config.style_effect * appeal
        logit -= config.position_effect * math.log(seen.position[row])
        clicks += drawn.random() < 1 / (1 + math.exp(-logit))
    return clicks


def main() -> None:
    """Print the table."""
    items, looks, families = shop_tables()
    config = SimulatorConfig(n_shoppers=10_000, n_impressions=N)
    shop = open_shop(items, looks, families, config, np.random.default_rng(0))
    eligible = np.ones_like(shop.utility, dtype=bool)
    softmax = per_shopper(look_probabilities(shop.utility, eligible, PolicyConfig("softmax")))
    tasks: dict[str, Callable[[], object]] = {
        "canonical log (`simulate`)": lambda: simulate(items, looks, families, config, 0),
        "run of the logging policy": lambda: run_policy(shop, logging_policy, 0),
        "run of softmax over every shopper's looks": lambda: run_policy(shop, softmax, 0),
        "true value of softmax, looks wearing out (2 draws)": lambda: policy_value(
            shop, softmax, n_draws=2
        ),
    }
    print(describe("numpy", "pandas"))
    print(f"\n{len(shop.seconds):,} impressions, {N_LOOKS} looks and the plain photo, one thread;")
    print(f"{REPEATS} runs\n")
    print("| task | seconds, median (range) |\n|---|---|")
    with threadpool_limits(1):
        for name, task in tasks.items():
            seconds = []
            for _ in range(REPEATS):
                started = time.perf_counter()
                task()
                seconds.append(time.perf_counter() - started)
            low, middle, high = np.sort(seconds)[[0, len(seconds) // 2, -1]]
            print(f"| {name} | {middle:.1f} ({low:.1f}-{high:.1f}) |", flush=True)
    n = 50_000
    started = time.perf_counter()
    looped(shop, n)
    scaled = (time.perf_counter() - started) * N / n
    print(f"| clicks alone in a Python loop (from {n:,}, scaled) | {scaled:.1f} |")
    peak_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"\nPeak memory of the process: {peak_gib:.2f} GiB")


if __name__ == "__main__":
    main()
