"""T-shirts, laid flat and photographed from above."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from drawing.lighting import Light
from drawing.materials import Material, cloth
from drawing.noise import fbm, linear, mix, smoothstep
from drawing.scenes import concrete, flat_lay, linen, planks, plaster, plaster_bump, terrazzo_floor
from drawing.studio import Design
from drawing.surfaces import Mesh, tube

HEM, SHOULDER, NECK = 0.46, -0.4, 0.13
Print = Callable[[np.ndarray], np.ndarray]


def jersey(color: str, print_on: Print | None = None) -> Material:
    """Cotton jersey with an optional print(points) -> colours."""
    base = cloth(color, pitch=0.0045, melange=0.05)

    def paint(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
        threads = base.paint(points, uv)
        if print_on is None:
            return threads
        return print_on(points) * (threads / np.maximum(linear(color), 0.02))

    return Material(paint, 0.92, 0.02, sheen=0.15)


def folds(x: np.ndarray, z: np.ndarray, seed: int) -> np.ndarray:
    """Height of creases in lying cloth."""
    p = np.stack([x, z], -1).astype(np.float32)
    bend = p + 0.22 * np.stack([fbm(p * 1.6, 2, seed), fbm(p * 1.6 + 9, 2, seed)], -1)
    soft = fbm(bend * np.float32([3.2, 1.5]), 3, seed + 2)
    ridge = 1 - np.abs(fbm(bend * np.float32([3.6, 1.9]) + 4, 2, seed + 4)) * 2.4
    pull = np.abs(x) / 0.3
    arm = np.exp(-((z + 0.14) ** 2) / 0.02) * np.clip(pull, 0, 1) ** 2
    drag = np.sin((np.abs(x) * 1.2 + z) * 60 + 2 * soft) * arm
    return 0.026 * soft + 0.007 * np.clip(ridge, 0, 1) ** 2 + 0.006 * drag


def torso_edge(t: np.ndarray) -> np.ndarray:
    """Half width from hem (t = 0) to shoulder (t = 1)."""
    return (
        0.315 - 0.018 * np.sin(np.pi * np.clip(t / 0.62, 0, 1)) + 0.012 * smoothstep(0.6, 0.75, t)
    )


def shirt(mesh: Mesh, body: Material, sleeve: Material, collar: Material, seed: int) -> None:
    """Torso, two sleeves, neckband and the inside of the back."""

    def top(a: np.ndarray, dip: float) -> np.ndarray:
        outside = (
            SHOULDER + 0.1 * (np.clip(np.abs(a) - NECK / 0.32, 0, 1) / (1 - NECK / 0.32)) ** 1.15
        )
        inside = np.sqrt(np.clip(1 - (a * 0.32 / NECK) ** 2, 0, 1))
        return outside + dip * inside

    def torso(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        a, t = 2 * u - 1, np.clip(v, 0, 1)
        z = HEM + 0.012 * np.cos(np.pi * a * 0.9) + v * (top(a, 0.105) - HEM)
        x = a * torso_edge(t)
        rim = np.clip(1 - np.abs(a) ** 9, 0, 1) * np.clip(1 - (2 * t - 1) ** 24, 0, 1)
        y = 0.012 + (0.03 + folds(x, z, seed)) * np.sqrt(rim)
        return np.stack([x, y, z], -1)

    mesh.add(torso, body)

    def back(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        a = (2 * u - 1) * NECK / 0.32 * 1.02
        z = top(a, 0.022) + v * 0.16
        return np.stack([a * 0.325, 0.012 + 0.006 * (1 - v), z], -1)

    inside = Material(lambda p, uv: 0.72 * body.paint(p, uv), 0.95, 0.02)
    mesh.add(back, inside, two_sided=True)
    for side in (-1, 1):

        def arm(u: np.ndarray, v: np.ndarray, side: int = side) -> np.ndarray:
            t = np.clip(u, 0, 1)
            upper = np.stack([0.3 + 0.235 * v, SHOULDER + 0.07 + 0.2 * v + 0.03 * v**2], -1)
            lower = np.stack([0.285 + 0.15 * v, -0.1 + 0.115 * v], -1)
            p = upper + u[..., None] * (lower - upper)
            rim = np.clip(1 - (2 * t - 1) ** 8, 0, 1) * np.clip(1 - np.clip(v, 0, 1) ** 14, 0, 1)
            y = 0.008 + (0.026 + 0.8 * folds(p[..., 0], p[..., 1], seed + 7)) * np.sqrt(rim)
            return np.stack([side * p[..., 0], y, p[..., 1]], -1)

        mesh.add(arm, sleeve, two_sided=True)
        hem = arm(np.linspace(0.03, 0.97, 20), np.full(20, 0.9))
        mesh.add(tube(hem + np.float32([0, 0.002, 0]), 0.0022), sleeve, wrap_u=True)
    for dip, lift in ((0.022, 0.014), (0.105, 0.03)):
        a = np.linspace(-1, 1, 25) * NECK / 0.32 * 0.99
        x = a * 0.324
        band = np.stack([x, lift - 0.012 * np.abs(a * 0.32 / NECK) ** 4, top(a, dip)], -1)
        mesh.add(tube(band, 0.0135, flat=0.55), collar, wrap_u=True)
    line = np.linspace(0.03, 0.97, 60)
    for v in (0.035, 0.042):
        seam = torso(line, np.full(60, v)) + np.float32([0, 0.0016, 0])
        mesh.add(tube(seam, 0.0018), body, wrap_u=True)


def one_color(color: str, seed: int, print_on: Print | None = None, trim: str | None = None):
    def build(mesh: Mesh) -> None:
        sleeve = jersey(trim or color, None if trim else (print_on if seed % 2 else None))
        shirt(mesh, jersey(color, print_on), sleeve, jersey(trim or color), seed)

    return build


def breton(points: np.ndarray) -> np.ndarray:
    stripe = (points[:, 2] + 0.02 * (points[:, 1] - 0.03)) / 0.062
    t = np.abs(stripe - np.round(stripe)) * 0.062
    band = (1 - smoothstep(0.0095, 0.0115, t)) * (points[:, 2] > -0.27) * (points[:, 2] < 0.41)
    return mix(linear("#f2ede0"), linear("#26355a"), band)


def sunrise(points: np.ndarray) -> np.ndarray:
    x, z = points[:, 0], points[:, 2] + 0.09
    r = np.hypot(x, z)
    color = np.broadcast_to(linear("#25476b"), points.shape).copy()
    inside = r < 0.175
    bands = ("#f3c65f", "#ef9d54", "#df6f4f", "#b94f57")
    for k, shade in enumerate(bands):
        color[inside & (z < 0.05) & (r < 0.175 - 0.04 * k)] = linear(shade)
    for k, (level, shade) in enumerate(((0.05, "#f2e7d0"), (0.09, "#7fb0b5"), (0.13, "#3f7f93"))):
        wave = level + 0.012 * np.sin(x * 55 + k * 1.7)
        color[inside & (z > wave)] = linear(shade)
    ring = np.abs(r - 0.182) < 0.004
    color[ring] = linear("#f2e7d0")
    return color


def tie_dye(points: np.ndarray) -> np.ndarray:
    x, z = points[:, 0] + 0.02, points[:, 2] + 0.05
    r, a = np.hypot(x, z), np.arctan2(z, x)
    p = np.stack([x, z], -1).astype(np.float32)
    t = (a / (2 * np.pi) * 5 + r * 5.5 + 0.35 * fbm(p * 9, 4, 3)) % 1.0
    shades = [linear(c) for c in ("#e8604c", "#f2b84b", "#f4efe3", "#59a5a8", "#4d5a9a")]
    color = np.zeros_like(points)
    for k, shade in enumerate(shades):
        near = np.abs((t - k / 5 + 0.5) % 1.0 - 0.5)
        color += shade * np.clip(1 - near * 5, 0, 1)[:, None]
    return color * (0.95 + 0.12 * fbm(p * 30, 3, 5))[:, None]


def mountains(points: np.ndarray) -> np.ndarray:
    x, z = points[:, 0], points[:, 2] + 0.06
    color = np.broadcast_to(linear("#e9e4d8"), points.shape).copy()
    frame = (np.abs(x) < 0.16) & (np.abs(z) < 0.16)
    color[frame] = linear("#e6b99a")
    color[frame & (np.hypot(x - 0.06, z + 0.07) < 0.04)] = linear("#f6ead2")
    for k, (height, shade) in enumerate(((-0.03, "#b7786a"), (0.03, "#7d566a"), (0.09, "#3f3f5c"))):
        ridge = height - 0.05 * np.abs(((x * (5 + k) + 0.37 * k) % 1.0) * 2 - 1) + 0.02
        color[frame & (z > ridge)] = linear(shade)
    return color


def pocket_tee(mesh: Mesh) -> None:
    cotton = jersey("#b8c4ae")
    shirt(mesh, cotton, cotton, cotton, 8)
    darker = jersey("#9fae95")

    def pocket(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        a = 2 * u - 1
        x = 0.13 + 0.062 * a
        z = -0.16 + 0.14 * v + 0.02 * (v > 0.5) * (2 * v - 1) * (1 - np.abs(a))
        y = 0.0155 + 0.03 + folds(x, z, 8) + 0.003
        return np.stack([x, y, z], -1)

    mesh.add(pocket, darker, two_sided=True)
    for v in (0.06, 0.13):
        line = pocket(np.linspace(0.02, 0.98, 12), np.full(12, v)) + np.float32([0, 0.0015, 0])
        mesh.add(tube(line, 0.0016), cotton, wrap_u=True)


_SAND, _SAND_FOLDS = linen("#cbb79d", folds=0.016, seed=4)
_BLUE, _BLUE_FOLDS = linen("#a9bac4", folds=0.016, seed=9)
_TOP = {"azimuth": 0.0, "elevation": 86.0, "fill": 0.82, "shift": (0.0, 0.0)}
_SUN = Light(azimuth=-140, elevation=44, softness=5)
DESIGNS = [
    Design(
        "Breton T-shirt, cream and navy",
        32.0,
        one_color("#f2ede0", 3, breton),
        flat_lay(planks("#b98f66", "#8d6845", width=0.2, along=2), bounce="#a9825c"),
        light=_SUN,
        **_TOP,
    ),
    Design(
        "Sunrise print T-shirt, deep blue",
        28.0,
        one_color("#25476b", 4, sunrise),
        flat_lay(_SAND, _SAND_FOLDS, bounce="#cbb79d"),
        light=_SUN,
        **_TOP,
    ),
    Design(
        "Tie-dye T-shirt, carnival",
        30.0,
        one_color("#ffffff", 5, tie_dye),
        flat_lay(concrete("#b9b7b3")),
        light=_SUN,
        **_TOP,
    ),
    Design(
        "Ridge print T-shirt, chalk",
        28.0,
        one_color("#e9e4d8", 6, mountains),
        flat_lay(plaster("#7d8f86"), plaster_bump, bounce="#7d8f86"),
        light=_SUN,
        **_TOP,
    ),
    Design(
        "Pocket T-shirt, sage",
        24.0,
        pocket_tee,
        flat_lay(
            terrazzo_floor("#e4dfd6", ("#c79f86", "#8c9a97", "#66696c", "#d8c5aa")),
            bounce="#d9d4ca",
        ),
        light=_SUN,
        **_TOP,
    ),
    Design(
        "Ringer T-shirt, mustard and brown",
        26.0,
        one_color("#d9a440", 10, None, "#5c3a29"),
        flat_lay(_BLUE, _BLUE_FOLDS, bounce="#a9bac4"),
        light=_SUN,
        **_TOP,
    ),
]
