"""Milliseconds to score 1,000 candidates of one user, by LightGBM and by the ranker.

    OMP_NUM_THREADS=1 python -m benchmarks.ranking_speed

The features are given. One forest has the most trees the default settings allow, fitted on drawn
rows; the other is the one fitted on the semi-synthetic shop, scored on rows of its last window.
Both methods score the same rows in turn; "difference" is the largest between their scores.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import describe
from benchmarks.ranking_shop import read_shop
from features.config import EventWeights
from recsys.config import RankerConfig
from recsys.ranking.lambdarank import Ranker, RankingRows
from recsys.ranking.training import fit_ranker, training_lists
from recsys.ranking.two_stage import TwoStageConfig

CANDIDATES = 1_000
FEATURES = 45
RUNS = 300

Floats = NDArray[np.float32]


def drawn() -> tuple[Ranker, Floats]:
    """A ranker of drawn rows, a tenth of the values unknown, and such rows."""
    rng = np.random.default_rng(4)
    features = rng.normal(size=(20_000, FEATURES)).astype(np.float32)
    appeal = features[:, :10].sum(axis=1) + rng.normal(size=len(features))
    features[rng.random(features.shape) < 0.1] = np.nan
    labels = (appeal > 3).astype(np.int64) + (appeal > 6)
    rows = RankingRows(features, labels, np.full(200, 100))
    names = [f"f{number}" for number in range(FEATURES)]
    return Ranker(RankerConfig()).fit(rows, names, None), features


def shop() -> tuple[Ranker, Floats]:
    """The shop's ranker and the rows of its last window."""
    events, items, pictures = read_shop()
    config = TwoStageConfig()
    lists = training_lists(events, items, pictures, None, config, EventWeights(), 0)
    if lists is None:
        raise SystemExit("the shop's log is too short to rank: fetch it again")
    return fit_ranker(lists, config.ranker, 0)[0], lists.validation.features


def main() -> None:
    """Print the table."""
    print(describe("lightgbm", "numpy"))
    print(f"\n{CANDIDATES:,} candidates, {RUNS} runs each\n")
    print("| forest | trees | features | method | p50, ms | p99, ms | difference |")
    print("|---|---|---|---|---|---|---|")
    for name, (ranker, rows) in (("drawn", drawn()), ("shop", shop())):
        booster = lgb.Booster(model_str=ranker.trees())
        methods: dict[str, Callable[[Floats], NDArray[np.floating]]] = {
            "LightGBM, 1 thread": partial(booster.predict, num_threads=1),
            "LightGBM, 2 threads": partial(booster.predict, num_threads=2),
            "ranker, 1 thread": ranker.score,
        }
        rng = np.random.default_rng(5)
        took: dict[str, list[float]] = {method: [] for method in methods}
        apart = dict.fromkeys(methods, 0.0)
        for _ in range(RUNS):
            asked = rows[rng.integers(0, len(rows), CANDIDATES)]
            reference = booster.predict(asked, num_threads=1)
            for method, score in methods.items():
                start = time.perf_counter()
                scores = score(asked)
                took[method].append(1e3 * (time.perf_counter() - start))
                apart[method] = max(apart[method], float(np.abs(scores - reference).max()))
        for method, milliseconds in took.items():
            middle, high = np.percentile(milliseconds, [50, 99])
            print(
                f"| {name} | {ranker.rounds} | {rows.shape[1]} | {method} "
                f"| {middle:.2f} | {high:.2f} | {apart[method]:.1e} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
