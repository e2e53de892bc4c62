"""Chairs and stools."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from drawing.lighting import Light
from drawing.materials import BLACK_IRON, BRASS, STEEL, Material, cloth, leather, plain, wood
from drawing.noise import linear, mix, smoothstep
from drawing.scenes import Scene, concrete, paper, plaster, room, terrazzo_floor
from drawing.studio import Design
from drawing.surfaces import Mesh, Shape, box_faces, curve, moved, revolve, tube, warped


def leg(
    mesh: Mesh, top: Sequence[float], foot: Sequence[float], r: Sequence[float], material: Material
) -> None:
    """A leg that tapers from r[0] to r[1]."""
    mesh.add(
        tube([top, foot], lambda v: r[0] + (r[1] - r[0]) * v, up=(0, 0, 1)), material, wrap_u=True
    )
    mesh.add(moved(revolve([[0.001, 0.0], [r[1], 0.001]]), foot), material, wrap_u=True)


def block(
    mesh: Mesh,
    size: Sequence[float],
    at: Sequence[float],
    material: Material,
    radius: float = 0.01,
    turn: Sequence[float] = (0, 0, 0),
    warp=None,
    displace=None,
) -> None:
    """A box with rounded edges; warp bends it before it is placed."""
    for face in box_faces(size, radius):
        bent: Shape = warped(face, warp) if warp else face
        mesh.add(moved(bent, at, turn=turn), material, displace=displace)


def dining(mesh: Mesh) -> None:
    oak = wood("#d8ad78", "#a87642", along=1, seed=3)
    seat = wood("#dcb27e", "#ab7a46", along=2, seed=5)

    def scoop(p: np.ndarray) -> np.ndarray:
        dip = 0.022 * np.exp(-((p[..., 0] / 0.15) ** 2) - (p[..., 2] / 0.16) ** 2)
        wide = 1 + 0.12 * p[..., 2] / 0.22
        return np.stack([p[..., 0] * wide, p[..., 1] - dip * (p[..., 1] > 0), p[..., 2]], -1)

    block(mesh, [0.46, 0.045, 0.44], [0, 0.47, 0], seat, 0.02, warp=scoop)
    for x in (-0.19, 0.19):
        leg(mesh, [x, 0.46, 0.17], [x * 1.15, 0, 0.21], (0.024, 0.016), oak)
        leg(mesh, [x, 0.46, -0.17], [x * 1.1, 0, -0.24], (0.024, 0.016), oak)
        leg(mesh, [x * 0.95, 0.48, -0.17], [x * 0.98, 0.93, -0.26], (0.022, 0.016), oak)
    for x in np.linspace(-0.12, 0.12, 5):
        mesh.add(
            tube(
                [[x, 0.48, -0.18], [x, 0.68, -0.225], [x * 1.05, 0.9, -0.262]], 0.009, up=(1, 0, 0)
            ),
            oak,
            wrap_u=True,
        )
    rail = [[-0.23, 0.9, -0.235], [-0.1, 0.915, -0.275], [0.1, 0.915, -0.275], [0.23, 0.9, -0.235]]
    mesh.add(tube(rail, 0.022, flat=2.3, up=(0, 1, 0)), oak, wrap_u=True)
    for y, z in ((0.2, 0.195), (0.24, -0.21)):
        mesh.add(tube([[-0.205, y, z], [0.205, y, z]], 0.011), oak, wrap_u=True)


SIDE = curve(
    [
        [0.25, 0.435],
        [0.225, 0.462],
        [0.12, 0.462],
        [0.0, 0.445],
        [-0.1, 0.44],
        [-0.175, 0.465],
        [-0.215, 0.54],
        [-0.235, 0.66],
        [-0.262, 0.78],
        [-0.29, 0.84],
    ]
)
WIDTH = curve([[0.17], [0.235], [0.25], [0.25], [0.245], [0.235], [0.24], [0.235], [0.2], [0.12]])


def shell_surface(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Seat and back in one bent sheet; v runs from the front edge over the seat and up the back."""
    z, y = np.moveaxis(SIDE(v), -1, 0)
    a = 2 * u - 1
    x = a * WIDTH(v)[..., 0]
    curl = np.abs(a) ** 2.5
    up = smoothstep(0.35, 0.7, v)
    rounded = 0.05 * a**2
    y = y + curl * (0.075 * (1 - up) * smoothstep(0.0, 0.2, v)) - rounded * smoothstep(0.8, 1.0, v)
    z = z + curl * 0.09 * up - rounded * (1 - smoothstep(0, 0.12, v))
    return np.stack([x, y, z], -1)


def shell(mesh: Mesh) -> None:
    coat = plain("#e3a72f", 0.32, reflectance=0.045)
    mesh.add(shell_surface, coat, two_sided=True)
    beech = wood("#dfb98a", "#b98a58", along=1, seed=8)
    for x in (-1, 1):
        for z in (-1, 1):
            leg(
                mesh,
                [0.085 * x, 0.445, 0.06 * z - 0.01],
                [0.23 * x, 0, 0.21 * z],
                (0.02, 0.013),
                beech,
            )
    for a, b in (((-1, -1), (1, 1)), ((-1, 1), (1, -1))):
        mesh.add(
            tube([[0.17 * a[0], 0.2, 0.155 * a[1]], [0.14 * b[0], 0.33, 0.125 * b[1]]], 0.006),
            BLACK_IRON,
            wrap_u=True,
        )


def stool(mesh: Mesh) -> None:
    walnut = wood("#8f5f3d", "#55331f", along=0, seed=4)
    top = [[0.001, 0.62], [0.17, 0.62], [0.2, 0.635], [0.205, 0.65], [0.19, 0.668], [0.001, 0.655]]
    mesh.add(revolve(top), walnut, wrap_u=True)
    for k in range(3):
        a = 2 * np.pi * (k / 3 + 0.08)
        c, s = np.cos(a), np.sin(a)
        leg(mesh, [0.11 * c, 0.63, 0.11 * s], [0.24 * c, 0, 0.24 * s], (0.024, 0.016), walnut)
    ring = [
        [0.198 * np.cos(a), 0.22, 0.198 * np.sin(a)] for a in np.linspace(0, 2 * np.pi, 25)[:-1]
    ]
    mesh.add(tube(ring, 0.009, closed=True), BRASS, wrap_u=True)


def cushion_warp(puff: float, size: Sequence[float]):
    """Swell a box into a cushion."""

    def warp(p: np.ndarray) -> np.ndarray:
        a, b = 2 * p[..., 0] / size[0], 2 * p[..., 2] / size[2]
        swell = 1 + puff * np.clip(1 - a**4, 0, 1) * np.clip(1 - b**4, 0, 1)
        return np.stack([p[..., 0], p[..., 1] * swell, p[..., 2]], -1)

    return warp


def lounge(mesh: Mesh) -> None:
    teak = wood("#b5764a", "#7a4526", along=1, seed=6)
    wool = cloth("#6e8a78", "#8ea695", pitch=0.008)
    size = [0.56, 0.13, 0.56]
    puffed = cushion_warp(0.3, size)
    block(mesh, size, [0, 0.38, 0.02], wool, 0.045, (8, 0, 0), puffed)
    back = [0.56, 0.13, 0.6]
    puffed = cushion_warp(0.3, back)
    block(mesh, back, [0, 0.66, -0.28], wool, 0.045, (72, 0, 0), puffed)
    for x in (-0.33, 0.33):
        leg(mesh, [x, 0.56, 0.26], [x, 0, 0.3], (0.022, 0.017), teak)
        leg(mesh, [x, 0.56, -0.22], [x, 0, -0.36], (0.022, 0.017), teak)
        arm = [[x, 0.555, 0.36], [x, 0.575, 0.2], [x, 0.565, -0.05], [x, 0.55, -0.26]]
        mesh.add(tube(arm, 0.034, flat=0.45), teak, wrap_u=True)
        mesh.add(tube([[x, 0.3, 0.28], [x, 0.25, -0.3]], 0.02, flat=1.4), teak, wrap_u=True)
        mesh.add(tube([[x * 0.9, 0.28, -0.2], [x * 0.86, 0.9, -0.4]], 0.018), teak, wrap_u=True)
    for y, z in ((0.285, 0.28), (0.25, -0.26), (0.86, -0.395)):
        mesh.add(tube([[-0.33, y, z], [0.33, y, z]], 0.018), teak, wrap_u=True)


def bentwood(mesh: Mesh) -> None:
    black = Material(wood("#3a2a22", "#1d130f", along=1, seed=9).paint, 0.3, 0.045)
    straw, gap = linear("#d8b67c"), linear("#6b4a26")

    def cane(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
        x, z = points[:, 0] / 0.022, points[:, 2] / 0.022
        strands = np.maximum(np.abs(np.cos(np.pi * x)), np.abs(np.cos(np.pi * z)))
        diagonal = np.maximum(
            np.abs(np.cos(np.pi * (x + z) / 2)), np.abs(np.cos(np.pi * (x - z) / 2))
        )
        return mix(gap, straw, smoothstep(0.75, 0.92, np.maximum(strands, diagonal * 0.97)))

    mesh.add(
        revolve([[0.001, 0.462], [0.2, 0.465]]), Material(cane, 0.6, 0.03), wrap_u=True, flip=True
    )
    ring = [[0.21 * np.cos(a), 0.46, 0.21 * np.sin(a)] for a in np.linspace(0, 2 * np.pi, 25)[:-1]]
    mesh.add(tube(ring, 0.026, flat=0.8, closed=True), black, wrap_u=True)
    for x in (-1, 1):
        leg(mesh, [0.15 * x, 0.46, 0.14], [0.19 * x, 0, 0.2], (0.019, 0.013), black)
    for reach, height in ((0.19, 0.92), (0.115, 0.8)):
        path = [
            [-reach * 1.05, 0.0 if reach > 0.15 else 0.46, -0.27 if reach > 0.15 else -0.17],
            [-reach, 0.46, -0.17],
            [-reach * 1.02, 0.7, -0.215],
            [-reach * 0.75, height - 0.03, -0.26],
            [0, height, -0.27],
            [reach * 0.75, height - 0.03, -0.26],
            [reach * 1.02, 0.7, -0.215],
            [reach, 0.46, -0.17],
            [reach * 1.05, 0.0 if reach > 0.15 else 0.46, -0.27 if reach > 0.15 else -0.17],
        ]
        if reach < 0.15:
            path = path[1:-1]
        mesh.add(tube(path, 0.015, up=(0, 0, 1)), black, wrap_u=True)
    hoop = [[0.17 * np.cos(a), 0.25, 0.17 * np.sin(a)] for a in np.linspace(0, 2 * np.pi, 25)[:-1]]
    mesh.add(tube(hoop, 0.011, closed=True), black, wrap_u=True)


def cantilever(mesh: Mesh) -> None:
    tan = leather("#a8622f")
    for x in (-0.23, 0.23):
        side = [
            [x, 0.88, -0.27],
            [x, 0.66, -0.235],
            [x, 0.5, -0.2],
            [x, 0.455, -0.14],
            [x, 0.45, 0.0],
            [x, 0.45, 0.16],
            [x, 0.42, 0.235],
            [x, 0.35, 0.25],
            [x, 0.12, 0.25],
            [x, 0.03, 0.235],
            [x, 0.014, 0.16],
            [x, 0.014, -0.1],
            [x, 0.014, -0.25],
        ]
        mesh.add(tube(side, 0.013, up=(1, 0, 0)), STEEL, wrap_u=True)
    mesh.add(tube([[-0.236, 0.014, -0.25], [0.236, 0.014, -0.25]], 0.013), STEEL, wrap_u=True)

    def sling(a: float, b: float):
        def warp(p: np.ndarray) -> np.ndarray:
            dip = 0.02 * np.clip(1 - (p[..., 0] / a) ** 2, 0, 1)
            return np.stack([p[..., 0], p[..., 1] - dip, p[..., 2]], -1)

        return warp

    block(mesh, [0.5, 0.022, 0.36], [0, 0.465, 0.03], tan, 0.01, warp=sling(0.25, 0.18))
    block(mesh, [0.5, 0.022, 0.26], [0, 0.745, -0.25], tan, 0.01, (83, 0, 0), warp=sling(0.25, 0.1))


_SOFT = Light(softness=9)
DESIGNS = [
    Design(
        "Spindle dining chair, natural oak",
        149.0,
        dining,
        room("#b98d62", "#8f6541", "#dcd9d0"),
        azimuth=32,
        elevation=14,
        fill=0.8,
        light=_SOFT,
    ),
    Design(
        "Shell chair, saffron",
        119.0,
        shell,
        paper("#dfe3e4"),
        azimuth=35,
        elevation=16,
        fill=0.8,
        light=_SOFT,
    ),
    Design(
        "Counter stool, walnut and brass",
        99.0,
        stool,
        Scene(
            terrazzo_floor("#dcd6cc", ("#b08d78", "#7d8a86", "#5b5f63", "#c7b299")),
            plaster("#b9c4bb"),
            0.7,
            skirting=0.1,
        ),
        azimuth=20,
        elevation=14,
        fill=0.78,
        light=_SOFT,
    ),
    Design(
        "Lounge chair, sage wool",
        329.0,
        lounge,
        room("#8a6243", "#5f4029", "#d9c7b2", seed=7),
        azimuth=36,
        elevation=14,
        fill=0.78,
        light=_SOFT,
    ),
    Design(
        "Bentwood café chair, cane seat",
        135.0,
        bentwood,
        Scene(concrete("#c2beb7"), plaster("#c98f76"), 0.7, skirting=0.1),
        azimuth=30,
        elevation=16,
        fill=0.8,
        light=_SOFT,
    ),
    Design(
        "Cantilever chair, cognac leather",
        239.0,
        cantilever,
        Scene(concrete("#9a9c9d"), plaster("#8fa0ab"), 0.8, bounce="#9a9c9d"),
        azimuth=38,
        elevation=13,
        fill=0.8,
        light=_SOFT,
    ),
]
