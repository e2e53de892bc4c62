"""A day's new events on a finished job: what a run redoes, and its processor seconds.

    python -m benchmarks.day [SHOP_FOLDER] [--share 0.00274]

Three runs in one folder: on the log without its last events (a share of one day in 365), the same
again, and on the whole log, with `fit.refit_after = 0.05`: models stay, shoppers with new events
are served anew and only renders that are new are painted. The shop is that of docs/benchmarks.md.

Seconds are processor seconds of the command and all its workers, which other work on the machine
changes little.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.machine import describe
from benchmarks.processes import Watch
from benchmarks.shop import SHOP

SETTINGS = "top_k = 10\n[fit]\nrefit_after = 0.05\n"


def run(shop: Path, events: Path, folder: Path) -> tuple[dict[str, Any], float]:
    """Run the command in a process of its own; returns its manifest and the processor seconds."""
    program = [sys.executable, "-c", "from pipelines.cli import main; main()", "run", "--json"]
    program += ["--events", str(events), "--items", str(shop / "items.csv")]
    program += ["--styles", str(shop / "styles.csv"), "--out", str(folder / "out")]
    with Watch() as watch:
        before = watch.processor_s()
        done = subprocess.run(
            [*program, "--config", str(folder / "settings.toml")],
            stdout=subprocess.PIPE,
            check=True,
        )
        return json.loads(done.stdout), watch.processor_s() - before


def main() -> None:
    """Print a row for each run."""
    asked = argparse.ArgumentParser(description="A day's new events on a finished job.")
    asked.add_argument("shop", type=Path, nargs="?", default=SHOP)
    asked.add_argument("--share", type=float, default=1 / 365)
    told = asked.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="day"))
    try:
        log = pd.read_parquet(told.shop / "events.parquet").sort_values("timestamp", kind="stable")
        new = max(round(told.share * len(log)), 1)
        # A moment is not parted: an event of the last one that comes later would be late.
        before = log["timestamp"] < log["timestamp"].iloc[-new]
        new = int((~before).sum())
        log[before].to_parquet(folder / "yesterday.parquet", index=False)
        log.to_parquet(folder / "today.parquet", index=False)
        (folder / "settings.toml").write_text(SETTINGS)
        print(describe("torch", "lightgbm", "onnxruntime"))
        print(f"\n{len(log):,} events, {new:,} of them new\n")
        print(
            "| run | processor seconds | share | stages redone | shoppers served anew | painted |"
        )
        print("|---|---|---|---|---|---|", flush=True)
        whole = 0.0
        for name, file in (("full", "yesterday"), ("again", "yesterday"), ("a day later", "today")):
            manifest, seconds = run(told.shop, folder / f"{file}.parquet", folder)
            whole = whole or seconds
            counts, worked = manifest["counts"], manifest["worked"]
            score, render = counts["score"], counts["render"]
            anew = score["users"] - score.get("users_as_before", 0) if "score" in worked else 0
            painted = render["painted"] if "render" in worked else 0
            print(
                f"| {name} | {seconds:.1f} | {seconds / whole:.1%} | "
                f"{', '.join(worked) or 'none'} | {anew:,} | {painted:,} |",
                flush=True,
            )
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
