"""How a shoe is built: sole, upper with its opening, tongue, laces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from drawing.materials import Material
from drawing.noise import mix, smoothstep
from drawing.surfaces import Mesh, curve, tube

# Along the foot (0 heel .. 1 toe): half width and middle of the sole, height of the upper.
HALF = curve(
    [
        [0.0, 0.02],
        [0.015, 0.075],
        [0.08, 0.122],
        [0.25, 0.122],
        [0.45, 0.12],
        [0.66, 0.152],
        [0.8, 0.15],
        [0.92, 0.11],
        [0.985, 0.05],
        [1.0, 0.004],
    ]
)
MIDDLE = curve([[0.0, 0.0], [0.3, 0.0], [0.6, 0.012], [0.85, -0.008], [1.0, -0.035]])


@dataclass(frozen=True)
class Shoe:
    """Paints and proportions of one model."""

    upper: Material
    sole: Material
    lining: Material
    lace: Material
    sole_height: float = 0.085
    collar: float = 0.27
    rocker: float = 0.02
    laces: int = 6
    ridges: float = 0.0
    toe_cap: Material | None = None
    slip_on: bool = False


def heights(collar: float) -> Callable:
    return curve(
        [
            [0.0, collar * 0.92],
            [0.03, collar],
            [0.16, collar * 0.96],
            [0.3, collar * 1.02],
            [0.4, collar * 1.02 + 0.01],
            [0.5, 0.235 + 0.3 * (collar - 0.27)],
            [0.62, 0.185],
            [0.75, 0.145],
            [0.88, 0.115],
            [0.97, 0.075],
            [1.0, 0.03],
        ]
    )


def at(table: Callable, x: np.ndarray) -> np.ndarray:
    """Read a curve of (x, value) at x."""
    knots = table(np.linspace(0, 1, 400))
    return np.interp(x, knots[:, 0], knots[:, 1]).astype(np.float32)


def foot_x(v: np.ndarray) -> np.ndarray:
    """Dense at heel and toe, where the shoe turns most."""
    return 0.5 - 0.5 * np.cos(np.pi * np.clip(v, 0, 1)) * (
        0.82 + 0.18 * np.cos(np.pi * np.clip(v, 0, 1)) ** 2
    )


def build(shoe: Shoe) -> Callable[[Mesh], None]:
    """A builder for the model."""
    top = heights(shoe.collar)

    def spring(x: np.ndarray) -> np.ndarray:
        return shoe.rocker * (
            np.clip((x - 0.7) / 0.3, 0, 1) ** 2 + 0.3 * np.clip((0.1 - x) / 0.1, 0, 1) ** 2
        )

    def surface(x: np.ndarray, phi: np.ndarray) -> np.ndarray:
        """phi: 0 outer edge of the sole .. pi inner edge, over the top."""
        w, h = at(HALF, x), at(top, x)
        c, s = np.cos(phi), np.clip(np.sin(phi), 0, 1)
        tall = 1 - smoothstep(0.3, 0.62, x)
        lean = 1 - 0.42 * tall * s**1.4
        z = at(MIDDLE, x) + w * 0.97 * np.sign(c) * np.abs(c) ** (0.72 - 0.1 * tall) * lean
        y = shoe.sole_height - 0.02 + spring(x) + (h + 0.02) * s ** (0.78 + 0.12 * tall)
        d = np.hypot((x - 0.185) / 0.175, (z - at(MIDDLE, x)) / 0.07)
        well = 1 - smoothstep(0.72, 1.0, d)
        lip = np.exp(-(((d - 1.08) / 0.16) ** 2))
        y = y + (0.012 * lip - 0.2 * well) * (s > 0.2)
        return np.stack([x - 0.5, y, z], -1)

    def upper(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return surface(foot_x(v), np.pi * np.clip(u, 0, 1))

    def paint(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
        x = points[:, 0] + 0.5
        z = points[:, 2] - at(MIDDLE, x)
        d = np.hypot((x - 0.185) / 0.175, z / 0.07)
        deep = points[:, 1] < shoe.sole_height + at(top, x) - 0.02
        inside = (1 - smoothstep(0.93, 0.97, d)) * (deep | (d < 0.9))
        return mix(
            shoe.upper.paint(points, uv), shoe.lining.paint(points, uv), inside.astype(np.float32)
        )

    cover = Material(paint, shoe.upper.roughness, shoe.upper.reflectance, sheen=shoe.upper.sheen)

    def build_mesh(mesh: Mesh) -> None:
        mesh.add(upper, cover, flip=True, fine=1.2)
        sole(mesh)
        if not shoe.slip_on:
            tongue(mesh)
            laces(mesh)

    def sole(mesh: Mesh) -> None:
        x = foot_x(np.linspace(0, 1, 60))
        w, m = at(HALF, x), at(MIDDLE, x)
        ring = np.concatenate([np.stack([x, m + w], -1), np.stack([x, m - w], -1)[::-1][1:-1]])
        outline = curve(ring.tolist(), closed=True, smooth=True)
        side = curve(
            [
                [-0.03, 0.0],
                [0.0, 0.006],
                [0.016, 0.25],
                [0.014, 0.55],
                [0.012, 0.8],
                [0.004, 0.96],
                [-0.012, 1.0],
            ]
        )

        def shape(u: np.ndarray, v: np.ndarray) -> np.ndarray:
            p = outline(u)
            d = outline(u + 2e-3) - outline(u - 2e-3)
            d /= np.maximum(np.linalg.norm(d, axis=-1, keepdims=True), 1e-9)
            out, y = np.moveaxis(side(v), -1, 0)
            px, pz = p[..., 0] - out * d[..., 1], p[..., 1] + out * d[..., 0]
            flare = 1 + 0.15 * np.exp(-((p[..., 0] / 0.15) ** 2)) * (shoe.ridges > 0)
            height = shoe.sole_height * flare
            return np.stack([px - 0.5, y * height + spring(np.clip(px, 0, 1)), pz], -1)

        def tread(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
            wave = np.sin(points[:, 0] * 85 + 9 * points[:, 1])
            return shoe.ridges * np.clip(wave, -0.3, 1) * smoothstep(0.01, 0.03, points[:, 1])

        mesh.add(
            shape, shoe.sole, wrap_u=True, two_sided=True, displace=tread if shoe.ridges else None
        )
        line = outline(np.linspace(0, 1, 90)[:-1])
        for level in (0.22, 0.8):
            groove = np.stack(
                [line[:, 0] - 0.5, level * shoe.sole_height + spring(line[:, 0]), line[:, 1]], -1
            )
            grown = groove * np.float32([1.022, 1, 1.0])
            grown[:, 2] = (groove[:, 2] - at(MIDDLE, line[:, 0])) * 1.1 + at(MIDDLE, line[:, 0])
            if not shoe.ridges:
                mesh.add(
                    tube(grown, 0.0035, closed=True),
                    Material(lambda p, uv: 0.8 * shoe.sole.paint(p, uv), 0.6),
                    wrap_u=True,
                )
        if shoe.toe_cap is not None:

            def cap(u: np.ndarray, v: np.ndarray) -> np.ndarray:
                x = 0.84 + 0.16 * v + 0.04 * np.abs(2 * u - 1) ** 2 * (1 - v) * -1
                p = surface(np.clip(x, 0, 0.9995), np.pi * np.clip(u, 0, 1))
                return (
                    p
                    + np.float32([0.004, 0.004, 0])
                    + np.stack([0 * u, 0 * u, 0.006 * np.cos(np.pi * u)], -1)
                )

            mesh.add(cap, shoe.toe_cap, two_sided=True)

    def tongue(mesh: Mesh) -> None:
        def sheet(u: np.ndarray, v: np.ndarray) -> np.ndarray:
            a = 2 * u - 1
            x = 0.6 - 0.25 * v - 0.03 * v * (v > 0.8)
            ride = at(top, np.clip(x, 0.33, 1)) + shoe.sole_height
            y = ride + 0.005 + 0.1 * np.clip(v - 0.55, 0, 1) ** 1.2 * 1.5 - 0.022 * a**2
            w = 0.05 + 0.022 * v
            return np.stack(
                [
                    x - 0.5,
                    y,
                    at(MIDDLE, x) + a * w * (1 - 0.2 * np.clip(v - 0.9, 0, 1) * 10 * np.abs(a)),
                ],
                -1,
            )

        mesh.add(sheet, shoe.upper if shoe.upper.sheen > 0.3 else shoe.lining, two_sided=True)
        edge = sheet(np.linspace(0, 1, 12), np.ones(12))
        mesh.add(tube(edge, 0.009), shoe.lining, wrap_u=True)

    def laces(mesh: Mesh) -> None:
        for k in range(shoe.laces):
            x = 0.385 + 0.21 * k / (shoe.laces - 1)
            for shift in (0.0, 0.018):
                phi = np.linspace(0.24, 0.76, 11) * np.pi
                p = surface(np.full(11, x) + shift * np.linspace(-1, 1, 11), phi)
                y = p[:, 1] + 0.016 - 0.006 * np.abs(np.linspace(-1, 1, 11)) ** 3
                path = np.stack([p[:, 0], y + 0.003 * (shift > 0), p[:, 2]], -1)
                mesh.add(tube(path, 0.0105, flat=0.5), shoe.lace, wrap_u=True)
        knot = surface(np.array([0.375]), np.array([np.pi / 2]))[0] + np.float32([0, 0.03, 0])

        def bow(*steps: tuple[float, float, float]) -> None:
            mesh.add(tube([knot + np.float32(step) for step in steps], 0.008, flat=0.6), shoe.lace)

        for s in (-1, 1):
            bow(
                (0, 0, 0),
                (0, 0.02, s * 0.04),
                (0.025, -0.005, s * 0.095),
                (0.05, -0.045, s * 0.085),
                (0.035, -0.01, s * 0.03),
                (0, 0, 0),
            )
            bow((0, 0, 0), (0.03, 0.006, s * 0.03), (0.08, -0.04, s * 0.075), (0.1, -0.1, s * 0.1))

    return build_mesh
