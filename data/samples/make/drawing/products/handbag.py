"""Handbags: bodies of bent and stuffed boxes, with handles, flaps and hardware."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from drawing.lighting import Light
from drawing.materials import BRASS, GOLD, Material, cloth, grain, leather, plain
from drawing.noise import fbm, linear, mix, smoothstep
from drawing.products.chair import block
from drawing.scenes import Scene, linen, marble, paper, plaster, two_tone, wooden_table
from drawing.studio import Design
from drawing.surfaces import Mesh, ellipsoid, moved, tube

Warp = Callable[[np.ndarray], np.ndarray]


def taper(height: float, top: float, belly: float = 0.0, waist: float = 0.0) -> Warp:
    """Narrow the depth towards the top, swell the middle and draw in the sides."""

    def warp(p: np.ndarray) -> np.ndarray:
        t = np.clip(p[..., 1] / height + 0.5, 0, 1)
        depth = 1 + (top - 1) * t + belly * np.sin(np.pi * t)
        width = 1 - waist * t
        return np.stack([p[..., 0] * width, p[..., 1], p[..., 2] * depth], -1)

    return warp


def handle(
    mesh: Mesh,
    span: float,
    y: float,
    rise: float,
    z: float,
    material: Material,
    r: float = 0.02,
    lean: float = 0.0,
) -> None:
    """An arched handle from one side to the other, with little rings below it."""
    path = [
        [-span, y - 0.08, z],
        [-span, y, z],
        [-span * 0.93, y + rise * 0.55, z + lean * 0.5],
        [-span * 0.55, y + rise * 0.93, z + lean],
        [0, y + rise, z + lean],
        [span * 0.55, y + rise * 0.93, z + lean],
        [span * 0.93, y + rise * 0.55, z + lean * 0.5],
        [span, y, z],
        [span, y - 0.08, z],
    ]
    mesh.add(tube(path, r, up=(0, 0, 1)), material, wrap_u=True)


def ring(
    mesh: Mesh,
    at: Sequence[float],
    radius: float,
    r: float,
    material: Material,
    turn: Sequence[float] = (0, 0, 0),
) -> None:
    """A metal ring in the plane z = 0, turned."""
    path = [[radius * np.cos(a), radius * np.sin(a), 0] for a in np.linspace(0, 2 * np.pi, 17)[:-1]]
    mesh.add(moved(tube(path, r, closed=True, up=(0, 0, 1)), at, turn=turn), material, wrap_u=True)


def stitch(
    mesh: Mesh, path: Sequence[Sequence[float]], material: Material, r: float = 0.0035
) -> None:
    """A raised, interrupted seam."""
    line = tube(path, lambda v: r * (0.25 + 0.75 * (np.sin(v * 150) > -0.3)), up=(0, 0, 1))
    mesh.add(line, material, wrap_u=True)


def tote(mesh: Mesh) -> None:
    hide, edge = leather("#b5733c"), leather("#7d4a24")
    body = taper(0.66, 0.72, 0.1, -0.06)
    block(mesh, [0.8, 0.66, 0.26], [0, 0.33, 0], hide, 0.035, warp=body, displace=grain(40, 0.0005))
    block(mesh, [0.862, 0.03, 0.2], [0, 0.655, 0], edge, 0.012)
    for z in (-0.09, 0.1):
        handle(mesh, 0.2, 0.62, 0.34, z, edge, 0.017, 0.02 if z > 0 else -0.02)
        for x in (-0.2, 0.2):
            block(mesh, [0.07, 0.14, 0.02], [x, 0.56, z * 1.12], edge, 0.01)
            mesh.add(moved(ellipsoid([0.012, 0.012, 0.01]), (x, 0.53, z * 1.25)), GOLD, wrap_u=True)
    for y in (0.045, 0.6):
        stitch(mesh, [[-0.38, y, 0.135], [0, y, 0.15], [0.38, y, 0.135]], plain("#e8d2ab"))


def flap_bag(mesh: Mesh) -> None:
    def quilt(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
        a, b = (points[:, 0] + points[:, 1]) / 0.088, (points[:, 0] - points[:, 1]) / 0.088
        pillow = np.abs(np.sin(np.pi * a) * np.sin(np.pi * b)) ** 0.45
        return 0.02 * pillow

    hide = leather("#1e1f24", gloss=0.26)
    block(mesh, [0.84, 0.5, 0.2], [0, 0.25, 0], hide, 0.05, displace=quilt)

    def drape(p: np.ndarray) -> np.ndarray:
        down = np.clip((0.16 - p[..., 1]) / 0.3, 0, 1)
        return np.stack(
            [
                p[..., 0] * (1 - 0.12 * down**2),
                p[..., 1] - 0.05 * (1 - (p[..., 0] / 0.43) ** 2) * down,
                p[..., 2],
            ],
            -1,
        )

    block(mesh, [0.86, 0.36, 0.035], [0, 0.345, 0.115], hide, 0.017, warp=drape, displace=quilt)
    block(mesh, [0.86, 0.05, 0.25], [0, 0.5, 0.005], hide, 0.024)
    block(mesh, [0.1, 0.07, 0.02], [0, 0.17, 0.155], GOLD, 0.01)
    ring(mesh, (0, 0.17, 0.168), 0.02, 0.005, GOLD)
    for k in np.linspace(0, 1, 46):
        x = -0.4 + 0.8 * k
        y = 0.52 + 0.33 * np.sin(np.pi * k) ** 0.8
        slope = np.degrees(np.arctan2(0.33 * np.pi * np.cos(np.pi * k), 0.8))
        link = ellipsoid([0.017, 0.0095, 0.006 + 0.006 * (round(k * 45) % 2)])
        mesh.add(moved(link, (x, y, 0.0), turn=(0, 0, slope)), GOLD, wrap_u=True)


def bucket(mesh: Mesh) -> None:
    hide = leather("#c5a27e")
    dark = leather("#6b4630")

    def shape(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        angle = -2 * np.pi * u
        t = np.clip(v, 0, 1)
        r = 0.27 + 0.035 * np.sin(np.pi * np.clip(t * 1.1, 0, 1)) - 0.06 * smoothstep(0.72, 1.0, t)
        folds = smoothstep(0.55, 1.0, t) * 0.03 * np.cos(11 * angle + 1.3 * np.sin(3 * angle))
        low = np.sqrt(np.clip(1 - np.clip(1 - t / 0.05, 0, 1) ** 2, 0, 1))
        r = r * (0.93 + 0.07 * low) + folds
        return np.stack([r * np.cos(angle) * 1.12, 0.62 * v, r * np.sin(angle) * 0.85], -1)

    mesh.add(shape, hide, wrap_u=True, two_sided=True, displace=grain(40, 0.0005))
    mesh.add(lambda u, v: shape(u, v * 0.09) * np.float32([1.015, 1, 1.015]), dark, wrap_u=True)
    cord = [[0.275 * np.cos(a), 0.5, 0.225 * np.sin(a)] for a in np.linspace(0, 2 * np.pi, 33)[:-1]]
    mesh.add(tube(cord, 0.012, closed=True), dark, wrap_u=True)
    for x in (-0.03, 0.035):
        hang = [[0.0, 0.5, 0.235], [x, 0.42, 0.27], [x * 1.6, 0.33, 0.275], [x * 1.5, 0.27, 0.275]]
        mesh.add(tube(hang, 0.011), dark, wrap_u=True)
        mesh.add(moved(ellipsoid([0.02, 0.035, 0.02]), (x * 1.5, 0.25, 0.275)), BRASS, wrap_u=True)
    handle(mesh, 0.26, 0.56, 0.42, 0.0, dark, 0.018)


def doctor(mesh: Mesh) -> None:
    hide, trim = leather("#7c2f33", gloss=0.3), leather("#4a1a1e", gloss=0.3)
    body = taper(0.52, 0.4, 0.12, 0.1)
    block(mesh, [0.86, 0.52, 0.38], [0, 0.27, 0], hide, 0.05, warp=body, displace=grain(60, 0.0004))
    block(mesh, [0.79, 0.035, 0.1], [0, 0.53, 0], GOLD, 0.012)
    for z in (-0.07, 0.075):
        handle(mesh, 0.15, 0.53, 0.2, z, trim, 0.02, 0.0)
        for x in (-0.15, 0.15):
            ring(mesh, (x, 0.5, z * 1.25), 0.026, 0.006, GOLD)
    block(mesh, [0.09, 0.13, 0.02], [0, 0.47, 0.125], trim, 0.009, (18, 0, 0))
    block(mesh, [0.045, 0.045, 0.02], [0, 0.44, 0.146], GOLD, 0.008, (18, 0, 0))
    for x in (-0.38, 0.38):
        for z in (-0.13, 0.13):
            mesh.add(moved(ellipsoid([0.02, 0.014, 0.02]), (x, 0.008, z)), GOLD, wrap_u=True)


def clutch(mesh: Mesh) -> None:
    satin = Material(plain("#3d5a80").paint, 0.32, 0.06, sheen=0.6)

    def folds(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
        fan = np.arctan2(points[:, 0], 0.75 - points[:, 1])
        zone = smoothstep(0.0, 0.1, 0.4 - points[:, 1])
        return zone * (
            0.012 * np.sin(fan * 44 + fbm(points * 3, 2, 2)) + 0.006 * fbm(points * 6, 2, 5)
        )

    def pillow(p: np.ndarray) -> np.ndarray:
        a, b = p[..., 0] / 0.46, p[..., 1] / 0.23
        swell = 1 + 0.9 * np.clip(1 - a**4, 0, 1) * np.clip(1 - b**2, 0, 1)
        return np.stack([p[..., 0], p[..., 1], p[..., 2] * swell], -1)

    block(mesh, [0.9, 0.44, 0.12], [0, 0.23, 0], satin, 0.055, warp=pillow, displace=folds)
    mesh.add(
        tube([[-0.43, 0.445, 0.0], [0, 0.475, 0.0], [0.43, 0.445, 0.0]], 0.022), GOLD, wrap_u=True
    )
    for x in (-0.022, 0.022):
        mesh.add(moved(ellipsoid([0.026, 0.026, 0.026]), (x, 0.51, 0.0)), GOLD, wrap_u=True)


def straw(mesh: Mesh) -> None:
    pale, dark = linear("#e0c08a"), linear("#a87d45")

    def paint(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
        a, b = uv[:, 0] / 0.022, uv[:, 1] / 0.022
        over = np.sin(np.pi * a) * np.sin(np.pi * b)
        tone = 0.5 + 0.35 * fbm(uv * np.float32([60, 6]), 2, 3) + 0.35 * np.abs(over)
        return mix(dark, pale, np.clip(tone, 0, 1))

    def woven(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
        a, b = np.pi * uv[:, 0] / 0.022, np.pi * uv[:, 1] / 0.022
        return 0.006 * np.abs(np.sin(a)) * (0.6 + 0.4 * np.sign(np.sin(a)) * np.sin(b))

    reed = Material(paint, 0.7, 0.03)

    def shape(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        angle = -2 * np.pi * u
        low = np.sqrt(np.clip(1 - np.clip(1 - v / 0.16, 0, 1) ** 2, 0, 1))
        r = 0.26 + 0.1 * low + 0.07 * v
        return np.stack([r * np.cos(angle) * 1.15, 0.5 * v, r * np.sin(angle) * 0.72], -1)

    mesh.add(shape, reed, wrap_u=True, two_sided=True, displace=woven)
    rim = [[0.492 * np.cos(a), 0.5, 0.308 * np.sin(a)] for a in np.linspace(0, 2 * np.pi, 33)[:-1]]
    mesh.add(tube(rim, 0.018, closed=True), reed, wrap_u=True)
    tan = leather("#9a5a2e")
    for z in (-0.24, 0.26):
        handle(mesh, 0.2, 0.48, 0.3, z, tan, 0.018, -0.04 if z > 0 else 0.04)
        for x in (-0.2, 0.2):
            block(mesh, [0.06, 0.12, 0.03], [x, 0.43, z * 1.07], tan, 0.012)
    lining = cloth("#f2ede2", pitch=0.008)
    mesh.add(moved(ellipsoid([0.45, 0.05, 0.27]), (0, 0.4, 0)), lining, wrap_u=True)


_LINEN, _FOLDS = linen("#bfc7c4", folds=0.012)
_SOFT = Light(softness=8)
DESIGNS = [
    Design("Leather tote, caramel", 129.0, tote, paper("#e9e2d8"), 24, 12, 0.76, light=_SOFT),
    Design(
        "Quilted flap bag, black",
        245.0,
        flap_bag,
        Scene(marble("#ece8e4", "#b3aaa4", seed=4), plaster("#d9c3bb"), 0.9, bounce="#ddd5ce"),
        18,
        14,
        0.78,
        light=_SOFT,
    ),
    Design(
        "Drawstring bucket bag, sand",
        139.0,
        bucket,
        two_tone("#cdbba6", "#8ea39b"),
        14,
        14,
        0.78,
        light=_SOFT,
    ),
    Design(
        "Frame bag, garnet leather",
        219.0,
        doctor,
        wooden_table("#a97c50", "#7a5231", "#dcd6cb", seed=8),
        26,
        14,
        0.76,
        light=_SOFT,
    ),
    Design(
        "Evening clutch, steel blue satin",
        89.0,
        clutch,
        paper("#d9cbd0"),
        16,
        14,
        0.76,
        light=_SOFT,
    ),
    Design(
        "Straw market basket, tan handles",
        65.0,
        straw,
        Scene(_LINEN, plaster("#e6dccb"), 0.9, floor_bump=_FOLDS, bounce="#cfcabd"),
        22,
        14,
        0.76,
        light=_SOFT,
    ),
]
