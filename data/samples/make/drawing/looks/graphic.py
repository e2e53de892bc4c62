"""Graphic looks: neon, pixel art, blueprint, art deco."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from drawing.looks.canvas import SIZE_PX, Look, blur, clouds, grid, lay, ramp, relief, rgb
from drawing.noise import smoothstep

Floats = NDArray[np.float32]
SHIFT = 4


def _line(
    canvas: Floats, points: NDArray, width: int, value: float = 1.0, closed: bool = False
) -> None:
    cv2.polylines(
        canvas,
        [np.round(points * 2**SHIFT).astype(np.int32)],
        closed,
        value,
        width,
        cv2.LINE_AA,
        SHIFT,
    )


def _arc(cx: float, cy: float, r: float, start: float, stop: float, squash: float = 1.0) -> NDArray:
    a = np.radians(np.linspace(start, stop, 80))
    return np.stack([cx + r * np.cos(a), cy + r * squash * np.sin(a)], -1)


def neon() -> Floats:
    x, y = grid()
    brick_row = np.floor(y * 18)
    bx = x * 8 + 0.5 * (brick_row % 2)
    edge = np.minimum(np.abs(bx - np.round(bx)) / 8, np.abs(y * 18 - np.round(y * 18)) / 18)
    brick = smoothstep(0.002, 0.006, edge)
    tone = np.sin(np.floor(bx) * 12.9 + brick_row * 78.2) * 0.5 + 0.5
    wall = lay(
        np.broadcast_to(rgb("#0c0814"), (SIZE_PX, SIZE_PX, 3)),
        brick * 0.9,
        rgb("#241431") * (0.7 + 0.5 * tone + 0.3 * clouds(30, 3, 3))[..., None],
    )
    tubes: list[tuple[str, list[NDArray]]] = [
        ("#ff2d78", [_arc(224, 190, 120, 0, 360)]),
        ("#ffb52e", [_arc(224, 190, 84, 180, 360), np.array([[140, 190], [308, 190]])]),
        (
            "#ffb52e",
            [
                np.array([[150, 208], [298, 208]]),
                np.array([[172, 228], [276, 228]]),
                np.array([[198, 248], [250, 248]]),
            ],
        ),
        (
            "#22e6ff",
            [np.stack([np.linspace(30, 418, 120), 340 + 14 * np.sin(np.linspace(0, 14, 120))], -1)],
        ),
        (
            "#22e6ff",
            [np.stack([np.linspace(70, 378, 120), 372 + 12 * np.sin(np.linspace(1, 13, 120))], -1)],
        ),
        (
            "#9b5cff",
            [np.stack([np.linspace(120, 328, 90), 402 + 9 * np.sin(np.linspace(2, 11, 90))], -1)],
        ),
        (
            "#4dff9a",
            [
                np.array([[70, 300], [70, 150]]),
                _arc(52, 236, 18, 90, 180),
                np.array([[34, 236], [34, 196]]),
                _arc(88, 214, 18, 90, 0),
                np.array([[106, 214], [106, 178]]),
                np.array([[52, 254], [70, 254]]),
                np.array([[70, 232], [88, 232]]),
            ],
        ),
        ("#ff5cd6", [np.array([[388, 70], [360, 130], [384, 130], [352, 200]])]),
        ("#22e6ff", [_arc(62, 70, 26, 40, 320)]),
    ]
    glow = np.zeros((SIZE_PX, SIZE_PX, 3), dtype=np.float32)
    core = np.zeros_like(glow)
    for color, paths in tubes:
        drawn = np.zeros((SIZE_PX, SIZE_PX), dtype=np.float32)
        for path in paths:
            _line(drawn, path.astype(np.float64), 6)
        thin = np.zeros_like(drawn)
        for path in paths:
            _line(thin, path.astype(np.float64), 3)
        glow += drawn[..., None] * rgb(color)
        core += blur(thin, 0.8)[..., None] * (0.45 * rgb(color) + 0.62)
    bloom = 0.9 * blur(glow, 3) + 1.3 * blur(glow, 10) + 1.9 * blur(glow, 30) + 1.2 * blur(glow, 70)
    lit = wall * (0.5 + 7.0 * (blur(glow, 26) + 0.7 * blur(glow, 60)))
    picture = lit * (0.85 + 0.15 * relief(brick, 0.8))[..., None] + 0.62 * bloom + glow * 0.8
    picture = 1 - np.exp(-1.35 * picture)
    return np.clip(np.maximum(picture, np.clip(core, 0, 1)), 0, 1).astype(np.float32)


def pixel_art() -> Floats:
    n = 64
    t = (np.arange(n) + 0.5) / n
    x, y = np.meshgrid(t, t)
    bayer = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) / 16 - 0.47
    dither = np.tile(bayer, (n // 4, n // 4))
    sky = [rgb(c) for c in ("#2b1b5a", "#5a2a82", "#9c3587", "#dd5178", "#f68a5f", "#ffc76b")]
    level = np.clip(np.round(y / 0.62 * 5.2 + dither * 0.95), 0, 5).astype(int)
    picture = np.stack(sky)[level]
    d = np.hypot(x - 0.5, y - 0.44)
    picture[(d < 0.17) & (((np.floor(y * n) % 4) != 0) | (y < 0.42))] = rgb("#fff0a5")
    rng = np.random.default_rng(8)
    for sx, sy in rng.integers(0, (n, 22), (34, 2)):
        picture[sy, sx] = rgb("#ffe9c9")
    for k, (base, rough, color, rim) in enumerate(
        ((0.55, 0.13, "#6a2f7f", "#b04a8c"), (0.64, 0.1, "#3f2464", "#6a3a86"))
    ):
        line = base - rough * np.abs(np.interp(t, np.linspace(0, 1, 13), rng.uniform(-1, 1, 13)))
        top = np.floor(line * n) / n
        picture[y > top[None, :]] = rgb(color)
        face = (
            (y > top[None, :])
            & (y < top[None, :] + 0.05)
            & (((x + y) * n + k).astype(int) % 2 == 0)
        )
        picture[face] = rgb(rim)
    water = y > 0.69
    rows = np.clip(2 * 0.69 * n - np.arange(n), 0.5 * n, n - 1).astype(int)
    reflected = picture[rows]
    for i in range(n):
        reflected[i] = np.roll(reflected[i], round(1.6 * np.sin(i * 1.7)), axis=0)
    picture = np.where(
        water[..., None], reflected * np.float32([0.5, 0.45, 0.8]) + rgb("#2b1b5a") * 0.2, picture
    )
    sparkle = (
        water
        & (np.abs(x - 0.5) < 0.16)
        & ((np.floor(y * n) % 3) == 0)
        & (np.sin(x * 170 + y * 90) > -0.2)
    )
    picture[sparkle] = rgb("#ffd98a")
    for cx, height in ((5, 26), (11, 18), (55, 24), (60, 30), (50, 14)):
        for k in range(height):
            half = int((k % 7) * 0.55 + k * 0.09)
            i = 52 - height + k
            picture[i, max(cx - half, 0) : cx + half + 1] = rgb(
                "#141033" if (k % 7) > 1 else "#24205a"
            )
    picture[52:56, :16] = rgb("#0f0b28")
    picture[52:56, 47:] = rgb("#0f0b28")
    return np.repeat(np.repeat(picture, 7, 0), 7, 1).astype(np.float32)


def blueprint() -> Floats:
    x, y = grid()
    paper = ramp(clouds(3, 4, 4) * 0.5 + 0.5, [(0, "#123f8a"), (0.5, "#1a4f9f"), (1, "#2560b3")])
    px, py = x * SIZE_PX, y * SIZE_PX
    fine = (np.abs(px % 16 - 8) > 7.4) | (np.abs(py % 16 - 8) > 7.4)
    bold = (np.abs((px + 8) % 80 - 48) < 0.7) | (np.abs((py + 8) % 80 - 48) < 0.7)
    paper = lay(paper, fine * 0.16 + bold * 0.2, "#a9c8f0")
    ink = np.zeros((SIZE_PX, SIZE_PX), dtype=np.float32)
    c = (190.0, 220.0)
    for r, w in ((150, 2), (138, 1), (96, 2), (88, 1), (44, 3), (30, 1), (12, 2)):
        _line(ink, _arc(*c, r, 0, 360), w)
    for k in range(24):
        a = 2 * np.pi * k / 24
        for r0, r1 in ((138, 150),):
            _line(
                ink,
                np.array(
                    [
                        [c[0] + r0 * np.cos(a), c[1] + r0 * np.sin(a)],
                        [c[0] + r1 * np.cos(a), c[1] + r1 * np.sin(a)],
                    ]
                ),
                2,
            )
        tooth = [
            [c[0] + r * np.cos(a + s), c[1] + r * np.sin(a + s)]
            for r, s in ((150, -0.07), (164, -0.045), (164, 0.045), (150, 0.07))
        ]
        _line(ink, np.array(tooth), 2)
    for k in range(6):
        a = 2 * np.pi * (k + 0.25) / 6
        _line(ink, _arc(c[0] + 68 * np.cos(a), c[1] + 68 * np.sin(a), 14, 0, 360), 2)
        for s in (-0.06, 0.06):
            _line(
                ink,
                np.array(
                    [
                        [c[0] + 96 * np.cos(a + s + 0.5), c[1] + 96 * np.sin(a + s + 0.5)],
                        [c[0] + 138 * np.cos(a + s + 0.5), c[1] + 138 * np.sin(a + s + 0.5)],
                    ]
                ),
                2,
            )
    for t in np.arange(0, 400, 22):
        _line(ink, np.array([[8 + t, c[1]], [8 + t + 13, c[1]]]), 1, 0.8)
        _line(ink, np.array([[c[0], 22 + t], [c[0], 22 + t + 13]]), 1, 0.8)
    view = np.array([[372, 60], [432, 60], [432, 380], [372, 380]], dtype=float)
    _line(ink, view, 2, 1.0, True)
    for yy in (92, 140, 176, 264, 300, 348):
        _line(ink, np.array([[372, yy], [432, yy]], dtype=float), 2 if yy in (140, 300) else 1)
    for k in range(-20, 60):
        p = np.array([[372, 176 + 9 * k], [432, 176 + 9 * k - 60]], dtype=float)
        inside = np.clip(p[:, 1], 176, 264)
        if inside[0] > inside[1]:
            xs = np.interp(inside, p[::-1, 1], p[::-1, 0])
            _line(ink, np.stack([xs, inside], -1), 1, 0.75)
    _line(ink, np.array([[26, 408], [354, 408]], dtype=float), 1)
    for ex, s in ((26, 1), (354, -1)):
        _line(ink, np.array([[ex + 9 * s, 404], [ex, 408], [ex + 9 * s, 412]], dtype=float), 1)
        _line(ink, np.array([[ex, 384], [ex, 416]], dtype=float), 1)
    for text, at, size in (
        ("SECTION A-A", (368, 402), 0.36),
        ("R 150", (286, 92), 0.45),
        ("328.0", (168, 402), 0.45),
        ("GEAR N.7   SCALE 1:2", (24, 438), 0.5),
    ):
        letters = np.zeros((SIZE_PX, SIZE_PX), dtype=np.uint8)
        cv2.putText(letters, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, 255, 1, cv2.LINE_AA)
        ink = np.maximum(ink, letters.astype(np.float32) / 255)
    _line(ink, np.array([[276, 104], [254, 128]], dtype=float), 1)
    chalk = ink * np.clip(0.86 + 0.3 * clouds(110, 2, 7), 0.3, 1) + 0.25 * blur(ink, 1.5)
    fold = np.exp(-(((x - 0.5) / 0.006) ** 2)) * 0.06 - np.exp(-(((y - 0.5) / 0.006) ** 2)) * 0.05
    return np.clip(lay(paper + fold[..., None], np.clip(chalk, 0, 1), "#f0f6ff"), 0, 1)


def art_deco() -> Floats:
    x, y = grid()
    r0 = 0.155
    best = np.full(x.shape, -1.0)
    dist = np.zeros_like(x)
    angle = np.zeros_like(x)
    kind = np.zeros(x.shape, dtype=int)
    rows = 10
    for i in range(-1, rows):
        for j in range(-1, 5):
            cx, cy = (j + 0.5 * (i % 2)) * 2 * r0, 0.02 + i * r0 * 0.82 + r0
            d = np.hypot(x - cx, y - cy)
            here = (d < r0 * 1.005) & (y < cy + 0.2)
            newer = here & (i > best)
            best[newer], dist[newer] = i, d[newer] / r0
            angle[newer] = np.arctan2(y[newer] - cy, x[newer] - cx)
            kind[newer] = (i + 3 * j) % 3
    teal, night, cream = rgb("#0f4a4f"), rgb("#12141c"), rgb("#efe3c8")
    base = np.stack([night, teal, rgb("#183a52")])[kind] * (1 + 0.08 * clouds(60, 2, 3))[..., None]
    fan = angle / (np.pi / 11)
    ray = (np.abs(fan - np.round(fan)) * (np.pi / 11) * dist < 0.012) & (dist > 0.3) & (dist < 0.84)
    rings = np.zeros_like(x)
    for level, width in ((1.0, 0.036), (0.88, 0.016), (0.3, 0.02), (0.2, 0.012)):
        rings = np.maximum(rings, smoothstep(0.009, 0.0, np.abs(dist - level) - width))
    drop = smoothstep(
        0.02, 0.0, np.hypot((fan - np.round(fan)) * 0.28 * dist, dist - 0.72) - 0.045
    ) * (dist < 0.8)
    gold_on = np.clip(
        np.maximum(np.maximum(rings, blur(ray.astype(np.float32), 0.7)), drop * (kind == 1)), 0, 1
    )
    sheen = 0.5 + 0.5 * np.sin(x * 9 + y * 6 + 1.2 * clouds(3, 2, 6)) + 0.1 * clouds(120, 1, 5)
    gold = ramp(
        np.clip(sheen, 0, 1), [(0, "#8a5a1e"), (0.45, "#d2a04a"), (0.75, "#f3d68c"), (1, "#fff3c9")]
    )
    heart = smoothstep(0.14, 0.12, dist) * (best >= 0)
    picture = lay(base, heart * (kind != 1), cream)
    picture = lay(picture, gold_on, gold)
    edge = np.clip(relief(blur(gold_on, 0.8), 1.1), 0.55, 1.5)
    return np.clip(picture * edge[..., None], 0, 1).astype(np.float32)


LOOKS = [
    Look("Neon night", "graphic", neon),
    Look("Pixel sunset", "graphic", pixel_art),
    Look("Blueprint", "graphic", blueprint),
    Look("Art deco fans", "graphic", art_deco),
]
