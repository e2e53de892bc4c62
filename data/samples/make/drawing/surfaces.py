"""Parametric surfaces diced into fine grids of triangles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import Akima1DInterpolator, make_interp_spline

from drawing.materials import Material

Floats = NDArray[np.float32]
Shape = Callable[[Floats, Floats], Floats]
SPACING = 0.0042


@dataclass
class Mesh:
    """Vertices (n, 3) with normals and surface coordinates in world units; faces with a part."""

    points: list[Floats] = field(default_factory=list)
    normals: list[Floats] = field(default_factory=list)
    uv: list[Floats] = field(default_factory=list)
    faces: list[NDArray[np.int64]] = field(default_factory=list)
    part: list[NDArray[np.int16]] = field(default_factory=list)
    two_sided: list[NDArray[np.bool_]] = field(default_factory=list)
    materials: list[Material] = field(default_factory=list)
    spacing: float = SPACING
    count: int = 0

    def add(
        self,
        shape: Shape,
        material: Material,
        *,
        wrap_u: bool = False,
        two_sided: bool = False,
        flip: bool = False,
        displace: Callable[[Floats, Floats], Floats] | None = None,
        fine: float = 1.0,
    ) -> None:
        """Dice shape(u, v), u and v in 0..1, so that edges are about `spacing` / fine long.

        displace(points, uv) -> offsets along the normal. flip turns the normals round.
        """
        coarse = shape(*_lattice(25, 25, 0))
        length_u = np.linalg.norm(np.diff(coarse, axis=0), axis=-1).sum(axis=0).max()
        length_v = np.linalg.norm(np.diff(coarse, axis=1), axis=-1).sum(axis=1).max()
        nu = int(np.clip(length_u * fine / self.spacing, 6, 900)) + 1
        nv = int(np.clip(length_v * fine / self.spacing, 6, 900)) + 1
        border = 2 if displace else 1
        u, v = _lattice(nu, nv, border)
        points = shape(u, v).astype(np.float32)
        uv = np.stack([u * length_u, v * length_v], axis=-1).astype(np.float32)
        sign = -1.0 if flip else 1.0
        if displace:
            normals = _normals(points) * sign
            points, uv = points[1:-1, 1:-1], uv[1:-1, 1:-1]
            offset = displace(points.reshape(-1, 3), uv.reshape(-1, 2)).reshape(points.shape[:2])
            points = points + normals * offset[..., None]
        normals = _normals(points) * np.float32(sign)
        points, uv = points[1:-1, 1:-1], uv[1:-1, 1:-1]
        if wrap_u:
            points[-1], normals[-1] = points[0], normals[0]
        index = np.arange(nu * nv).reshape(nu, nv) + self.count
        a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
        faces = np.concatenate([np.stack([a, b, c], -1), np.stack([a, c, d], -1)]).reshape(-1, 3)
        self.points.append(points.reshape(-1, 3))
        self.normals.append(normals.reshape(-1, 3))
        self.uv.append(uv.reshape(-1, 2))
        self.faces.append(faces)
        self.part.append(np.full(len(faces), len(self.materials), dtype=np.int16))
        self.two_sided.append(np.full(nu * nv, two_sided))
        self.materials.append(material)
        self.count += nu * nv


def _lattice(nu: int, nv: int, border: int) -> tuple[Floats, Floats]:
    u = np.arange(-border, nu + border, dtype=np.float32) / np.float32(nu - 1)
    v = np.arange(-border, nv + border, dtype=np.float32) / np.float32(nv - 1)
    return np.meshgrid(u, v, indexing="ij")  # type: ignore[return-value]


def _normals(points: Floats) -> Floats:
    along_u = points[2:, 1:-1] - points[:-2, 1:-1]
    along_v = points[1:-1, 2:] - points[1:-1, :-2]
    normals = np.cross(along_u, along_v)
    return normals / np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)


def curve(
    knots: Sequence[Sequence[float]],
    *,
    smooth: bool = True,
    closed: bool = False,
    overshoot: bool = False,
) -> Shape:
    """A curve through knots (k, d), parametrised by arc length: t in 0..1 -> (..., d).

    Without `overshoot` it stays between its knots; with it, it is rounder.
    Repeat a knot's neighbourhood (two knots close together) to make a crease.
    """
    p = np.asarray(knots, dtype=np.float64)
    if closed:
        p = np.vstack([p, p[:1]])
    t = np.r_[0, np.cumsum(np.maximum(np.linalg.norm(np.diff(p, axis=0), axis=1), 1e-9) ** 0.75)]
    t /= t[-1]
    if smooth and len(p) > 2:
        if closed:
            spline = make_interp_spline(t, p, k=3, bc_type="periodic")
        elif overshoot and len(p) > 3:
            spline = make_interp_spline(t, p, k=3)
        else:
            spline = Akima1DInterpolator(t, p, method="makima")
    else:
        spline = make_interp_spline(t, p, k=1)
    fine = np.linspace(0, 1, 2001)
    dense = spline(fine)
    arc = np.r_[0, np.cumsum(np.linalg.norm(np.diff(dense, axis=0), axis=1))]
    arc /= arc[-1]
    span = np.linspace(0, 1, 1001)
    table = np.stack([np.interp(span, arc, dense[:, k]) for k in range(p.shape[1])], axis=-1)

    def at(s: Floats) -> Floats:
        s = np.asarray(s, dtype=np.float64)
        if closed:
            s = s % 1.0
        inside = np.clip(s, 0, 1)
        position = inside * 1000
        low = np.minimum(position.astype(int), 999)
        part = (position - low)[..., None]
        value = table[low] * (1 - part) + table[low + 1] * part
        head = (table[1] - table[0]) * 1000
        tail = (table[-1] - table[-2]) * 1000
        beyond = (s - inside)[..., None]
        return (value + beyond * np.where(beyond < 0, head, tail)).astype(np.float32)

    return at  # type: ignore[return-value]


def revolve(profile: Sequence[Sequence[float]], *, smooth: bool = True) -> Shape:
    """Turn a profile of (radius, height), from the bottom outside upwards, about the y axis."""
    line = curve(profile, smooth=smooth)

    def shape(u: Floats, v: Floats) -> Floats:
        r, y = np.moveaxis(line(v), -1, 0)  # type: ignore[call-arg]
        angle = -2 * np.pi * u
        return np.stack([r * np.cos(angle), y, r * np.sin(angle)], axis=-1)

    return shape


def tube(
    path: Sequence[Sequence[float]] | Callable[[Floats], Floats],
    radius: float | Callable[[Floats], Floats],
    *,
    flat: float = 1.0,
    closed: bool = False,
    up: Sequence[float] = (0.0, 1.0, 0.0),
    power: float = 1.0,
    caps: bool = True,
) -> Shape:
    """A tube along a path; flat < 1 thins it along `up`, power < 1 squares it, caps round it."""
    line = path if callable(path) else curve(path, closed=closed, overshoot=True)
    ends = line(np.linspace(0, 1, 101))
    length = float(np.linalg.norm(np.diff(ends, axis=0), axis=1).sum())
    up_vector = np.asarray(up, dtype=np.float32)

    def shape(u: Floats, v: Floats) -> Floats:
        centre = line(v)
        tangent = line(v + 1e-3) - line(v - 1e-3)
        tangent = tangent / np.maximum(np.linalg.norm(tangent, axis=-1, keepdims=True), 1e-9)
        side = np.cross(tangent, up_vector)
        side /= np.maximum(np.linalg.norm(side, axis=-1, keepdims=True), 1e-6)
        top = np.cross(side, tangent)
        r = radius(v) if callable(radius) else radius
        r = np.broadcast_to(r, v.shape)
        if caps and not closed:
            to_end = np.clip((0.5 - np.abs(v - 0.5)) * length, 1e-5, None)
            r = r * np.sqrt(np.clip(1 - np.clip(1 - to_end / (0.6 * r), 0, 1) ** 2, 1e-4, 1))
        r = r[..., None]
        angle = -2 * np.pi * u
        c, s = np.cos(angle)[..., None], np.sin(angle)[..., None]
        c, s = np.sign(c) * np.abs(c) ** power, np.sign(s) * np.abs(s) ** power
        return centre + r * (c * side + s * flat * top)

    return shape


def box_faces(size: Sequence[float], radius: float) -> list[Shape]:
    """The six faces of a box with rounded edges, centred on the origin; size is full lengths."""
    half = np.asarray(size, dtype=np.float32) / 2
    inner = np.maximum(half - radius, 0)
    faces = []
    for axis in range(3):
        for sign in (-1.0, 1.0):

            def shape(u: Floats, v: Floats, axis: int = axis, sign: float = sign) -> Floats:
                q = np.empty((*u.shape, 3), dtype=np.float32)
                one, two = (axis + 1) % 3, (axis + 2) % 3
                q[..., axis] = sign * half[axis]
                q[..., one] = (2 * u - 1) * half[one] * sign
                q[..., two] = (2 * v - 1) * half[two]
                core = np.clip(q, -inner, inner)
                out = q - core
                length = np.maximum(np.linalg.norm(out, axis=-1, keepdims=True), 1e-9)
                return core + radius * out / length

            faces.append(shape)
    return faces


def ellipsoid(radii: Sequence[float], power: float = 1.0) -> Shape:
    """An ellipsoid about the origin; power < 1 makes it boxier (a superellipsoid)."""
    r = np.asarray(radii, dtype=np.float32)

    def shape(u: Floats, v: Floats) -> Floats:
        a, b = -2 * np.pi * u, np.pi * (v - 0.5) * 0.9995

        def bent(x: Floats) -> Floats:
            return np.sign(x) * np.abs(x) ** power

        return np.stack(
            [
                r[0] * bent(np.cos(b)) * bent(np.cos(a)),
                r[1] * bent(np.sin(b)),
                r[2] * bent(np.cos(b)) * bent(np.sin(a)),
            ],
            axis=-1,
        )

    return shape


def moved(
    shape: Shape,
    offset: Sequence[float] = (0, 0, 0),
    *,
    turn: Sequence[float] = (0, 0, 0),
    scale: Sequence[float] = (1, 1, 1),
) -> Shape:
    """Scale, then turn by degrees about x, y, z in this order, then shift."""
    matrix = rotation(turn) * np.asarray(scale, dtype=np.float32)[None, :]
    shift = np.asarray(offset, dtype=np.float32)
    return lambda u, v: shape(u, v) @ matrix.T.astype(np.float32) + shift


def rotation(turn: Sequence[float]) -> Floats:
    """Rotation matrix for degrees about x, then y, then z."""
    x, y, z = np.radians(turn)
    cx, sx, cy, sy, cz, sz = np.cos(x), np.sin(x), np.cos(y), np.sin(y), np.cos(z), np.sin(z)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return (about_z @ about_y @ about_x).astype(np.float32)


def warped(shape: Shape, warp: Callable[[Floats], Floats]) -> Shape:
    """Bend a shape: warp maps points (..., 3) to points."""
    return lambda u, v: warp(shape(u, v))
