"""The main job on the real-photo shop: seconds, memory, the value its looks capture, a second run.

    python -m benchmarks.shop_run [SHOP_FOLDER]

The shop is semi-synthetic: photos, looks, customers and purchase times are real, exposures made.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.machine import describe
from benchmarks.shop import SHOP
from features.schema import ORIGINAL
from pipelines.stores.feed_versions import current_version, read_feed

JUDGE = Path("../shared/tools/score_feed.py")


def timed_run(shop: Path, out: Path) -> tuple[dict[str, object], float]:
    """Run the command in a process of its own; returns its manifest and the seconds."""
    program = [sys.executable, "-c", "from pipelines.cli import main; main()", "run", "--json"]
    tables = (("events", "events.parquet"), ("items", "items.csv"), ("styles", "styles.csv"))
    for name, file in tables:
        program += [f"--{name}", str(shop / file)]
    started = time.perf_counter()
    done = subprocess.run(
        [*program, "--out", str(out), "--top-k", "10"], stdout=subprocess.PIPE, check=True
    )
    return json.loads(done.stdout), time.perf_counter() - started


def main() -> None:
    """Print the table."""
    shop = Path(sys.argv[1]) if len(sys.argv) > 1 else SHOP
    out = Path(tempfile.mkdtemp(prefix="shop_run"))
    try:
        manifest, seconds = timed_run(shop, out)
        # The largest single process; workers beside it are a few hundred MiB each.
        peak_gib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        again, seconds_again = timed_run(shop, out)
        feed = read_feed(out)
        pictures = all((out / uri).is_file() for uri in feed["image_uri"].unique())
        drawn = feed[feed["style_drawn"] != ORIGINAL]
        renders = len(drawn[["item_id", "style_drawn"]].drop_duplicates())
        judged = (JUDGE, shop / "truth.parquet", shop / "styles.csv", current_version(out))
        captured = subprocess.run(
            [sys.executable, *map(str, judged)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
        complete = int((feed.groupby("user_id").size() == 10).sum())
    finally:
        shutil.rmtree(out)
    print(describe("torch", "lightgbm", "onnxruntime"))
    print("\n| figure | value |\n|---|---|")
    print(f"| first run | {seconds:.0f} s |")
    print(f"| largest process | {peak_gib:.2f} GiB |")
    print(f"| shoppers with 10 rows | {complete:,} of {feed['user_id'].nunique():,} |")
    print(f"| every picture there | {'yes' if pictures else 'no'} |")
    print(f"| distinct renders | {manifest['counts']['render']['renders']:,} |")
    per_thousand = 1000 * renders / feed["user_id"].nunique()
    print(f"| renders planned per 1,000 shoppers | {per_thousand:,.0f} |")
    fell_back = float((feed["style_drawn"] != feed["style_id"]).mean())
    print(f"| rows that fell back to the original | {fell_back:.1%} |")
    print(f"| second run, stages redone: {len(again['worked'])} | {seconds_again:.1f} s |")
    print("\n| stage | seconds |\n|---|---|")
    for stage, value in manifest["seconds"].items():
        print(f"| {stage} | {value:.1f} |")
    print(f"\nvalue of the looks served, by {JUDGE.name}:\n\n{captured}")


if __name__ == "__main__":
    main()
