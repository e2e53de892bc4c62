"""How many shoppers of a planted strong taste see no look at all, by the exploration of the policy.

    python -m benchmarks.all_plain [--shops 5]

Shops made by the simulator (16 looks, 4 families, 360 shoppers, 34,000 impressions under its
logging policy, like the sample shop, each of another seed). Tastes are fitted on the whole log; a
feed has ten rows. Strong: shoppers who love looks and are in the upper half of them by what their
best look is worth over the plain photo. Explored: share of undecided shoppers' draws that the
exploration decides, which is the rate that was set. Captured: (utility of the looks drawn - plain
photo) / (best look - plain photo), over all shoppers. Means and range over shops.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from benchmarks.closed_loop import FAMILIES, LOOKS
from benchmarks.machine import describe
from features.exposures import exposures
from features.schema import ORIGINAL
from recsys.config import GuardRails, PolicyConfig
from recsys.policy.guardrails import apply_guard_rails
from recsys.policy.value import value_probabilities
from recsys.preference import StylePreferenceModel
from recsys.simulator import SimulatorConfig, simulate

EXPLORED = (0.05, 0.1, 0.15, 0.2, 0.25)
ROWS = 10


def judge(seed: int) -> pd.DataFrame:
    """One shop: a row per rate of exploration."""
    rng = np.random.default_rng(seed)
    items = pd.DataFrame({"item_id": [f"{number:03d}" for number in range(200)]})
    items["category"] = [f"category {number % 8}" for number in range(200)]
    items["price"] = rng.lognormal(3.0, 0.7, 200)
    events, truth = simulate(items, LOOKS, FAMILIES, SimulatorConfig(), seed)
    centres = rng.standard_normal((4, 100))
    codes = (centres[FAMILIES] + 0.7 * rng.standard_normal((len(LOOKS), 100))).astype(np.float32)
    model = StylePreferenceModel(seed=seed).fit(exposures(events), LOOKS, codes)
    users = truth["user_id"].tolist()
    utility = np.stack(truth["utility"].to_list()).astype(np.float64)
    plain, best = utility[:, -1], utility.max(axis=1)
    family = (truth["kind"] == "family").to_numpy()
    strong = family & (best - plain >= np.median((best - plain)[family]))
    affinity, spread = model.affinity_matrix(users), model.uncertainty_matrix(users)
    settings = PolicyConfig()
    rows = []
    for explore in EXPLORED:
        chosen = value_probabilities(
            affinity,
            spread,
            np.ones(affinity.shape, dtype=bool),
            len(LOOKS),
            caution=settings.caution,
            temperature=settings.temperature,
            explore=explore,
            seed=seed,
        )
        shown = apply_guard_rails(chosen.probabilities, [*LOOKS, ORIGINAL], GuardRails())
        served = (shown * utility).sum(axis=1)
        rows.append(
            {
                "explored": explore,
                "strong": float((shown[strong, -1] ** ROWS).mean()),
                "undecided": float(chosen.undecided.mean()),
                "captured": (served.mean() - plain.mean()) / (best.mean() - plain.mean()),
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shops", type=int, default=5)
    shops = parser.parse_args().shops
    print(describe("torch"))
    found = pd.concat([judge(seed) for seed in range(100, 100 + shops)])
    print("\n| explored | all plain, strong tastes | undecided shoppers | captured |")
    print("|---|---|---|---|")
    for explore, part in found.groupby("explored"):
        figures = (
            f"{part[name].mean():.3f} ({part[name].min():.3f}-{part[name].max():.3f})"
            for name in ("strong", "undecided", "captured")
        )
        print(f"| {explore:g} | " + " | ".join(figures) + " |")


if __name__ == "__main__":
    main()
