"""Where a product stands: a floor that meets a wall, each with its own finish."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drawing.materials import Material, cloth, plain, wood
from drawing.noise import cells, fbm, linear, mix, noise, smoothstep
from drawing.surfaces import rotation

Floats = NDArray[np.float32]
Bump = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Scene:
    """Floor at y = 0 and wall at z = -depth; `sweep` rounds the corner with that radius.

    Bumps map 2-D positions to heights; a scene without floor hangs things on the wall. The wall
    faces the camera, but for `turn` degrees.
    """

    floor: Material
    wall: Material
    depth: float = 1.4
    sweep: float = 0.0
    floor_bump: Bump | None = None
    wall_bump: Bump | None = None
    skirting: float = 0.0
    has_floor: bool = True
    turn: float = 0.0
    bounce: str = "#b9b4ac"


@dataclass(frozen=True)
class Backdrop:
    """What rays meet behind the product, (n, ...); `level` are normals without bumps."""

    points: Floats
    normals: Floats
    level: Floats
    albedo: Floats
    roughness: Floats
    reflectance: Floats
    corner: Floats


def backdrop(scene: Scene, eye: Floats, rays: Floats, azimuth: float) -> Backdrop:
    """Intersect rays (n, 3) from an eye at that azimuth (degrees) with the scene."""
    turn = rotation([0, azimuth + scene.turn, 0])
    eye, rays = eye @ turn, rays @ turn
    r, d = scene.sweep, scene.depth
    n = len(rays)
    floor_t = np.full(n, np.inf, dtype=np.float32)
    down = rays[:, 1] < -1e-5
    if scene.has_floor:
        floor_t[down] = -eye[1] / rays[down, 1]
    wall_t = np.full(n, np.inf, dtype=np.float32)
    away = rays[:, 2] < -1e-5
    wall_t[away] = (-d - eye[2]) / rays[away, 2]
    t = np.minimum(np.minimum(floor_t, wall_t), 60.0)
    on_floor = floor_t <= wall_t
    points = eye + t[:, None] * rays
    normals = np.where(on_floor[:, None], [0.0, 1.0, 0.0], [0.0, 0.37, 0.93])
    if r > 0:
        bend, bend_t = _sweep(eye, rays, -d + r, r)
        points[bend] = eye + bend_t[bend, None] * rays[bend]
        towards = np.array([0, r, -d + r]) - points[bend]
        towards[:, 0] = 0
        normals[bend] = towards / r + np.float32([0, 0.4, 0]) * (towards[:, 2:] / r)
        normals[bend] /= np.linalg.norm(normals[bend], axis=1, keepdims=True)
    points = points.astype(np.float32)
    normals = normals.astype(np.float32)
    level = normals.copy()

    albedo = np.empty((n, 3), dtype=np.float32)
    for here, material, bump, pick in (
        (on_floor, scene.floor, scene.floor_bump, (0, 2)),
        (~on_floor, scene.wall, scene.wall_bump, (0, 1)),
    ):
        if here.any():
            flat = points[here][:, pick]
            albedo[here] = material.paint(points[here], flat)
            if bump is not None:
                normals[here] = _bumped(bump, flat, normals[here], pick)
    roughness = np.where(on_floor, scene.floor.roughness, scene.wall.roughness)
    reflectance = np.where(on_floor, scene.floor.reflectance, scene.wall.reflectance)
    if scene.skirting:
        board = ~on_floor & (points[:, 1] < scene.skirting)
        albedo[board] = linear("#efece6")
        groove = np.abs(points[:, 1] - scene.skirting * 0.86) < 0.004
        albedo[board & groove] *= 0.75
        line = ~on_floor & (np.abs(points[:, 1] - scene.skirting - 0.003) < 0.003)
        albedo[line] *= 0.6
    gap = np.maximum(points[:, 1], 0) + np.maximum(points[:, 2] + d, 0)
    strength = 0.0 if scene.sweep or not scene.has_floor else 0.45
    corner = 1 - strength * np.exp(-gap / 0.16) - 0.3 * (strength > 0) * np.exp(-gap / 0.02)
    return Backdrop(
        points @ turn.T,
        normals @ turn.T,
        level @ turn.T,
        albedo,
        roughness.astype(np.float32),
        reflectance.astype(np.float32),
        corner.astype(np.float32),
    )


def _sweep(eye: Floats, rays: Floats, z: float, r: float) -> tuple[NDArray[np.bool_], Floats]:
    """Rays that meet the quarter cylinder about the line y = r, that z; and where."""
    a = rays[:, 1] ** 2 + rays[:, 2] ** 2
    oy, oz = eye[1] - r, eye[2] - z
    b = oy * rays[:, 1] + oz * rays[:, 2]
    c = oy * oy + oz * oz - r * r
    root = np.sqrt(np.maximum(b * b - a * c, 0))
    t = (-b + root) / a
    y, back = eye[1] + t * rays[:, 1], eye[2] + t * rays[:, 2]
    return (b * b > a * c) & (t > 0) & (y < r) & (back < z), t.astype(np.float32)


def _bumped(bump: Bump, flat: Floats, normals: Floats, pick: tuple[int, int]) -> Floats:
    step = np.float32(0.003)
    middle = bump(flat)
    one = (bump(flat + np.float32([step, 0])) - middle) / step
    two = (bump(flat + np.float32([0, step])) - middle) / step
    out = normals.copy()
    out[:, pick[0]] -= one
    out[:, pick[1]] -= two
    return out / np.linalg.norm(out, axis=1, keepdims=True)


def paper(color: str, *, depth: float = 1.5) -> Scene:
    """A seamless paper sweep."""
    paint = plain(color, 0.85, reflectance=0.02)
    return Scene(paint, paint, depth=depth, sweep=0.7, bounce=color)


def two_tone(floor: str, wall: str, *, depth: float = 0.9) -> Scene:
    """A painted tabletop before a painted wall."""
    return Scene(
        plain(floor, 0.75, reflectance=0.02),
        plain(wall, 0.9, reflectance=0.02),
        depth,
        bounce=floor,
    )


def planks(
    light: str, dark: str, *, width: float = 0.32, along: int = 0, seed: int = 3
) -> Material:
    """Wooden boards with joints, each a little different."""
    grown = wood(light, dark, along=along, seed=seed, gloss=0.5)

    def paint(points: Floats, uv: Floats) -> Floats:
        across = points[:, 2 if along == 0 else 0] + 4.07
        board = np.floor(across / width)
        shifted = points.copy()
        shifted[:, along] += 1.7 * board
        shifted[:, 1] += 0.37 * board
        colour = grown.paint(shifted, uv) * (0.9 + 0.2 * _hash(board))[:, None]
        t = across / width - board
        joint = smoothstep(0.0, 0.006 / width, np.minimum(t, 1 - t))
        length = points[:, along] / 1.9 + _hash(board * 3.1) * 5
        end = smoothstep(0.0, 0.0025, np.abs(length - np.round(length)))
        return (colour * (0.35 + 0.65 * joint * end)[:, None]).astype(np.float32)

    return Material(paint, 0.42, 0.045)


def _hash(x: Floats) -> Floats:
    value = np.sin(x * 127.1 + 11.7) * 43758.5453
    return (value - np.floor(value)).astype(np.float32)


def wooden_table(light: str, dark: str, wall: str, *, depth: float = 0.85, seed: int = 3) -> Scene:
    """A table of boards before a plastered wall."""
    return Scene(
        planks(light, dark, seed=seed), plaster(wall), depth, bounce=dark, wall_bump=plaster_bump
    )


def room(light: str, dark: str, wall: str, *, depth: float = 0.75, seed: int = 3) -> Scene:
    """A boarded floor, a skirting board, a painted wall; for furniture."""
    return Scene(
        planks(light, dark, width=0.16, seed=seed), plaster(wall), depth, skirting=0.11, bounce=dark
    )


def plaster(color: str) -> Material:
    """Painted plaster: nearly even."""
    base = linear(color)

    def paint(points: Floats, uv: Floats) -> Floats:
        return (base * (1 + 0.05 * fbm(points * 1.7, 4, 21))[:, None]).astype(np.float32)

    return Material(paint, 0.9, 0.02)


def plaster_bump(flat: Floats) -> Floats:
    """Trowel marks."""
    return 0.004 * fbm(flat * np.float32(6), 3, 33)


def concrete(color: str = "#b5b2ad") -> Material:
    """Cast concrete with pores and stains."""
    base = linear(color)

    def paint(points: Floats, uv: Floats) -> Floats:
        cloud = fbm(points * 2.2, 5, 41)
        near, _, number = cells(points * 6, 3, 1)
        pores = (1 - smoothstep(0.5, 1, near / 0.09)) * (number % 5 == 0)
        return (base * (1 + 0.22 * cloud - 0.35 * pores)[:, None]).astype(np.float32)

    return Material(paint, 0.75, 0.03)


def marble(base: str, vein: str, *, scale: float = 1.6, seed: int = 7) -> Material:
    """Polished marble with branching veins."""
    pale, dark = linear(base), linear(vein)

    def paint(points: Floats, uv: Floats) -> Floats:
        p = points * np.float32(scale)
        bend = fbm(p * 1.1, 4, seed)
        wide = 1 - np.abs(np.sin(3.1 * (p[:, 0] + 0.6 * p[:, 2] + 0.8 * p[:, 1]) + 4.2 * bend))
        thin = 1 - np.abs(fbm(p * 1.9 + 5, 4, seed + 8)) * 7
        veins = 0.55 * np.clip(wide, 0, 1) ** 6 + 0.5 * np.clip(thin, 0, 1) ** 3
        cloud = 0.12 * fbm(p * 0.8, 3, seed + 3)
        return mix(pale, dark, np.clip(veins + cloud, 0, 0.85)).astype(np.float32)

    return Material(paint, 0.18, 0.045)


def tiles(color: str, grout: str, *, size: tuple[float, float] = (0.34, 0.17)) -> tuple:
    """Glazed wall tiles in running bond: (material, bump)."""
    base, joint = linear(color), linear(grout)

    def place(flat: Floats) -> tuple[Floats, Floats]:
        row = np.floor(flat[:, 1] / size[1])
        x = flat[:, 0] / size[0] + 0.5 * (row % 2)
        fx, fy = x - np.floor(x), flat[:, 1] / size[1] - row
        edge = np.minimum(np.minimum(fx, 1 - fx) * size[0], np.minimum(fy, 1 - fy) * size[1])
        return edge, np.floor(x) * 3.7 + row * 17.3

    def paint(points: Floats, uv: Floats) -> Floats:
        edge, number = place(uv)
        tone = base * (0.93 + 0.12 * _hash(number) + 0.03 * fbm(points * 4, 2, 3))[:, None]
        return mix(joint, tone, smoothstep(0.003, 0.007, edge)).astype(np.float32)

    def bump(flat: Floats) -> Floats:
        edge, number = place(flat)
        return 0.006 * smoothstep(0.0, 0.016, edge) + 0.0025 * noise(flat * 5 + number[:, None], 5)

    return Material(paint, 0.15, 0.05), bump


def terrazzo_floor(base: str, chips: tuple[str, ...], *, seed: int = 13) -> Material:
    """Terrazzo: stone chips in cement."""
    ground, stones = linear(base), np.stack([linear(c) for c in chips])

    def paint(points: Floats, uv: Floats) -> Floats:
        flat = uv * 9 + 0.25 * fbm(uv * 14, 2, seed)[:, None]
        near, far, number = cells(flat, seed, 1)
        size = 0.16 + 0.5 * _hash(number.astype(np.float32))
        chip = smoothstep(0.05, 0.09, far - near) * (1 - smoothstep(size, size + 0.04, near))
        return mix(ground, stones[number % len(stones)], chip).astype(np.float32)

    return Material(paint, 0.3, 0.04)


def linen(color: str, *, folds: float = 0.035, seed: int = 17) -> tuple[Material, Bump]:
    """A linen cloth with soft creases: (material, bump)."""

    def bump(flat: Floats) -> Floats:
        bend = flat + 0.35 * np.stack(
            [fbm(flat * 0.9, 2, seed), fbm(flat * 0.9 + 7, 2, seed)], axis=-1
        )
        crease = fbm(bend * np.float32([0.8, 2.2]), 3, seed + 2)
        ridge = np.sqrt(np.abs(fbm(bend * np.float32([2.6, 0.9]) + 3, 2, seed + 5)) + 0.003)
        return (folds * (1.2 * crease - 0.55 * ridge)).astype(np.float32)

    return cloth(color, pitch=0.01, melange=0.12), bump


def flat_lay(material: Material, bump: Bump | None = None, *, bounce: str = "#c9c4bb") -> Scene:
    """A level ground seen from above."""
    return Scene(material, material, depth=30.0, floor_bump=bump, bounce=bounce)
