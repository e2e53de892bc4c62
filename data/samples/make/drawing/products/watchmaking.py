"""How a watch is built: case, dial, hands, strap."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from drawing.materials import (
    Material,
    plain,
)
from drawing.noise import linear, smoothstep
from drawing.surfaces import Mesh, Shape, curve, ellipsoid, moved, revolve, tube

FRONT, HEIGHT = 0.3, 0.56
Face = Callable[[np.ndarray, np.ndarray], np.ndarray]


def towards_viewer(shape: Shape) -> Shape:
    """Turn the y axis of a turned shape to z, at the dial's place."""
    return moved(shape, (0, HEIGHT, FRONT), turn=(90, 0, 0))


def dial(color: str, marks: Face, *, ray: bool = False) -> Material:
    """A dial: x, y in dial radii -> colours drawn by marks(x, y) over a ground."""
    ground = linear(color)

    def paint(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
        x, y = points[:, 0] / 0.26, (points[:, 1] - HEIGHT) / 0.26
        angle = np.arctan2(y, x)
        base = np.broadcast_to(ground, points.shape)
        if ray:
            shine = 0.5 + 0.5 * np.cos(2 * (angle - 2.2))
            base = ground * (0.6 + 0.9 * shine**2)[:, None]
        drawn = marks(x, y)
        return (base * (1 - drawn[:, 3:]) + drawn[:, :3] * drawn[:, 3:]).astype(np.float32)

    return Material(paint, 0.22, 0.045)


def stroke(out: np.ndarray, cover: np.ndarray, color: str) -> None:
    """Paint `color` (premultiplied later) where cover is 1."""
    cover = cover[:, None]
    out[:, :3] = out[:, :3] * (1 - cover) + linear(color) * cover
    out[:, 3:] = np.maximum(out[:, 3:], cover)


def batons(color: str, *, numerals: bool = False, minutes: bool = True) -> Face:
    """Hour batons or dots, and minute ticks."""

    def marks(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        out = np.zeros((len(x), 4), dtype=np.float32)
        r, a = np.hypot(x, y), np.arctan2(x, y)
        hour = a / (np.pi / 6)
        off = np.abs(hour - np.round(hour)) * (np.pi / 6) * r
        long = (np.abs(np.round(hour)) % 3 == 0) if numerals else np.zeros(len(x), bool)
        inner = np.where(long, 0.62, 0.7)
        width = np.where(long, 0.04, 0.026)
        inside = smoothstep(0, 0.012, width - off) * smoothstep(0, 0.02, r - inner)
        stroke(out, inside * smoothstep(0, 0.02, 0.86 - r), color)
        if minutes:
            tick = a / (np.pi / 30)
            near = np.abs(tick - np.round(tick)) * (np.pi / 30) * r
            line = smoothstep(0, 0.01, 0.011 - near) * (r > 0.9) * (r < 0.96)
            stroke(out, line, color)
        return out

    return marks


def subdials(color: str, ring: str) -> Face:
    """Three registers, as on a chronograph, over batons."""
    under = batons(ring)

    def marks(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        out = under(x, y)
        for cx, cy, turn in ((-0.42, 0.0, 0.7), (0.42, 0.0, 2.6), (0.0, -0.42, 4.4)):
            r, a = np.hypot(x - cx, y - cy), np.arctan2(x - cx, y - cy)
            groove = 0.93 + 0.07 * np.cos(r * 260)
            cover = smoothstep(0, 0.015, 0.26 - r)[:, None]
            out[:, :3] = out[:, :3] * (1 - cover) + linear(color) * groove[:, None] * cover
            out[:, 3:] = np.maximum(out[:, 3:], cover)
            t = a / (np.pi / 6)
            tick = (np.abs(t - np.round(t)) * (np.pi / 6) * r < 0.012) & (r > 0.19) & (r < 0.24)
            stroke(out, tick.astype(np.float32), ring)
            along = (x - cx) * np.sin(turn) + (y - cy) * np.cos(turn)
            across = np.abs((x - cx) * np.cos(turn) - (y - cy) * np.sin(turn))
            stroke(
                out, ((across < 0.014) & (along > -0.05) & (along < 0.2)).astype(np.float32), ring
            )
        return out

    return marks


def hand(
    mesh: Mesh, hours: float, length: float, width: float, lift: float, material: Material
) -> None:
    """A tapered hand pointing at `hours` on the dial."""
    a = 2 * np.pi * hours / 12
    along = np.array([np.sin(a), np.cos(a), 0.0])
    base = np.array([0, HEIGHT, FRONT + 0.075 + lift])
    path = [base - along * 0.05, base + along * length * 0.6, base + along * length]
    mesh.add(
        tube(path, lambda v: width * (1 - 0.55 * v), flat=0.3, up=(0, 0, 1)), material, wrap_u=True
    )


def case(
    mesh: Mesh,
    body: Material,
    face: Material,
    hands: Material,
    *,
    second: str | None,
    bezel: Material | None = None,
    knurl: int = 0,
) -> None:
    """Case, bezel, dial, hands and crown."""
    outline = [[0.001, -0.07], [0.28, -0.07], [0.31, -0.05], [0.325, 0.0], [0.32, 0.05]]
    mesh.add(towards_viewer(revolve(outline)), body, wrap_u=True)

    def teeth(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
        a = np.arctan2(points[:, 1] - HEIGHT, points[:, 0])
        r = np.hypot(points[:, 1] - HEIGHT, points[:, 0])
        return 0.0028 * np.sin(knurl * a) * smoothstep(0.3, 0.32, r)

    ring = [
        [0.322, 0.045],
        [0.324, 0.065],
        [0.312, 0.088],
        [0.285, 0.098],
        [0.268, 0.09],
        [0.262, 0.068],
    ]
    mesh.add(
        towards_viewer(revolve(ring)), bezel or body, wrap_u=True, displace=teeth if knurl else None
    )
    mesh.add(
        towards_viewer(revolve([[0.264, 0.066], [0.13, 0.068], [0.001, 0.068]])), face, wrap_u=True
    )
    hand(mesh, 10.17, 0.135, 0.012, 0.006, hands)
    hand(mesh, 1.9, 0.2, 0.009, 0.012, hands)
    if second:
        hand(mesh, 7.1, 0.21, 0.0035, 0.018, plain(second, 0.3))
    mesh.add(moved(ellipsoid([0.016, 0.016, 0.014]), (0, HEIGHT, FRONT + 0.09)), hands, wrap_u=True)
    crown = revolve(
        [[0.001, 0.0], [0.04, 0.0], [0.045, 0.01], [0.045, 0.045], [0.038, 0.055], [0.001, 0.058]]
    )

    def ridged(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
        angle = np.arctan2(points[:, 2] - FRONT, points[:, 1] - HEIGHT)
        return 0.003 * np.sin(22 * angle)

    mesh.add(
        moved(crown, (0.315, HEIGHT, FRONT), turn=(0, 0, -90)), body, wrap_u=True, displace=ridged
    )
    for x in (-0.178, 0.178):
        for s in (-1, 1):
            path = [
                [x, HEIGHT + s * 0.22, FRONT - 0.01],
                [x, HEIGHT + s * 0.32, FRONT - 0.02],
                [x, HEIGHT + s * 0.36, FRONT - 0.065],
            ]
            mesh.add(tube(path, 0.025, flat=1.1, up=(1, 0, 0)), body, wrap_u=True)


LOOP = curve(
    [
        [HEIGHT + 0.3, FRONT - 0.04],
        [HEIGHT + 0.41, FRONT - 0.1],
        [HEIGHT + 0.45, FRONT - 0.28],
        [HEIGHT + 0.36, FRONT - 0.48],
        [HEIGHT + 0.08, FRONT - 0.6],
        [HEIGHT - 0.25, FRONT - 0.56],
        [0.03, FRONT - 0.4],
        [0.015, FRONT - 0.2],
        [HEIGHT - 0.41, FRONT - 0.09],
        [HEIGHT - 0.3, FRONT - 0.04],
    ]
)


def strap(
    mesh: Mesh,
    material: Material,
    *,
    stitch: Material | None = None,
    thick: float = 0.15,
    displace=None,
) -> None:
    """A band round an unseen wrist."""

    def path(v: np.ndarray) -> np.ndarray:
        y, z = np.moveaxis(LOOP(v), -1, 0)
        return np.stack([np.zeros_like(y), y, z], -1)

    def swept(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        centre = path(v)
        d = path(v + 2e-3) - path(v - 2e-3)
        d = d / np.maximum(np.linalg.norm(d, axis=-1, keepdims=True), 1e-9)
        out = np.stack([np.zeros_like(d[..., 0]), d[..., 2], -d[..., 1]], -1)
        a = -2 * np.pi * u
        c, s = np.cos(a), np.sin(a)
        w = 0.165 - 0.025 * np.sin(np.pi * np.clip(v, 0, 1))
        x = np.sign(c) * np.abs(c) ** 0.3 * w
        t = np.sign(s) * np.abs(s) ** 0.5 * 0.165 * thick
        return centre + np.stack([x, 0 * x, 0 * x], -1) - out * t[..., None]

    mesh.add(swept, material, wrap_u=True, displace=displace)
    if stitch is None:
        return
    for side in (-1, 1):
        for low, high in ((0.01, 0.3), (0.7, 0.99)):
            v = np.linspace(low, high, 30)
            seam = path(v)
            d = path(v + 2e-3) - path(v - 2e-3)
            d /= np.linalg.norm(d, axis=-1, keepdims=True)
            out = np.stack([0 * v, -d[:, 2], d[:, 1]], -1)
            width = 0.165 - 0.025 * np.sin(np.pi * v)
            line = (
                seam + out * 0.165 * thick * 1.0 + np.stack([side * width * 0.84, 0 * v, 0 * v], -1)
            )
            dashes = tube(
                line, lambda t: 0.005 * (0.3 + 0.7 * (np.sin(t * 95) > -0.2)), up=(1, 0, 0)
            )
            mesh.add(dashes, stitch, wrap_u=True)
