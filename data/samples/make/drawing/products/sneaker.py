"""Sneakers, one of a pair, seen from the outer side."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from drawing.lighting import Light
from drawing.materials import WHITE_RUBBER, Material, cloth, leather, plain
from drawing.noise import fbm, linear, mix, smoothstep
from drawing.products.shoemaking import MIDDLE, Shoe, at, build
from drawing.scenes import Scene, concrete, paper, planks, plaster, terrazzo_floor, two_tone
from drawing.studio import Design


def panels(
    base: Material, parts: list[tuple[Callable, Material]], *, stitch: str | None = None
) -> Material:
    """Paint over base where part(x, y, z) > 0; x along the foot, y above the ground."""

    def paint(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
        x, y, z = points[:, 0] + 0.5, points[:, 1], points[:, 2]
        color = base.paint(points, uv)
        for part, material in parts:
            depth = part(x, y, z)
            shadow = 1 - 0.35 * np.exp(-(((depth + 0.006) / 0.005) ** 2)) * (depth < 0)
            color = color * shadow[:, None]
            color = mix(color, material.paint(points, uv), smoothstep(-0.0015, 0.0015, depth))
            if stitch:
                line = 1 - smoothstep(0.0012, 0.0024, np.abs(depth - 0.011))
                dash = np.sin((x + y) * 620) > -0.4
                color = mix(color, linear(stitch), line * dash * 0.9)
        return color.astype(np.float32)

    return Material(paint, base.roughness, base.reflectance, sheen=base.sheen)


def heel(x, y, z):
    return 0.11 + 0.1 * (y - 0.1) - x


def toe(x, y, z):
    return x - 0.74 - 1.2 * (y - 0.14) ** 2 - 0.5 * np.abs(z) ** 2


def foxing(x, y, z):
    return np.minimum(x - 0.6, 0.155 - y + 0.1 * (x - 0.7))


def eyestay(x, y, z):
    edge = 0.095 - np.abs(z - at(MIDDLE, x)) - 0.25 * np.clip(x - 0.5, 0, 1)
    return np.minimum(np.minimum(edge, x - 0.34), 0.66 - x)


def wave(x, y, z):
    """A swept stripe along the side."""
    line = 0.135 + 0.16 * np.clip((x - 0.2) / 0.42, 0, 1) ** 1.8
    width = 0.026 * np.sin(np.pi * np.clip((x - 0.17) / 0.46, 0, 1))
    return np.where((x > 0.17) & (x < 0.63), width - np.abs(y - line), -0.05)


def bars(x, y, z):
    """Three slanting stripes."""
    t = (x + 0.5 * (y - 0.15) - 0.44) / 0.062
    inside = np.minimum(0.25 - np.abs(t - np.round(t)), 1.35 - np.abs(t))
    return np.where(np.abs(z) > 0.04, inside * 0.062, -0.05)


WHITE = leather("#f0ede6", gloss=0.42)
COURT = Shoe(
    panels(WHITE, [(toe, WHITE), (eyestay, WHITE), (heel, leather("#2f6b4f"))], stitch="#d8d3c7"),
    WHITE_RUBBER,
    cloth("#e6e1d6", pitch=0.006),
    plain("#f6f4ee", 0.8),
)
RUNNER_KNIT = cloth("#33507e", "#5a7db0", pitch=0.011)
RUNNER = Shoe(
    panels(RUNNER_KNIT, [(wave, plain("#f28a2e", 0.5)), (heel, plain("#1f3357", 0.5))]),
    plain("#f4f1ea", 0.6),
    cloth("#22324f", pitch=0.006),
    plain("#f28a2e", 0.7),
    sole_height=0.115,
    rocker=0.035,
    ridges=0.004,
)
CANVAS = cloth("#b33a32", pitch=0.008)
HIGH = Shoe(
    panels(
        CANVAS,
        [(eyestay, CANVAS), (lambda x, y, z: 0.035 - np.abs(x - 0.03 + 0 * y), CANVAS)],
        stitch="#f0e4d4",
    ),
    WHITE_RUBBER,
    cloth("#efe6d8", pitch=0.006),
    plain("#f7f4ec", 0.8),
    sole_height=0.08,
    collar=0.43,
    laces=7,
    toe_cap=plain("#f2eee4", 0.45),
)
SUEDE = Material(
    lambda p, uv: (
        linear("#6f7f5b") * (1 + 0.12 * fbm(p * 40, 3, 3) + 0.1 * fbm(p * 6, 3, 6))[:, None]
    ).astype(np.float32),
    0.95,
    0.02,
    sheen=0.35,
)
RETRO = Shoe(
    panels(
        cloth("#e5dcc6", pitch=0.007),
        [(toe, SUEDE), (eyestay, SUEDE), (heel, SUEDE), (bars, plain("#c9692f", 0.6))],
        stitch="#efe7d4",
    ),
    plain("#c99b63", 0.6),
    cloth("#d8ccb2", pitch=0.006),
    plain("#efe7d6", 0.8),
    sole_height=0.075,
)


def checker(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
    a, b = np.floor(points[:, 0] / 0.042), np.floor((points[:, 2] + 0.7 * points[:, 1]) / 0.042)
    return mix(linear("#efe8d8"), linear("#26262a"), ((a + b) % 2).astype(np.float32))


SLIP = Shoe(
    panels(
        cloth("#26262a", pitch=0.007),
        [(lambda x, y, z: np.minimum(x - 0.4, 0.1), Material(checker, 0.85))],
    ),
    WHITE_RUBBER,
    cloth("#7a2f2a", pitch=0.006),
    WHITE_RUBBER,
    sole_height=0.095,
    collar=0.235,
    slip_on=True,
    rocker=0.012,
)
BLACK = leather("#222428", gloss=0.3)
TRAINER = Shoe(
    panels(
        cloth("#2c2f34", "#44484f", pitch=0.01),
        [(toe, BLACK), (eyestay, BLACK), (heel, BLACK), (wave, plain("#e9e6df", 0.4))],
        stitch="#5b5f66",
    ),
    plain("#e2ded5", 0.6),
    cloth("#1d1f22", pitch=0.006),
    plain("#f0eee8", 0.8),
    sole_height=0.1,
    rocker=0.03,
)
_SUN = Light(softness=7)
_VIEW = {"azimuth": 32.0, "elevation": 20.0, "fill": 0.8, "shift": (0.0, 0.04)}
DESIGNS = [
    Design(
        "Court sneaker, white and clover", 89.0, build(COURT), paper("#c9d3cd"), light=_SUN, **_VIEW
    ),
    Design(
        "Knit runner, indigo and orange",
        119.0,
        build(RUNNER),
        two_tone("#e8e3da", "#d8dfe6"),
        light=_SUN,
        **_VIEW,
    ),
    Design(
        "High-top canvas sneaker, brick",
        69.0,
        build(HIGH),
        Scene(concrete("#b5b3af"), plaster("#d6d3cc"), 0.9),
        light=_SUN,
        azimuth=32,
        elevation=16,
        fill=0.76,
    ),
    Design(
        "Retro trainer, cream and moss",
        94.0,
        build(RETRO),
        Scene(planks("#c9a177", "#9c7549", width=0.22), plaster("#e3dccf"), 0.9, bounce="#b98f66"),
        light=_SUN,
        **_VIEW,
    ),
    Design(
        "Slip-on sneaker, checkerboard", 55.0, build(SLIP), paper("#e7b7a0"), light=_SUN, **_VIEW
    ),
    Design(
        "Everyday trainer, black and bone",
        79.0,
        build(TRAINER),
        Scene(
            terrazzo_floor("#ddd8cf", ("#b89a86", "#8d9793", "#6a6d70")), plaster("#c8cfcb"), 0.9
        ),
        light=_SUN,
        **_VIEW,
    ),
]
