"""Throughput of preference training on a million impressions, beside scikit-learn's SGD.

Simulated log: shoppers fond of one of six clusters of 77 looks, or of nothing. An epoch of ours is
one sweep of the click baseline over all impressions; learning families afterwards works on sums by
shopper and look, so its cost does not grow with impressions, and is in the whole fit (family count
given): its figure is impressions over the seconds of everything, ids to tastes. The peer is
SGDClassifier on one-hot user, item, look and position.

    OMP_NUM_THREADS=2 python -m benchmarks.preference_speed
"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.linear_model import SGDClassifier
from sklearn.preprocessing import OneHotEncoder

from benchmarks.machine import describe
from features.ids import IdMap
from features.schema import ORIGINAL
from recsys.preference import PreferenceConfig, StylePreferenceModel
from recsys.preference.baseline import fit_effects
from recsys.preference.rows import Vocabulary

IMPRESSIONS = 1_000_000
SHOPPERS = 5_000
LOOKS = 77
SWEEPS = 5
RUNS = 3


def simulated() -> tuple[pd.DataFrame, list[str], np.ndarray]:
    rng = np.random.default_rng(0)
    family = np.arange(LOOKS) % 6
    codes = (3 * rng.normal(size=(6, 100))[family] + rng.normal(size=(LOOKS, 100))).astype("f4")
    user, look = rng.integers(0, SHOPPERS, IMPRESSIONS), rng.integers(0, LOOKS + 1, IMPRESSIONS)
    position = rng.integers(1, 6, IMPRESSIONS)
    log_odds = -1.8 + 1.2 * (np.append(family, -1)[look] == user % 9) - 0.15 * position
    names = [f"s{number:02d}" for number in range(LOOKS)]
    table = pd.DataFrame(
        {
            "user_id": pd.Series(np.char.mod("u%05d", user), dtype="str"),
            "item_id": pd.Series(
                np.char.mod("i%04d", rng.integers(0, 2_000, IMPRESSIONS)), dtype="str"
            ),
            "style_id": pd.Series(np.array([*names, ORIGINAL])[look], dtype="str"),
            "position": position.astype(np.float32),
            "clicked": rng.random(IMPRESSIONS) < expit(log_odds),
        }
    )
    return table, names, codes


def main() -> None:
    table, names, codes = simulated()
    vocabulary = Vocabulary.of(table, IdMap([*names, ORIGINAL]))
    rows = vocabulary.encode(table)
    columns = ["user_id", "item_id", "style_id", "position"]
    onehot = OneHotEncoder().fit_transform(table[columns])
    ours, peer = [], []
    for seed in range(RUNS):
        start = time.perf_counter()
        fit_effects(rows.clicked, rows.levels, vocabulary.sizes, sweeps=SWEEPS)
        ours.append(IMPRESSIONS * SWEEPS / (time.perf_counter() - start))
        model = SGDClassifier(loss="log_loss", random_state=seed)
        start = time.perf_counter()
        model.partial_fit(onehot, table["clicked"], classes=[False, True])
        peer.append(IMPRESSIONS / (time.perf_counter() - start))
    whole = []
    StylePreferenceModel(PreferenceConfig(n_families=8)).fit(table.head(2_000), names, codes)
    for seed in range(RUNS):
        start = time.perf_counter()
        StylePreferenceModel(PreferenceConfig(n_families=8), seed=seed).fit(table, names, codes)
        whole.append(IMPRESSIONS / (time.perf_counter() - start))

    print(describe("torch", "scikit-learn"))
    print(f"\nSimulated: {IMPRESSIONS} impressions, {SHOPPERS} shoppers, {LOOKS} looks\n")
    print("| method | impressions per second and epoch | impressions per second, whole fit |")
    print("|---|---|---|")
    for name, rates, fit in (
        ("SGDClassifier, one-hot", peer, []),
        ("StylePreferenceModel", ours, whole),
    ):
        print(f"| {name} | {spread(rates)} | {spread(fit) if fit else '-'} |")


def spread(rates: list[float]) -> str:
    """The mean, lowest and highest of a few runs."""
    return f"{np.mean(rates):,.0f} ({min(rates):,.0f}-{max(rates):,.0f})"


if __name__ == "__main__":
    main()
