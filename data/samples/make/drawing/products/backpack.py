"""Backpacks: stuffed blocks with pockets, zips, buckles and straps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from drawing.lighting import Light
from drawing.materials import BLACK_IRON, BRASS, STEEL, Material, cloth, grain, leather, plain
from drawing.noise import fbm
from drawing.products.chair import block
from drawing.scenes import Scene, concrete, paper, plaster, room, two_tone, wooden_table
from drawing.studio import Design
from drawing.surfaces import Mesh, ellipsoid, moved, tube


def stuffed(size: Sequence[float], belly: float = 0.25, shoulder: float = 0.3):
    """Swell the front of an upright block and round its shoulders."""
    w, h, d = (s / 2 for s in size)

    def warp(p: np.ndarray) -> np.ndarray:
        a, b = p[..., 0] / w, p[..., 1] / h
        front = np.clip(p[..., 2] / d, -0.2, 1)
        swell = belly * d * np.clip(1 - np.abs(a) ** 2.5, 0, 1) * np.clip(1 - np.abs(b) ** 3, 0, 1)
        top = np.clip((b - 0.35) / 0.65, 0, 1)
        x = p[..., 0] * (1 - shoulder * 0.55 * top**2.5)
        y = p[..., 1] - shoulder * 0.22 * h * np.abs(a) ** 2.6 * top
        z = p[..., 2] * (1 - 0.25 * top**2) + swell * np.clip(front, 0, 1)
        return np.stack([x, y, z], -1)

    return warp


def slack(depth: float = 0.008, seed: int = 2):
    """Displacement: canvas that is not quite full."""
    return lambda p, uv: depth * (fbm(p * np.float32([5, 7, 5]), 3, seed) + 0.4 * fbm(p * 15, 2, 5))


def arc(w: float, low: float, high: float, z: float, bulge: float = 0.03) -> list[list[float]]:
    """The path of a zip over the front: up one side, over the top, down the other."""
    return [
        [-w, low, z],
        [-w, (low + high) / 2, z + bulge * 0.7],
        [-w * 0.93, high - 0.08, z + bulge * 0.6],
        [-w * 0.7, high - 0.015, z + bulge * 0.5],
        [0, high, z + bulge],
        [w * 0.7, high - 0.015, z + bulge * 0.5],
        [w * 0.93, high - 0.08, z + bulge * 0.6],
        [w, (low + high) / 2, z + bulge * 0.7],
        [w, low, z],
    ]


def zipper(mesh: Mesh, path: Sequence[Sequence[float]], tape: Material, teeth: Material) -> None:
    mesh.add(tube(path, 0.013, flat=0.5, up=(0, 0, 1)), tape, wrap_u=True)
    beads = tube(path, lambda v: 0.005 + 0.002 * np.sin(v * 420), up=(0, 0, 1))
    lifted = moved(beads, (0, 0, 0.006))
    mesh.add(lifted, teeth, wrap_u=True)


def puller(mesh: Mesh, at: Sequence[float], material: Material, cord: Material) -> None:
    x, y, z = at
    mesh.add(moved(ellipsoid([0.012, 0.016, 0.01]), at), material, wrap_u=True)
    mesh.add(
        tube(
            [[x, y - 0.01, z + 0.012], [x + 0.004, y - 0.05, z + 0.016], [x, y - 0.085, z + 0.012]],
            0.007,
        ),
        cord,
        wrap_u=True,
    )


def top_handle(
    mesh: Mesh, y: float, z: float, material: Material, span: float = 0.08, rise: float = 0.1
) -> None:
    path = [
        [-span, y - 0.02, z],
        [-span, y + rise * 0.6, z],
        [-span * 0.6, y + rise, z],
        [span * 0.6, y + rise, z],
        [span, y + rise * 0.6, z],
        [span, y - 0.02, z],
    ]
    mesh.add(tube(path, 0.016, flat=0.7), material, wrap_u=True)


def shoulder_straps(mesh: Mesh, w: float, top: float, z: float, material: Material) -> None:
    for s in (-1, 1):
        path = [
            [s * 0.1, top - 0.02, z],
            [s * (w * 0.75), top - 0.06, z - 0.12],
            [s * (w + 0.035), top - 0.3, z - 0.15],
            [s * (w + 0.03), 0.22, z - 0.09],
            [s * (w - 0.03), 0.06, z],
        ]
        mesh.add(tube(path, 0.034, flat=0.4, up=(0, 0, 1)), material, wrap_u=True)


def daypack(mesh: Mesh) -> None:
    canvas, trim = cloth("#d98f2b", pitch=0.007), plain("#3b3733", 0.6)
    size = [0.58, 0.84, 0.26]
    shoulder_straps(mesh, 0.27, 0.8, -0.12, trim)
    block(mesh, size, [0, 0.42, 0], canvas, 0.1, warp=stuffed(size), displace=slack())
    pocket = [0.46, 0.36, 0.12]
    block(
        mesh,
        pocket,
        [0, 0.23, 0.16],
        canvas,
        0.055,
        warp=stuffed(pocket, 0.35, 0.1),
        displace=slack(0.006, 6),
    )
    zipper(mesh, arc(0.255, 0.45, 0.79, 0.112, 0.032), trim, STEEL)
    zipper(mesh, [[-0.2, 0.385, 0.205], [0, 0.395, 0.225], [0.2, 0.385, 0.205]], trim, STEEL)
    puller(mesh, (0.12, 0.39, 0.232), STEEL, trim)
    puller(mesh, (-0.2, 0.755, 0.14), STEEL, trim)
    top_handle(mesh, 0.82, -0.06, trim)
    block(mesh, [0.1, 0.07, 0.012], [0, 0.2, 0.245], leather("#8a552e"), 0.005)


def heritage(mesh: Mesh) -> None:
    canvas, hide = cloth("#56614a", pitch=0.008), leather("#8f5a31")
    size = [0.56, 0.74, 0.27]
    shoulder_straps(mesh, 0.26, 0.72, -0.12, hide)
    block(mesh, size, [0, 0.38, 0], canvas, 0.07, warp=stuffed(size, 0.25, 0.1), displace=slack())
    base = [0.575, 0.14, 0.285]
    block(
        mesh,
        base,
        [0, 0.085, 0.005],
        hide,
        0.06,
        warp=stuffed(base, 0.12, 0.0),
        displace=grain(40, 0.0005),
    )
    for x in (-0.13, 0.13):
        pocket = [0.22, 0.26, 0.09]
        block(
            mesh,
            pocket,
            [x, 0.28, 0.175],
            canvas,
            0.04,
            warp=stuffed(pocket, 0.3, 0.05),
            displace=slack(0.005, 4),
        )

    def drape(p: np.ndarray) -> np.ndarray:
        down = np.clip((0.12 - p[..., 1]) / 0.3, 0, 1)
        return np.stack(
            [p[..., 0] * (1 - 0.06 * down), p[..., 1], p[..., 2] + 0.02 * np.cos(p[..., 0] * 5)], -1
        )

    block(
        mesh,
        [0.58, 0.34, 0.03],
        [0, 0.6, 0.17],
        canvas,
        0.014,
        warp=drape,
        displace=slack(0.006, 9),
    )
    block(mesh, [0.57, 0.05, 0.33], [0, 0.765, 0.01], canvas, 0.024)
    for x in (-0.13, 0.13):
        path = [[x, 0.77, 0.16], [x, 0.7, 0.212], [x, 0.5, 0.222], [x, 0.38, 0.25], [x, 0.3, 0.252]]
        mesh.add(tube(path, 0.024, flat=0.3, up=(0, 0, 1)), hide, wrap_u=True)
        block(mesh, [0.066, 0.05, 0.016], [x, 0.42, 0.25], BRASS, 0.007)
    top_handle(mesh, 0.77, -0.08, hide)


def rolltop(mesh: Mesh) -> None:
    coat = Material(cloth("#2f3f4d", pitch=0.005, melange=0.03).paint, 0.4, 0.04)
    accent = plain("#e2603d", 0.5)
    size = [0.54, 0.76, 0.25]
    shoulder_straps(mesh, 0.25, 0.74, -0.11, plain("#23292f", 0.7))
    block(
        mesh,
        size,
        [0, 0.38, 0],
        coat,
        0.06,
        warp=stuffed(size, 0.22, 0.12),
        displace=slack(0.009, 7),
    )
    roll = [[-0.25, 0.79, 0.01], [0, 0.8, 0.015], [0.25, 0.79, 0.01]]
    mesh.add(tube(roll, 0.055, flat=1.0), coat, wrap_u=True, displace=slack(0.006, 3))
    mesh.add(
        tube([[-0.258, 0.83, 0.03], [0, 0.842, 0.035], [0.258, 0.83, 0.03]], 0.03, flat=0.9),
        coat,
        wrap_u=True,
    )
    mesh.add(
        tube(
            [[0, 0.86, 0.02], [0, 0.83, 0.085], [0, 0.72, 0.13], [0, 0.5, 0.165], [0, 0.36, 0.165]],
            0.022,
            flat=0.3,
            up=(0, 0, 1),
        ),
        accent,
        wrap_u=True,
    )
    block(mesh, [0.075, 0.08, 0.026], [0, 0.55, 0.172], BLACK_IRON, 0.01)
    zipper(
        mesh,
        [[-0.19, 0.3, 0.155], [0, 0.305, 0.168], [0.19, 0.3, 0.155]],
        plain("#1e252b", 0.5),
        accent,
    )
    puller(mesh, (-0.12, 0.3, 0.172), STEEL, accent)
    block(mesh, [0.55, 0.11, 0.262], [0, 0.06, 0.003], plain("#1f272e", 0.45), 0.05)


def hiker(mesh: Mesh) -> None:
    shell, dark = cloth("#b8443a", pitch=0.006), cloth("#3a3f45", pitch=0.006)
    webbing = plain("#26292d", 0.7)
    size = [0.52, 0.86, 0.28]
    shoulder_straps(mesh, 0.26, 0.84, -0.13, dark)
    block(mesh, size, [0, 0.47, 0], shell, 0.1, warp=stuffed(size, 0.25, 0.15), displace=slack())
    lid = [0.54, 0.17, 0.34]
    block(
        mesh,
        lid,
        [0, 0.9, 0.025],
        dark,
        0.07,
        warp=stuffed(lid, 0.2, 0.2),
        displace=slack(0.006, 5),
    )
    pocket = [0.36, 0.42, 0.1]
    block(
        mesh,
        pocket,
        [0, 0.42, 0.175],
        dark,
        0.045,
        warp=stuffed(pocket, 0.3, 0.1),
        displace=slack(0.006, 8),
    )
    for x in (-0.14, 0.14):
        path = [
            [x, 0.95, 0.12],
            [x, 0.88, 0.215],
            [x, 0.75, 0.19],
            [x, 0.55, 0.235],
            [x, 0.24, 0.235],
            [x, 0.12, 0.15],
        ]
        mesh.add(tube(path, 0.014, flat=0.35, up=(0, 0, 1)), webbing, wrap_u=True)
        block(mesh, [0.05, 0.05, 0.022], [x, 0.69, 0.215], BLACK_IRON, 0.009)
    for s in (-1, 1):
        side = [0.09, 0.28, 0.2]
        block(mesh, side, [s * 0.28, 0.22, 0], dark, 0.035)
    mat = cloth("#d9b53a", pitch=0.01)
    mesh.add(tube([[-0.33, 0.075, 0.14], [0.33, 0.075, 0.14]], 0.075), mat, wrap_u=True)
    for x in (-0.16, 0.16):
        ring = [
            [x, 0.075 + 0.079 * np.sin(a), 0.14 + 0.079 * np.cos(a)]
            for a in np.linspace(0, 2 * np.pi, 17)[:-1]
        ]
        mesh.add(tube(ring, 0.009, closed=True, up=(1, 0, 0)), webbing, wrap_u=True)
    zipper(
        mesh,
        [[-0.15, 0.57, 0.225], [0, 0.58, 0.24], [0.15, 0.57, 0.225]],
        webbing,
        plain("#d9b53a", 0.5),
    )
    top_handle(mesh, 0.97, -0.1, webbing)


def square(mesh: Mesh) -> None:
    vinyl, trim = cloth("#7fb0c0", pitch=0.006, melange=0.03), leather("#8f5a38")
    size = [0.56, 0.78, 0.24]
    shoulder_straps(mesh, 0.26, 0.76, -0.11, cloth("#5e8c9c"))
    block(
        mesh,
        size,
        [0, 0.39, 0],
        vinyl,
        0.085,
        warp=stuffed(size, 0.14, 0.05),
        displace=slack(0.005),
    )
    pocket = [0.48, 0.33, 0.07]
    block(
        mesh,
        pocket,
        [0, 0.22, 0.145],
        vinyl,
        0.034,
        warp=stuffed(pocket, 0.2, 0.02),
        displace=slack(0.004, 6),
    )
    zipper(mesh, arc(0.25, 0.32, 0.755, 0.1, 0.022), plain("#4f7c8c", 0.5), BRASS)
    zipper(
        mesh,
        [[-0.21, 0.35, 0.178], [0, 0.353, 0.187], [0.21, 0.35, 0.178]],
        plain("#4f7c8c", 0.5),
        BRASS,
    )
    puller(mesh, (-0.17, 0.35, 0.192), BRASS, trim)
    for x in (-0.035, 0.035):
        path = [
            [x, 0.78, -0.05],
            [x, 0.89, -0.04],
            [x * 1.2, 0.92, 0.0],
            [x, 0.88, 0.04],
            [x, 0.76, 0.08],
        ]
        mesh.add(tube(path, 0.013, flat=0.6, up=(1, 0, 0)), trim, wrap_u=True)
    mesh.add(moved(ellipsoid([0.065, 0.065, 0.012]), (0, 0.56, 0.15)), trim, wrap_u=True)
    mesh.add(
        moved(ellipsoid([0.035, 0.035, 0.012]), (0, 0.56, 0.157)),
        cloth("#efe6d5", pitch=0.006),
        wrap_u=True,
    )


def mini(mesh: Mesh) -> None:
    hide, dark = leather("#c98f86", gloss=0.3), leather("#a86a62", gloss=0.3)
    size = [0.58, 0.66, 0.27]
    shoulder_straps(mesh, 0.27, 0.62, -0.12, dark)
    block(
        mesh,
        size,
        [0, 0.33, 0],
        hide,
        0.12,
        warp=stuffed(size, 0.25, 0.35),
        displace=grain(50, 0.0004),
    )
    pocket = [0.42, 0.28, 0.1]
    block(
        mesh,
        pocket,
        [0, 0.21, 0.165],
        hide,
        0.048,
        warp=stuffed(pocket, 0.3, 0.15),
        displace=grain(50, 0.0004),
    )
    zipper(mesh, arc(0.24, 0.36, 0.61, 0.125, 0.035), dark, BRASS)
    zipper(mesh, [[-0.17, 0.325, 0.212], [0, 0.345, 0.226], [0.17, 0.325, 0.212]], dark, BRASS)
    puller(mesh, (0.1, 0.337, 0.233), BRASS, dark)
    puller(mesh, (0.17, 0.585, 0.15), BRASS, dark)
    top_handle(mesh, 0.64, -0.05, dark)
    mesh.add(moved(ellipsoid([0.045, 0.045, 0.01]), (0, 0.2, 0.238)), BRASS, wrap_u=True)


_SOFT = Light(softness=8)
DESIGNS = [
    Design("Canvas daypack, amber", 59.0, daypack, paper("#dde1e0"), 24, 10, 0.78, light=_SOFT),
    Design(
        "Heritage rucksack, olive and leather",
        128.0,
        heritage,
        wooden_table("#a9794d", "#75502f", "#d9d2c4", seed=10),
        22,
        10,
        0.76,
        light=_SOFT,
    ),
    Design(
        "Roll-top pack, slate and coral",
        96.0,
        rolltop,
        Scene(concrete("#aeb0b0"), concrete("#bfbfbd"), 0.9, bounce="#aeb0b0"),
        24,
        10,
        0.78,
        light=_SOFT,
    ),
    Design("Trail pack with mat, red", 139.0, hiker, paper("#d3d7cb"), 24, 10, 0.82, light=_SOFT),
    Design(
        "City pack, sky blue",
        72.0,
        square,
        two_tone("#e6ded2", "#f0e5d5"),
        22,
        10,
        0.78,
        light=_SOFT,
    ),
    Design(
        "Mini backpack, dusty rose",
        85.0,
        mini,
        room("#cba882", "#a5835d", "#e9e0da", seed=14),
        22,
        11,
        0.74,
        light=_SOFT,
    ),
]
_ = plaster
