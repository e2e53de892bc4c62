"""A camera and a vectorised rasteriser for finely diced meshes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drawing.surfaces import Mesh

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Camera:
    """A pinhole camera: eye, unit axes, focal length and centre in pixels."""

    eye: Floats
    right: Floats
    up: Floats
    forward: Floats
    focal_px: float
    centre_px: tuple[float, float]
    size_px: int

    def project(self, points: Floats) -> Floats:
        """World (n, 3) -> (n, 3): x and y in pixels (y down) and depth."""
        q = points - self.eye
        depth = q @ self.forward
        x = self.focal_px * (q @ self.right) / depth + self.centre_px[0]
        y = -self.focal_px * (q @ self.up) / depth + self.centre_px[1]
        return np.stack([x, y, depth], axis=-1).astype(np.float32)

    def rays(self, side: int) -> Floats:
        """Unit directions (side, side, 3) through the centres of a side x side grid."""
        step = self.size_px / side
        t = ((np.arange(side) + 0.5) * step).astype(np.float32)
        x = (t - self.centre_px[0]) / self.focal_px
        y = -(t - self.centre_px[1]) / self.focal_px
        d = (
            self.forward
            + x[None, :, None] * self.right[None, None, :]
            + y[:, None, None] * self.up[None, None, :]
        )
        return (d / np.linalg.norm(d, axis=-1, keepdims=True)).astype(np.float32)


def frame(
    points: Floats,
    size_px: int,
    *,
    azimuth: float,
    elevation: float,
    distance: float = 5.0,
    fill: float = 0.68,
    shift: Sequence[float] = (0.0, 0.02),
) -> Camera:
    """Look at points from azimuth and elevation (degrees), framed to fill that share of the side.

    shift moves the product right and down by these shares of the side.
    """
    a, e = np.radians(azimuth), np.radians(elevation)
    centre = (points.max(axis=0) + points.min(axis=0)) / 2
    back = np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])
    right = np.array([np.cos(a), 0.0, -np.sin(a)])
    up = np.cross(back, right)
    camera = Camera(
        (centre + distance * back).astype(np.float32),
        right.astype(np.float32),
        up.astype(np.float32),
        (-back).astype(np.float32),
        1.0,
        (0.0, 0.0),
        size_px,
    )
    flat = camera.project(points)[:, :2]
    low, high = flat.min(axis=0), flat.max(axis=0)
    focal = fill * size_px / float((high - low).max())
    middle = (low + high) / 2 * focal
    return Camera(
        camera.eye,
        camera.right,
        camera.up,
        camera.forward,
        focal,
        (
            float(size_px * (0.5 + shift[0]) - middle[0]),
            float(size_px * (0.5 + shift[1]) - middle[1]),
        ),
        size_px,
    )


@dataclass(frozen=True)
class Hits:
    """Per covered pixel: its flat index, triangle, and the weights of the triangle's corners."""

    pixel: NDArray[np.int64]
    triangle: NDArray[np.int64]
    weights: Floats
    depth: Floats


def rasterise(mesh: Mesh, camera: Camera) -> tuple[Hits, NDArray[np.int64], NDArray[np.int16]]:
    """Nearest triangle of every covered pixel, with the faces (m, 3) and their parts (m,)."""
    points = np.concatenate(mesh.points)
    faces, part = np.concatenate(mesh.faces), np.concatenate(mesh.part)
    both = np.concatenate(mesh.two_sided)
    seen = camera.project(points)
    # Triangles turned away are dropped, but for sheets; a generous limit keeps silhouettes whole.
    facing = np.einsum("ij,ij->i", np.concatenate(mesh.normals), camera.eye - points)
    facing = (facing > -0.15 * camera.forward.dot(camera.forward)) | both
    keep = facing[faces].any(axis=1)
    faces, part = faces[keep], part[keep]

    corner = seen[faces]
    side = camera.size_px
    low = np.ceil(corner[:, :, :2].min(axis=1) - 0.5).astype(np.int32)
    high = np.floor(corner[:, :, :2].max(axis=1) - 0.5).astype(np.int32)
    span = np.maximum(high - low + 1, 0)
    inside = (span > 0).all(axis=1) & (high >= 0).all(axis=1) & (low < side).all(axis=1)
    extent = span.max(axis=1)

    found: list[tuple[NDArray, NDArray, NDArray]] = []
    previous = 0
    for limit in (1, 2, 3, 4, 6, 9, 14, 22, 40, 80):
        chosen = np.flatnonzero(inside & (extent > previous) & (extent <= limit))
        previous = limit
        if len(chosen):
            found.extend(_cover(corner, chosen, low, span, limit, side))
    pixel = np.concatenate([f[0] for f in found])
    depth = np.concatenate([f[1] for f in found])
    triangle = np.concatenate([f[2] for f in found])
    order = np.argsort(-depth, kind="stable")
    nearest = np.full(side * side, -1, dtype=np.int64)
    nearest[pixel[order]] = order
    hit = np.flatnonzero(nearest >= 0)
    triangle = triangle[nearest[hit]]
    weights = _barycentric(
        corner[triangle], (hit % side + 0.5).astype(np.float32), (hit // side + 0.5)
    )
    weights /= corner[triangle][:, :, 2]
    weights /= weights.sum(axis=1, keepdims=True)
    return Hits(hit, triangle, weights.astype(np.float32), depth[nearest[hit]]), faces, part


def _barycentric(corner: Floats, x: Floats, y: Floats) -> Floats:
    ax, ay = corner[:, 0, 0], corner[:, 0, 1]
    bx, by = corner[:, 1, 0] - ax, corner[:, 1, 1] - ay
    cx, cy = corner[:, 2, 0] - ax, corner[:, 2, 1] - ay
    px, py = x - ax, y - ay
    area = bx * cy - by * cx
    area = np.where(np.abs(area) < 1e-9, 1e-9, area)
    b, c = (px * cy - py * cx) / area, (bx * py - by * px) / area
    return np.stack([1 - b - c, b, c], axis=-1)


def _cover(
    corner: Floats,
    chosen: NDArray,
    low: NDArray,
    span: NDArray,
    limit: int,
    side: int,
) -> list[tuple[NDArray, NDArray, NDArray]]:
    """Fragments (pixel, depth, triangle) of triangles whose box is at most `limit` pixels wide."""
    found = []
    own, start, width = corner[chosen], low[chosen], span[chosen]
    for dy in range(limit):
        for dx in range(limit):
            fits = (dx < width[:, 0]) & (dy < width[:, 1])
            x, y = start[:, 0] + dx, start[:, 1] + dy
            fits &= (x >= 0) & (x < side) & (y >= 0) & (y < side)
            at = np.flatnonzero(fits)
            if not len(at):
                continue
            weights = _barycentric(
                own[at], (x[at] + 0.5).astype(np.float32), (y[at] + 0.5).astype(np.float32)
            )
            in_it = (weights > -1e-3).all(axis=1)
            at, weights = at[in_it], weights[in_it]
            depth = (weights * own[at, :, 2]).sum(axis=1)
            found.append((y[at].astype(np.int64) * side + x[at], depth, chosen[at]))
    return found
