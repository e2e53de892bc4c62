"""Ten simulated days of the loop, feed, log, fit, feed; and whether the log tells its worth.

    python -m benchmarks.closed_loop [--shoppers 1500] [--replications 200] [--part days|coverage]

A shop of the simulator first shows looks at random for two days; from then on every day's looks are
drawn by the value policy (defaults of `stylefeed run`, guard-rails included), fitted each night to
all of the log so far. Days: expected clicks per 1,000 impressions of the loop, of plain photos, of
the best single look so far (by the log), and of an oracle that knows every taste, on the same
impressions, without the luck of single clicks; regret is what the loop misses of the oracle.

Verdict: `stylefeed ab` on the log as the feed writes it, `feed` against `original`, beside the true
lift on the impressions it judges. Coverage: as many short loops (3 days, 400 shoppers), each with
its own shop: the share of 95 % intervals that hold their true difference.
"""

from __future__ import annotations

import argparse
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from benchmarks.machine import describe
from features.events import time_split
from pipelines.jobs.ab import TRAIN_SHARE, compare_policies
from recsys.config import GuardRails, PolicyConfig
from recsys.policy.guardrails import apply_guard_rails
from recsys.policy.value import value_probabilities
from recsys.preference import StylePreferenceModel
from recsys.simulator import (
    Policy,
    Shop,
    SimulatorConfig,
    logging_policy,
    one_look,
    open_shop,
    per_shopper,
    policy_value,
    run_policy,
)

LOOKS = [f"look-{number:02d}" for number in range(16)]
FAMILIES = np.arange(16) // 4
RANDOM_DAYS = 2
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Loop:
    """A shop, the log of all its days, the policy of each day, and the rows of each day."""

    shop: Shop
    log: pd.DataFrame
    policies: list[Policy]
    rows: list[Ints]
    singles: list[Policy]


def run_loop(shoppers: int, days: int, impressions: int, seed: int) -> Loop:
    """Two days of random looks, then `days` of the loop."""
    rng = np.random.default_rng(seed)
    items = pd.DataFrame(
        {
            "item_id": [f"{number:03d}" for number in range(200)],
            "category": [f"category {number % 8}" for number in range(200)],
            "price": rng.lognormal(3.0, 0.7, 200),
        }
    )
    config = SimulatorConfig(
        n_shoppers=shoppers,
        n_impressions=impressions,
        days=float(RANDOM_DAYS + days),
        wear_out=0.0,
        drift=0.0,
    )
    shop = open_shop(items, LOOKS, FAMILIES, config, rng)
    centres = rng.standard_normal((4, 100))
    codes = (centres[FAMILIES] + 0.7 * rng.standard_normal((len(LOOKS), 100))).astype(np.float32)
    day = np.minimum(shop.seconds // 86_400, RANDOM_DAYS + days - 1).astype(np.int64)
    policy: Policy = logging_policy
    log, policies, singles, rows = pd.DataFrame(), [], [], []
    for number in range(RANDOM_DAYS + days):
        today = np.flatnonzero(day == number)
        if number >= RANDOM_DAYS:
            policy = fitted_policy(log, shop, codes, seed)
        shown = run_policy(shop, policy, seed * 100 + number).iloc[today]
        log = pd.concat([log, shown], ignore_index=True)
        policies.append(policy)
        singles.append(best_single(log))
        rows.append(today)
    return Loop(shop, log, policies, rows, singles)


def fitted_policy(log: pd.DataFrame, shop: Shop, codes: NDArray[np.float32], seed: int) -> Policy:
    """The value policy as a job has it, of tastes told by `log`."""
    model = StylePreferenceModel(seed=seed).fit(log, LOOKS, codes)
    affinity = model.affinity_matrix(shop.user_ids)
    settings = PolicyConfig()
    chosen = value_probabilities(
        affinity,
        model.uncertainty_matrix(shop.user_ids),
        np.ones(affinity.shape, dtype=bool),
        len(LOOKS),
        caution=settings.caution,
        temperature=settings.temperature,
        explore=settings.epsilon,
        seed=seed,
    )
    return per_shopper(apply_guard_rails(chosen.probabilities, [*LOOKS, "original"], GuardRails()))


def best_single(log: pd.DataFrame) -> Policy:
    """The look of the best self-normalised click rate so far."""
    weight = 1.0 / log["propensity"]
    sums = pd.DataFrame({"look": log["style_id"], "n": weight, "clicks": weight * log["clicked"]})
    table = sums.groupby("look")[["n", "clicks"]].sum().reindex(LOOKS)
    rate = (table["clicks"] / table["n"]).fillna(0.0)
    return one_look(int(rate.to_numpy().argmax()))


def oracle(shop: Shop) -> Policy:
    """Every shopper's best look, known."""
    best = shop.utility.argmax(axis=1)
    return per_shopper(np.eye(len(LOOKS) + 1)[best])


def show_days(loop: Loop) -> None:
    """Print clicks per 1,000 impressions, day by day."""
    print("| day | the loop | plain photos | best single look | oracle | regret | in a look |")
    print("|---|---|---|---|---|---|---|")
    for number, rows in enumerate(loop.rows):
        single = loop.singles[max(number - 1, 0)]
        policies = (loop.policies[number], one_look(len(LOOKS)), single, oracle(loop.shop))
        values = [1000 * policy_value(loop.shop, one, rows=rows).clicks for one in policies]
        styled = float(
            (loop.log["style_id"] != "original").to_numpy()[_places(loop, number)].mean()
        )
        name = f"{number + 1}, random looks" if number < RANDOM_DAYS else str(number + 1)
        figures = " | ".join(f"{value:.1f}" for value in values)
        print(f"| {name} | {figures} | {values[3] - values[0]:.1f} | {styled:.2f} |")


def _places(loop: Loop, number: int) -> slice:
    start = sum(len(rows) for rows in loop.rows[:number])
    return slice(start, start + len(loop.rows[number]))


def as_events(log: pd.DataFrame) -> pd.DataFrame:
    """The log as a site writes it: impressions with what was drawn, and clicks."""
    shown = log.assign(event_type="impression", style_drawn=log["style_id"])
    clicks = log[log["clicked"]].assign(event_type="click", propensity=np.nan)
    clicks = clicks.assign(timestamp=clicks["timestamp"] + pd.Timedelta(seconds=1))
    names = ["user_id", "item_id", "timestamp", "event_type", "style_id", "style_drawn"]
    return pd.concat([shown, clicks])[[*names, "position", "propensity", "session_id"]]


def judge(loop: Loop, seed: int) -> dict[str, object]:
    """`stylefeed ab` on the looped days, and the true difference on what it judges."""
    log = loop.log.iloc[_places(loop, RANDOM_DAYS).start :]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.parquet"
        events = as_events(log)
        events.to_parquet(path, index=False)
        result = compare_policies(path, "original", "feed", Path(folder) / "out", seed)
    cut = time_split(events.sort_values("timestamp"), TRAIN_SHARE)
    truth = {"feed": 0.0, "original": 0.0}
    total = 0
    late = (loop.log["timestamp"] >= cut).to_numpy()
    for number in range(RANDOM_DAYS, len(loop.rows)):
        rows = loop.rows[number][late[_places(loop, number)]]
        if not len(rows):
            continue
        total += len(rows)
        for name, policy in (("feed", loop.policies[number]), ("original", one_look(len(LOOKS)))):
            truth[name] += len(rows) * policy_value(loop.shop, policy, rows=rows).clicks
    main = next(row for row in result["estimates"] if row["estimator"] == result["main"])
    low, high = main["difference"]["bootstrap"]
    gap = (truth["feed"] - truth["original"]) / total
    return {
        "sentence": result["verdict"]["sentence"],
        "low": low,
        "high": high,
        "value": main["difference"]["value"],
        "truth": gap,
        "lift": gap / (truth["original"] / total),
    }


def short(seed: int) -> tuple[bool, float, float]:
    """One short loop: whether its interval holds the true difference, its width, and the truth."""
    torch.set_num_threads(1)
    found = judge(run_loop(400, 3, 30_000, 10_000 + seed), seed)
    low, high, truth = (float(str(found[name])) for name in ("low", "high", "truth"))
    return low <= truth <= high, high - low, truth


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--shoppers", type=int, default=1_500)
    parser.add_argument("--replications", type=int, default=200)
    parser.add_argument("--part", choices=("all", "days", "coverage"), default="all")
    chosen = parser.parse_args()
    print(describe("torch", "numpy"), "\n")
    if chosen.part in ("all", "days"):
        loop = run_loop(chosen.shoppers, 10, 200 * chosen.shoppers, seed=0)
        show_days(loop)
        found = judge(loop, 0)
        print(f"\nstylefeed ab, feed against original: {found['sentence']}")
        print(
            f"difference {found['value']:.4f} ({found['low']:.4f} to {found['high']:.4f}), "
            f"true {found['truth']:.4f}, a lift of {found['lift']:+.1%}"
        )
    if chosen.part in ("all", "coverage"):
        with ProcessPoolExecutor(2) as pool:
            runs = list(pool.map(short, range(chosen.replications)))
        held, width, truth = (np.array(column, dtype=float) for column in zip(*runs, strict=True))
        print(
            f"\n{len(runs)} short loops: {held.mean():.3f} of the 95 % intervals hold the true "
            f"difference (mean {truth.mean():.4f}, mean width {width.mean():.4f})"
        )


if __name__ == "__main__":
    main()
