"""Sofas of upholstered blocks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from drawing.lighting import Light
from drawing.materials import BLACK_IRON, BRASS, Material, cloth, leather, wood
from drawing.noise import fbm
from drawing.products.chair import block, cushion_warp, leg
from drawing.scenes import Scene, concrete, paper, plaster, room
from drawing.studio import Design
from drawing.surfaces import Mesh, moved, tube

OAK = wood("#c99a66", "#94683c", along=1, seed=3)


def velvet(color: str) -> Material:
    """A pile that brightens at grazing angles."""
    base = cloth(color, pitch=0.006, melange=0.02)
    return Material(base.paint, 0.8, 0.03, sheen=0.9)


def soft(depth: float = 0.006, seed: int = 3):
    """Displacement: the unevenness of stuffing."""
    return lambda points, uv: depth * fbm(points * np.float32(7), 3, seed)


def cushion(
    mesh: Mesh,
    size: Sequence[float],
    at: Sequence[float],
    cover: Material,
    turn: Sequence[float] = (0, 0, 0),
    puff: float = 0.3,
    radius: float = 0.04,
    displace=None,
) -> None:
    """A stuffed cushion lying flat before it is turned."""
    block(mesh, size, at, cover, radius, turn, cushion_warp(puff, size), displace or soft())


def piping(mesh: Mesh, size: Sequence[float], at: Sequence[float], cover: Material) -> None:
    """A cord round the upper edge of a flat cushion."""
    a, b, r = size[0] / 2 - 0.012, size[2] / 2 - 0.012, 0.05
    path = []
    for cx, cz, start in (
        (a - r, b - r, 0),
        (-a + r, b - r, 90),
        (-a + r, -b + r, 180),
        (a - r, -b + r, 270),
    ):
        for step in (0, 30, 60, 90):
            t = np.radians(start + step)
            path.append([cx + r * np.cos(t), size[1] / 2 - 0.012, cz + r * np.sin(t)])
    mesh.add(moved(tube(path, 0.006, closed=True), at), cover, wrap_u=True)


def legs(
    mesh: Mesh, x: float, z: float, height: float, material: Material, splay: float = 0.0
) -> None:
    for a in (-1, 1):
        for b in (-1, 1):
            top, foot = [a * x, height, b * z], [a * (x + splay), 0.0, b * (z + splay)]
            leg(mesh, top, foot, (0.024, 0.014), material)


def mid_century(mesh: Mesh) -> None:
    wool = cloth("#3f6b70", "#5b868a", pitch=0.0065)
    legs(mesh, 0.58, 0.2, 0.2, OAK, 0.03)
    block(mesh, [1.3, 0.07, 0.5], [0, 0.2, 0], wool, 0.02)
    for x in (-0.3, 0.3):
        cushion(mesh, [0.595, 0.13, 0.5], [x, 0.3, 0.02], wool, puff=0.16)
        piping(mesh, [0.595, 0.13, 0.5], [x, 0.302, 0.02], wool)
        cushion(mesh, [0.59, 0.12, 0.36], [x, 0.52, -0.2], wool, (76, 0, 0), 0.25)
    for x in (-0.645, 0.645):
        block(mesh, [0.09, 0.28, 0.54], [x, 0.33, 0], wool, 0.035)


def chesterfield(mesh: Mesh) -> None:
    hide = leather("#6a3420", gloss=0.3)
    legs(mesh, 0.6, 0.2, 0.08, BLACK_IRON)
    block(mesh, [1.34, 0.16, 0.52], [0, 0.17, 0.01], hide, 0.03)
    for x in (-0.4, 0.0, 0.4):
        cushion(mesh, [0.395, 0.12, 0.44], [x, 0.3, 0.05], hide, puff=0.2)

    def tufts(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
        a, b = points[:, 0] / 0.13, (points[:, 1] - 0.3) / 0.11
        row = np.round(b)
        col = np.round(a - 0.5 * (row % 2)) + 0.5 * (row % 2)
        d2 = ((a - col) * 0.13) ** 2 + ((b - row) * 0.11) ** 2
        fold = np.abs(np.sin(np.pi * (a + b))) * np.abs(np.sin(np.pi * (a - b)))
        return -0.035 * np.exp(-d2 / 0.0009) + 0.012 * np.sqrt(fold)

    block(mesh, [1.3, 0.36, 0.13], [0, 0.42, -0.22], hide, 0.06, displace=tufts)
    mesh.add(
        tube([[-0.62, 0.6, -0.23], [0, 0.605, -0.235], [0.62, 0.6, -0.23]], 0.075),
        hide,
        wrap_u=True,
    )
    for x in (-0.65, 0.65):
        block(mesh, [0.13, 0.4, 0.5], [x, 0.33, 0.01], hide, 0.05)
        path = [[x * 1.02, 0.55, -0.28], [x * 1.02, 0.55, 0.0], [x * 1.02, 0.55, 0.27]]
        mesh.add(tube(path, 0.095), hide, wrap_u=True)
        mesh.add(
            moved(
                tube([[0, 0, -0.002], [0, 0, 0.012]], lambda v: 0.095 - 0.02 * v),
                (x * 1.02, 0.55, 0.265),
            ),
            hide,
            wrap_u=True,
        )
        disc = [[x * 1.02, 0.55, 0.27], [x * 1.02, 0.55, 0.284]]
        mesh.add(
            tube(disc, lambda v: 0.094 * np.sqrt(np.clip(1.0001 - v * v, 0.0001, 1))),
            hide,
            wrap_u=True,
        )


def velvet_curve(mesh: Mesh) -> None:
    pile = velvet("#9b3d4f")
    legs(mesh, 0.5, 0.16, 0.14, BRASS)

    def bowed(p: np.ndarray) -> np.ndarray:
        return np.stack([p[..., 0], p[..., 1], p[..., 2] + 0.22 * (p[..., 0] / 0.66) ** 2], -1)

    block(mesh, [1.3, 0.2, 0.5], [0, 0.24, 0], pile, 0.09, warp=bowed, displace=soft(0.004))
    block(mesh, [1.34, 0.36, 0.17], [0, 0.47, -0.2], pile, 0.082, warp=bowed, displace=soft(0.004))
    for x, turn in ((-0.4, 24), (0.38, -20)):
        ball = cloth("#d9a79c", pitch=0.008)
        cushion(mesh, [0.28, 0.1, 0.28], [x, 0.46, 0.02], ball, (68, turn, 4), 0.9, 0.03)


def boucle(mesh: Mesh) -> None:
    wool = cloth("#e9e1d2", "#d8cdbb", pitch=0.02, melange=0.16)

    def loops(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
        return 0.006 * np.abs(fbm(points * np.float32(42), 2, 6)) + 0.007 * fbm(points * 6, 2, 1)

    block(mesh, [1.2, 0.22, 0.56], [0, 0.15, 0], wool, 0.1, displace=loops)
    block(mesh, [1.24, 0.36, 0.2], [0, 0.38, -0.2], wool, 0.098, displace=loops)
    for x in (-0.54, 0.54):
        block(mesh, [0.2, 0.3, 0.52], [x, 0.28, 0.02], wool, 0.098, displace=loops)
    accent = cloth("#b5713f", pitch=0.01)
    cushion(mesh, [0.26, 0.1, 0.26], [-0.32, 0.37, -0.02], accent, (66, 18, 0), 0.9, 0.03)


def modular(mesh: Mesh) -> None:
    linen = cloth("#8a8f96", "#a4a9af", pitch=0.0065)
    for x in (-0.42, 0.0, 0.42):
        cushion(mesh, [0.415, 0.18, 0.5], [x, 0.13, 0], linen, puff=0.05)
        cushion(mesh, [0.41, 0.14, 0.48], [x, 0.29, 0.01], linen, puff=0.2)
        cushion(mesh, [0.4, 0.15, 0.34], [x, 0.5, -0.19], linen, (78, 0, 0), 0.35)
    cushion(mesh, [0.415, 0.18, 0.42], [0.42, 0.13, 0.45], linen, puff=0.05)
    cushion(mesh, [0.41, 0.14, 0.42], [0.42, 0.29, 0.45], linen, puff=0.2)
    block(mesh, [0.12, 0.36, 0.52], [-0.68, 0.24, 0.0], linen, 0.04)
    accent = cloth("#d4a437", pitch=0.01)
    cushion(mesh, [0.26, 0.1, 0.26], [-0.44, 0.48, -0.02], accent, (68, 16, 0), 0.9, 0.03)
    cushion(mesh, [0.26, 0.1, 0.26], [0.4, 0.48, -0.03], cloth("#3d4a5c"), (68, -12, 0), 0.9, 0.03)


def loveseat(mesh: Mesh) -> None:
    pile = velvet("#2f5d45")

    def channels(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
        return 0.016 * np.abs(np.sin(np.pi * points[:, 0] / 0.1)) ** 0.7

    legs(mesh, 0.42, 0.18, 0.16, BRASS, 0.02)
    block(mesh, [1.0, 0.09, 0.5], [0, 0.2, 0], pile, 0.03)
    cushion(mesh, [0.86, 0.13, 0.46], [0, 0.3, 0.03], pile, puff=0.15)
    block(mesh, [1.0, 0.44, 0.12], [0, 0.45, -0.2], pile, 0.055, displace=channels)
    for x in (-0.48, 0.48):
        block(mesh, [0.11, 0.26, 0.46], [x, 0.36, 0.01], pile, 0.05)


_DAY = Light(softness=10, elevation=52)
DESIGNS = [
    Design(
        "Three-seat sofa, petrol wool",
        899.0,
        mid_century,
        room("#b98d62", "#8f6541", "#e4ded2"),
        24,
        13,
        0.84,
        light=_DAY,
    ),
    Design(
        "Chesterfield sofa, oxblood leather",
        1490.0,
        chesterfield,
        room("#6f4b33", "#452c1c", "#aab3a8", seed=5),
        20,
        13,
        0.84,
        light=_DAY,
    ),
    Design(
        "Curved velvet sofa, mulberry",
        1190.0,
        velvet_curve,
        paper("#e6cfc6"),
        18,
        14,
        0.84,
        light=_DAY,
    ),
    Design(
        "Bouclé loveseat, cream",
        740.0,
        boucle,
        Scene(concrete("#c9c4bc"), plaster("#b99f86"), 0.7, skirting=0.09),
        26,
        13,
        0.82,
        light=_DAY,
    ),
    Design(
        "Modular corner sofa, flint linen",
        1350.0,
        modular,
        room("#cfae86", "#a88660", "#cdd6da", seed=9),
        28,
        20,
        0.84,
        light=_DAY,
    ),
    Design(
        "Channel-back loveseat, bottle green velvet",
        690.0,
        loveseat,
        room("#9a7350", "#6d4d33", "#e7d9d2", seed=11),
        24,
        13,
        0.8,
        light=_DAY,
    ),
]
