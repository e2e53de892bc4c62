"""Wristwatches, strap closed, standing towards the camera."""

from __future__ import annotations

import numpy as np

from drawing.lighting import Light
from drawing.materials import (
    COPPER,
    DARK_STEEL,
    GOLD,
    STEEL,
    Material,
    cloth,
    grain,
    leather,
    plain,
)
from drawing.noise import linear, mix, smoothstep
from drawing.products.watchmaking import FRONT, HEIGHT, batons, case, dial, strap, subdials
from drawing.scenes import Scene, concrete, linen, marble, paper, plaster, two_tone, wooden_table
from drawing.studio import Design
from drawing.surfaces import Mesh, moved, revolve


def field(mesh: Mesh) -> None:
    case(
        mesh,
        STEEL,
        dial("#f0ece2", batons("#2a2723", numerals=True)),
        plain("#23252b", 0.3),
        second="#b8432f",
    )
    strap(mesh, leather("#9a5b30"), stitch=plain("#eadbbd"), displace=grain(40, 0.0006))


def chrono(mesh: Mesh) -> None:
    case(
        mesh,
        STEEL,
        dial("#1f3b63", subdials("#d9dbdc", "#eef0f1"), ray=True),
        STEEL,
        second="#e0602f",
    )
    for s in (-1, 1):
        button = revolve([[0.001, 0.0], [0.028, 0.0], [0.03, 0.04], [0.001, 0.045]])
        mesh.add(
            moved(button, (0.285, HEIGHT + s * 0.13, FRONT), turn=(0, 0, -90 + s * 25)),
            STEEL,
            wrap_u=True,
        )

    def links(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
        row = np.abs(np.sin(np.pi * uv[:, 1] / 0.075)) ** 0.35
        x = np.abs(points[:, 0])
        gaps = smoothstep(0.0, 0.006, np.abs(x - 0.06))
        return 0.02 * row * (0.45 + 0.55 * gaps)

    strap(mesh, Material(STEEL.paint, 0.3, 0.9, metal=True), thick=0.13, displace=links)


def dress_watch(mesh: Mesh) -> None:
    case(mesh, GOLD, dial("#f3ead9", batons("#8a6a35", minutes=False)), GOLD, second=None)
    strap(mesh, leather("#2a201d", gloss=0.25), stitch=None, thick=0.12, displace=grain(36, 0.0012))


def diver(mesh: Mesh) -> None:
    green, white = linear("#15513f"), linear("#eef2ee")

    def bezel(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
        x, y = points[:, 0], points[:, 1] - HEIGHT
        a, r = np.arctan2(x, y), np.hypot(x, y)
        t = a / (np.pi / 6)
        mark = (np.abs(t - np.round(t)) * (np.pi / 6) * r < 0.006) & (r > 0.28) & (r < 0.302)
        return mix(green, white, mark.astype(np.float32))

    ring = Material(bezel, 0.2, 0.05)
    case(
        mesh,
        STEEL,
        dial("#123d33", batons("#e8efe4", numerals=True), ray=True),
        plain("#e8efe4", 0.3),
        second="#e8efe4",
        bezel=ring,
        knurl=96,
    )
    rubber = plain("#1c2422", 0.5)
    strap(
        mesh,
        rubber,
        thick=0.16,
        displace=lambda p, uv: 0.01 * (np.abs(np.sin(np.pi * uv[:, 1] / 0.06)) > 0.35),
    )


def rose(mesh: Mesh) -> None:
    case(
        mesh,
        COPPER,
        dial("#e9c9c0", batons("#9c5f4c", minutes=False), ray=True),
        COPPER,
        second=None,
    )
    pitch = 0.03

    def mesh_band(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
        a, b = np.pi * points[:, 0] / pitch, np.pi * uv[:, 1] / pitch
        return 0.005 * np.abs(np.sin(a + 0.6 * np.sin(b))) * (0.5 + 0.5 * np.abs(np.sin(b)))

    strap(mesh, Material(COPPER.paint, 0.32, 0.9, metal=True), thick=0.1, displace=mesh_band)


def pilot(mesh: Mesh) -> None:
    case(
        mesh,
        DARK_STEEL,
        dial("#191a1d", batons("#ece3c8", numerals=True)),
        plain("#ece3c8", 0.4),
        second="#d98b2f",
    )
    strap(mesh, cloth("#6a6f4d", "#7c8160", pitch=0.012), stitch=plain("#8f9470"), thick=0.13)


_LINEN, _FOLDS = linen("#c8ccd0", folds=0.012)
_SUN = Light(softness=6)
DESIGNS = [
    Design(
        "Field watch, chestnut strap",
        145.0,
        field,
        wooden_table("#b98d62", "#8a6140", "#ddd6ca"),
        22,
        12,
        0.74,
        light=_SUN,
    ),
    Design(
        "Chronograph, steel and blue", 289.0, chrono, paper("#c3cad1"), 20, 12, 0.74, light=_SUN
    ),
    Design(
        "Dress watch, gold and black",
        210.0,
        dress_watch,
        Scene(marble("#e9e5df", "#a89c90", seed=3), plaster("#c7b9ab"), 0.9, bounce="#dcd6cf"),
        24,
        12,
        0.74,
        light=_SUN,
    ),
    Design(
        "Diver watch, forest bezel",
        249.0,
        diver,
        Scene(concrete("#8f9496"), plaster("#aebbb9"), 0.9, bounce="#8f9496"),
        20,
        12,
        0.74,
        light=_SUN,
    ),
    Design(
        "Rose watch, mesh band",
        169.0,
        rose,
        two_tone("#e3cfc8", "#eadfd8"),
        24,
        12,
        0.74,
        light=_SUN,
    ),
    Design(
        "Pilot watch, olive canvas",
        159.0,
        pilot,
        Scene(_LINEN, plaster("#d5d2cb"), 0.9, floor_bump=_FOLDS, bounce="#c8ccd0"),
        20,
        12,
        0.74,
        light=_SUN,
    ),
]
