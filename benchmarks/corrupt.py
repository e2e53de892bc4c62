"""Is everything else served where one picture and one row in a hundred is damaged?

    python -m benchmarks.corrupt [--folder runs/corrupt]

All items of the sample shop, its first eight looks and sixty shoppers, painted small in the
artistic mode, run twice by `stylefeed run`: as it is, and with one picture and one row in a hundred
damaged (seed 0), of each kind at least one. Damaged pictures are of other items than damaged rows.
What is set aside is compared with what was damaged, row by row and picture by picture; a damaged
row of items or looks takes the events that name it along, which is counted too. What is served
is compared with the run of the sound shop: the same shoppers, as many rows each, all
sound pictures encoded. Exit code 1 where anything is missing, listed without a cause, or not
counted in the manifest.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from PIL import Image

from benchmarks.faults import PROGRAM, SAMPLES, SETTINGS
from benchmarks.machine import describe
from pipelines.stores.feed_versions import read_feed

SHARE: Final = 0.01
LOOKS: Final = 8
SHOPPERS: Final = 60
COLUMNS: Final = ("events", "items", "styles")


@dataclass(frozen=True)
class Damage:
    """One thing damaged: its table (or `pictures`), row, key, kind, and where it must be listed.

    listed: the file in `rejects/` that names it, or none where it has to be served all the same.
    """

    table: str
    row: int
    key: str
    kind: str
    listed: str | None


def main() -> None:
    """Make both shops, run both, print the tables; exit code 1 where a promise is broken."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, default=Path("runs/corrupt"))
    folder = parser.parse_args().folder
    shutil.rmtree(folder, ignore_errors=True)
    tables = _sound_shop(folder / "sound")
    shutil.copytree(folder / "sound", folder / "damaged")
    damages = _damage(folder / "damaged", tables)
    print(describe(), flush=True)
    for name in ("sound", "damaged"):
        _run(folder, name)
    wrong = _listed(folder, damages, tables) + _served(folder, damages)
    for line in wrong:
        print(f"WRONG: {line}")
    sys.exit(1 if wrong else 0)


def _sound_shop(shop: Path) -> dict[str, pd.DataFrame]:
    """Write the part of the sample shop as CSV; returns its tables, all text."""
    shutil.copytree(SAMPLES, shop)
    items = pd.read_csv(shop / "items.csv", dtype="str")
    styles = pd.read_csv(shop / "styles.csv", dtype="str").head(LOOKS)
    log = pd.read_parquet(shop / "events.parquet")
    (shop / "events.parquet").unlink()
    log = log[log["style_id"].isna() | log["style_id"].isin(styles["style_id"])]
    log = log[log["user_id"].isin(sorted(log["user_id"].unique())[:SHOPPERS])]
    tables = {"events": log.reset_index(drop=True), "items": items, "styles": styles}
    for name, table in tables.items():
        table.to_csv(shop / f"{name}.csv", index=False)
    return {name: pd.read_csv(shop / f"{name}.csv", dtype="str") for name in COLUMNS}


ROWS: Final[dict[str, dict[str, tuple[str, str | None, str]]]] = {
    "events": {
        "bad time": ("timestamp", "the day before", "prepare"),
        "null shopper": ("user_id", None, "prepare"),
        "null item": ("item_id", None, "prepare"),
        "unknown item": ("item_id", "no-such-item", "prepare"),
        "unknown look": ("style_id", "no-such-look", "prepare"),
        "unknown event type": ("event_type", "hover", "prepare"),
        "negative position": ("position", "-3", "prepare_values"),
        "word for a number": ("position", "first", "prepare_values"),
    },
    "items": {
        "null id": ("item_id", None, "prepare"),
        "id of another": ("item_id", "", "prepare"),
        "no picture named": ("image_path", None, "prepare"),
        "negative price": ("price", "-9.5", "prepare_values"),
        "word for a number": ("price", "cheap", "prepare_values"),
    },
    "styles": {
        "null id": ("style_id", None, "prepare"),
        "id of another": ("style_id", "", "prepare"),
    },
}
"""By table and kind: the column, what is written into it ('': the id of row 0), who lists it."""


def _damage(shop: Path, tables: dict[str, pd.DataFrame]) -> list[Damage]:
    """Damage rows and pictures of the shop; returns what was done."""
    rng = np.random.default_rng(0)
    done = []
    for name, kinds in ROWS.items():
        table, ids = tables[name].copy(), tables[name].columns[0]
        count = max(len(kinds), round(SHARE * len(table)))
        # Row 0 stays, for it is the one whose id is given twice.
        for place, row in enumerate(rng.choice(np.arange(1, len(table)), count, replace=False)):
            kind = list(kinds)[place % len(kinds)]
            column, value, listed = kinds[kind]
            done.append(Damage(name, int(row), str(table.at[row, ids]), kind, listed))
            table.loc[row, column] = table.at[0, column] if value == "" else value
        table.to_csv(shop / f"{name}.csv", index=False)
    for name, least in (("items", len(PICTURES)), ("styles", 1)):
        table = tables[name]
        spared = {0, *(one.row for one in done if one.table == name)}
        free = [row for row in range(len(table)) if row not in spared]
        for place, row in enumerate(
            rng.choice(free, max(least, round(SHARE * len(table))), replace=False)
        ):
            kind = list(PICTURES)[place % len(PICTURES)]
            change, is_lost = PICTURES[kind]
            path = shop / table.at[row, "image_path"]
            path.write_bytes(change(path.read_bytes()))
            key = str(table.iat[row, 0])
            done.append(Damage(f"{name}: pictures", int(row), key, kind, is_lost))
    return done


def _as_png(data: bytes) -> bytes:
    out = io.BytesIO()
    Image.open(io.BytesIO(data)).save(out, "PNG")
    return out.getvalue()


def _bomb(_: bytes) -> bytes:
    """A PNG of a hundred bytes whose header declares 60,000 x 60,000 pixels."""
    out = io.BytesIO()
    Image.new("L", (1, 1)).save(out, "PNG")
    data = bytearray(out.getvalue())
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    return bytes(data)


PICTURES: Final[dict[str, tuple[Callable[[bytes], bytes], str | None]]] = {
    "truncated": (lambda data: data[: len(data) // 2], "encode"),
    "no bytes": (lambda data: b"", "encode"),
    "text named .jpg": (lambda data: b"404 not found\n" * 40, "encode"),
    "PNG named .jpg": (_as_png, None),
    "header of a bomb": (_bomb, "encode"),
}


def _run(folder: Path, name: str) -> None:
    config = folder / "settings.toml"
    config.write_text(SETTINGS)
    options = [f"--{table}={folder / name / table}.csv" for table in COLUMNS]
    out = ["--out", str(folder / f"{name}-job"), "--config", str(config), "--quiet"]
    subprocess.run([*PROGRAM, "run", *options, *out], stdout=subprocess.DEVNULL, check=True)


def _rejects(job: Path, name: str) -> pd.DataFrame:
    path = job / "rejects" / f"{name}.csv"
    if not path.is_file():
        return pd.DataFrame(columns=["table", "row", "key", "reason", "got"])
    return pd.read_csv(path, dtype={"key": "str", "reason": "str", "got": "str"})


def _listed(folder: Path, damages: list[Damage], tables: dict[str, pd.DataFrame]) -> list[str]:
    """Print what was damaged and where it is listed; returns what is wrong."""
    job, wrong = folder / "damaged-job", []
    counts = json.loads((job / "manifest.json").read_text())["counts"]
    files = ("prepare", "prepare_values", "encode")
    new = {name: _rejects(job, name) for name in files}
    before = {name: _rejects(folder / "sound-job", name) for name in files}
    explained: dict[str, set[tuple[str, int]]] = {name: set() for name in files}
    lines: dict[tuple[str, str], list[int]] = {}
    taken = _taken_along(damages, tables["events"])
    for one in damages:
        table = one.table.partition(":")[0]
        line = lines.setdefault((one.table, one.kind), [0, 0])
        line[0] += 1
        if one.listed is None:
            continue
        # A value is not judged in a row that is lost already, for the item or look it names.
        where = "prepare" if table == "events" and one.row in taken else one.listed
        rows = new[where]
        hit = rows[(rows["table"] == table) & (rows["row"] == one.row)]
        line[1] += bool(len(hit) and hit["reason"].str.len().gt(0).all())
        explained[one.listed].add((table, one.row))
        if hit.empty:
            wrong.append(f"{one.table} row {one.row} ({one.kind}, {one.key}) is listed nowhere")
    explained["prepare"] |= {("events", row) for row in taken}
    print("| table | damage | done | listed |\n|---|---|---|---|")
    for (table, kind), (done, listed) in lines.items():
        served = not any(d.listed for d in damages if (d.table, d.kind) == (table, kind))
        print(f"| {table} | {kind} | {done} | {'served as it is' if served else listed} |")
    print(f"| events | name an item or look whose row is lost | {len(taken)} | ", end="")
    rows = new["prepare"]
    found = set(rows.loc[rows["table"] == "events", "row"].astype(int))
    print(f"{len(taken & found)} |")
    wrong += [f"event {row} of a lost item or look is listed nowhere" for row in taken - found]
    for name in files:
        listed = set(zip(new[name]["table"], new[name]["row"].astype(int), strict=True))
        known = set(zip(before[name]["table"], before[name]["row"].astype(int), strict=True))
        for table, row in sorted(listed - explained[name] - known):
            hit = new[name][(new[name]["table"] == table) & (new[name]["row"] == row)]
            wrong.append(f"{name}: {table} {row} without damage: {hit['reason'].iloc[0]}")
        told = counts["encode" if name == "encode" else "prepare"]
        told = told["values_set_aside" if name == "prepare_values" else "rejects"]
        if told != len(new[name]):
            wrong.append(f"the manifest counts {told} of {name}, listed are {len(new[name])}")
    return wrong


def _taken_along(damages: list[Damage], events: pd.DataFrame) -> set[int]:
    """Rows of events, themselves sound, that name an item or look whose row was set aside."""
    lost = {
        name: {one.key for one in damages if one.table == name and one.listed == "prepare"}
        for name in ("items", "styles")
    }
    named = events["item_id"].isin(lost["items"]) | events["style_id"].isin(lost["styles"])
    damaged = {one.row for one in damages if one.table == "events" and one.listed == "prepare"}
    return set(np.flatnonzero(named).tolist()) - damaged


def _served(folder: Path, damages: list[Damage]) -> list[str]:
    """Print what both runs serve; returns what is wrong."""
    feeds = {name: read_feed(folder / f"{name}-job") for name in ("sound", "damaged")}
    rows = {name: feed.groupby("user_id").size() for name, feed in feeds.items()}
    codes: dict[str, Any] = {
        name: set(
            pd.read_parquet(folder / f"{name}-job" / "tables" / "item_pictures.parquet")["item_id"]
        )
        for name in feeds
    }
    gone = {
        one.key
        for one in damages
        if one.table in ("items", "items: pictures") and one.listed in ("prepare", "encode")
    }
    print("\n| run | shoppers served | rows each | items with a picture |\n|---|---|---|---|")
    for name, count in rows.items():
        print(f"| {name} | {len(count)} | {count.min()} to {count.max()} | {len(codes[name])} |")
    wrong = []
    if not rows["sound"].equals(rows["damaged"]):
        wrong.append("other shoppers or numbers of rows are served than from the sound shop")
    if codes["damaged"] != codes["sound"] - gone:
        wrong.append(f"items served: {sorted(codes['damaged'] ^ (codes['sound'] - gone))}")
    if set(feeds["damaged"]["item_id"]) & gone:
        wrong.append("the feed shows an item that was set aside")
    return wrong


if __name__ == "__main__":
    main()
