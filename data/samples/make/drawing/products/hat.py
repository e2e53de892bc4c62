"""Hats: felt, straw, knit and cotton."""

from __future__ import annotations

import numpy as np

from drawing.lighting import Light
from drawing.materials import Material, cloth, knit, leather, plain
from drawing.noise import cells, fbm, linear, mix, smoothstep
from drawing.scenes import Scene, linen, paper, plaster, two_tone, wooden_table
from drawing.studio import Design
from drawing.surfaces import Mesh, Shape, curve, ellipsoid, moved, revolve, tube, warped


def felt(color: str) -> Material:
    """Felt: matt, faintly mottled, a soft bloom at the edge."""
    base = linear(color)

    def paint(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
        fuzz = 0.06 * fbm(points * 60, 2, 3) + 0.05 * fbm(points * 5, 3, 5)
        return (base * (1 + fuzz)[:, None]).astype(np.float32)

    return Material(paint, 0.95, 0.02, sheen=0.45)


def oval(shape: Shape, length: float = 1.0, width: float = 0.84) -> Shape:
    """Heads are longer than wide: stretch along z."""
    return warped(shape, lambda p: p * np.float32([width, 1, length]))


def ribbon(mesh: Mesh, profile: list[list[float]], material: Material) -> None:
    mesh.add(oval(revolve(profile)), material, wrap_u=True)


def brimmed(
    crown: list[list[float]], brim: list[list[float]], dent: float, roll: float
) -> tuple[Shape, Shape]:
    """Crown with a crease along its top, brim rolled up at the sides."""

    def pinch(p: np.ndarray) -> np.ndarray:
        top = smoothstep(0.28, 0.4, p[..., 1])
        valley = np.exp(-((p[..., 0] / 0.09) ** 2)) * (1 - 0.25 * p[..., 2])
        y = p[..., 1] - dent * top * valley
        front = smoothstep(0.05, 0.3, p[..., 2]) * smoothstep(0.15, 0.36, p[..., 1])
        return np.stack([p[..., 0] * (1 - 0.35 * front), y, p[..., 2] * (1 - 0.04 * front)], -1)

    def rolled(p: np.ndarray) -> np.ndarray:
        r = np.hypot(p[..., 0], p[..., 2])
        side = (p[..., 0] / np.maximum(r, 1e-6)) ** 2
        out = np.clip((r - 0.34) / 0.34, 0, 1)
        y = p[..., 1] + roll * out**1.6 * (side * 1.4 - 0.35)
        return np.stack([p[..., 0], y, p[..., 2]], -1)

    return warped(oval(revolve(crown)), pinch), warped(oval(revolve(brim)), rolled)


CROWN = [
    [0.36, 0.03],
    [0.355, 0.1],
    [0.335, 0.25],
    [0.305, 0.38],
    [0.24, 0.43],
    [0.12, 0.43],
    [0.001, 0.425],
]
BRIM = [
    [0.34, 0.025],
    [0.5, 0.02],
    [0.66, 0.025],
    [0.672, 0.034],
    [0.66, 0.042],
    [0.5, 0.038],
    [0.36, 0.05],
    [0.352, 0.07],
]


def fedora(mesh: Mesh) -> None:
    crown, brim = brimmed(CROWN, BRIM, 0.12, 0.13)
    cover = felt("#7a5236")
    mesh.add(crown, cover, wrap_u=True)
    mesh.add(brim, cover, wrap_u=True)
    band = cloth("#2b211c", pitch=0.006)
    ribbon(mesh, [[0.362, 0.05], [0.366, 0.055], [0.362, 0.12], [0.356, 0.125]], band)
    bow = tube(
        [[0.308, 0.088, -0.06], [0.314, 0.088, 0.0], [0.308, 0.088, 0.06]],
        0.034,
        flat=0.35,
        up=(1, 0, 0),
    )
    mesh.add(bow, band, wrap_u=True)


def sun_hat(mesh: Mesh) -> None:
    pale, deep = linear("#ecd5a3"), linear("#c39a5c")

    def paint(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
        coil = 0.5 + 0.5 * np.cos(2 * np.pi * uv[:, 1] / 0.026)
        strand = 0.5 + 0.5 * np.cos(
            2 * np.pi * (uv[:, 0] / 0.02 + 0.5 * np.floor(uv[:, 1] / 0.026))
        )
        tone = 0.35 + 0.4 * coil + 0.25 * strand * coil + 0.25 * fbm(points * 9, 3, 4)
        return mix(deep, pale, np.clip(tone, 0, 1))

    def braid(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
        return 0.0035 * np.abs(np.sin(np.pi * uv[:, 1] / 0.026))

    reed = Material(paint, 0.75, 0.025)
    crown = [[0.34, 0.04], [0.335, 0.16], [0.31, 0.27], [0.22, 0.345], [0.1, 0.37], [0.001, 0.375]]
    brim = [
        [0.33, 0.035],
        [0.5, 0.02],
        [0.75, 0.0],
        [0.86, 0.0],
        [0.866, 0.008],
        [0.86, 0.014],
        [0.75, 0.016],
        [0.5, 0.038],
        [0.345, 0.06],
    ]

    def wavy(p: np.ndarray) -> np.ndarray:
        r = np.hypot(p[..., 0], p[..., 2])
        angle = np.arctan2(p[..., 2], p[..., 0])
        lift = 0.04 * np.clip((r - 0.4) / 0.4, 0, 1) ** 2 * (1 + np.sin(3 * angle + 0.7))
        return np.stack([p[..., 0], p[..., 1] + lift, p[..., 2]], -1)

    mesh.add(oval(revolve(crown), width=0.9), reed, wrap_u=True, displace=braid)
    mesh.add(warped(oval(revolve(brim), width=0.95), wavy), reed, wrap_u=True, displace=braid)
    band = cloth("#b5493f", pitch=0.006)
    mesh.add(
        oval(revolve([[0.35, 0.055], [0.352, 0.06], [0.348, 0.115], [0.34, 0.12]]), width=0.9),
        band,
        wrap_u=True,
    )


def beanie(mesh: Mesh) -> None:
    def melange(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
        base = linear("#c2663c")
        return (
            base * (1 + 0.2 * fbm(points * 70, 2, 3) + 0.05 * fbm(points * 6, 2, 1))[:, None]
        ).astype(np.float32)

    wool = Material(melange, 0.95, 0.02, sheen=0.4)
    crown = [[0.34, 0.14], [0.355, 0.25], [0.335, 0.42], [0.25, 0.58], [0.12, 0.65], [0.02, 0.665]]
    mesh.add(
        oval(revolve(crown), width=0.92), wool, wrap_u=True, displace=knit(0.036, 0.014), fine=1.2
    )

    def rib(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
        angle = np.arctan2(points[:, 2] * 0.92, points[:, 0])
        rows = np.abs(np.sin(np.pi * uv[:, 1] / 0.02))
        return 0.016 * np.abs(np.sin(angle * 34)) ** 0.8 + 0.004 * rows

    cuff = [
        [0.345, 0.02],
        [0.37, 0.0],
        [0.38, 0.02],
        [0.385, 0.12],
        [0.38, 0.21],
        [0.365, 0.225],
        [0.345, 0.2],
    ]
    mesh.add(oval(revolve(cuff), width=0.92), wool, wrap_u=True, displace=rib)

    def fluff(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
        near, _, _ = cells(points * 26, 4, 1)
        return 0.04 * (1 - np.clip(near * 1.3, 0, 1)) + 0.02 * fbm(points * 20, 2, 8)

    pale = Material(plain("#efe3d0").paint, 0.95, 0.02, sheen=0.5)
    mesh.add(
        moved(ellipsoid([0.135, 0.13, 0.135]), (0, 0.75, 0)), pale, wrap_u=True, displace=fluff
    )


def bucket_hat(mesh: Mesh) -> None:
    canvas = cloth("#5d6f52", pitch=0.008)
    thread = plain("#98a588")

    def soft(p: np.ndarray) -> np.ndarray:
        r = np.hypot(p[..., 0], p[..., 2])
        angle = np.arctan2(p[..., 2], p[..., 0])
        droop = -0.02 * np.clip((r - 0.4) / 0.25, 0, 1) * (1 + np.sin(4 * angle + 0.4))
        return np.stack([p[..., 0], p[..., 1] + droop, p[..., 2]], -1)

    crown = [
        [0.375, 0.17],
        [0.35, 0.3],
        [0.33, 0.42],
        [0.32, 0.45],
        [0.3, 0.458],
        [0.15, 0.468],
        [0.001, 0.47],
    ]
    brim = [
        [0.36, 0.165],
        [0.45, 0.1],
        [0.57, 0.05],
        [0.575, 0.054],
        [0.565, 0.066],
        [0.46, 0.13],
        [0.365, 0.195],
    ]
    crease = lambda points, uv: 0.006 * fbm(points * 6, 3, 3)  # noqa: E731
    mesh.add(oval(revolve(crown), width=0.9), canvas, wrap_u=True, displace=crease)
    mesh.add(warped(oval(revolve(brim), width=0.93), soft), canvas, wrap_u=True, displace=crease)
    for r, y in ((0.41, 0.155), (0.45, 0.131), (0.49, 0.112), (0.53, 0.093)):
        path = [
            [
                0.93 * r * np.cos(a),
                y - 0.02 * np.clip((r - 0.4) / 0.25, 0, 1) * (1 + np.sin(4 * a + 0.4)),
                r * np.sin(a),
            ]
            for a in np.linspace(0, 2 * np.pi, 41)[:-1]
        ]
        mesh.add(tube(path, 0.0045, closed=True), thread, wrap_u=True)


def cap(mesh: Mesh) -> None:
    navy, seam = cloth("#27395c", pitch=0.007), plain("#16233c")
    crown = [[0.36, 0.0], [0.365, 0.1], [0.345, 0.23], [0.26, 0.35], [0.12, 0.405], [0.001, 0.415]]
    mesh.add(oval(revolve(crown), width=0.88), navy, wrap_u=True)
    line = curve([[r, y] for r, y in crown])
    for k in range(6):
        a = np.pi * (k / 3 + 1 / 6)
        points = [
            [0.88 * r * np.cos(a) * 1.004, y + 0.002, r * np.sin(a) * 1.004]
            for r, y in (line(np.array(t)) for t in np.linspace(0.02, 0.98, 14))
        ]
        mesh.add(tube(points, 0.0035), seam, wrap_u=True)
    mesh.add(moved(ellipsoid([0.024, 0.014, 0.024]), (0, 0.416, 0)), navy, wrap_u=True)

    def visor(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        a = (u - 0.5) * np.pi * 0.95
        inner_x, inner_z = 0.318 * np.sin(a), 0.36 * np.cos(a)
        outer_x, outer_z = (
            0.318 * np.sin(a) * (1 + 0.3 * np.cos(a)),
            0.36 * np.cos(a) + 0.34 * np.cos(a) ** 1.2,
        )
        x, z = inner_x + v * (outer_x - inner_x), inner_z + v * (outer_z - inner_z)
        y = 0.09 - 0.08 * (x / 0.37) ** 2 - 0.09 * v**2 + 0.03 * v
        return np.stack([x, y, z], -1)

    mesh.add(visor, cloth("#c8423a", pitch=0.007), two_sided=True, flip=True)
    edge = [
        [float(c) for c in visor(np.array(t), np.array(1.0))] for t in np.linspace(0.02, 0.98, 17)
    ]
    mesh.add(tube(edge, 0.009), cloth("#c8423a", pitch=0.007), wrap_u=True)


def beret(mesh: Mesh) -> None:
    wool = felt("#8e2f45")

    def slouch(p: np.ndarray) -> np.ndarray:
        t = np.clip(p[..., 1] / 0.3, 0, 1)
        return np.stack([p[..., 0] + 0.14 * t, p[..., 1] - 0.22 * p[..., 0] * t, p[..., 2]], -1)

    line = [
        [0.3, 0.0],
        [0.33, 0.01],
        [0.335, 0.06],
        [0.36, 0.085],
        [0.52, 0.13],
        [0.56, 0.18],
        [0.5, 0.25],
        [0.3, 0.3],
        [0.1, 0.315],
        [0.001, 0.316],
    ]
    crease = lambda points, uv: 0.016 * fbm(points * 3.2, 2, 9)  # noqa: E731
    mesh.add(warped(revolve(line), slouch), wool, wrap_u=True, displace=crease)
    mesh.add(
        tube([[0.15, 0.29, 0], [0.16, 0.36, 0.0], [0.175, 0.39, 0.01]], 0.014, up=(1, 0, 0)),
        wool,
        wrap_u=True,
    )
    band = leather("#4a1824")
    mesh.add(
        revolve([[0.325, -0.004], [0.338, 0.0], [0.338, 0.04], [0.33, 0.045]]), band, wrap_u=True
    )


_LINEN, _FOLDS = linen("#d8cdbb", folds=0.01)
_SOFT = Light(softness=8)
DESIGNS = [
    Design(
        "Felt fedora, tobacco",
        79.0,
        fedora,
        wooden_table("#a87c52", "#7c5534", "#d9d3c8"),
        38,
        20,
        0.74,
        light=_SOFT,
    ),
    Design(
        "Wide-brim sun hat, red band",
        45.0,
        sun_hat,
        Scene(_LINEN, plaster("#9dbcc4"), 0.95, floor_bump=_FOLDS, bounce="#d8cdbb"),
        25,
        22,
        0.78,
        light=_SOFT,
    ),
    Design("Bobble beanie, burnt orange", 29.0, beanie, paper("#dfe5e6"), 20, 8, 0.7, light=_SOFT),
    Design(
        "Bucket hat, olive canvas", 35.0, bucket_hat, paper("#e3d3bd"), 20, 18, 0.72, light=_SOFT
    ),
    Design(
        "Baseball cap, navy and red",
        27.5,
        cap,
        two_tone("#cfcac2", "#e1ddd6"),
        38,
        18,
        0.74,
        light=_SOFT,
    ),
    Design(
        "Wool beret, bordeaux",
        39.0,
        beret,
        Scene(plain("#b7b1a6", 0.6), plaster("#d8d2c6"), 0.9),
        20,
        18,
        0.72,
        light=_SOFT,
    ),
]
