"""Mugs: turned bodies with pulled handles."""

from __future__ import annotations

import numpy as np

from drawing.materials import BLACK_IRON, Material, dipped, glaze, plain, wood
from drawing.noise import linear, mix, smoothstep
from drawing.scenes import (
    Scene,
    concrete,
    marble,
    paper,
    plaster,
    tiles,
    two_tone,
    wooden_table,
)
from drawing.studio import Design
from drawing.surfaces import Mesh, revolve, tube

WALL = 0.026


def body(outline: list[list[float]], foot: float = 0.9) -> list[list[float]]:
    """Close an outline (radius, height), bottom to lip, into a thin-walled vessel."""
    low, top = outline[0], outline[-1]
    under = [[0.001, 0.012], [low[0] * foot - 0.03, 0.012], [low[0] * foot - 0.015, 0.0]]
    lip = [[top[0] - WALL * 0.25, top[1] + 0.008], [top[0] - WALL * 0.75, top[1] + 0.006]]
    inside = [[r - WALL, max(y, 0.045)] for r, y in reversed(outline[1:])]
    return [*under, [low[0] * foot, 0.0], *outline, *lip, *inside, [0.001, 0.04]]


def handle(points: list[list[float]], radius: float, mesh: Mesh, material: Material) -> None:
    """A strap handle in the plane z = 0, thicker where it joins."""

    def thick(v: np.ndarray) -> np.ndarray:
        return radius * (1 + 0.35 * np.abs(2 * v - 1) ** 3)

    path = [[x, y, 0.0] for x, y in points]
    mesh.add(tube(path, thick, flat=0.62, up=(0, 0, 1)), material, wrap_u=True)


def ear(r: float, low: float, high: float, reach: float) -> list[list[float]]:
    """A rounded handle between two heights."""
    mid = (low + high) / 2
    return [
        [r - 0.03, high],
        [r + 0.35 * reach, high + 0.035],
        [r + 0.85 * reach, high - 0.06],
        [r + reach, mid + 0.03],
        [r + 0.82 * reach, mid - 0.13],
        [r + 0.35 * reach, low + 0.02],
        [r - 0.03, low],
    ]


def ocean(mesh: Mesh) -> None:
    upper = glaze("#2f6f86", edge="#8fc0bd", speckle=0.45, seed=2)
    raw = plain("#c9ab86", 0.75)
    clay = dipped(upper, raw, 0.13, 0.03)
    line = [[0.315, 0.02], [0.35, 0.1], [0.372, 0.3], [0.372, 0.55], [0.362, 0.77]]
    mesh.add(revolve(body(line)), clay, wrap_u=True)
    handle(ear(0.365, 0.21, 0.64, 0.25), 0.05, mesh, clay)


def speckled(mesh: Mesh) -> None:
    clay = glaze("#ece2d0", speckle=0.8, seed=6)
    line = [[0.26, 0.02], [0.36, 0.12], [0.42, 0.3], [0.41, 0.47], [0.37, 0.6], [0.38, 0.68]]
    mesh.add(revolve(body(line)), clay, wrap_u=True)
    handle(ear(0.385, 0.2, 0.54, 0.22), 0.048, mesh, clay)


def enamel(mesh: Mesh) -> None:
    white, rim = linear("#f4f2ec"), linear("#20345c")

    def paint(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
        return mix(white, rim, smoothstep(0.745, 0.75, points[:, 1]))

    coat = Material(paint, 0.12, 0.055)
    line = [[0.36, 0.01], [0.385, 0.03], [0.385, 0.2], [0.385, 0.55], [0.385, 0.74], [0.4, 0.77]]
    mesh.add(revolve(body(line, 0.98)), coat, wrap_u=True)
    handle(
        [[0.36, 0.62], [0.5, 0.64], [0.6, 0.56], [0.58, 0.4], [0.48, 0.24], [0.36, 0.18]],
        0.036,
        mesh,
        Material(lambda p, uv: np.broadcast_to(rim, p.shape), 0.15, 0.05),
    )


def espresso(mesh: Mesh) -> None:
    cup = glaze("#b5502f", edge="#d98a54", seed=4)
    line = [[0.2, 0.13], [0.27, 0.18], [0.33, 0.3], [0.35, 0.45], [0.36, 0.58]]
    vessel = [[r, y + 0.055] for r, y in body(line, 0.9)]
    vessel = [[r, max(y, 0.075)] for r, y in vessel]
    mesh.add(revolve(vessel), cup, wrap_u=True)
    handle(
        [[0.33, 0.56], [0.45, 0.6], [0.55, 0.53], [0.53, 0.4], [0.43, 0.32], [0.3, 0.31]],
        0.04,
        mesh,
        cup,
    )
    saucer = [
        [0.001, 0.012],
        [0.2, 0.012],
        [0.24, 0.0],
        [0.3, 0.01],
        [0.55, 0.075],
        [0.59, 0.095],
        [0.585, 0.105],
        [0.53, 0.09],
        [0.3, 0.04],
        [0.2, 0.035],
        [0.001, 0.035],
    ]
    mesh.add(revolve(saucer), cup, wrap_u=True)
    mesh.add(
        revolve([[0.345, 0.545], [0.2, 0.549], [0.001, 0.55]]), plain("#2d1608", 0.15), wrap_u=True
    )


def faceted(mesh: Mesh) -> None:
    clay = glaze("#20262c", edge="#53636a", seed=9)
    shape = revolve(body([[0.3, 0.02], [0.345, 0.09], [0.365, 0.3], [0.365, 0.6], [0.355, 0.78]]))

    def cut(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
        angle = np.arctan2(points[:, 2], points[:, 0])
        sector = np.pi / 7
        off = (angle + sector) % (2 * sector) - sector
        depth = np.clip(0.365 - 0.365 * np.cos(sector) / np.cos(off), -0.03, 0.03)
        zone = smoothstep(0.06, 0.12, points[:, 1]) * (1 - smoothstep(0.66, 0.72, points[:, 1]))
        outside = np.hypot(points[:, 0], points[:, 2]) > 0.34
        return -depth * zone * outside

    mesh.add(shape, clay, wrap_u=True, displace=cut)
    handle(ear(0.355, 0.2, 0.62, 0.24), 0.045, mesh, clay)


def camper(mesh: Mesh) -> None:
    coat = glaze("#5f7a4f", edge="#6f8a5c", speckle=0.9, seed=12)
    line = [[0.3, 0.02], [0.35, 0.05], [0.36, 0.2], [0.35, 0.5], [0.36, 0.66]]
    mesh.add(revolve(body(line)), coat, wrap_u=True)
    grip = wood("#c98f58", "#8a5730", along=1, seed=8)
    handle(
        [[0.33, 0.56], [0.47, 0.575], [0.57, 0.52], [0.57, 0.2], [0.47, 0.14], [0.33, 0.155]],
        0.032,
        mesh,
        BLACK_IRON,
    )
    mesh.add(
        tube([[0.573, 0.47, 0], [0.588, 0.4, 0], [0.588, 0.3, 0], [0.573, 0.24, 0]], 0.052),
        grip,
        wrap_u=True,
    )


_GLAZED, _BUMP = tiles("#e9efe9", "#b9bdb6")
DESIGNS = [
    Design(
        "Stoneware mug, ocean glaze", 18.0, ocean, wooden_table("#b98a5a", "#8a5d36", "#e6e0d4")
    ),
    Design("Round mug, speckled oat", 16.0, speckled, paper("#d9b9a4"), azimuth=32),
    Design(
        "Enamel camping mug, white and navy",
        12.5,
        enamel,
        Scene(concrete(), plaster("#93a3a3"), 0.9),
        azimuth=20,
        elevation=20,
    ),
    Design(
        "Espresso cup and saucer, terracotta",
        21.0,
        espresso,
        Scene(marble("#ece9e4", "#8d8c8f"), plaster("#d6d9d4"), 0.9, bounce="#dedbd6"),
        azimuth=35,
        elevation=24,
    ),
    Design("Faceted mug, midnight", 24.0, faceted, two_tone("#d9d4cc", "#b7c3c9"), azimuth=28),
    Design(
        "Campfire mug, moss and beech",
        19.5,
        camper,
        Scene(plain("#c9c2b6", 0.5), _GLAZED, 0.6, wall_bump=_BUMP),
        azimuth=24,
    ),
]
