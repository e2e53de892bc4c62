"""Which way of making a clip's paint steady keeps it recognised as its look?

    python -m benchmarks.clip_paint [--size 192] [--frames 12] [--looks 2] [--photos 1]
        [--folder runs/clip_paint]

The clips and figures of `benchmarks.clips`, with paint alone: a share of each frame's paint is new
and the rest carried along from the frame before, by linear interpolation or by Lanczos.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import clips
from benchmarks.machine import describe
from styletransfer.faithful.compose import Composer
from styletransfer.faithful.plate import Plate
from styletransfer.look import Look
from styletransfer.video import surroundings
from styletransfer.video.motion import Matrix, Motion, follow
from styletransfer.video.reader import Frame

TRIALS = {
    "all new": (1.0, True),
    ".3 new, linear": (0.3, False),
    ".3 new, Lanczos": (0.3, True),
    ".5 new, Lanczos": (0.5, True),
    "carried, Lanczos": (0.0, True),
}


class _Mixed(surroundings.CarriedPaint):
    """Paint of which a share is new in each frame."""

    share = np.float32(0.0)
    sharp = True

    def next(
        self, plate: Plate, composer: Composer, motion: Motion | None, camera: Matrix
    ) -> NDArray[np.float32]:
        ((paint, _),) = self._painter.paint(plate.background, [self._look], self._own_code)
        new = composer.finish_paint(paint, self._anchor.palette)

        def carry(plane: NDArray[np.float32], flow: NDArray[np.float32], sharp: bool = False):  # type: ignore[no-untyped-def]
            kept = follow(plane, flow, sharp=sharp and self.sharp)
            return self.share * new + (1 - self.share) * kept if sharp else kept

        with mock.patch.object(surroundings, "follow", carry):
            return super().next(plate, composer, motion, camera)


def _trial(share: float, sharp: bool) -> Callable[..., list[clips.Picture] | None]:
    def run(bench: clips.Bench, frames: list[Frame], look: Look) -> list[clips.Picture] | None:
        made = type("Trial", (_Mixed,), {"share": np.float32(share), "sharp": sharp})
        with mock.patch("styletransfer.video.clip.CarriedPaint", made):
            return bench.clip("paint", frames, look)

    return run


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--looks", type=int, default=2)
    parser.add_argument("--photos", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("runs/clip_paint"))
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    print(describe("av", "opencv-python-headless", "torch"), "\n")
    stills = clips.ENGINES["stills, paint"]
    clips.ENGINES.clear()
    clips.ENGINES.update({name: ("paint", _trial(*how)) for name, how in TRIALS.items()})
    clips.ENGINES["stills, paint"] = stills
    bench = clips.Bench(chosen.size, chosen.looks, chosen.folder)
    table = clips.run_quality(bench, chosen.photos, chosen.size, chosen.frames)
    table["frames"] = chosen.frames
    table["recognised"] = clips.recognised(table, chosen.folder)
    clips.show(table)


if __name__ == "__main__":
    main()
