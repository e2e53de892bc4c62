"""What differential privacy of the tastes costs, by epsilon and by number of shoppers.

    python -m benchmarks.private_tastes [SHOPPERS ...]

The simulator's shop: 16 looks of four families, 40 impressions per shopper. Tastes are learned from
the first 80 % of the log. Log loss: of the clicks in the last 20 %. Captured: the true utility of
the look that the tastes put first for each shopper, less that of the one look that is best for all,
as a share of what the shoppers' own best looks would have over it. "No noise, private method": an
epsilon of a million, which tells what leaving out items, outcomes of clicks and the choice of the
number of families costs by itself. Means over three seeds.
"""

from __future__ import annotations

import os
import sys
import time

import numpy as np
import pandas as pd

from benchmarks.machine import describe
from recsys.preference import PreferenceConfig, StylePreferenceModel
from recsys.simulator import SimulatorConfig, logging_policy, open_shop, run_policy

LOOKS = [f"look-{number:02d}" for number in range(16)]
FAMILIES = np.arange(16) // 4
IMPRESSIONS = 40
SEEDS = range(3)
EPSILONS = {
    "none": None,
    "no noise, private method": 1e6,
    "8": 8.0,
    "4": 4.0,
    "1": 1.0,
}


def judge(n_users: int, seed: int) -> dict[str, list[float]]:
    """By epsilon: log loss, captured share and processor seconds of a fit."""
    rng = np.random.default_rng(seed)
    items = pd.DataFrame({"item_id": [f"{number:03d}" for number in range(400)]})
    items["category"] = [f"category {number % 12}" for number in range(400)]
    items["price"] = rng.lognormal(3.0, 0.7, 400)
    config = SimulatorConfig(n_shoppers=n_users, n_impressions=IMPRESSIONS * n_users)
    shop = open_shop(items, LOOKS, FAMILIES, config, rng)
    log = run_policy(shop, logging_policy, seed)
    late = shop.seconds >= np.quantile(shop.seconds, 0.8)
    past, test = log[~late], log[late].reset_index(drop=True)
    clicked = test["clicked"].to_numpy(dtype=bool)
    centres = rng.standard_normal((4, 100))
    codes = (centres[FAMILIES] + 0.7 * rng.standard_normal((len(LOOKS), 100))).astype(np.float32)
    single = shop.utility.mean(axis=0).max()
    room = shop.utility.max(axis=1).mean() - single
    found = {}
    for name, epsilon in EPSILONS.items():
        settings = PreferenceConfig(dp_epsilon=epsilon)
        before = time.process_time()
        model = StylePreferenceModel(settings, seed, os.urandom(32)).fit(past, LOOKS, codes)
        seconds = time.process_time() - before
        p = model.predict_click(test)
        loss = -np.log(np.where(clicked, p, 1 - p)).mean()
        first = model.affinity_matrix(shop.user_ids).argmax(axis=1)
        gain = shop.utility[np.arange(n_users), first].mean() - single
        found[name] = [float(loss), float(gain / room), seconds]
    mean = float(past["clicked"].mean())
    found["everybody alike: the mean rate"] = [
        float(-np.log(np.where(clicked, mean, 1 - mean)).mean()), 0.0, 0.0,
    ]  # fmt: skip
    return found


def main() -> None:
    """Print a row for each number of shoppers and epsilon."""
    print(describe("torch", "dp-accounting"))
    print("\n| shoppers | epsilon | log loss | captured | s |\n|---|---|---|---|---|")
    for n_users in [int(text) for text in sys.argv[1:]] or [1_000, 10_000, 50_000]:
        runs = [judge(n_users, seed) for seed in SEEDS]
        for name in runs[0]:
            loss, captured, seconds = np.mean([run[name] for run in runs], axis=0)
            print(f"| {n_users:,} | {name} | {loss:.4f} | {captured:.2f} | {seconds:.0f} |")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
