"""What surfaces are made of: colour over the surface, gloss, sheen and glow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from drawing.noise import cells, fbm, linear, mix, noise, smoothstep

Floats = NDArray[np.float32]
Paint = Callable[[Floats, Floats], Floats]


@dataclass(frozen=True)
class Material:
    """paint(points (n, 3), uv (n, 2)) -> linear albedo (n, 3); roughness and reflectance 0..1."""

    paint: Paint
    roughness: float = 0.6
    reflectance: float = 0.04
    metal: bool = False
    sheen: float = 0.0
    glow: float = 0.0

    def gloss(self, roughness: float, reflectance: float = 0.04) -> Material:
        """The same paint with another finish."""
        return replace(self, roughness=roughness, reflectance=reflectance)


def flat(color: str) -> Paint:
    """One colour everywhere."""
    value = linear(color)
    return lambda points, uv: np.broadcast_to(value, (len(points), 3))


def plain(color: str, roughness: float = 0.6, **more: float) -> Material:
    """An even, matt to glossy material."""
    return Material(flat(color), roughness, **more)  # type: ignore[arg-type]


def glaze(color: str, *, edge: str | None = None, speckle: float = 0.0, seed: int = 1) -> Material:
    """Ceramic glaze: a little cloudy, speckled, breaking to another colour where it runs thin."""
    base, thin = linear(color), linear(edge or color)

    def paint(points: Floats, uv: Floats) -> Floats:
        cloud = fbm(points * np.float32([7, 1.6, 7]), 4, seed)
        colour = base * (1 + 0.12 * cloud)[:, None]
        if edge:
            colour = mix(colour, thin, smoothstep(-0.15, 0.55, cloud) * 0.6)
        if speckle:
            near, _, number = cells(points * 17, seed, 2)
            size = 0.05 + 0.16 * ((number * 7919) % 97 / 97.0) ** 2
            spots = (1 - smoothstep(0.5, 1.0, near / size)) * ((number % 4) > 0)
            colour = mix(colour, linear("#4a3a2c"), speckle * spots)
        return colour.astype(np.float32)

    return Material(paint, roughness=0.16, reflectance=0.05)


def dipped(top: Material, bottom: Material, height: float, wave: float = 0.02) -> Material:
    """`top` above a slightly wavy line, `bottom` below it."""

    def paint(points: Floats, uv: Floats) -> Floats:
        level = height + wave * fbm(points * 4, 2, 9)
        t = smoothstep(-0.004, 0.004, points[:, 1] - level)
        return mix(bottom.paint(points, uv), top.paint(points, uv), t)

    return Material(paint, roughness=top.roughness, reflectance=top.reflectance)


def wood(light: str, dark: str, *, along: int = 0, seed: int = 3, gloss: float = 0.42) -> Material:
    """Wood with rings about the `along` axis, fine fibres and pores."""
    pale, deep = linear(light), linear(dark)
    order = [along, (along + 1) % 3, (along + 2) % 3]

    def paint(points: Floats, uv: Floats) -> Floats:
        p = points[:, order]
        bend = fbm(p * np.float32([1.2, 3, 3]), 3, seed)
        ring = np.hypot(p[:, 1] - 0.31 + 0.06 * bend, p[:, 2] + 0.83 + 0.06 * bend)
        bands = 0.5 + 0.5 * np.sin(ring * 95 + 3 * bend)
        fibre = fbm(p * np.float32([5, 120, 120]), 3, seed + 5)
        pores = smoothstep(0.35, 0.8, noise(p * np.float32([14, 260, 260]), seed + 9))
        colour = mix(pale, deep, np.clip(0.15 + 0.55 * bands**2 + 0.30 * fibre, 0, 1))
        return (colour * (1 - 0.35 * pores)[:, None]).astype(np.float32)

    return Material(paint, roughness=gloss, reflectance=0.04)


def cloth(
    color: str, other: str | None = None, *, pitch: float = 0.012, melange: float = 0.08
) -> Material:
    """Woven cloth: threads over and under, a little uneven, soft sheen."""
    warp, weft = linear(color), linear(other or color)

    def paint(points: Floats, uv: Floats) -> Floats:
        a, b = uv[:, 0] / pitch, uv[:, 1] / pitch
        over = np.sin(np.pi * a) * np.sin(np.pi * b)
        thread = 0.5 + 0.5 * np.abs(over)
        uneven = fbm(uv * np.float32([6, 140]), 2, 4) + fbm(uv * np.float32([140, 6]), 2, 7)
        colour = mix(warp, weft, smoothstep(-0.3, 0.3, over))
        return (colour * (0.82 + 0.25 * thread + melange * uneven)[:, None]).astype(np.float32)

    return Material(paint, roughness=0.9, reflectance=0.02, sheen=0.25)


def leather(color: str, *, gloss: float = 0.38, seed: int = 5) -> Material:
    """Leather: mottled, darker in its grain."""
    base = linear(color)

    def paint(points: Floats, uv: Floats) -> Floats:
        cloud = fbm(points * 4, 3, seed)
        near, far, _ = cells(points * 48, seed, 1)
        grain = smoothstep(0.0, 0.3, far - near)
        return (base * (0.86 + 0.14 * grain + 0.12 * cloud)[:, None]).astype(np.float32)

    return Material(paint, roughness=gloss, reflectance=0.045)


def grain(scale: float = 26, depth: float = 0.0012, seed: int = 5) -> Callable:
    """Displacement of leather or hammered metal."""

    def offset(points: Floats, uv: Floats) -> Floats:
        near, far, _ = cells(points * scale, seed, 1)
        return depth * smoothstep(0.0, 0.35, far - near)

    return offset


def weave(pitch: float = 0.014, depth: float = 0.0018) -> Callable:
    """Displacement of a plain weave; pitch in world units."""

    def offset(points: Floats, uv: Floats) -> Floats:
        a, b = np.pi * uv[:, 0] / pitch, np.pi * uv[:, 1] / pitch
        return depth * (np.sin(a) * np.sin(b)) * np.sign(np.sin(a / 1) + 1e-6) * 0.5 + (
            depth * 0.5 * np.abs(np.sin(a)) + depth * 0.5 * np.abs(np.sin(b))
        )

    return offset


def knit(pitch: float = 0.03, depth: float = 0.006) -> Callable:
    """Displacement of stocking stitch: columns of leaning V stitches along v."""

    def offset(points: Floats, uv: Floats) -> Floats:
        a = uv[:, 0] / pitch
        column = a - np.floor(a)
        lean = np.abs(column - 0.5) * 1.1
        row = uv[:, 1] / (pitch * 0.8) + lean
        stitch = np.abs(np.sin(np.pi * row)) ** 0.7
        rib = np.abs(np.sin(np.pi * a)) ** 0.6
        return depth * rib * (0.35 + 0.65 * stitch)

    return offset


def metal(color: str, roughness: float = 0.22) -> Material:
    """Bare metal: reflects its colour."""
    return Material(flat(color), roughness, reflectance=0.9, metal=True)


GOLD = metal("#e6bf72", 0.2)
BRASS = metal("#d8b46a", 0.28)
STEEL = metal("#d5d8dc", 0.18)
DARK_STEEL = metal("#5a5d63", 0.3)
COPPER = metal("#e09a72", 0.22)
BLACK_IRON = Material(flat("#1c1c1e"), 0.45, 0.05)
WHITE_RUBBER = Material(flat("#f1eee6"), 0.55, 0.04)
