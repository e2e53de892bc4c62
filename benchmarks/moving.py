"""Clips made of photos, with the product's exact mask and every pixel's exact motion.

`python -m benchmarks.moving [--folder runs/moving]` writes each as MP4, to look at.

A camera that pans, zooms or shakes sees one flat photo, so all of it moves alike; on a turntable a
product swings left and right as a shallow relief before a ground that stays. `cut` is two of those,
one after the other. Photos with a true mask only: hand-masked phone photos, and hand-cut garments
and drawn products on studio grounds.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.hand_masks.runs import read_masks
from benchmarks.photo_kinds import CLOTHING, Photo, photos
from features.images import decode, resize_longest
from styletransfer.faithful.plate import take_apart
from styletransfer.video.writer import ClipWriter

KINDS: Final = ("pan", "zoom", "shake", "turntable", "cut")
RATE: Final = 24
NOISE: Final = 1.5
_TIME_BASE: Final = Fraction(1, RATE)
_SWING: Final = np.radians(28.0)
_DEPTH: Final = 0.4
_ONE_SWING_S: Final = 4.0

Picture = NDArray[np.uint8]
Plane = NDArray[np.float32]


class Moved(NamedTuple):
    """One frame: its picture uint8 (h, w, 3), exact mask float32 (h, w), and exact motion.

    `back` float32 (h, w, 2) leads each pixel to where it was in the frame before, (dx, dy) px;
    `known` bool (h, w) where that lies in the frame and shows the same thing. Both are None for
    the first frame of a shot.
    """

    picture: Picture
    alpha: Plane
    back: Plane | None
    known: NDArray[np.bool_] | None


def scenes(count: int) -> list[Photo]:
    """Phone photos with a hand-drawn mask that nothing was tuned on, spread over the kinds."""
    drawn = [hand for hand in read_masks() if hand.part == "test"]
    chosen = drawn[:: max(len(drawn) // count, 1)][:count]
    return [
        Photo(
            "scene",
            f"{hand.file.split('/')[1]}-{Path(hand.file).stem[:4]}",
            (CLOTHING / hand.file).read_bytes(),
            "jpg",
            hand.mask.astype(np.float32),
            None,
        )
        for hand in chosen
    ]


def studio(count: int) -> list[Photo]:
    """Products on studio grounds."""
    return photos("white ground", count)


def make(kind: str, photo: Photo, other: Photo, size_px: int, count: int) -> Iterator[Moved]:
    """The frames of a clip of `kind`, the same at every call; `other` is what a cut leads to."""
    if kind == "cut":
        yield from make("pan", photo, other, size_px, count // 2)
        yield from make("turntable", other, photo, size_px, count - count // 2)
    elif kind == "turntable":
        yield from _turn(photo, size_px, count)
    else:
        yield from _shoot(kind, photo, size_px, count)


def write(path: Path, frames: Iterator[Moved]) -> list[Moved]:
    """Encode a clip as a shop's would be; returns its frames."""
    made = list(frames)
    height, width = made[0].picture.shape[:2]
    with ClipWriter(path, height, width, _TIME_BASE, Fraction(RATE), {}) as writer:
        for number, frame in enumerate(made):
            writer.write(frame.picture, number)
        writer.finish()
    return made


def _shoot(kind: str, photo: Photo, size_px: int, count: int) -> Iterator[Moved]:
    """One flat photo before a camera that moves: crops of about two thirds of it."""
    picture, alpha = _read(photo, round(size_px * 1.5))
    tall, wide = picture.shape[:2]
    scale = size_px / max(tall, wide)
    height, width = (2 * round(side * scale / 2) for side in (tall, wide))
    rng = np.random.default_rng(0)
    wobble = np.stack([_smooth_walk(rng, count) for _ in range(3)])
    before = None
    for number in range(count):
        # The pace is that of a whole clip of 5 s, however many frames are made.
        time = number / (5 * RATE)
        zoom, turn, shift = 1 / 1.25, 0.0, np.zeros(2)
        if kind == "pan":
            shift = np.array([0.16 * (2 * time - 0.5) * width, 0.03 * time * height])
        elif kind == "zoom":
            zoom = 1 / (1.05 + 0.4 * time)
        else:
            shift, turn = wobble[:2, number] * 0.012 * size_px, 0.008 * wobble[2, number]
        # Frame -> photo: turned and scaled about the middles of both.
        cos, sin = np.cos(turn) / zoom, np.sin(turn) / zoom
        linear = np.array([[cos, -sin], [sin, cos]])
        middle = np.array([wide / 2, tall / 2]) + shift
        offset = middle - linear @ [width / 2, height / 2]
        to_photo = np.column_stack((linear, offset))
        seen, inside = (
            cv2.warpAffine(
                plane, to_photo, (width, height), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REFLECT_101,
            )
            for plane in (picture, alpha)
        )  # fmt: skip
        back = None if before is None else _between(to_photo, before, height, width)
        before = to_photo
        yield _frame(seen, inside.clip(0, 1), back, None, rng)


def _turn(photo: Photo, size_px: int, count: int) -> Iterator[Moved]:
    picture, alpha = _read(photo, size_px)
    height, width = (side // 2 * 2 for side in picture.shape[:2])
    picture, alpha = picture[:height, :width], alpha[:height, :width]
    ground = take_apart(picture, alpha).background
    columns = np.flatnonzero((alpha > 0.02).any(axis=0))
    left, right = float(columns[0]), float(columns[-1])
    middle, half = (left + right) / 2, max((right - left) / 2, 1.0)
    across = np.linspace(-1, 1, 801)
    rng = np.random.default_rng(1)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    before_source = before_alpha = None
    for number in range(count):
        angle = _SWING * np.sin(2 * np.pi * number / (_ONE_SWING_S * RATE))
        # A relief: what is at `across` of the product lies so far in front.
        turned = across * np.cos(angle) + _DEPTH * (1 - across**2) * np.sin(angle)
        source = np.interp((x[0] - middle) / half, turned, across, left=-2, right=2)
        source = (middle + half * source).astype(np.float32)
        sources = np.broadcast_to(source, x.shape)
        body = cv2.remap(picture, np.ascontiguousarray(sources), y, cv2.INTER_CUBIC)
        inside = cv2.remap(alpha, np.ascontiguousarray(sources), y, cv2.INTER_LINEAR)
        mixed = body * inside[..., None] + ground * (1 - inside[..., None])
        back = known = None
        if before_source is not None and before_alpha is not None:
            # Where in the frame before the same part of the product was.
            was = np.interp(source, before_source, x[0]).astype(np.float32)
            step = np.where(inside > 0.5, np.broadcast_to(was - x[0], x.shape), 0)
            back = np.dstack((step, np.zeros_like(step))).astype(np.float32)
            there = cv2.remap(before_alpha, x + back[..., 0], y, cv2.INTER_LINEAR)
            known = np.abs(there - inside) < 0.1
        before_source, before_alpha = source, inside
        yield _frame(mixed.clip(0, 255).round().astype(np.uint8), inside, back, known, rng)


def _read(photo: Photo, size_px: int) -> tuple[Picture, Plane]:
    picture = resize_longest(decode(photo.file), size_px, upscale=True)
    assert photo.alpha is not None
    size = picture.shape[1::-1]
    return picture, cv2.resize(photo.alpha, size, interpolation=cv2.INTER_AREA).astype(np.float32)


def _frame(
    picture: Picture,
    alpha: Plane,
    back: Plane | None,
    known: NDArray[np.bool_] | None,
    rng: np.random.Generator,
) -> Moved:
    noisy = picture + rng.normal(0, NOISE, picture.shape)
    if back is not None:
        height, width = alpha.shape
        y, x = np.mgrid[:height, :width] + back.transpose(2, 0, 1)[::-1]
        inside = (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
        known = inside if known is None else known & inside
    return Moved(noisy.clip(0, 255).round().astype(np.uint8), alpha, back, known)


def _between(
    now: NDArray[np.float64], before: NDArray[np.float64], height: int, width: int
) -> Plane:
    """Motion back from the frame of map `now` to that of `before`."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    points = np.stack([x, y, np.ones_like(x)]).reshape(3, -1)
    was = np.linalg.solve(before[:, :2], now @ points - before[:, 2:])
    return (was - points[:2]).reshape(2, height, width).transpose(1, 2, 0).astype(np.float32)


def _smooth_walk(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """A hand's shake: noise below about 5 Hz, of deviation 1."""
    steps = cv2.GaussianBlur(rng.standard_normal((1, 5 * RATE + 40)), (0, 0), 2.2)[0, 20:]
    walk = np.resize(np.concatenate([steps, steps[::-1]]), count)
    return np.asarray(walk / steps.std() - walk[0] / steps.std(), dtype=np.float64)


def main() -> None:
    """Write a clip of each kind."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, default=Path("runs/moving"))
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    scene, still = scenes(1)[0], studio(1)[0]
    for kind in KINDS:
        photo = still if kind == "turntable" else scene
        write(folder / f"{kind}.mp4", make(kind, photo, still, 384, 5 * RATE))


if __name__ == "__main__":
    main()
