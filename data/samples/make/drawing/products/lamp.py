"""Table lamps, some of them lit."""

from __future__ import annotations

import numpy as np

from drawing.lighting import Light
from drawing.materials import (
    BLACK_IRON,
    BRASS,
    COPPER,
    GOLD,
    Material,
    cloth,
    glaze,
    plain,
    wood,
)
from drawing.noise import fbm, linear
from drawing.products.vase import ribs
from drawing.scenes import Scene, concrete, marble, paper, planks, plaster, two_tone, wooden_table
from drawing.studio import Design, Lamp
from drawing.surfaces import Mesh, box_faces, ellipsoid, moved, revolve, tube


def lit_shade(color: str, low: float, high: float, glow: float = 1.0) -> Material:
    """Cloth or paper with a bulb behind: brightest a little below the middle."""
    base = linear(color)

    def paint(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
        t = (points[:, 1] - low) / (high - low)
        level = 0.55 + 0.6 * np.exp(-(((t - 0.42) / 0.33) ** 2))
        slub = (
            1
            + 0.05 * fbm(uv * np.float32([150, 8]), 2, 4)
            + 0.05 * fbm(uv * np.float32([8, 150]), 2, 6)
        )
        return (base * (level * slub)[:, None]).astype(np.float32)

    return Material(paint, 0.9, 0.02, glow=glow)


def drum(mesh: Mesh, low: float, high: float, r0: float, r1: float, cover: Material) -> None:
    """A shade: wall, rims and a little of its inside."""
    mesh.add(revolve([[r0, low], [r1, high]], smooth=False), cover, wrap_u=True)
    mesh.add(revolve([[r1 - 0.008, high], [r0 - 0.008, low]], smooth=False), cover, wrap_u=True)
    for r, y in ((r0, low), (r1, high)):
        ring = [[r * np.cos(a), y, r * np.sin(a)] for a in np.linspace(0, 2 * np.pi, 24)[:-1]]
        mesh.add(tube(ring, 0.009, closed=True), cover, wrap_u=True)


def gourd(mesh: Mesh) -> None:
    clay = glaze("#2f6f6a", edge="#7fb3a2", seed=4)
    base = [
        [0.001, 0.0],
        [0.15, 0.0],
        [0.16, 0.02],
        [0.2, 0.09],
        [0.22, 0.2],
        [0.15, 0.33],
        [0.1, 0.38],
        [0.13, 0.45],
        [0.12, 0.53],
        [0.05, 0.58],
        [0.03, 0.6],
    ]
    mesh.add(revolve(base), clay, wrap_u=True)
    mesh.add(revolve([[0.03, 0.59], [0.022, 0.6], [0.022, 0.68]]), BRASS, wrap_u=True)
    drum(mesh, 0.63, 1.02, 0.34, 0.25, lit_shade("#f6dcae", 0.63, 1.02))


def mushroom(mesh: Mesh) -> None:
    coat = plain("#d9532c", 0.16, reflectance=0.05)
    stem = [[0.001, 0.0], [0.24, 0.0], [0.25, 0.015], [0.2, 0.05], [0.09, 0.16], [0.075, 0.42]]
    mesh.add(revolve(stem), coat, wrap_u=True)
    inside = Material(plain("#ffd9a0").paint, 0.9, 0.02, glow=0.9)
    cap = [[0.40, 0.43], [0.415, 0.445], [0.4, 0.52], [0.32, 0.66], [0.18, 0.75], [0.001, 0.78]]
    mesh.add(revolve(cap), coat, wrap_u=True)
    mesh.add(revolve([[0.001, 0.6], [0.2, 0.58], [0.4, 0.432]]), inside, wrap_u=True)


def pleated(mesh: Mesh) -> None:
    oak = wood("#d9ab74", "#a5713f", along=1, seed=12)
    turned = [
        [0.001, 0.0],
        [0.19, 0.0],
        [0.195, 0.03],
        [0.17, 0.05],
        [0.06, 0.075],
        [0.045, 0.11],
        [0.075, 0.17],
        [0.045, 0.23],
        [0.038, 0.36],
        [0.06, 0.43],
        [0.035, 0.48],
        [0.02, 0.54],
    ]
    mesh.add(revolve(turned), oak, wrap_u=True)
    cover = lit_shade("#f7ecd6", 0.5, 0.95, 0.85)
    mesh.add(
        revolve([[0.4, 0.5], [0.17, 0.95]], smooth=False),
        cover,
        wrap_u=True,
        displace=ribs(64, 0.02),
    )


def globe(mesh: Mesh) -> None:
    stone = Material(marble("#f2efea", "#8f8c8c", scale=4).paint, 0.15, 0.05)
    mesh.add(
        revolve(
            [[0.001, 0], [0.2, 0], [0.205, 0.005], [0.205, 0.08], [0.2, 0.085], [0.001, 0.085]]
        ),
        stone,
        wrap_u=True,
    )
    mesh.add(revolve([[0.018, 0.08], [0.018, 0.42]], smooth=False), GOLD, wrap_u=True)
    mesh.add(
        revolve([[0.02, 0.4], [0.08, 0.42], [0.095, 0.44], [0.085, 0.455], [0.02, 0.46]]),
        GOLD,
        wrap_u=True,
    )
    opal = Material(plain("#fff1d6").paint, 0.12, 0.05, glow=0.85)
    mesh.add(moved(ellipsoid([0.24, 0.24, 0.24]), (0, 0.67, 0)), opal, wrap_u=True)


def desk(mesh: Mesh) -> None:
    coat = plain("#2d5a87", 0.28, reflectance=0.05)
    mesh.add(
        revolve([[0.001, 0], [0.2, 0], [0.21, 0.012], [0.2, 0.03], [0.03, 0.045], [0.001, 0.045]]),
        coat,
        wrap_u=True,
    )
    knee, head = [-0.2, 0.52, 0.0], [0.2, 0.84, 0.0]
    mesh.add(tube([[0, 0.04, 0], knee], 0.014), BRASS, wrap_u=True)
    mesh.add(tube([knee, head], 0.014), BRASS, wrap_u=True)
    for at in (knee, head, [0, 0.05, 0]):
        mesh.add(moved(ellipsoid([0.032, 0.032, 0.032]), at), BRASS, wrap_u=True)
    bell = revolve(
        [
            [0.001, 0.04],
            [0.14, 0.0],
            [0.185, -0.1],
            [0.19, -0.104],
            [0.193, -0.1],
            [0.15, 0.0],
            [0.09, 0.06],
            [0.07, 0.1],
            [0.05, 0.155],
            [0.001, 0.16],
        ]
    )
    mesh.add(moved(bell, (0.24, 0.78, 0), turn=(0, 0, 28)), coat, wrap_u=True)
    bulb = Material(plain("#ffe2ae").paint, 0.3, 0.04, glow=1.3)
    mesh.add(
        moved(ellipsoid([0.075, 0.075, 0.075]), (0.275, 0.71, 0), turn=(0, 0, 28)),
        bulb,
        wrap_u=True,
    )


def lantern(mesh: Mesh) -> None:
    walnut = wood("#8a5a38", "#4d2e1b", along=1, seed=2)
    for x in (-0.2, 0.2):
        for z in (-0.2, 0.2):
            for face in box_faces([0.035, 0.92, 0.035], 0.006):
                mesh.add(moved(face, (x, 0.46, z)), walnut)
    for y in (0.12, 0.9):
        for turn in (0, 90, 180, 270):
            for face in box_faces([0.4, 0.03, 0.03], 0.006):
                mesh.add(moved(moved(face, (0, y, 0.2)), turn=(0, turn, 0)), walnut)
    rice = lit_shade("#fbeccb", 0.14, 0.88, 0.95)
    for face in box_faces([0.36, 0.74, 0.36], 0.02):
        mesh.add(moved(face, (0, 0.51, 0)), rice)
    for turn in (0, 90, 180, 270):
        for y in (0.32, 0.51, 0.7):
            for face in box_faces([0.37, 0.01, 0.01], 0.004):
                mesh.add(moved(moved(face, (0, y, 0.184)), turn=(0, turn, 0)), walnut)


def copper_dome(mesh: Mesh) -> None:
    mesh.add(
        revolve([[0.001, 0], [0.17, 0], [0.175, 0.01], [0.17, 0.025], [0.001, 0.03]]),
        BLACK_IRON,
        wrap_u=True,
    )
    mesh.add(tube([[0, 0.02, 0], [0, 0.6, 0]], 0.013, up=(1, 0, 0)), BLACK_IRON, wrap_u=True)
    dome = [[0.3, 0.5], [0.305, 0.505], [0.29, 0.6], [0.2, 0.74], [0.05, 0.8], [0.001, 0.802]]
    mesh.add(revolve(dome), COPPER, wrap_u=True)
    glow = Material(plain("#ffcf92").paint, 0.9, 0.02, glow=1.0)
    mesh.add(revolve([[0.001, 0.7], [0.15, 0.68], [0.298, 0.5]]), glow, wrap_u=True)


EVENING = Light(key=0.45, sky=0.3, softness=10)
_COVER = cloth("#d8d2c4")
DESIGNS = [
    Design(
        "Gourd lamp, teal glaze with linen shade",
        89.0,
        gourd,
        wooden_table("#a87a4e", "#75502f", "#c9bca8"),
        elevation=8,
        fill=0.74,
        light=EVENING,
        lamps=(Lamp((0, 0.85, 0), 0.16), Lamp((0, 0.5, 0.0), 0.05)),
    ),
    Design(
        "Mushroom lamp, vermilion",
        75.0,
        mushroom,
        two_tone("#e6d8c8", "#efe2d3"),
        elevation=6,
        fill=0.64,
        light=Light(key=0.6, sky=0.38),
        lamps=(Lamp((0, 0.38, 0), 0.06),),
    ),
    Design(
        "Pleated lamp on turned oak",
        95.0,
        pleated,
        Scene(planks("#c9a27a", "#9a734c"), plaster("#7f8f86"), 0.7, bounce="#9a734c"),
        elevation=8,
        fill=0.72,
        light=EVENING,
        lamps=(Lamp((0, 0.75, 0), 0.14), Lamp((0, 0.45, 0), 0.05)),
    ),
    Design(
        "Globe lamp, opal glass and brass",
        79.0,
        globe,
        Scene(plain("#40505f", 0.4), plaster("#33424f"), 0.6, bounce="#33424f"),
        elevation=8,
        fill=0.72,
        light=EVENING,
        lamps=(Lamp((0, 0.67, 0), 0.16),),
    ),
    Design(
        "Bell desk lamp, harbour blue",
        64.0,
        desk,
        paper("#e3ddd2"),
        azimuth=14,
        elevation=10,
        fill=0.7,
        lamps=(Lamp((0.3, 0.55, 0.0), 0.06),),
    ),
    Design(
        "Paper lantern, walnut frame",
        110.0,
        lantern,
        Scene(concrete("#a9a59e"), plaster("#b9ada0"), 0.75),
        elevation=10,
        fill=0.74,
        light=EVENING,
        lamps=(Lamp((0, 0.55, 0), 0.15),),
    ),
]
