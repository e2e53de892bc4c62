"""Is a shopper who is forgotten gone from the whole folder, and are the others untouched?

    python -m benchmarks.forget [--events 500] [--folder runs/forget]

A fifth of the sample shop's products, 90 of its shoppers and one made for the test, whose events
are drawn from the log's own (seed 0), through `stylefeed run`; then `stylefeed forget`, a search of
every decoded column and of the bytes of every file, a comparison of all other shoppers' rows, and
the same run again over the same log. The baseline deletes the shopper's rows of the events, of
users.parquet and of the current feed, as a shop would by hand, and is searched the same way.
"""

from __future__ import annotations

import argparse
import os
import shutil
import time
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow.parquet as pq

from benchmarks.machine import describe
from pipelines.config import parse_config
from pipelines.jobs.forget import forget
from pipelines.stages.road import run
from pipelines.stores.feed_versions import current_version
from pipelines.stores.shopper_keys import KEY_VARIABLE, pseudonym
from pipelines.stores.shopper_search import search_folder

SAMPLES: Final = Path("data/samples")
SHOPPER: Final = "shopper-to-forget"
SETTINGS: Final = {"render": {"size_px": 96}, "ranking": {"ranker": {"max_rounds": 30}}}


def main() -> None:
    """Run, forget, search, compare, run again, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=500)
    parser.add_argument("--folder", type=Path, default=Path("runs/forget"))
    asked = parser.parse_args()
    os.environ.setdefault(KEY_VARIABLE, "a key for this benchmark alone")
    shutil.rmtree(asked.folder, ignore_errors=True)
    inputs = _make_shop(asked.folder / "shop", asked.events)
    out, by_hand = asked.folder / "job", asked.folder / "by_hand"
    print(describe("pandas", "pyarrow"), flush=True)
    config = parse_config(SETTINGS)
    names = [SHOPPER, pseudonym(SHOPPER, os.environ[KEY_VARIABLE].encode())]
    run(out, inputs, config, lambda line: None)
    shutil.copytree(out, by_hand)
    before = _rows_of_others(out)

    _delete_by_hand(by_hand)
    left_by_hand = search_folder(by_hand, names)
    begun = time.perf_counter()
    done = forget(out, [SHOPPER])
    seconds = time.perf_counter() - begun
    after = _rows_of_others(out)
    same = sum(table.equals(after[name]) for name, table in before.items())
    manifest = run(out, inputs, config, lambda line: None)
    counts = manifest["counts"]["prepare"]
    rerun = search_folder(out, names)

    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(f"a shopper of {asked.events} events; folder of {size / 1e6:.0f} MB; {seconds:.1f} s")
    print("\n| after | files that still name the shopper |\n|---|---|")
    print(f"| the run | {_files(done['found'])} |")
    print(f"| rows deleted by hand | {len({finding.file for finding in left_by_hand})} |")
    print(f"| `stylefeed forget` | {_files(done['left'])} |")
    print(f"| the same run again | {len({finding.file for finding in rerun})} |")
    print(f"\nrows removed: {sum(done['rows'].values())}; deleted: {len(done['deleted'])} files")
    print(f"tables whose rows of the other shoppers are unchanged: {same} of {len(before)}")
    print(f"the rerun left {counts['events_forgotten']} events out: {counts['users']} users")


def _make_shop(folder: Path, n_events: int) -> dict[str, Path]:
    """A part of the sample shop with one more shopper, as files."""
    folder.mkdir(parents=True)
    items = pd.read_csv(SAMPLES / "items.csv", dtype="str").iloc[::5]
    log = pd.read_parquet(SAMPLES / "events.parquet")
    log = log[log["item_id"].isin(items["item_id"])]
    kept = sorted(log["user_id"].unique())[:90]
    log = log[log["user_id"].isin(kept)]
    more = log.sample(n_events, random_state=0, replace=True).assign(user_id=SHOPPER)
    # Each at a time of its own, so that none counts as logged twice.
    more["timestamp"] += pd.to_timedelta(range(2, 2 * n_events + 2, 2), unit="s")
    more["session_id"] = None
    pd.concat([log, more]).to_parquet(folder / "events.parquet", index=False)
    items.to_csv(folder / "items.csv", index=False)
    shutil.copyfile(SAMPLES / "styles.csv", folder / "styles.csv")
    for name in ("products", "looks", "masks"):
        for source in SAMPLES.glob(f"**/{name}"):
            place = folder / source.relative_to(SAMPLES)
            shutil.copytree(source, place, dirs_exist_ok=True)
    tables = {"events": "events.parquet", "items": "items.csv", "styles": "styles.csv"}
    return {name: folder / file for name, file in tables.items()}


def _delete_by_hand(out: Path) -> None:
    """What is done where no command does it: the rows that one thinks of."""
    places = [out / "users.parquet", *current_version(out).glob("bucket-*.parquet")]
    places += [path for path in (out / "tables").rglob("*.parquet") if "events" in str(path)]
    for path in places:
        table = pd.read_parquet(path)
        table[table["user_id"] != SHOPPER].to_parquet(path, index=False)


def _rows_of_others(out: Path) -> dict[str, pd.DataFrame]:
    """The rows of other shoppers in every table that has shoppers."""
    found = {}
    for path in sorted(out.rglob("*.parquet")):
        if "user_id" in pq.read_schema(path).names:
            table = pd.read_parquet(path)
            rows = table[table["user_id"] != SHOPPER].reset_index(drop=True)
            found[path.relative_to(out).as_posix()] = rows.astype(str)
    return found


def _files(findings: list[dict[str, object]]) -> int:
    return len({finding["file"] for finding in findings})


if __name__ == "__main__":
    main()
