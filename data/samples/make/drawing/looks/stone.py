"""Looks of glass and stone: stained glass, mosaic, terrazzo, marble."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from drawing.looks.canvas import SIZE_PX, Look, blur, clouds, grid, lay, ramp, relief, rgb
from drawing.noise import fbm, smoothstep

Floats = NDArray[np.float32]


def _voronoi(points: Floats, metric: Floats | None = None) -> tuple[Floats, NDArray]:
    """Distance to the border between cells in pixels (h, w), and the cell of every pixel."""
    x, y = grid()
    at = np.stack([x, y], -1).reshape(-1, 2) * SIZE_PX
    seeds = points * SIZE_PX
    _, index = cKDTree(seeds).query(at, k=3)
    one = seeds[index[:, 0]]
    border = np.full(len(at), 1e9)
    for k in (1, 2):
        other = seeds[index[:, k]]
        gap = np.linalg.norm(other - one, axis=1)
        middle = (one + other) / 2
        border = np.minimum(
            border, np.abs(((at - middle) * (other - one)).sum(axis=1)) / np.maximum(gap, 1e-6)
        )
    return border.reshape(SIZE_PX, SIZE_PX).astype(np.float32), index[:, 0].reshape(
        SIZE_PX, SIZE_PX
    )


def stained_glass() -> Floats:
    rng = np.random.default_rng(7)
    x, y = grid()
    rings, seeds, tint = [0.0, 0.09, 0.19, 0.3, 0.42, 0.55, 0.7], [], []
    palette = [
        ["#fff0b8"],
        ["#f6b93b", "#f08a24"],
        ["#c72c41", "#e0463a"],
        ["#2d6ac4", "#1f4fa3"],
        ["#1f9a8a", "#37b06f"],
        ["#5a2d91", "#8a3fae"],
        ["#16427f", "#2a6fae"],
    ]
    for k, r in enumerate(rings):
        n = max(1, 6 * k)
        for j in range(n):
            a = 2 * np.pi * (j + 0.5 * (k % 2)) / n + rng.normal(0, 0.025)
            rr = r * (1 + rng.normal(0, 0.02))
            seeds.append([0.5 + rr * np.cos(a), 0.5 + rr * np.sin(a)])
            tint.append(palette[k][j % len(palette[k])])
    border, cell = _voronoi(np.array(seeds))
    glass = np.stack([rgb(t) for t in tint])[cell]
    streaks = 1 + 0.16 * clouds(7, 4, 3, (1, 2.4)) + 0.06 * clouds(40, 2, 6)
    vary = rng.uniform(0.8, 1.15, len(seeds))[cell]
    glow = 0.72 + 0.5 * np.exp(-((x - 0.45) ** 2 + (y - 0.42) ** 2) / 0.16)
    picture = np.clip(glass * (streaks * vary * glow)[..., None], 0, 1)
    picture = picture + 0.25 * blur(picture, 9) * picture
    bubbles = smoothstep(0.62, 0.7, clouds(70, 1, 9))
    picture = picture + 0.12 * bubbles[..., None]
    lead = 1 - smoothstep(3.4, 4.6, border)
    round_off = np.clip(1 - border / 4.2, 0, 1)
    metal = rgb("#17181c") * (0.8 + 0.9 * round_off * relief(blur(lead, 1.2), 3))[..., None]
    return np.clip(lay(picture, lead, metal), 0, 1)


def _wave_scene(p: Floats) -> Floats:
    """Colour of a sun over stylised waves at points p (n, 2)."""
    x, y = p[:, 0], p[:, 1]
    colors = ramp(y, [(0, "#f3d9a0"), (0.5, "#f0a35e")])
    r = np.hypot(x - 0.5, y - 0.42)
    rays = (np.floor(np.arctan2(y - 0.42, x - 0.5) / (np.pi / 12)) % 2) == 0
    colors[rays] = rgb("#e9c67a")
    colors[r < 0.25] = rgb("#d9532f")
    colors[r < 0.2] = rgb("#e8762f")
    colors[r < 0.13] = rgb("#f6b63f")
    for k, shade in enumerate(("#5fb3b3", "#2f8a9e", "#1f6288", "#17406b", "#122c50")):
        level = 0.5 + 0.11 * k + 0.035 * np.sin(x * 2 * np.pi * 2.5 + 1.9 * k)
        colors[y > level] = rgb(shade)
        colors[np.abs(y - level) < 0.013] = rgb("#eef2e6")
    return colors


def mosaic() -> Floats:
    rng = np.random.default_rng(2)
    n = 34
    step = 1 / n
    seeds = []
    for i in range(-1, n + 1):
        for j in range(-1, n + 1):
            sx = (j + 0.5) * step
            sy = (i + 0.5 + 0.55 * np.sin(sx * 2 * np.pi * 2.5)) * step
            seeds.append([sx + rng.normal(0, 0.05) * step, sy + rng.normal(0, 0.05) * step])
    seeds = np.array(seeds)
    border, cell = _voronoi(seeds)
    tile = _wave_scene(seeds)
    tile = np.clip(
        tile * rng.uniform(0.8, 1.15, (len(seeds), 1)) + rng.normal(0, 0.025, (len(seeds), 3)), 0, 1
    )
    picture = tile[cell]
    picture = picture * (0.95 + 0.08 * clouds(60, 2, 4))[..., None]
    tilt = rng.normal(0, 0.1, (len(seeds), 2))[cell]
    facet = 1 + tilt[..., 0] + 0.6 * tilt[..., 1]
    height = np.sqrt(np.clip(border / 5, 0, 1))
    picture = picture * (facet * (0.55 + 0.45 * relief(blur(height, 0.7), 1.6)))[..., None]
    glint = (rng.random(len(seeds)) < 0.1)[cell] * 0.12
    picture = picture + glint[..., None]
    grout = 1 - smoothstep(1.0, 1.9, border)
    return np.clip(
        lay(picture, grout, rgb("#d8d0c0") * (0.85 + 0.2 * clouds(90, 2, 8))[..., None]), 0, 1
    )


def terrazzo() -> Floats:
    rng = np.random.default_rng(11)
    picture = np.broadcast_to(rgb("#efe9df"), (SIZE_PX, SIZE_PX, 3)).copy()
    picture = picture * (1 + 0.03 * clouds(8, 4, 3) + 0.03 * clouds(90, 1, 2))[..., None]
    palette = ["#d97b66", "#2f5d62", "#e9b872", "#8a9a8b", "#3a3f4b", "#c9a9a0", "#5f8f9a"]
    for n, size, seed in ((1500, 0.42, 3), (420, 0.5, 5), (90, 0.56, 9)):
        seeds = rng.uniform(-0.05, 1.05, (n, 2))
        border, cell = _voronoi(seeds)
        scale = SIZE_PX / np.sqrt(n)
        keep = (rng.random(n) < 0.5)[cell]
        inset = (scale * rng.uniform(0.06, 0.26, n))[cell] * size / 0.42
        wobble = border + 1.2 * clouds(30, 2, seed)
        chip = smoothstep(-0.7, 0.7, wobble - inset) * keep
        tone = np.stack([rgb(palette[k]) for k in rng.integers(0, len(palette), n)])[cell]
        veins = 1 + 0.12 * clouds(18, 4, seed + 1) + 0.05 * clouds(70, 2, seed + 2)
        picture = lay(picture, chip, np.clip(tone * veins[..., None], 0, 1))
    return np.clip(picture, 0, 1)


def marble() -> Floats:
    x, y = grid()
    p = np.stack([x, y], -1) * 2.6
    q = np.stack([fbm(p, 5, 1), fbm(p + 5.2, 5, 2)], -1)
    r = np.stack([fbm(p + 1.9 * q + 1.7, 5, 3), fbm(p + 1.9 * q + 9.2, 5, 4)], -1)
    f = fbm(p + 2.3 * r, 5, 5)
    picture = ramp(
        f * 0.9 + 0.5,
        [
            (0, "#041f1d"),
            (0.3, "#0b3f3a"),
            (0.5, "#1c6a5c"),
            (0.68, "#5fa391"),
            (0.82, "#d9ead9"),
            (1, "#f4f2e4"),
        ],
    )
    bands = np.abs(np.sin((f + 0.6 * r[..., 0]) * 26))
    picture = lay(picture, np.exp(-((bands / 0.16) ** 2)) * 0.5, "#a9d6c0")
    vein = np.exp(-((q[..., 0] + 0.35 * r[..., 1]) ** 2 / 0.0011))
    gold = ramp(clouds(40, 3, 9) * 0.5 + 0.5, [(0, "#8a5f1f"), (0.5, "#d9a441"), (1, "#ffe9a8")])
    return np.clip(lay(picture, np.clip(vein, 0, 1) * 0.95, gold), 0, 1)


LOOKS = [
    Look("Rose window", "glass-and-stone", stained_glass),
    Look("Wave mosaic", "glass-and-stone", mosaic),
    Look("Terrazzo", "glass-and-stone", terrazzo),
    Look("Malachite and gold", "glass-and-stone", marble),
]
