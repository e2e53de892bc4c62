"""What shoppers did before a test narrows its intervals: CUPED on the semi-synthetic shop.

The last part of the log is taken as an A/B test of nothing: shoppers are split in two by a salted
hash, 200 times, so the true difference is 0. Everything before the cut is the pre-period. Printed
are the ratio of the interval's width with and without the covariate, the share of splits in which
the interval holds 0, and the shoppers that a test would need.

    python -m benchmarks.cuped_shop
"""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.machine import describe
from benchmarks.shop import read_events
from features.exposures import exposures
from recsys.experiment import Metric, compare, user_metrics

SPLITS = 200
PLAIN = {
    "clicks per shopper": ("clicks", None),
    "purchases per shopper": ("purchases", None),
    "dwell time per shopper": ("dwell_s", None),
    "clicks per impression": ("clicks", "impressions"),
    "purchases per impression": ("purchases", "impressions"),
}


def arms(users: pd.Series, salt: int) -> NDArray[np.str_]:
    """Control or treatment by a salted hash of the shopper."""
    digests = (
        hashlib.blake2b(f"{salt}\0{user}".encode(), digest_size=1).digest() for user in users
    )
    return np.where([digest[0] % 2 for digest in digests], "treatment", "control")


def with_covariate(name: str, value: str, per: str | None) -> Metric:
    before = None if per is None else f"{per}_before"
    return Metric(name, value, per, f"{value}_before", before)


def main() -> None:
    """Print the table."""
    events = read_events()
    log = exposures(events)
    print(describe("tea-tasting", "numpy"))
    print(f"\nSemi-synthetic shop: {len(log):,} impressions; {SPLITS} splits of an A/A test\n")
    print(
        "| test | metric | correlation | width with / without, median (5-95 %) | holds 0, without "
        "| holds 0, with | shoppers needed |\n|---|---|---|---|---|---|---|"
    )
    for share in (0.5, 0.8):
        since = log["timestamp"].quantile(share)
        since = since.floor("us")
        known = log.loc[log["timestamp"] < since, "user_id"].unique()
        assignment = pd.DataFrame({"user_id": np.sort(known), "variant": "control"})
        users = user_metrics(log, assignment, since)
        splits = [users.assign(variant=arms(users["user_id"], salt)) for salt in range(SPLITS)]
        for name, (value, per) in PLAIN.items():
            widths, held = [], []
            for split in splits:
                effects = [
                    compare(split, metric, "control", "treatment")
                    for metric in (Metric(name, value, per), with_covariate(name, value, per))
                ]
                widths.append([effect.high - effect.low for effect in effects])
                held.append([effect.low <= 0 <= effect.high for effect in effects])
            ratio = np.divide(*np.transpose(widths)[::-1])
            low, middle, high = np.quantile(ratio, (0.05, 0.5, 0.95))
            without, adjusted = 100 * np.mean(held, axis=0)
            rho = "-" if per else f"{users[value].corr(users[f'{value}_before']):.2f}"
            print(
                f"| last {1 - share:.0%}, {len(users):,} shoppers | {name} | {rho} "
                f"| {middle:.3f} ({low:.3f}-{high:.3f}) | {without:.1f} % | {adjusted:.1f} % "
                f"| {middle**2:.0%} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
