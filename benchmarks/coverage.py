"""Do the intervals of off-policy estimates cover the truth as often as they say?

On the simulator, where the truth is exact: 300 logs of 10,000 independent impressions under the
shop's exploring policy, each used to judge a personalised policy. The reward model sees what a
shop knows (category, position, a noisy interest and a noisy taste) and is cross-fitted on every
log anew. Then a pair of different policies of exactly the same value, judged once at the end and,
with the always-valid test, after every 1,000 rows; 2,000 logs where no reward model is needed.

    python -m benchmarks.coverage
"""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.machine import describe
from recsys.config import PolicyConfig
from recsys.experiment import SequentialConfig, confidence_sequence
from recsys.offpolicy import (
    Estimate,
    LoggedFeedback,
    RewardModelConfig,
    cross_fit_rewards,
    difference,
    dr,
    estimate_all,
    interval,
    ips,
    snips,
)
from recsys.offpolicy.intervals import METHODS, intervals_of
from recsys.policy.draw import look_probabilities
from recsys.simulator import (
    Shop,
    SimulatorConfig,
    expected_clicks,
    logging_policy,
    one_look,
    open_shop,
    per_shopper,
    policy_value,
)

N_LOGS = 300
N_PAIRS = 2_000
N_ROWS = 10_000
N_LOOKS = 12
BOOTSTRAP_DRAWS = 400
PEEKS = range(1_000, N_ROWS + 1, 1_000)
MODEL = RewardModelConfig(rounds=40, learning_rate=0.15)
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """A population of impressions (n,) and everything about them that a log is drawn from."""

    shop: Shop
    logging: Floats
    clicks: Floats
    personal: Floats
    affinity: Floats
    context: Floats
    true_value: float

    def log(self, seed: int) -> tuple[LoggedFeedback, NDArray[np.int64]]:
        """Independent impressions, their looks drawn by the shop, their clicks; and which ones."""
        rng = np.random.default_rng(seed)
        rows = rng.integers(0, len(self.logging), N_ROWS)
        odds = self.logging[rows]
        reached = odds.cumsum(axis=1) > rng.random((N_ROWS, 1))
        action = np.where(reached.any(axis=1), reached.argmax(axis=1), N_LOOKS)
        chosen = np.arange(N_ROWS), action
        clicked = rng.random(N_ROWS) < self.clicks[rows][chosen]
        log = LoggedFeedback(
            action,
            clicked.astype(np.float64),
            odds[chosen],
            policy=self.personal[rows],
            context=self.context[rows],
            affinity=self.affinity[rows],
        )
        return log, rows


def world() -> World:
    """A shop of 4,000 shoppers whose tastes are known with noise; looks do not wear out, or
    rows would not be independent.
    """
    rng = np.random.default_rng(0)
    items = pd.DataFrame(
        {
            "item_id": [f"{number:03d}" for number in range(300)],
            "category": [f"category {number % 10}" for number in range(300)],
            "price": rng.lognormal(3.0, 0.7, 300),
        }
    )
    looks = [f"look-{number:02d}" for number in range(N_LOOKS)]
    config = SimulatorConfig(n_shoppers=4_000, n_impressions=200_000, wear_out=0.0)
    shop = open_shop(items, looks, [n // 3 for n in range(N_LOOKS)], config, rng)
    rows = np.arange(len(shop.seconds))
    learned = shop.utility + 0.5 * rng.standard_normal(shop.utility.shape)
    odds = look_probabilities(
        learned, np.ones_like(learned, dtype=bool), PolicyConfig("softmax", temperature=0.4)
    )
    seen = shop.impressions
    interest = seen.interest + rng.standard_normal(len(rows))
    category = shop.catalogue.category[seen.item]
    return World(
        shop,
        logging_policy(shop, rows),
        expected_clicks(shop, rows),
        per_shopper(odds)(shop, rows),
        learned[seen.shopper],
        np.column_stack([category, seen.position, interest]),
        policy_value(shop, per_shopper(odds)).clicks,
    )


def equal_rival(place: World) -> Floats:
    """Another policy of the personal one's value: part the plain photo, part the best look."""
    single = [policy_value(place.shop, one_look(look)).clicks for look in range(N_LOOKS + 1)]
    taste = place.shop.utility
    best = np.eye(N_LOOKS + 1)[taste.argmax(axis=1)]
    high, low = policy_value(place.shop, per_shopper(best)).clicks, min(single)
    share = (place.true_value - low) / (high - low)
    worst = np.eye(N_LOOKS + 1)[int(np.argmin(single))]
    rival = share * best + (1 - share) * worst
    gap = policy_value(place.shop, per_shopper(rival)).clicks - place.true_value
    assert abs(gap) < 1e-12, gap
    return rival[place.shop.impressions.shopper]


@dataclass
class Tally:
    """What was counted over the logs."""

    errors: dict[str, list[float]]
    covered: dict[tuple[str, str], list[bool]]
    widths: dict[tuple[str, str], list[float]]
    told_apart: dict[str, list[bool]]

    def judge(self, estimates: dict[str, Estimate], truth: float, seed: int) -> None:
        for name, estimate in estimates.items():
            self.errors.setdefault(name, []).append(estimate.value - truth)
        for method in METHODS:
            bounds = intervals_of(
                list(estimates.values()), method, seed=seed, draws=BOOTSTRAP_DRAWS
            )
            for name, (low, high) in zip(estimates, bounds, strict=True):
                self.covered.setdefault((name, method), []).append(low <= truth <= high)
                self.widths.setdefault((name, method), []).append(high - low)

    def compare(self, pair: dict[str, Estimate]) -> None:
        for name, estimate in pair.items():
            low, high = interval(estimate)
            at_end = low > 0 or high < 0
            read = confidence_sequence(
                estimate.per_round, PEEKS, SequentialConfig(tightest_at=N_ROWS // 2)
            )
            ever = bool((read["p_value"] < 0.05).any())
            for test, found in (
                ("once, at the end", at_end),
                ("every 1,000 rows, always-valid", ever),
                ("every 1,000 rows, as if each were the only one", _naive(estimate.per_round)),
            ):
                self.told_apart.setdefault(f"{name}, {test}", []).append(found)


def _naive(values: Floats) -> bool:
    return any(abs(values[:n].mean()) > 1.96 * values[:n].std(ddof=1) / math.sqrt(n) for n in PEEKS)


def share(values: list[bool]) -> str:
    """Share in percent with its exact-enough interval (Wilson 1927)."""
    n, p, z = len(values), float(np.mean(values)), NormalDist().inv_cdf(0.975)
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return f"{100 * p:.1f} % ({100 * (middle - reach):.1f}-{100 * (middle + reach):.1f})"


def main() -> None:
    """Print the tables."""
    n_logs = int(sys.argv[1]) if len(sys.argv) > 1 else N_LOGS
    place = world()
    rival = equal_rival(place)
    tally = Tally({}, {}, {}, {})
    started = time.perf_counter()
    for seed in range(n_logs):
        log, rows = place.log(seed)
        q = cross_fit_rewards(log, seed, MODEL)
        tally.judge(estimate_all(log, q), place.true_value, seed)
        other = log.under(rival[rows])
        tally.compare(
            {
                "IPS": difference(ips(other), ips(log)),
                "SNIPS": difference(snips(other), snips(log)),
                "DR": difference(dr(other, q), dr(log, q)),
            }
        )
    for seed in range(n_logs, max(n_logs, N_PAIRS)):
        log, rows = place.log(seed)
        other = log.under(rival[rows])
        tally.compare(
            {
                "IPS": difference(ips(other), ips(log)),
                "SNIPS": difference(snips(other), snips(log)),
            }
        )
    seconds = time.perf_counter() - started

    logged = (place.logging * place.clicks).sum(axis=1).mean()
    print(describe("numpy", "lightgbm"))
    print(
        f"\n{n_logs} logs of {N_ROWS:,} impressions, {N_LOOKS} looks and the plain photo; clicks "
        f"per impression {logged:.4f} as logged, {place.true_value:.4f} under the policy judged; "
        f"{seconds:.0f} s\n"
    )
    print("95 % intervals that hold the truth (and that share's own 95 % interval):\n")
    print("| estimator | bias, 1e-4 | RMSE, 1e-4 | normal | bootstrap | Bernstein | widths, 1e-4 |")
    print("|---|---|---|---|---|---|---|")
    for name, errors in tally.errors.items():
        error = np.asarray(errors)
        cells = [share(tally.covered[name, method]) for method in METHODS]
        widths = ", ".join(f"{1e4 * np.mean(tally.widths[name, m]):.0f}" for m in METHODS)
        rmse = math.sqrt((error**2).mean())
        print(
            f"| {name} | {1e4 * error.mean():+.1f} | {1e4 * rmse:.1f} | {' | '.join(cells)} "
            f"| {widths} |"
        )
    print("\nTwo policies of exactly equal value told apart (5 % promised):\n")
    print("| difference, read | logs | told apart |\n|---|---|---|")
    for name, found in tally.told_apart.items():
        print(f"| {name} | {len(found):,} | {share(found)} |")


if __name__ == "__main__":
    main()
