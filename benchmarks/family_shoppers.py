"""What is lost where families of looks are learned from some of a fit's shoppers.

    python -m benchmarks.family_shoppers [SHOPPERS]

The log is that of benchmarks.scale; one visit in five is held out, and clicks in it are predicted
by tastes whose families were learned from so many shoppers. Seconds are processor seconds of a fit.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import pandas as pd

from benchmarks.machine import describe
from benchmarks.scale import CODE, FAMILIES, LOOKS, synthetic_events
from features.exposures import exposures
from recsys.preference import StylePreferenceModel, learning

ITEMS = 100_000
LEARNED_FROM = (2_500, 5_000, 10_000)


def main() -> None:
    """Print a row for each number of shoppers."""
    n_users = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    shown = exposures(synthetic_events(np.arange(n_users), ITEMS))
    visit = shown["session_id"].str.rpartition("-")[2].astype(int)
    held = (visit % 5 == 0).to_numpy()
    rng = np.random.default_rng(2)
    centres = rng.normal(size=(FAMILIES, CODE))
    codes = 4 + centres[np.arange(LOOKS) % FAMILIES] + 0.4 * rng.normal(size=(LOOKS, CODE))
    looks = [f"s{n:02d}" for n in range(LOOKS)]
    print(describe("torch"))
    print(f"\n{n_users:,} shoppers, {len(shown):,} impressions, {held.sum():,} held out\n")
    print("| families learned from | log loss of held-out clicks | seconds |\n|---|---|---|")
    rate = shown.loc[~held, "clicked"].mean()
    test = shown[held].reset_index(drop=True)
    print(f"| nothing: the mean rate | {_loss(np.full(len(test), rate), test):.5f} | - |")
    for most in (*(n for n in LEARNED_FROM if n < n_users), n_users):
        learning.FAMILY_SHOPPERS = most  # type: ignore[misc]
        before = time.process_time()
        model = StylePreferenceModel(seed=0).fit(shown[~held], looks, codes.astype(np.float32))
        seconds = time.process_time() - before
        loss = _loss(model.predict_click(test), test)
        print(f"| {most:,} | {loss:.5f} | {seconds:.0f} |", flush=True)


def _loss(chance: np.ndarray, test: pd.DataFrame) -> float:
    clicked = test["clicked"].to_numpy(dtype=bool)
    return float(-np.log(np.where(clicked, chance, 1.0 - chance)).mean())


if __name__ == "__main__":
    main()
