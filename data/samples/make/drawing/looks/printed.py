"""Printed and drawn looks: halftone, engraving, woodblock, charcoal."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from drawing.looks.canvas import SIZE_PX, Look, blur, clouds, disc, grid, lay, ramp, relief, rgb
from drawing.noise import smoothstep

Floats = NDArray[np.float32]


def _fruit_tone() -> tuple[Floats, Floats, Floats]:
    """A bowl of citrus under bold shapes: cyan, magenta and yellow densities."""
    x, y = grid()
    cyan = 0.15 + 0.75 * smoothstep(0.2, 1.0, y) * (x > 0.5) + 0.1 * (x <= 0.5)
    magenta = np.where(x < 0.5, 0.1 + 0.75 * (1 - y), 0.08)
    yellow = np.where(x < 0.5, 0.55, 0.05)
    for cx, cy, r, kind in ((0.36, 0.56, 0.25, 0), (0.68, 0.44, 0.21, 1), (0.62, 0.76, 0.17, 2)):
        d, a = np.hypot(x - cx, y - cy), np.arctan2(y - cy, x - cx)
        inside = d < r
        light = np.clip(1 - np.hypot(x - cx + 0.3 * r, y - cy + 0.35 * r) / (1.5 * r), 0, 1)
        segment = (np.abs(np.sin(4 * a)) > 0.14) & (d < 0.8 * r) & (d > 0.1 * r)
        if kind == 0:
            values = (
                0.02,
                np.where(segment, 0.5 - 0.3 * light, np.where(d > 0.88 * r, 0.62, 0.04)),
                np.where(segment | (d > 0.88 * r), 1.0, 0.15),
            )
        elif kind == 1:
            values = (0.65 - 0.6 * light, 0.02, 0.95)
        else:
            values = (0.02, 0.95 - 0.7 * light, 0.45)
        cyan, magenta, yellow = (
            np.where(inside, v, old) for v, old in zip(values, (cyan, magenta, yellow), strict=True)
        )
    return cyan.astype(np.float32), magenta.astype(np.float32), yellow.astype(np.float32)


def _screen(tone: Floats, degrees: float, pitch: float) -> Floats:
    """Dots of area `tone` on a turned grid."""
    x, y = grid()
    t = np.radians(degrees)
    a = (x * np.cos(t) + y * np.sin(t)) * SIZE_PX / pitch
    b = (-x * np.sin(t) + y * np.cos(t)) * SIZE_PX / pitch
    spot = 0.5 + 0.25 * (np.cos(2 * np.pi * a) + np.cos(2 * np.pi * b))
    return smoothstep(-0.07, 0.07, spot - (1 - np.clip(tone, 0, 1)))


def halftone() -> Floats:
    cyan, magenta, yellow = _fruit_tone()
    picture = np.broadcast_to(rgb("#f6efdd"), (SIZE_PX, SIZE_PX, 3)).astype(np.float32)
    for tone, angle, ink in (
        (yellow, 2, "#ffd43b"),
        (magenta, 75, "#f0386b"),
        (cyan, 18, "#12a5c9"),
    ):
        dots = _screen(tone, angle, 9.5) * (0.93 + 0.07 * clouds(80, 2, 4))
        picture = picture * (1 - dots[..., None] * (1 - rgb(ink)))
    gray = np.maximum(np.maximum(cyan, magenta), 0.8 * yellow)
    edge = np.hypot(
        cv2.Sobel(blur(gray, 1.2), cv2.CV_32F, 1, 0), cv2.Sobel(blur(gray, 1.2), cv2.CV_32F, 0, 1)
    )
    key = smoothstep(0.5, 0.9, blur(edge, 1.0))
    return np.clip(lay(picture, key * 0.92, "#1b1b25"), 0, 1)


def engraving() -> Floats:
    x, y = grid()
    height = np.zeros_like(x)
    tone = 0.2 + 0.25 * smoothstep(0.1, 0.9, y) + 0.1 * clouds(4, 3, 3)
    for cx, cy, r in ((0.36, 0.42, 0.26), (0.72, 0.6, 0.2), (0.3, 0.83, 0.13), (0.83, 0.22, 0.12)):
        d = np.hypot(x - cx, y - cy)
        ball = np.sqrt(np.clip(1 - (d / r) ** 2, 0, 1))
        nx, ny = (x - cx) / r, (y - cy) / r
        light = np.clip(-0.55 * nx - 0.6 * ny + 0.6 * ball, 0, 1)
        cast = np.hypot((x - cx - 0.75 * r) / 1.3, (y - cy - 0.8 * r)) < r * 0.95
        tone = np.where(cast & (d >= r), np.maximum(tone, 0.66), tone)
        tone = np.where(d < r, 0.86 - 0.9 * light**0.75, tone)
        height = np.where(d < r, ball * r, height)
        tone = np.where(np.abs(d - r) < 0.004, 1.0, tone)
    tone = np.clip(blur(tone.astype(np.float32), 1), 0, 1)
    ink = np.zeros_like(x)
    for degrees, start, gain in ((25, 0.0, 0.8), (-38, 0.36, 0.85), (80, 0.6, 0.9)):
        t = np.radians(degrees)
        phase = (x * np.sin(t) + y * np.cos(t) - 0.55 * height * np.cos(t)) * 70
        phase = phase + 0.5 * clouds(6, 2, 5)
        line = np.abs(phase - np.round(phase)) * 2
        width = np.clip((tone - start) * gain, 0, 0.95)
        swell = width * (1 + 0.12 * clouds(50, 1, int(abs(degrees))))
        ink = np.maximum(ink, smoothstep(0.13, -0.13, line - swell) * (width > 0.02))
    paper = ramp(clouds(5, 4, 8) * 0.5 + 0.5, [(0, "#e6dabd"), (1, "#f5edd8")])
    return np.clip(lay(paper, ink * 0.93, "#231d1a"), 0, 1)


def woodblock() -> Floats:
    x, y = grid()
    picture = ramp(y, [(0, "#35597f"), (0.14, "#8fb0b8"), (0.35, "#ecdcb4"), (0.6, "#f3e6c4")])
    picture = lay(picture, disc(0.7, 0.27, 0.115), "#c8402f")
    cone = 0.45 - 0.23 * np.exp(-(np.abs((x - 0.28) / 0.14) ** 1.15))
    picture = lay(picture, (y > cone).astype(np.float32), "#5f7f95")
    cap = (y > cone) & (y < 0.305 + 0.02 * np.sin(x * 90) + 0.012 * np.sin(x * 47))
    picture = lay(picture, cap.astype(np.float32), "#f6efdc")
    blues = ("#9fbfc4", "#5f93ab", "#2f6690", "#1b4573", "#12305a")
    for k in range(5):
        base, amp, n = 0.47 + 0.115 * k, 0.075 + 0.014 * k, 4.6 - 0.62 * k
        u = x * n + 0.37 * k
        for _ in range(4):  # a crest leans forward: its phase is led by its own height
            u = x * n + 0.37 * k + 0.17 * (1 - np.abs(np.sin(np.pi * u)) ** 0.8)
        rise = 1 - np.abs(np.sin(np.pi * u)) ** 0.8
        crest = base - amp * rise
        inside = smoothstep(-0.002, 0.002, y - crest)
        picture = lay(picture, inside, blues[k])
        depth = y - crest
        bands = np.abs(((depth * 40 + 0.5 * rise) % 1.0) - 0.5)
        stripes = smoothstep(0.17, 0.11, bands) * inside * (depth < 0.1)
        picture = lay(
            picture, stripes * 0.85, ("#d9e3d6", "#a9c9cf", "#8fb8c9", "#6f9fbd", "#4f86ad")[k]
        )
        peak = smoothstep(0.25, 0.9, rise)
        knobs = np.abs(np.cos(x * np.pi * (46 - 5 * k) + 2.2 * k)) ** 0.6
        foot = 0.007 + 0.034 * peak * (0.45 + 0.55 * knobs)
        over = np.where(depth > 0, depth - foot, -depth * 3 - foot)
        claw, outline = (smoothstep(0.002, -0.002, over - edge) for edge in (0.0, 0.0055))
        picture = lay(picture, outline, "#132c4f")
        picture = lay(picture, claw, "#f7f1e0")
        rng = np.random.default_rng(k)
        for _ in range(16):
            cx = rng.uniform(0, 1)
            at = int(cx * (SIZE_PX - 1))
            if peak[0, at] > 0.35:
                cy = crest[0, at] - rng.uniform(0.02, 0.06)
                picture = lay(picture, disc(cx, cy, rng.uniform(0.0025, 0.006), 0.0015), "#f7f1e0")
    fibres = 1 + 0.03 * clouds(90, 2, 3, (0.25, 1.6)) + 0.03 * clouds(9, 3, 8)
    return np.clip(picture * fibres[..., None], 0, 1)


def charcoal() -> Floats:
    rng = np.random.default_rng(6)
    x, y = grid()
    tooth = 0.6 * clouds(150, 2, 4) + 0.4 * clouds(70, 2, 9)
    tone = 0.16 + 0.25 * smoothstep(0.9, 0.1, y) * (0.5 + 0.5 * clouds(3, 3, 2))
    for k, level in enumerate((0.42, 0.55, 0.7, 0.86)):
        ridge = level - 0.16 * np.abs(clouds(1.8 + 0.5 * k, 5, 50 + k, (1, 0)))
        below = smoothstep(0, 0.008, y - ridge)
        body = (0.45 + 0.15 * k) * np.clip(1.1 - 2.4 * (y - ridge), 0.12, 1)
        tone = tone * (1 - below) + below * body
        tone = tone + 0.5 * np.exp(-(((y - ridge) / 0.006) ** 2))
    moon = disc(0.7, 0.2, 0.085, 0.01)
    tone = tone * (1 - moon) + 0.02 * moon
    strokes, sway = np.zeros_like(x), clouds(2.5, 2, 14)
    for _ in range(520):
        cx, cy = rng.uniform(0, SIZE_PX, 2)
        length, t = (
            rng.uniform(14, 60),
            -0.75 + 1.6 * float(sway[int(cy), int(cx)]) + rng.normal(0, 0.16),
        )
        dx, dy = np.cos(t) * length, np.sin(t) * length
        weight = float(tone[int(cy), int(cx)])
        if rng.random() < weight * 1.3:
            cv2.line(
                strokes,
                (int(cx * 8), int(cy * 8)),
                (int((cx + dx) * 8), int((cy + dy) * 8)),
                0.15 + 0.45 * weight,
                int(rng.integers(1, 4)),
                cv2.LINE_AA,
                3,
            )
    for trunk, lean in ((0.12, 0.02), (0.2, -0.015), (0.9, 0.01), (0.83, -0.02), (0.05, 0.0)):
        spine = trunk + lean * np.sin(y * 6) + 0.004 * clouds(20, 2, 3)
        tone = np.maximum(tone, 1.0 * (np.abs(x - spine) < 0.007 + 0.012 * y) * (y < 0.93))
        for j in range(7):
            y0 = 0.12 + 0.09 * j
            t = np.clip((y0 + 0.05 - y) / 0.16, 0, 1)
            side = 1 if j % 2 else -1
            branch = np.abs(x - spine - side * 0.13 * t**1.2) < 0.0055 * (1.1 - t)
            tone = np.maximum(tone, 0.95 * branch * (t > 0) * (t < 1))
    smudge = blur(tone.astype(np.float32), 7)
    dust = 0.55 * tone + 0.3 * smudge + 0.4 * blur(strokes, 0.5)
    ink = smoothstep(-0.28, 0.42, dust - 0.34 + 0.42 * tooth) * np.clip(dust * 1.5, 0, 1)
    paper = rgb("#e9e3d8") * (0.96 + 0.04 * relief(tooth, 0.5))[..., None]
    return np.clip(lay(paper, np.clip(ink, 0, 0.96), "#17171a"), 0, 1)


LOOKS = [
    Look("Citrus halftone", "print-and-drawing", halftone),
    Look("Copperplate engraving", "print-and-drawing", engraving),
    Look("Woodblock waves", "print-and-drawing", woodblock),
    Look("Charcoal valley", "print-and-drawing", charcoal),
]
