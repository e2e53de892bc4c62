"""Does the watermark of pictures, in every frame of a clip, outlive encoders? What does it cost?

    python -m benchmarks.clip_marks [--size 256] [--frames 24] [--looks 1] [--photos 1]
        [--folder runs/clip_marks]

Clips of `benchmarks.moving` in a set, with and without the mark. It is read from what is served,
and from what that is encoded to again: from each frame alone, and from all frames together.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
import pandas as pd
import torch

from benchmarks.clips import Bench, Picture, Row, filmed, measure
from benchmarks.machine import describe
from benchmarks.moving import RATE
from styletransfer.provenance import watermark

PAYLOAD: Final = 0x5EED5EED
MARK_KEY: Final = 1


def _again(
    pictures: list[Picture], codec: str, options: dict[str, str], scale: int = 1
) -> list[Picture]:
    """Frames as viewers see them after another encoder, at 1 / `scale` of the size."""
    height, width = (side // scale // 2 * 2 for side in pictures[0].shape[:2])
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream(codec, rate=RATE, options=options)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        for picture in pictures:
            small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(small, format="rgb24")))
        container.mux(stream.encode(None))
    file.seek(0)
    with av.open(file) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


ENCODINGS: Final[dict[str, Callable[[list[Picture]], list[Picture]]]] = {
    "as served": lambda p: p,
    "H.264, crf 23": lambda p: _again(p, "libx264", {"crf": "23"}),
    "H.264, crf 28": lambda p: _again(p, "libx264", {"crf": "28"}),
    "H.264, crf 34": lambda p: _again(p, "libx264", {"crf": "34"}),
    "VP9, crf 36": lambda p: _again(p, "libvpx-vp9", {"crf": "36", "b": "0", "cpu-used": "5"}),
    "half the size, H.264, crf 23": lambda p: _again(p, "libx264", {"crf": "23"}, 2),
}  # fmt: skip


def run_marks(bench: Bench, n_photos: int, size_px: int, count: int) -> None:
    """Print how often the mark is read from single frames, and what it costs."""
    read: dict[str, list[list[bool]]] = {name: [] for name in (*ENCODINGS, "not marked")}
    whole: dict[str, list[bool]] = {name: [] for name in read}
    costs: dict[str, list[Row]] = {"plain": [], "marked": []}
    spent = 0.0

    def mark(picture: Picture) -> Picture:
        nonlocal spent
        began = time.process_time()
        marked = watermark.embed(picture, PAYLOAD, MARK_KEY)
        spent += time.process_time() - began
        return marked

    def listen(name: str, pictures: list[Picture]) -> None:
        alone = [watermark.detect(one, MARK_KEY).found for one in pictures]
        read[name].append(alone)
        told = watermark.detect_in_frames(pictures, MARK_KEY)
        whole[name].append(told.payload == PAYLOAD if name in ENCODINGS else told.found)

    refused = 0
    for _, _, _, made, frames in filmed(bench.folder, n_photos, size_px, count):
        for look in bench.looks:
            plain = bench.clip("set", frames, look)
            marked = bench.clip("set", frames, look, mark)
            if plain is None or marked is None:
                refused += 1
                continue
            costs["plain"].append(measure(made, plain, frames))
            costs["marked"].append(measure(made, marked, frames))
            listen("not marked", plain)
            for name, encode in ENCODINGS.items():
                listen(name, encode(marked))
    print(f"{len(read['as served'])} clips, {refused} refused\n")
    print("| encoded | frames that tell alone | clips that tell |\n|---|---|---|")
    for name, clips in read.items():
        print(f"| {name} | {np.concatenate(clips).mean():.3f} | {np.mean(whole[name]):.2f} |")
    print("\n| frames | warping error | mean delta-E | delta-E <= 2.5, frames |\n|---|---|---|---|")
    for name, rows in costs.items():
        mean = pd.DataFrame(rows).mean()
        print(f"| {name} | {mean['warping']:.2f} | {mean['delta_e']:.2f} | {mean['within']:.3f} |")
    print(
        f"\nmarking a frame: {1e3 * spent / max(len(np.concatenate(read['as served'])), 1):.0f} ms"
    )


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--looks", type=int, default=1)
    parser.add_argument("--photos", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("runs/clip_marks"))
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    print(describe("av", "opencv-python-headless", "torch"), "\n")
    bench = Bench(chosen.size, chosen.looks, chosen.folder)
    run_marks(bench, chosen.photos, chosen.size, chosen.frames)


if __name__ == "__main__":
    main()
