"""Dresses on an unseen mannequin."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from drawing.lighting import Light
from drawing.materials import GOLD, Material, cloth, leather, plain
from drawing.noise import cells, fbm, linear, mix, smoothstep
from drawing.scenes import Scene, concrete, paper, plaster, room, two_tone
from drawing.studio import Design
from drawing.surfaces import Mesh, Shape, curve, tube

Knots = Sequence[Sequence[float]]


def gown(
    outline: Knots,
    *,
    folds: int = 9,
    depth: float = 0.05,
    from_y: float = 0.75,
    dip: float = 0.0,
    pleat: float = 1.0,
) -> Shape:
    """A garment turned about y: outline knots (y, half width, half depth) from hem to neck.

    folds waves of `depth` open below from_y; dip lowers the neckline in front.
    """
    line = curve(outline)

    def shape(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        angle = -2 * np.pi * u
        y, w, d = np.moveaxis(line(v), -1, 0)
        t = np.clip((from_y - y) / from_y, 0, 1) ** 1.2
        wave = np.sin(folds * angle + 1.2 * np.sin(2 * angle) + 1.5 * y * (pleat < 1))
        wave = np.sign(wave) * np.abs(wave) ** pleat
        grow = 1 + depth * 4 * t * wave
        front = np.clip(np.sin(angle), 0, 1) ** 2
        y = y - dip * front * smoothstep(0.86, 1.0, v)
        return np.stack([w * grow * np.cos(angle), y, d * grow * np.sin(angle)], -1)

    return shape


def crumple(amount: float = 0.012, seed: int = 3) -> Callable:
    """Displacement: soft vertical drapery and cross creases at the waist."""

    def offset(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
        drape = fbm(points * np.float32([5, 1.2, 5]), 3, seed)
        cross = fbm(points * np.float32([4, 14, 4]), 2, seed + 4)
        waist = np.exp(-(((points[:, 1] - 0.78) / 0.1) ** 2))
        return amount * (drape + 0.6 * waist * cross)

    return offset


def straps(
    mesh: Mesh, x: float, y: float, z: float, top: float, material: Material, r: float
) -> None:
    for side in (-1, 1):
        path = [
            [side * x, y, z],
            [side * x * 0.98, (y + top) / 2, z * 0.92],
            [side * x * 0.9, top, 0.0],
            [side * x * 0.98, (y + top) / 2, -z * 0.92],
            [side * x, y, -z],
        ]
        mesh.add(tube(path, r, flat=0.4, up=(side, 0.0, 0)), material, wrap_u=True)


def sleeves(
    mesh: Mesh, reach: Knots, radius: Callable, material: Material, displace: Callable
) -> None:
    """Sleeves along knots given for the right side."""
    for side in (-1, 1):
        path = [[side * x, y, z] for x, y, z in reach]
        mesh.add(
            tube(path, radius, flat=0.8, up=(0, 0, 1), caps=False),
            material,
            wrap_u=True,
            displace=displace,
            two_sided=True,
        )


def satin(color: str) -> Material:
    base = linear(color)
    return Material(lambda p, uv: np.broadcast_to(base, p.shape), 0.3, 0.06, sheen=0.35)


def slip(mesh: Mesh) -> None:
    silk = satin("#d8b48c")
    outline = [
        [0.0, 0.23, 0.19],
        [0.3, 0.215, 0.165],
        [0.62, 0.185, 0.13],
        [0.8, 0.14, 0.105],
        [0.98, 0.165, 0.125],
        [1.08, 0.14, 0.1],
    ]
    mesh.add(
        gown(outline, folds=7, depth=0.045, from_y=0.85, dip=0.05),
        silk,
        wrap_u=True,
        two_sided=True,
        displace=crumple(0.016),
    )
    straps(mesh, 0.09, 1.065, 0.085, 1.25, silk, 0.007)


def polka(mesh: Mesh) -> None:
    red, dot = linear("#b32f38"), linear("#f6efe2")

    def paint(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
        angle = np.arctan2(points[:, 2], points[:, 0])
        row = np.round(points[:, 1] / 0.062)
        width = np.hypot(points[:, 0], points[:, 2])
        ring = np.maximum(
            np.round(2 * np.pi * (0.15 + 0.4 * np.clip(0.78 - row * 0.062, 0, 1)) / 0.085), 9
        )
        a = angle / (2 * np.pi) * ring + 0.5 * (row % 2)
        dx = (a - np.round(a)) / ring * 2 * np.pi * width
        r = np.hypot(dx, points[:, 1] - row * 0.062)
        return mix(red, dot, 1 - smoothstep(0.0125, 0.015, r))

    cotton = Material(paint, 0.85, 0.02, sheen=0.2)
    outline = [
        [0.0, 0.44, 0.38],
        [0.25, 0.36, 0.31],
        [0.55, 0.23, 0.19],
        [0.74, 0.13, 0.1],
        [0.9, 0.165, 0.125],
        [1.02, 0.18, 0.11],
        [1.1, 0.15, 0.085],
        [1.135, 0.1, 0.07],
    ]
    mesh.add(
        gown(outline, folds=10, depth=0.035, from_y=0.72, dip=0.06),
        cotton,
        wrap_u=True,
        two_sided=True,
    )
    sleeves(
        mesh,
        [[0.13, 1.06, 0], [0.19, 1.03, 0], [0.235, 0.96, 0.01]],
        lambda v: 0.062 + 0.03 * v,
        cotton,
        crumple(0.01),
    )
    belt = gown(
        [[0.72, 0.136, 0.106], [0.735, 0.139, 0.109], [0.765, 0.139, 0.109], [0.78, 0.137, 0.107]],
        depth=0.0,
    )
    mesh.add(belt, plain("#f6efe2", 0.3), wrap_u=True)


def sunray(mesh: Mesh) -> None:
    crepe = Material(cloth("#3f7d72", pitch=0.005).paint, 0.6, 0.03, sheen=0.4)
    skirt = [[0.0, 0.37, 0.3], [0.3, 0.28, 0.22], [0.6, 0.18, 0.14], [0.76, 0.125, 0.098]]
    mesh.add(
        gown(skirt, folds=34, depth=0.022, from_y=0.8, pleat=0.7),
        crepe,
        wrap_u=True,
        two_sided=True,
    )
    top = [
        [0.745, 0.13, 0.1],
        [0.8, 0.135, 0.105],
        [0.92, 0.168, 0.128],
        [1.04, 0.16, 0.1],
        [1.12, 0.11, 0.075],
        [1.16, 0.085, 0.065],
    ]
    mesh.add(
        gown(top, depth=0.0, dip=0.1),
        crepe,
        wrap_u=True,
        two_sided=True,
        displace=crumple(0.012, 8),
    )
    belt = gown(
        [[0.735, 0.134, 0.106], [0.745, 0.137, 0.109], [0.785, 0.138, 0.11], [0.795, 0.136, 0.107]],
        depth=0.0,
    )
    mesh.add(belt, GOLD, wrap_u=True)


def tiered(mesh: Mesh) -> None:
    linen = Material(cloth("#f0e6d4", pitch=0.006).paint, 0.9, 0.02, sheen=0.2)
    tiers = (
        ([[0.0, 0.39, 0.33], [0.28, 0.31, 0.26]], 0.29, 17),
        ([[0.26, 0.33, 0.275], [0.54, 0.235, 0.19]], 0.55, 14),
        ([[0.52, 0.26, 0.21], [0.78, 0.135, 0.105]], 0.8, 12),
    )
    for outline, top, folds in tiers:

        def shape(
            u: np.ndarray, v: np.ndarray, outline=outline, top=top, folds=folds
        ) -> np.ndarray:
            angle = -2 * np.pi * u
            (y0, w0, d0), (y1, w1, d1) = outline
            y = y0 + (y1 - y0) * v
            t = np.clip(1 - v, 0, 1)
            bell = 1 - np.clip(v, 0, 1) ** 3
            wave = 0.05 * t**0.8 * np.sin(folds * angle + 1.4 * np.sin(3 * angle + 5 * top))
            gather = 0.012 * np.clip(v, 0, 1) ** 2 * np.sin(folds * 4 * angle)
            grow = 1 + wave + gather
            w, d = (
                w1 + (w0 - w1) * (0.35 * bell + 0.65 * t),
                d1 + (d0 - d1) * (0.35 * bell + 0.65 * t),
            )
            return np.stack([w * grow * np.cos(angle), y, d * grow * np.sin(angle)], -1)

        mesh.add(shape, linen, wrap_u=True, two_sided=True)
    top = [[0.76, 0.13, 0.102], [0.88, 0.165, 0.125], [0.98, 0.17, 0.12], [1.05, 0.15, 0.1]]
    mesh.add(
        gown(top, depth=0.0, dip=0.03),
        linen,
        wrap_u=True,
        two_sided=True,
        displace=crumple(0.014, 5),
    )
    straps(mesh, 0.095, 1.04, 0.09, 1.2, linen, 0.02)


def sheath(mesh: Mesh) -> None:
    crepe = Material(cloth("#22242a", pitch=0.005).paint, 0.62, 0.035, sheen=0.5)
    outline = [
        [0.0, 0.165, 0.135],
        [0.35, 0.19, 0.15],
        [0.5, 0.195, 0.15],
        [0.72, 0.135, 0.105],
        [0.9, 0.17, 0.13],
        [1.03, 0.185, 0.11],
        [1.1, 0.16, 0.085],
        [1.15, 0.09, 0.065],
    ]
    mesh.add(
        gown(outline, folds=3, depth=0.006, from_y=0.5, dip=0.03),
        crepe,
        wrap_u=True,
        two_sided=True,
        displace=crumple(0.009, 9),
    )
    sleeves(
        mesh,
        [
            [0.13, 1.07, 0],
            [0.2, 1.02, 0],
            [0.245, 0.88, 0.0],
            [0.27, 0.72, 0.02],
            [0.285, 0.6, 0.04],
        ],
        lambda v: 0.066 - 0.022 * v,
        crepe,
        crumple(0.012, 2),
    )
    belt = gown(
        [[0.7, 0.14, 0.11], [0.705, 0.143, 0.113], [0.735, 0.143, 0.113], [0.74, 0.14, 0.11]],
        depth=0.0,
    )
    mesh.add(belt, leather("#7c5a3a"), wrap_u=True)


def floral(mesh: Mesh) -> None:
    ground = linear("#2f4b6e")
    petals = [linear(c) for c in ("#f0b7a4", "#f4e3c1", "#e57f6b", "#f2c95c")]
    leaf = linear("#7fa384")

    def paint(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
        p = points * np.float32(13)
        near, _, number = cells(p, 6, 1)
        color = np.broadcast_to(ground, points.shape).copy()
        wobble = near * (1 + 0.5 * fbm(points * 60, 2, 3))
        pick = number % 7
        color[(wobble < 0.56) & (pick >= 5)] = leaf
        for k, petal in enumerate(petals):
            here = (wobble < 0.5) & (pick == k)
            color[here] = petal * (0.75 + 0.5 * (wobble[here] / 0.5))[:, None]
        color[(near < 0.15) & (pick < 4)] = linear("#8a4a2f")
        return color

    cotton = Material(paint, 0.85, 0.02, sheen=0.2)
    outline = [
        [0.0, 0.36, 0.3],
        [0.3, 0.29, 0.23],
        [0.6, 0.2, 0.15],
        [0.76, 0.132, 0.102],
        [0.92, 0.17, 0.13],
        [1.0, 0.172, 0.122],
        [1.06, 0.155, 0.105],
    ]
    mesh.add(
        gown(outline, folds=8, depth=0.045, from_y=0.75, dip=0.05),
        cotton,
        wrap_u=True,
        two_sided=True,
        displace=crumple(0.01),
    )
    straps(mesh, 0.1, 1.045, 0.09, 1.21, cotton, 0.017)


_SOFT = Light(softness=9)
_VIEW = {"azimuth": 14.0, "elevation": 6.0, "fill": 0.82, "shift": (0.0, 0.015)}
DESIGNS = [
    Design("Satin slip dress, champagne", 98.0, slip, paper("#c9b3a8"), light=_SOFT, **_VIEW),
    Design("Polka-dot tea dress, cherry", 84.0, polka, paper("#e4e2dc"), light=_SOFT, **_VIEW),
    Design(
        "Sunray pleat dress, spruce",
        115.0,
        sunray,
        two_tone("#d6c7b4", "#ddd0bf"),
        light=_SOFT,
        **_VIEW,
    ),
    Design(
        "Tiered linen dress, ecru",
        109.0,
        tiered,
        Scene(concrete("#b5ada3"), plaster("#9aa893"), 0.75),
        light=_SOFT,
        **_VIEW,
    ),
    Design("Sheath dress, black crêpe", 125.0, sheath, paper("#b9c2c9"), light=_SOFT, **_VIEW),
    Design(
        "Meadow sundress, indigo",
        76.0,
        floral,
        room("#c6a57e", "#a0805c", "#ecdcd0", seed=12),
        light=_SOFT,
        **_VIEW,
    ),
]
