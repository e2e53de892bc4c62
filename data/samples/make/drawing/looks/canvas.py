"""What the looks share: coordinates, palettes, flow fields, relief light and small sceneries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from drawing.noise import fbm, smoothstep

Floats = NDArray[np.float32]
SIZE_PX = 448


@dataclass(frozen=True)
class Look:
    """A named look: draw() -> sRGB picture (448, 448, 3), 0..1."""

    name: str
    tags: str
    draw: Callable[[], Floats]


def grid() -> tuple[Floats, Floats]:
    """x and y of pixel centres, both in 0..1, y down; each (448, 448)."""
    t = ((np.arange(SIZE_PX) + 0.5) / SIZE_PX).astype(np.float32)
    return np.meshgrid(t, t)  # type: ignore[return-value]


def rgb(color: str) -> Floats:
    """`#rrggbb` as sRGB 0..1 (3,)."""
    return np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)], dtype=np.float32) / 255


def clouds(
    scale: float, octaves: int = 4, seed: int = 0, stretch: Sequence[float] = (1, 1)
) -> Floats:
    """Fractal noise over the picture in about -1..1."""
    x, y = grid()
    p = np.stack([x * scale * stretch[0], y * scale * stretch[1]], -1)
    return fbm(p, octaves, seed)


def ramp(t: Floats, stops: Sequence[tuple[float, str]]) -> Floats:
    """Colours of values t along (position, colour) stops."""
    places = [p for p, _ in stops]
    colors = np.stack([rgb(c) for _, c in stops])
    return np.stack([np.interp(t, places, colors[:, k]) for k in range(3)], -1).astype(np.float32)


def lay(picture: Floats, cover: Floats, color: Floats | str) -> Floats:
    """Put colour over the picture where cover (h, w) is 1."""
    over = rgb(color) if isinstance(color, str) else color
    return picture * (1 - cover[..., None]) + over * cover[..., None]


def relief(height: Floats, strength: float = 1.0, azimuth: float = 225.0) -> Floats:
    """Light (h, w) about 1 on a relief lit from azimuth (degrees, 225 = upper left)."""
    gy, gx = np.gradient(height)
    a = np.radians(azimuth)
    slope = -(gx * np.cos(a) + gy * np.sin(a)) * strength
    return (1 + slope / np.sqrt(1 + (gx**2 + gy**2) * strength**2)).astype(np.float32)


def blur(picture: Floats, sigma: float) -> Floats:
    """Gaussian blur in pixels."""
    return cv2.GaussianBlur(picture, (0, 0), sigma)


def disc(cx: float, cy: float, r: float, soft: float = 0.003) -> Floats:
    """Cover of a disc."""
    x, y = grid()
    return 1 - smoothstep(r - soft, r + soft, np.hypot(x - cx, y - cy))


def sunset_sea() -> Floats:
    """A low sun over the sea, swirling sky."""
    x, y = grid()
    swirl = 0.07 * clouds(3, 3, 5) + 0.02 * clouds(9, 2, 8)
    sky = ramp(
        y + swirl,
        [
            (0.0, "#16335f"),
            (0.2, "#2f6a9e"),
            (0.36, "#7fb3b8"),
            (0.47, "#f3d28a"),
            (0.56, "#ef8f45"),
        ],
    )
    glow = np.exp(-(((x - 0.62) ** 2 + (y - 0.42) ** 2) / 0.02))
    picture = lay(sky, np.clip(glow * 0.8, 0, 1), "#ffe7a3")
    picture = lay(picture, disc(0.62, 0.42, 0.065), "#fff6d2")
    water = ramp(y, [(0.55, "#d9884e"), (0.62, "#3f7f97"), (0.78, "#1f4f7f"), (1.0, "#0f2a52")])
    path = np.exp(-(((x - 0.62) / (0.05 + 0.22 * np.clip(y - 0.56, 0, 1))) ** 2))
    ripples = smoothstep(0.0, 0.5, np.sin(y * 150 + 9 * clouds(8, 2, 3, (1, 2.5))) + 0.35)
    water = lay(water, path * ripples * 0.85, "#f6c46c")
    picture = np.where((y > 0.56)[..., None], water, picture)
    hill = 0.56 - 0.1 * np.clip(1 - x / 0.38, 0, 1) - 0.02 * clouds(7, 3, 2)
    return lay(picture, ((y > hill) & (y < 0.57)).astype(np.float32) * (x < 0.42), "#243a55")


def autumn_wood() -> Floats:
    """A path between trees in autumn."""
    x, y = grid()
    picture = ramp(
        y + 0.08 * clouds(4, 3, 1),
        [(0, "#8fb0c9"), (0.35, "#f0dcae"), (0.55, "#d9a75c"), (1, "#7c4a2b")],
    )
    path = np.abs(x - 0.5 - 0.12 * np.sin((1 - y) * 5)) < 0.035 + 0.28 * np.clip(y - 0.56, 0, 1)
    ground = ramp(clouds(12, 3, 5) * 0.5 + 0.5, [(0, "#6b3a22"), (0.5, "#b5622c"), (1, "#e0a03f")])
    picture = np.where((y > 0.56)[..., None], ground, picture)
    picture = np.where(
        ((y > 0.56) & path)[..., None],
        ramp(clouds(20, 2, 9) * 0.5 + 0.5, [(0, "#b98a62"), (1, "#e6c79a")]),
        picture,
    )
    rng = np.random.default_rng(4)
    for depth in np.linspace(0, 1, 26):
        side = rng.choice([-1, 1])
        tx = 0.5 + side * (0.1 + 0.08 * rng.random() + 0.42 * depth * rng.random() + 0.06)
        base, width = 0.56 + 0.34 * depth, 0.006 + 0.022 * depth
        trunk = (np.abs(x - tx - 0.02 * np.sin(y * 9 + tx * 20)) < width * (0.6 + 0.5 * y)) & (
            y < base
        )
        picture = lay(
            picture, trunk.astype(np.float32), ("#3c2618", "#55382a", "#6f4a35")[rng.integers(3)]
        )
        cy, r = 0.3 - 0.12 * depth + 0.08 * rng.random(), 0.1 + 0.13 * depth
        crown = np.hypot((x - tx) * 1.0, (y - cy) * 0.8) < r * (
            1 + 0.35 * clouds(14, 3, int(depth * 40))
        )
        tone = clouds(22, 2, int(depth * 90))[..., None]
        leaf = rgb(("#d9541e", "#e88a1f", "#f2b632", "#b5341f", "#c9741f")[rng.integers(5)])
        picture = np.where(
            (crown & (clouds(26, 2, int(depth * 70)) > -0.25))[..., None],
            np.clip(leaf * (1 + 0.35 * tone), 0, 1),
            picture,
        )
    return picture.astype(np.float32)


def river_garden() -> Floats:
    """A river bank with trees, a bridge's reflection and flowers."""
    x, y = grid()
    picture = ramp(
        y + 0.05 * clouds(4, 3, 3), [(0, "#9ec7e8"), (0.3, "#e9edda"), (0.42, "#b9d6a2")]
    )
    for cx, cy, r, color in (
        (0.12, 0.26, 0.2, "#3f7f4a"),
        (0.3, 0.32, 0.13, "#6fa552"),
        (0.86, 0.24, 0.22, "#2f6b52"),
        (0.68, 0.33, 0.11, "#9bbf55"),
    ):
        crown = np.hypot(x - cx, (y - cy) * 1.1) < r * (1 + 0.3 * clouds(9, 3, int(cx * 50)))
        shade = np.clip(1 + 0.35 * clouds(12, 2, 7) - 0.9 * (y - cy + 0.05), 0.4, 1.5)[..., None]
        picture = np.where(crown[..., None], rgb(color) * shade, picture)
    start = int(0.46 * SIZE_PX)
    mirror = picture[:start][::-1]
    water = mirror * 0.62 + rgb("#3f86c9") * 0.38
    sway = (6 * np.sin(np.arange(start) * 0.35)).astype(int)
    water = np.stack([np.roll(row, s, axis=0) for row, s in zip(water, sway, strict=True)])
    picture[start : start + len(water)] = water
    bank = y > 0.7 - 0.16 * x + 0.03 * clouds(6, 2, 4)
    meadow = ramp(clouds(10, 3, 8) * 0.5 + 0.5, [(0, "#4f8a3f"), (0.6, "#8fbf4f"), (1, "#c9d96f")])
    picture = np.where(bank[..., None], meadow, picture)
    spots = clouds(34, 1, 12)
    for low, color in ((0.42, "#e8536b"), (0.55, "#f6d13f"), (0.66, "#ffffff")):
        picture = np.where(
            (bank & (spots > low) & (spots < low + 0.1))[..., None], rgb(color), picture
        )
    return np.clip(picture, 0, 1).astype(np.float32)
