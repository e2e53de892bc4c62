"""A cut-out product laid on a studio's ground, with its shadow."""

from __future__ import annotations

from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

_LEVELS: Final = {
    "packshot": 255.0,
    "white": 252.0,
    "sweep": 248.0,
    "near-white": 240.0,
    "coloured": 215.0,
}

Picture = NDArray[np.uint8]
Alpha = NDArray[np.float32]


class CutOut(NamedTuple):
    """A product without its ground: colours uint8 (h, w, 3), also under soft edges, and alpha."""

    name: str
    colours: Picture
    alpha: Alpha
    stands: bool


def shoot(
    cut_out: CutOut, ground: str, height: int, rng: np.random.Generator
) -> tuple[Picture, Alpha]:
    """The cut-out on a `ground` of a studio with its shadow, and where it is.

    `ground` is one of packshot (pure white), white, sweep, near-white and coloured. Returns uint8
    (height, w, 3) and float32 (height, w).
    """
    width = int(height * rng.choice([0.75, 0.8, 1.0]))
    colours, alpha = frame(cut_out, (height, width), rng.uniform(0.68, 0.86))
    behind = _ground(ground, (height, width), rng)
    behind *= 1 - _shadow(alpha, cut_out.stands, ground, rng)[..., None]
    noisy = behind + rng.normal(0, rng.uniform(0, 1.2), behind.shape)
    return lay_over(colours, alpha, noisy), alpha


def frame(cut_out: CutOut, shape: tuple[int, int], fill: float) -> tuple[Picture, Alpha]:
    """The cut-out scaled to `fill` of the frame and centred in it, a little low."""
    rows, columns = np.nonzero(cut_out.alpha > 0.02)
    top, left = rows.min(), columns.min()
    tall, wide = rows.max() + 1 - top, columns.max() + 1 - left
    height, width = shape
    scale = fill * min(height / tall, width / wide)
    shift = (width - scale * wide) / 2 - scale * left, (height - scale * tall) * 0.55 - scale * top
    place = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    size = (width, height)
    edge = cv2.BORDER_REPLICATE
    colours = cv2.warpAffine(cut_out.colours, place, size, flags=way, borderMode=edge)
    alpha = cv2.warpAffine(cut_out.alpha, place, size, flags=way).clip(0, 1)
    return colours.astype(np.uint8), alpha.astype(np.float32)


def lay_over(colours: Picture, alpha: Alpha, behind: NDArray[np.float64]) -> Picture:
    mixed = colours * alpha[..., None] + behind * (1 - alpha[..., None])
    return mixed.clip(0, 255).round().astype(np.uint8)


def _ground(kind: str, shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float64]:
    down, across = np.linspace(0, 1, shape[0])[:, None], np.linspace(-1, 1, shape[1])
    level = {"packshot": 255.0, "white": 252.0, "sweep": 248.0, "near-white": 240.0}.get(
        kind, 215.0
    )
    light = np.full(shape, level)
    if kind == "sweep":  # a paper sweep: the floor falls off to the front and the sides
        light -= rng.uniform(6, 18) * np.clip(down - 0.55, 0, None) / 0.45
        light -= rng.uniform(2, 6) * across**2
    elif kind != "packshot":
        light += rng.uniform(-3, 3) * (down - 0.5) + rng.uniform(-3, 3) * across
    tint = np.zeros(3)
    if kind == "near-white":
        tint = rng.uniform(-5, 3, 3)
    elif kind == "coloured":
        tint = rng.uniform(-45, 25, 3)
    return light[..., None] + tint


def _shadow(
    alpha: Alpha, stands: bool, ground: str, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Share of light lost: below what stands a contact shadow, around what lies a soft one."""
    height, width = alpha.shape
    rows, columns = np.nonzero(alpha > 0.5)
    depth = rng.uniform(0.1, 0.35) if ground == "packshot" else rng.uniform(0.15, 0.5)
    if not stands:
        offset = int(rng.integers(2, 8)), int(rng.integers(-5, 6))
        soft = cv2.GaussianBlur(np.roll(alpha, offset, (0, 1)), (0, 0), rng.uniform(3, 9))
        return np.asarray(depth * soft, dtype=np.float64)
    bottom = rows.max()
    touching = columns[rows > bottom - 0.06 * (bottom - rows.min())]
    reach = max(float(np.ptp(touching)) / 2, 0.12 * width)
    y, x = np.mgrid[:height, :width]
    flat = ((x - (touching.min() + touching.max()) / 2) / reach) ** 2 + (
        (y - bottom) / (0.035 * height)
    ) ** 2
    wide = np.exp(-0.5 * (flat / 3.0))
    return np.asarray(depth * (0.7 * np.exp(-0.5 * flat) + 0.3 * wide))
