"""Painted looks: strokes of a brush or a knife, dots, washes."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from drawing.looks.canvas import (
    SIZE_PX,
    Look,
    autumn_wood,
    blur,
    clouds,
    grid,
    relief,
    rgb,
    river_garden,
    sunset_sea,
)
from drawing.noise import smoothstep

Floats = NDArray[np.float32]


def _brush(
    length: int, width: int, turn: float, seed: int, *, knife: bool = False
) -> tuple[Floats, Floats]:
    """Cover and height of one stroke, turned by radians."""
    rng = np.random.default_rng(seed)
    side = int(np.hypot(length, width)) + 5
    t = np.arange(side, dtype=np.float32) - side / 2 + 0.5
    px, py = np.meshgrid(t, t)
    a, b = px * np.cos(turn) + py * np.sin(turn), -px * np.sin(turn) + py * np.cos(turn)
    along, across = a / (length / 2), b / (width / 2)
    hairs = np.interp(across.ravel(), np.linspace(-1.2, 1.2, 24), rng.normal(0, 1, 24)).reshape(
        side, side
    )
    edge = 1 - np.abs(across) ** 4 - np.abs(along) ** 6 + 0.22 * hairs * (0.3 + np.abs(along))
    cover = smoothstep(0.0, 0.35, edge.astype(np.float32))
    if knife:
        height = 0.55 + 0.35 * across + 0.1 * hairs + 0.9 * np.exp(-(((across - 0.85) / 0.2) ** 2))
    else:
        height = 0.5 + 0.45 * hairs + 0.5 * np.exp(-(((along - 0.8) / 0.25) ** 2))
    return cover, (height * cover).astype(np.float32)


def _strokes(
    source: Floats,
    angle: Floats,
    layers: list[tuple[int, int, int]],
    *,
    seed: int,
    jitter: float,
    knife: bool = False,
) -> tuple[Floats, Floats]:
    """Paint source with strokes along angle; layers of (length, width, count)."""
    rng = np.random.default_rng(seed)
    pad = 64
    canvas = cv2.copyMakeBorder(blur(source, 12), pad, pad, pad, pad, cv2.BORDER_REFLECT)
    height = np.zeros(canvas.shape[:2], dtype=np.float32)
    turns = 24
    for length, width, count in layers:
        stamps = [
            [_brush(length, width, np.pi * k / turns, 31 * k + v, knife=knife) for v in range(4)]
            for k in range(turns)
        ]
        smooth = blur(source, max(width / 5, 0.8))
        places = rng.uniform(0, SIZE_PX, (count, 2))
        tone = rng.normal(0, jitter, (count, 3)) + rng.normal(0, jitter, (count, 1))
        variant = rng.integers(0, 4, count)
        for (x, y), shift, which in zip(places, tone, variant, strict=True):
            i, j = int(y), int(x)
            k = round(angle[i, j] / np.pi * turns + rng.normal(0, 0.7)) % turns
            cover, relief_map = stamps[k][which]
            s = cover.shape[0]
            top, left = i + pad - s // 2, j + pad - s // 2
            view = canvas[top : top + s, left : left + s]
            view += cover[..., None] * (np.clip(smooth[i, j] + shift, 0, 1) - view)
            rise = height[top : top + s, left : left + s]
            rise += cover * (relief_map + 0.25 * rise - rise)
    return canvas[pad:-pad, pad:-pad], height[pad:-pad, pad:-pad]


def _along_edges(source: Floats, swirl: Floats) -> Floats:
    """Direction along edges where there are any, along swirl elsewhere; radians."""
    gray = blur(cv2.cvtColor(source, cv2.COLOR_RGB2GRAY), 2)
    gx, gy = cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1)
    jxx, jyy, jxy = (blur(v, 6) for v in (gx * gx, gy * gy, gx * gy))
    weight = 0.0025
    c = jxx - jyy - weight * np.cos(2 * swirl)
    s = 2 * jxy - weight * np.sin(2 * swirl)
    return (0.5 * np.arctan2(s, c) + np.pi / 2).astype(np.float32)


def impasto() -> Floats:
    x, y = grid()
    swirl = np.arctan2(y - 0.42, x - 0.62) + np.pi / 2 + 1.1 * clouds(2.2, 2, 5)
    swirl = np.where(y > 0.57, 0.25 * clouds(5, 2, 3), swirl)
    source = sunset_sea()
    picture, height = _strokes(
        source,
        _along_edges(source, swirl),
        [(54, 20, 900), (38, 11, 2600), (24, 7, 2600)],
        seed=3,
        jitter=0.035,
    )
    return picture * (0.75 + 0.25 * relief(blur(height, 0.6), 2.2))[..., None]


def autumn_oil() -> Floats:
    source = autumn_wood()
    angle = _along_edges(source, np.pi / 2 + 1.4 * clouds(4, 2, 3))
    picture, height = _strokes(
        source,
        angle,
        [(60, 30, 500), (42, 18, 1300), (26, 11, 1900)],
        seed=8,
        jitter=0.045,
        knife=True,
    )
    return picture * (0.7 + 0.3 * relief(blur(height, 0.8), 2.0))[..., None]


def pointillism() -> Floats:
    rng = np.random.default_rng(5)
    source = river_garden()
    picture = np.full((SIZE_PX, SIZE_PX, 3), rgb("#efe4cc"), dtype=np.float32)
    hsv = cv2.cvtColor(source, cv2.COLOR_RGB2HSV)
    for radius, count in ((5, 5000), (4, 9000), (3, 11000)):
        places = rng.uniform(0, SIZE_PX, (count, 2))
        for x, y in places:
            h, s, v = hsv[int(y), int(x)]
            h = (h + rng.normal(0, 16) + (180 if rng.random() < 0.06 else 0)) % 360
            s = np.clip(s * 0.95 + rng.normal(0.05, 0.1), 0, 1)
            v = np.clip(v + rng.normal(0.02, 0.09), 0, 1)
            color = cv2.cvtColor(np.float32([[[h, s, v]]]), cv2.COLOR_HSV2RGB)[0, 0]
            centre = (int(x * 8), int(y * 8))
            cv2.circle(
                picture,
                centre,
                radius * 8 + int(rng.integers(-6, 4)),
                color.tolist(),
                -1,
                cv2.LINE_AA,
                3,
            )
    return picture


def watercolour() -> Floats:
    rng = np.random.default_rng(12)
    x, y = grid()
    light = np.ones((SIZE_PX, SIZE_PX, 3), dtype=np.float32)
    grain, coarse = clouds(60, 2, 1), clouds(5, 4, 7)

    def wash(cover: Floats, color: str, strength: float, turn: int = 0) -> None:
        nonlocal light
        wet = cover * (0.6 + 0.32 * np.roll(coarse, turn, (0, 1)) + 0.12 * grain)
        dry = np.clip(cover - blur(cover, 4), 0, 1) * 1.1
        density = np.clip(wet + dry, 0, 1.4)[..., None] * strength
        light = light * np.exp(np.log(np.clip(rgb(color), 0.02, 1)) * density)

    sun = smoothstep(0.15, 0.135, np.hypot(x - 0.66, y - 0.27) + 0.02 * clouds(7, 3, 4))
    flowers, centres = np.zeros_like(x), []
    wobble = clouds(22, 3, 9)
    for _ in range(30):
        cx, cy = rng.uniform(0.02, 0.98), rng.uniform(0.74, 1.0)
        r = 0.012 + 0.05 * (cy - 0.7) * rng.uniform(0.7, 2.2)
        blob = smoothstep(r, r * 0.85, np.hypot(x - cx, y - cy) + 0.3 * r * wobble)
        centres.append((blob * (1 - flowers), rng.integers(5)))
        flowers = np.maximum(flowers, blob)
    free = 1 - flowers
    wash(smoothstep(0.8, 0.05, y + 0.25 * clouds(3, 4, 2)) * (1 - sun), "#7fbce0", 0.85)
    wash(sun * free, "#f7a65a", 1.0, 50)
    hills = ("#b3c3e6", "#8fb0dd", "#7aa0c9", "#6fae9c", "#5f9a6b")
    for k, (level, color) in enumerate(zip((0.4, 0.5, 0.61, 0.73, 0.86), hills, strict=True)):
        ridge = level - 0.11 * clouds(2.2 + 0.6 * k, 5, 20 + k, (1, 0.0))
        edge = smoothstep(-0.004, 0.006, y - ridge + 0.004 * clouds(40, 2, k))
        fade = np.clip(1.15 - (y - ridge) * 3.6, 0.1, 1)
        wash(edge * fade * free, color, 0.95, 37 * k)
    petals = ("#e0526f", "#f08aa6", "#f3b33f", "#c94f9a", "#ee7352")
    for blob, kind in centres:
        wash(blob, petals[kind], 0.95, 11 * kind)
    spatter = np.zeros_like(x)
    for cx, cy, r in rng.uniform((0, 0, 0.001), (1, 1, 0.0045), (70, 3)):
        spatter = np.maximum(spatter, smoothstep(r * 1.3, r * 0.7, np.hypot(x - cx, y - cy)))
    wash(spatter, "#6f93c0", 0.6)
    bloom = np.exp(-((clouds(3, 4, 77) / 0.018) ** 2)) * 0.05
    paper = (0.985 + 0.012 * clouds(40, 2, 9)) * (0.94 + 0.06 * relief(clouds(120, 2, 31), 0.35))
    return np.clip((light + bloom[..., None]) * paper[..., None], 0, 1)


LOOKS = [
    Look("Impasto sunset", "painting", impasto),
    Look("Watercolour hills", "painting", watercolour),
    Look("Pointillist river", "painting", pointillism),
    Look("Autumn palette knife", "painting", autumn_oil),
]
