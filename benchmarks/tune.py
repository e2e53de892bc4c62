"""Do tuned settings beat the default ones on pictures that were not searched on?

    python -m benchmarks.tune [--points 36] [--photos 6] [--looks 5] [--methods "nsga2;swarm"]
        [--folder runs/tune]

`stylefeed tune` on the shop of real photos and 77 looks, from the default settings, first by
NSGA-II, then by particle swarm. Searched on so many photos in so many looks; the figures printed
last are of twice as many photos and looks of the test part. Recognised by centred Gram matrices of
EfficientNet-Lite0 around the product, among all 77 looks. Default and chosen settings are measured
in the same run on the same pictures.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

import pandas as pd

from benchmarks.machine import describe
from pipelines.jobs.tune.job import RULE, tune
from pipelines.jobs.tune.search import METHODS

SHOP: Final = Path("../shared/data/shop")
BETTER: Final = {"recognised": 1, "budget_left": 1, "seconds": -1}


def main() -> None:
    """Search, print the front, print the test part."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int, default=36)
    parser.add_argument("--photos", type=int, default=6)
    parser.add_argument("--looks", type=int, default=5)
    parser.add_argument("--methods", default=";".join(METHODS))
    parser.add_argument("--folder", type=Path, default=Path("runs/tune"))
    asked = parser.parse_args()
    print(describe("pymoo", "torch"))
    for method in asked.methods.split(";"):
        out, size = asked.folder / method, (asked.photos, asked.looks)
        found = tune(
            SHOP / "items.csv",
            SHOP / "styles.csv",
            out,
            None,
            method,
            asked.points,
            size,
            None,
            None,
            lambda line: print(line, file=sys.stderr, flush=True),
        )
        print(f"\n{method}: {found['points']} points, {found['front']} on the front; {RULE}\n")
        front = pd.read_csv(out / "front.csv")
        print(f"| {' | '.join(front.columns)} |\n|{'---|' * len(front.columns)}")
        for row in front.itertuples(index=False):
            cells = [one if isinstance(one, str) else f"{one:g}" for one in row]
            print(f"| {' | '.join(cells)} |")
        print(
            "\n| test part | recognised | budget left | seconds | served |\n|---|---|---|---|---|"
        )
        for name, figures in found["tested"].items():
            print(f"| {name} | " + " | ".join(f"{one:.3f}" for one in figures.values()) + " |")
        present, chosen = found["tested"]["present"], found["tested"]["chosen"]
        better = [
            name for name, sign in BETTER.items() if sign * (chosen[name] - present[name]) > 0
        ]
        told = ", ".join(better) or "nothing"
        on_front = "is" if found["default_on_front"] else "is not"
        print(f"\nchosen is better in: {told}; the default {on_front} on the front", flush=True)


if __name__ == "__main__":
    main()
