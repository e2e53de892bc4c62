"""The whole job but painting for many shoppers: seconds, users per second and core, peak memory.

    python -m benchmarks.scale [USERS ...] [--items 100000] [--fit-users 50000] [--workers 1]

The log is synthetic and made here, a block of shoppers at a time: about twenty events each, 50
looks, items of Zipf popularity in 200 categories; shoppers like a few categories, and most like one
family of looks. Pictures are synthetic too: their codes and embeddings are drawn, and all items
share one file, since `encode` works item by item and knows no shopper. Painting is left out:
`render` counts the renders wanted and makes their keys, and every one is taken for painted.
`export` writes the feed as one SQLite file. What each stage took is told on stderr when it ends.

Seconds are processor seconds of all processes, which other work on the machine does not change, and
memory is the largest proportional set size (PSS, shared pages counted once) of the process tree.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from benchmarks.machine import describe
from benchmarks.processes import Watch
from features.style_space import StyleSpace
from pipelines.config import RunConfig, parse_config
from pipelines.jobs.export_feed import export_feed
from pipelines.stages import road
from pipelines.stages.encode import STYLE_SPACE
from pipelines.stages.render import render_plan, wanted_renders
from pipelines.stores import storage
from pipelines.stores.render_store import RENDER_COLUMNS
from pipelines.stores.workspace import StageFolder, read_record

LOOKS, FAMILIES, CATEGORIES, CONTENT, CODE = 50, 8, 200, 1280, 100
SHOPPERS_PER_BLOCK = 20_000
STAGES = ("prepare", "encode", "fit", "score", "render", "clips", "feed")
PARTS = (*STAGES, "export")
PER_USER = ("prepare", "score", "render", "feed", "export")
"""`export` is the SQLite file; `encode` and `fit` do not grow with the shoppers."""
START = pd.Timestamp("2026-01-01", tz="UTC")


def main() -> None:
    """Print a row for each number of shoppers."""
    asked = argparse.ArgumentParser(description="The whole job but painting.")
    asked.add_argument("users", type=int, nargs="*", default=[10_000, 50_000])
    asked.add_argument("--items", type=int, default=100_000)
    asked.add_argument("--fit-users", type=int, default=50_000)
    asked.add_argument("--workers", type=int, default=1)
    told = asked.parse_args()
    print(describe("torch", "lightgbm", "implicit", "pyarrow"), flush=True)
    print(
        f"\n{told.items:,} items, {LOOKS} looks, fit.max_users = {told.fit_users:,}, "
        f"{told.workers} worker(s); processor seconds by stage, peak PSS in GiB\n"
    )
    print("| users | events | " + " | ".join(PARTS) + " | users/s and core | peak GiB |")
    print("|" + "---|" * (len(PARTS) + 4))
    for users in told.users:
        folder = Path(tempfile.mkdtemp(prefix="scale"))
        try:
            line = measure(folder, users, told.items, told.fit_users, told.workers)
            print(line, flush=True)
        finally:
            shutil.rmtree(folder)


def measure(folder: Path, users: int, items: int, fit_users: int, workers: int) -> str:
    """Make the shop, run the job, and tell its row of the table."""
    shop = folder / "shop"
    shop.mkdir()
    make_shop(shop, items)
    write_log(shop / "events.parquet", users, items)
    config = parse_config({"workers": workers, "fit": {"max_users": fit_users}})
    inputs = {name: shop / f"{name}.parquet" for name in ("events", "items", "styles")}
    workspace, job = road.open_job(folder / "out", inputs, config)
    spent = {}
    replaced = {"encode": encode, "render": render}
    stages = road.STAGES
    road.STAGES = tuple(replace(s, run=replaced.get(s.name, s.run)) for s in stages)
    try:
        with Watch() as watch:
            for part in PARTS:
                before, started = watch.processor_s(), time.time()
                if part == "export":
                    export_feed(workspace.root)
                else:
                    road.run_stages(workspace, job, config, [part], lambda _: None)
                spent[part] = (watch.processor_s() - before, watch.peak_gib())
                clock = time.time() - started
                print(
                    f"{users:,} {part}: {spent[part]}, {clock:.0f} s on the clock", file=sys.stderr
                )
    finally:
        road.STAGES = stages
    counts = read_record(workspace, "prepare")["counts"]
    per_user = sum(spent[part][0] for part in PER_USER)
    cells = " | ".join(f"{seconds:.0f} s, {gib:.1f}" for seconds, gib in spent.values())
    peak = max(gib for _, gib in spent.values())
    return (
        f"| {counts['users']:,} | {counts['events']:,} | {cells} | {users / per_user:.0f} | "
        f"{peak:.2f} |"
    )


def make_shop(shop: Path, n_items: int) -> None:
    """Write items, styles and the one picture that all of them name."""
    Image.fromarray(np.full((32, 32, 3), 200, dtype=np.uint8)).save(shop / "one.jpg")
    rng = np.random.default_rng(1)
    items = pd.DataFrame({"item_id": [f"i{n:06d}" for n in range(n_items)]})
    items["image_path"] = "one.jpg"
    items["category"] = [f"c{n % CATEGORIES:03d}" for n in range(n_items)]
    items["price"] = rng.lognormal(3, 1, n_items).round(2)
    items.to_parquet(shop / "items.parquet", index=False)
    styles = pd.DataFrame({"style_id": [f"s{n:02d}" for n in range(LOOKS)]})
    styles["name"], styles["image_path"] = styles["style_id"], "one.jpg"
    styles.to_parquet(shop / "styles.parquet", index=False)


def write_log(path: Path, users: int, items: int) -> None:
    """Write the log of `users` shoppers, a block of them at a time."""
    with storage.GrowingTable(path) as file:
        for start in range(0, users, SHOPPERS_PER_BLOCK):
            n = min(SHOPPERS_PER_BLOCK, users - start)
            file.add(synthetic_events(np.arange(start, start + n), items))


def synthetic_events(users: np.ndarray[Any, Any], n_items: int) -> pd.DataFrame:
    """Impressions, and the views and purchases they led to, of some shoppers."""
    rng = np.random.default_rng([7, int(users[0])])
    # About four slates of four impressions; an answer to a quarter of them.
    visits = 1 + rng.poisson(3.0, len(users))
    who = np.repeat(np.repeat(np.arange(len(users)), visits), 4)
    n = len(who)
    liked = rng.integers(0, CATEGORIES, (len(users), 4))
    category = np.where(
        rng.random(n) < 0.7, liked[who, rng.integers(0, 4, n)], rng.integers(0, CATEGORIES, n)
    )
    per_category = n_items // CATEGORIES
    # Zipf with exponent 1 over the items of a category, by inversion.
    rank = np.floor(np.exp(rng.random(n) * np.log(per_category))).astype(np.int64) - 1
    item = rank * CATEGORIES + category
    look = np.where(rng.random(n) < 0.3, LOOKS, rng.integers(0, LOOKS, n))
    family = rng.integers(-2, FAMILIES, len(users))[who]
    fond = (look < LOOKS) & (look % FAMILIES == family)
    wanted = (category[:, None] == liked[who]).any(axis=1)
    answered = rng.random(n) < 1 / (1 + np.exp(1.9 - 0.8 * wanted - 1.2 * fond))
    visit = np.repeat(np.arange(n // 4), 4)
    moment = rng.random(n // 4)[visit] * 60 * 86_400 + np.tile(np.arange(4), n // 4)
    shown = pd.DataFrame(
        {
            "user": users[who],
            "item": item,
            "seconds": moment,
            "event_type": "impression",
            "look": look,
            "position": np.tile(np.arange(1, 5), n // 4).astype(np.int16),
            "propensity": np.where(look == LOOKS, 0.3, 0.7 / LOOKS),
            "visit": visit,
            "dwell_s": np.nan,
        }
    )
    viewed = shown[answered].assign(event_type="view")
    viewed["seconds"] += 5.0
    viewed["dwell_s"] = rng.lognormal(2.5, 0.8, len(viewed))
    bought = viewed[rng.random(len(viewed)) < 0.15].assign(event_type="purchase", dwell_s=np.nan)
    bought["seconds"] += 60.0
    rows = pd.concat([shown, viewed, bought], ignore_index=True).sort_values("seconds")
    names = np.array([*(f"s{n:02d}" for n in range(LOOKS)), None], dtype=object)
    time_us = pd.to_timedelta(rows["seconds"], unit="s").astype("timedelta64[us]")
    return pd.DataFrame(
        {
            "user_id": ("u" + rows["user"].astype("str").str.zfill(8)).astype("str"),
            "item_id": ("i" + rows["item"].astype("str").str.zfill(6)).astype("str"),
            "timestamp": (START + time_us).astype("datetime64[us, UTC]"),
            "event_type": rows["event_type"].astype("str"),
            "dwell_s": rows["dwell_s"].astype(np.float32),
            "style_id": pd.array(names[rows["look"].to_numpy()], dtype="str"),
            "position": rows["position"],
            "propensity": rows["propensity"],
            "session_id": "v" + rows["user"].astype("str") + "-" + rows["visit"].astype("str"),
        }
    )


def encode(folder: StageFolder, config: RunConfig) -> dict[str, Any]:
    """Drawn codes and embeddings in the place of encoded pictures."""
    rng = np.random.default_rng(2)
    items = folder.read("tables/items.parquet")
    path = str(folder.inputs["items"].parent / "one.jpg")
    digest = storage.digest_bytes(Path(path).read_bytes())
    with storage.GrowingTable(folder.path("tables/item_pictures.parquet")) as file:
        kinds = rng.normal(size=(CATEGORIES, CONTENT)).astype(np.float32)
        mixed = rng.normal(size=(40, CONTENT)).astype(np.float32)
        codes = rng.normal(size=(CATEGORIES, CODE)).astype(np.float32)
        for start in range(0, len(items), 10_000):
            part = items.iloc[start : start + 10_000]
            of = part["category"].str[1:].astype(int).to_numpy()
            content = kinds[of] + rng.normal(size=(len(part), 40)).astype(np.float32) @ mixed / 4
            code = 3 + 0.3 * codes[of] + 0.3 * rng.normal(size=(len(part), CODE))
            file.add(_pictures(part[["item_id"]], path, digest, code).assign(
                content_embedding=list(content)
            ))  # fmt: skip
    styles = folder.read("tables/styles.parquet")[["style_id"]]
    centres = rng.normal(size=(FAMILIES, CODE))
    code = 4 + centres[np.arange(LOOKS) % FAMILIES] + 0.4 * rng.normal(size=(LOOKS, CODE))
    looks = _pictures(styles, path, digest, code)
    folder.write("tables/look_pictures.parquet", looks)
    space = StyleSpace.fit(np.stack(looks["style_code"].to_list()), 3 + 0.3 * codes)
    with storage.replace_file(folder.path(STYLE_SPACE)) as temporary:
        space.save(temporary)
    folder.set_aside("encode", [])
    return {"pictures": len(items)}


def _pictures(
    table: pd.DataFrame, path: str, digest: str, code: np.ndarray[Any, Any]
) -> pd.DataFrame:
    return table.assign(
        path=path,
        picture_digest=digest,
        suffix="jpg",
        note="",
        style_code=list(code.astype(np.float32)),
        phash=np.zeros(len(table), dtype=np.uint64),
    )


def render(folder: StageFolder, config: RunConfig) -> dict[str, Any]:
    """The plan with its keys; every render of it is taken for painted."""
    columns = ["item_id", "picture_digest"]
    items = pd.read_parquet(folder.path("tables/item_pictures.parquet"), columns=columns)
    looks = folder.read("tables/look_pictures.parquet").assign(verbatim=False)
    plan = render_plan(wanted_renders(folder), items.assign(mask_digest=None), looks, config.render)
    made = plan.drop(columns="seen").assign(
        requested_mode="faithful",
        served_mode="faithful",
        served_strength=plan["strength"],
        image_uri="renders/" + plan["render_key"].str[:2] + "/" + plan["render_key"] + ".jpg",
    )
    made = made.reindex(columns=list(RENDER_COLUMNS)).astype(RENDER_COLUMNS)
    folder.write("renders.parquet", made)
    folder.set_aside("render", [])
    return {"renders": len(plan)}


if __name__ == "__main__":
    started = time.time()
    main()
    print(f"\n{(time.time() - started) / 60:.0f} minutes on the clock")
