"""Vases: turned, ribbed, twisted and carved."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from drawing.materials import BRASS, Material, dipped, glaze, plain
from drawing.noise import cells, fbm, linear, mix, smoothstep
from drawing.products.mug import body
from drawing.scenes import Scene, concrete, linen, marble, paper, plaster, two_tone, wooden_table
from drawing.studio import Design
from drawing.surfaces import Mesh, revolve, warped


def ribs(count: int, depth: float, twist: float = 0.0) -> Callable:
    """Displacement: vertical ribs, twisted by `twist` radians per unit of height."""

    def offset(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
        angle = np.arctan2(points[:, 2], points[:, 0]) + twist * points[:, 1]
        radius = np.hypot(points[:, 0], points[:, 2])
        zone = smoothstep(0.02, 0.1, points[:, 1]) * smoothstep(0.05, 0.15, radius)
        return depth * zone * (np.abs(np.cos(count * angle / 2)) - 0.6)

    return offset


def amphora(mesh: Mesh) -> None:
    clay = glaze("#c8673f", edge="#e0a070", seed=3).gloss(0.5)
    line = [
        [0.14, 0.02],
        [0.17, 0.08],
        [0.3, 0.3],
        [0.33, 0.52],
        [0.26, 0.74],
        [0.13, 0.88],
        [0.11, 0.96],
        [0.15, 1.06],
    ]

    def scratched(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
        return 0.0022 * np.sin(points[:, 1] * 190) + 0.004 * fbm(points * 7, 2, 3)

    mesh.add(revolve(body(line)), clay, wrap_u=True, displace=scratched)


def ribbed(mesh: Mesh) -> None:
    clay = glaze("#e8e2d6", seed=5).gloss(0.55)
    line = [[0.2, 0.02], [0.3, 0.12], [0.36, 0.36], [0.3, 0.62], [0.17, 0.78], [0.16, 0.9]]
    mesh.add(revolve(body(line)), clay, wrap_u=True, displace=ribs(26, 0.022))


def twisted(mesh: Mesh) -> None:
    clay = glaze("#3b6f5c", edge="#a9cbb0", seed=8)
    line = [[0.19, 0.02], [0.25, 0.2], [0.28, 0.5], [0.24, 0.8], [0.17, 0.98], [0.2, 1.06]]
    mesh.add(revolve(body(line)), clay, wrap_u=True, displace=ribs(12, 0.045, 2.6))


def bottle(mesh: Mesh) -> None:
    upper = glaze("#e7c06a", edge="#f0dca6", speckle=0.35, seed=14)
    clay = dipped(upper, plain("#efe7da", 0.7), 0.42, 0.05)
    line = [
        [0.24, 0.02],
        [0.29, 0.08],
        [0.3, 0.34],
        [0.28, 0.52],
        [0.13, 0.68],
        [0.075, 0.8],
        [0.07, 0.98],
        [0.085, 1.02],
    ]
    mesh.add(revolve(body(line)), clay, wrap_u=True)


def crackle(mesh: Mesh) -> None:
    deep, pale, gold = linear("#1d3f73"), linear("#2f66a3"), linear("#d9b96b")

    def paint(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
        near, far, _ = cells(points * 5 + 0.2 * fbm(points * 9, 2, 4)[:, None], 8, 1)
        vein = 1 - smoothstep(0.012, 0.03, far - near)
        glazed = mix(deep, pale, 0.5 + 0.5 * fbm(points * np.float32([3, 1, 3]), 3, 2))
        return mix(glazed, gold, vein)

    line = [[0.15, 0.02], [0.28, 0.14], [0.37, 0.36], [0.33, 0.58], [0.16, 0.7], [0.19, 0.8]]
    mesh.add(revolve(body(line)), Material(paint, 0.13, 0.055), wrap_u=True)


def donut(mesh: Mesh) -> None:
    clay = glaze("#d99c98", edge="#eccac4", seed=21).gloss(0.6)

    def shape(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        around = 2 * np.pi * v
        across = -2 * np.pi * u
        out = 0.33 + 0.125 * np.cos(across)
        return np.stack(
            [out * np.cos(around), 0.46 + out * np.sin(around), 0.12 * np.sin(across)], -1
        )

    mesh.add(shape, clay, wrap_u=True)
    neck = revolve(
        [
            [0.095, 0.86],
            [0.075, 0.93],
            [0.075, 1.02],
            [0.1, 1.06],
            [0.094, 1.068],
            [0.06, 1.02],
            [0.055, 0.9],
        ]
    )
    mesh.add(neck, clay, wrap_u=True)
    foot = revolve([[0.15, 0.0], [0.155, 0.01], [0.12, 0.04], [0.11, 0.07]])
    squeezed = warped(foot, lambda p: p * np.float32([1.25, 1, 0.9]))
    mesh.add(squeezed, BRASS, wrap_u=True)


_LINEN, _FOLDS = linen("#cfc6b6", folds=0.012)
DESIGNS = [
    Design(
        "Amphora vase, sunburnt clay",
        42.0,
        amphora,
        Scene(plain("#e2d3bf", 0.7), plaster("#e9ddcb"), 0.7, bounce="#dcc7ac"),
    ),
    Design("Ribbed vase, chalk white", 36.0, ribbed, paper("#8fa3a0"), elevation=12),
    Design(
        "Twisted vase, jade glaze",
        54.0,
        twisted,
        wooden_table("#7a5234", "#4a2f1d", "#d8cfc1", seed=6),
        elevation=12,
    ),
    Design("Bottle vase, honey dip", 29.5, bottle, two_tone("#7f93a8", "#c9d3dc"), elevation=12),
    Design(
        "Round vase, lapis with gold veins",
        68.0,
        crackle,
        Scene(marble("#e9e4de", "#a3968a", seed=9), plaster("#cbb8a9"), 0.8, bounce="#d8cfc6"),
    ),
    Design(
        "Ring vase, blush",
        47.0,
        donut,
        Scene(_LINEN, concrete("#c4c0ba"), 0.9, floor_bump=_FOLDS, bounce="#cfc6b6"),
        azimuth=18,
        elevation=12,
    ),
]
