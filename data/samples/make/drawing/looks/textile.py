"""Looks of cloth: knit, embroidery, batik, kilim."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from drawing.looks.canvas import SIZE_PX, Look, blur, clouds, grid, lay, relief, rgb
from drawing.noise import smoothstep

Floats = NDArray[np.float32]

SNOWFLAKE = (
    "......#......",
    "....#.#.#....",
    ".....###.....",
    ".#.#..#..#.#.",
    "..##..#..##..",
    "...###.###...",
    "######.######",
    "...###.###...",
    "..##..#..##..",
    ".#.#..#..#.#.",
    ".....###.....",
    "....#.#.#....",
    "......#......",
)
TREE = (
    "......#......",
    ".....###.....",
    "....#####....",
    "...#######...",
    ".....###.....",
    "....#####....",
    "...#######...",
    "..#########..",
    "......#......",
    "......#......",
)


def fair_isle() -> Floats:
    columns, rows = 39, 52
    chart = np.zeros((rows, columns), dtype=int)
    at = 0

    def band(pattern: tuple[str, ...], ink: int, ground: int) -> None:
        nonlocal at
        for line in pattern:
            if at < rows:
                chart[at] = [ink if line[c % len(line)] == "#" else ground for c in range(columns)]
                at += 1

    zigzag = ("#...#.", ".#.#.#", "..#...")
    dots = ("#.", ".#")
    while at < rows:
        band(dots, 1, 2)
        band(zigzag, 3, 0)
        band(("......",), 0, 0)
        band(SNOWFLAKE, 1, 0)
        band(("......",), 0, 0)
        band(zigzag[::-1], 3, 0)
        band(dots, 1, 2)
        band(("......",), 1, 1)
        band(TREE, 4, 1)
        band(("......",), 1, 1)
    yarns = np.stack([rgb(c) for c in ("#1f3a5f", "#f3ead8", "#b8323a", "#e3a43b", "#2f6b4f")])
    x, y = grid()
    a = x * columns
    col = np.floor(a).astype(int)
    half = np.abs(a - col - 0.5)
    b = y * rows + half * 1.15 - 0.3
    row = np.clip(np.floor(b).astype(int), 0, rows - 1)
    fx, fy = half * 2, b - np.floor(b)
    color = yarns[chart[row, np.clip(col, 0, columns - 1)]]
    plump = np.sqrt(np.clip(1 - (2 * fy - 1) ** 2, 0, 1)) * np.sqrt(
        np.clip(1 - (2 * fx - 1.0) ** 4, 0, 1)
    )
    twist = 0.5 + 0.5 * np.sin((fy * 2.2 + fx * 1.4 + 0.3 * clouds(30, 1, 2)) * 2 * np.pi)
    fuzz = clouds(120, 2, 5)
    light = relief(blur(plump, 0.6), 1.3)
    shade = (0.42 + 0.62 * plump) * (0.86 + 0.14 * twist) * (0.75 + 0.25 * light) + 0.05 * fuzz
    return np.clip(color * shade[..., None] * 1.08, 0, 1).astype(np.float32)


def _thread_fill(
    picture: Floats, height: Floats, shape: NDArray, angle: Floats, color: str, pitch: float
) -> None:
    """Cover shape with satin stitches that run along angle (radians, scalar or field)."""
    x, y = grid()
    px, py = x * SIZE_PX, y * SIZE_PX
    across = -px * np.sin(angle) + py * np.cos(angle)
    along = px * np.cos(angle) + py * np.sin(angle)
    number = np.floor(across / pitch)
    t = across / pitch - number
    thread = np.sqrt(np.clip(1 - (2 * t - 1) ** 2, 0, 1))
    tone = np.sin(number * 12.9898) * 43758.5453
    tone = tone - np.floor(tone)
    sheen = 0.5 + 0.5 * np.cos(2 * (angle - 0.6))
    strand = 0.92 + 0.08 * np.sin(along * 0.9 + number * 2.1)
    edge = blur(shape.astype(np.float32), 2.2)
    dome = np.clip(edge * 2 - 0.8, 0, 1) ** 0.5
    light = (0.5 + 0.5 * thread) * (0.84 + 0.22 * tone) * strand * (0.8 + 0.4 * sheen)
    here = shape > 0
    picture[here] = np.clip(rgb(color) * (light * (0.7 + 0.35 * dome))[..., None], 0, 1)[here]
    height[here] = (0.6 + dome + 0.25 * thread)[here]


def _polygon(points: NDArray) -> NDArray:
    mask = np.zeros((SIZE_PX, SIZE_PX), dtype=np.uint8)
    cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 1, cv2.LINE_8, 4)
    return mask


def _petal(cx: float, cy: float, angle: float, length: float, width: float) -> NDArray:
    t = np.linspace(0, 1, 30)
    side = width * np.sin(np.pi * t**0.8) ** 0.9
    along = length * t
    c, s = np.cos(angle), np.sin(angle)
    one = np.stack([cx + along * c - side * s, cy + along * s + side * c], -1)
    two = np.stack([cx + along * c + side * s, cy + along * s - side * c], -1)
    return np.concatenate([one, two[::-1]])


def embroidery() -> Floats:
    rng = np.random.default_rng(3)
    x, y = grid()
    a, b = x * SIZE_PX / 3.2, y * SIZE_PX / 3.2
    weave = (
        0.5
        + 0.5
        * np.sign(np.sin(np.pi * a) * np.sin(np.pi * b))
        * np.abs(np.sin(np.pi * a) * np.sin(np.pi * b)) ** 0.5
    )
    picture = rgb("#1d2b3a") * (0.75 + 0.35 * weave + 0.1 * clouds(60, 2, 3))[..., None]
    picture = picture.astype(np.float32)
    height = np.zeros((SIZE_PX, SIZE_PX), dtype=np.float32)
    for k in range(5):
        start = np.array([224 + 18 * (k - 2), 450.0])
        end = np.array([[80, 190], [150, 60], [250, 110], [340, 50], [385, 215]][k], dtype=float)
        t = np.linspace(0, 1, 40)[:, None]
        bend = np.array([(end[0] - start[0]) * 0.15, -120.0])
        path = (1 - t) ** 2 * start + 2 * t * (1 - t) * (start + bend) + t**2 * end
        mask = np.zeros((SIZE_PX, SIZE_PX), dtype=np.uint8)
        cv2.polylines(mask, [np.round(path * 16).astype(np.int32)], False, 1, 6, cv2.LINE_8, 4)
        _thread_fill(picture, height, mask, np.float32(0.75), "#5f8f57", 3.0)
        for j in range(6, 34, 6):
            heading = np.arctan2(*(path[j + 1] - path[j])[::-1])
            for s in (-1, 1):
                turn = heading + s * (0.9 + 0.2 * rng.random())
                leaf = _petal(*path[j + s], turn, 46 - 0.5 * j, 11)
                _thread_fill(
                    picture,
                    height,
                    _polygon(leaf),
                    np.float32(turn + 0.5 * s),
                    ("#7fb069", "#4f8a5f", "#a5c26b")[(j + s) % 3],
                    3.0,
                )
    flowers = [
        (80, 180, 62, "#e4572e", "#f6c445"),
        (150, 66, 50, "#f2a0b5", "#b83b5e"),
        (250, 118, 66, "#f3ead3", "#f0a830"),
        (340, 58, 52, "#7fa8e0", "#f6e3a1"),
        (382, 212, 64, "#c0395b", "#f6c445"),
        (215, 262, 58, "#f0913d", "#7a2e2e"),
    ]
    for cx, cy, size, color, heart in flowers:
        n = rng.integers(7, 10)
        for j in range(n):
            turn = 2 * np.pi * (j / n) + rng.normal(0, 0.05)
            _thread_fill(
                picture,
                height,
                _polygon(_petal(cx, cy, turn, size, size * 0.23)),
                np.float32(turn + 0.18),
                color,
                3.0,
            )
        for _ in range(26):
            r, turn = size * 0.3 * np.sqrt(rng.random()), rng.uniform(0, 2 * np.pi)
            knot = np.hypot(
                x * SIZE_PX - cx - r * np.cos(turn), y * SIZE_PX - cy - r * np.sin(turn)
            )
            here = knot < 4.6
            picture[here] = rgb(heart) * np.clip(1.25 - 0.14 * knot[here], 0.4, 1.2)[:, None]
            height[here] = 2.2 - 0.25 * knot[here]
    shadow = np.clip(blur(height, 3) - height, 0, 1)
    shadow = np.roll(shadow, (3, 3), (0, 1))
    lit = 0.72 + 0.28 * relief(blur(height, 0.9), 1.2)
    return np.clip(picture * (lit * (1 - 0.45 * shadow))[..., None] * 1.1, 0, 1).astype(np.float32)


def batik() -> Floats:
    x, y = grid()
    wax = np.zeros((SIZE_PX, SIZE_PX), dtype=np.float32)
    second = np.zeros_like(wax)
    u, v = x + 0.012 * clouds(5, 3, 2), y + 0.012 * clouds(5, 3, 6)
    for i in range(-1, 4):
        for j in range(-1, 4):
            cx, cy = (j + 0.5 * (i % 2)) / 2.6 + 0.02, i / 2.6 + 0.06
            r, a = np.hypot(u - cx, v - cy), np.arctan2(v - cy, u - cx)
            petals = 0.085 + 0.035 * np.cos(8 * a)
            wax = np.maximum(wax, smoothstep(0.006, 0.002, np.abs(r - petals)))
            wax = np.maximum(wax, smoothstep(0.03, 0.026, r) * smoothstep(0.012, 0.015, r))
            second = np.maximum(second, smoothstep(petals, petals - 0.004, r))
            for ring, n, size in ((0.145, 28, 0.0075), (0.05, 10, 0.007), (0.175, 36, 0.0045)):
                t = a / (2 * np.pi) * n
                d = np.hypot((t - np.round(t)) * 2 * np.pi * ring / n, r - ring)
                wax = np.maximum(wax, smoothstep(size, size - 0.003, d))
            wax = np.maximum(wax, smoothstep(0.0045, 0.002, np.abs(r - 0.16)))
            spiral = (r * 42 - a / (2 * np.pi) * 1.0) % 1.0
            tail = (np.abs(spiral - 0.5) < 0.13) & (r > 0.185) & (r < 0.235)
            wax = np.maximum(wax, tail.astype(np.float32) * 0.95)
    wax = blur(wax, 0.8)
    ridges = np.minimum(np.abs(clouds(5, 5, 31)), np.abs(clouds(7, 5, 44)))
    crack = smoothstep(0.02, 0.0, ridges)
    dye = 0.5 + 0.5 * clouds(6, 5, 9)
    cotton = (
        1 + 0.05 * np.sin(x * SIZE_PX * 1.9) * np.sin(y * SIZE_PX * 1.9) + 0.04 * clouds(100, 1, 3)
    )
    indigo = lay(np.broadcast_to(rgb("#142a55"), (SIZE_PX, SIZE_PX, 3)), dye * 0.45, "#2a55a0")
    picture = lay(indigo, second * 0.85, rgb("#b5562f") * (0.8 + 0.35 * dye)[..., None])
    picture = lay(picture, wax, "#f0e6cf")
    picture = lay(picture, crack * (0.25 + 0.45 * wax), "#20407c")
    return np.clip(picture * cotton[..., None], 0, 1).astype(np.float32)


def kilim() -> Floats:
    rng = np.random.default_rng(9)
    columns, rows = 112, 112
    c, r = np.meshgrid(np.arange(columns), np.arange(rows))
    chart = np.zeros((rows, columns), dtype=int)
    for top, period, ground, inks in (
        (0, 28, 0, (1, 2, 3)),
        (34, 28, 4, (2, 0, 5)),
        (68, 28, 1, (3, 4, 2)),
        (102, 28, 0, (1, 2, 3)),
    ):
        inside = (r >= top) & (r < top + 30)
        chart[inside] = ground
        d = np.abs((c % period) - period / 2 + 0.5) // 2 * 2 + np.abs(r - top - 14.5) // 2 * 2
        for limit, ink in ((15, inks[0]), (10, inks[1]), (5, inks[2])):
            chart[inside & (d < limit)] = ink
        hook = inside & (
            (np.abs((c + period / 2) % period - period / 2) // 2 + np.abs(r - top - 14.5) // 2) < 3
        )
        chart[hook] = inks[1]
    for top in (30, 64, 98):
        border = (r >= top) & (r < top + 4)
        chart[border] = np.where(((c // 3 + (r - top) // 2) % 2) == 0, 3, 5)[border]
    wool = np.stack(
        [rgb(k) for k in ("#a83a2a", "#e9d6ae", "#1f4f5f", "#d9952f", "#6b2436", "#22242c")]
    )
    abrash = (
        1
        + 0.09 * rng.standard_normal((rows, 1, 1))
        + 0.05 * rng.standard_normal((rows, columns, 1))
    )
    cell = wool[chart] * abrash
    picture = cv2.resize(
        cell.astype(np.float32), (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_NEAREST
    )
    x, y = grid()
    a, b = x * columns, y * rows * 1.0
    bump = np.abs(np.sin(np.pi * a)) ** 0.6 * np.sqrt(
        np.abs(np.sin(np.pi * (b + 0.5 * (np.floor(a) % 2))))
    )
    light = (0.55 + 0.5 * bump) * (0.8 + 0.2 * relief(bump, 0.8)) + 0.06 * clouds(110, 2, 4)
    return np.clip(picture * light[..., None] * 1.08, 0, 1).astype(np.float32)


LOOKS = [
    Look("Fair Isle knit", "textile", fair_isle),
    Look("Meadow embroidery", "textile", embroidery),
    Look("Indigo batik", "textile", batik),
    Look("Desert kilim", "textile", kilim),
]
