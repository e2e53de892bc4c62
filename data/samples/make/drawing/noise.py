"""Smooth random fields and sRGB <-> linear colours."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.spatial import cKDTree

Floats = NDArray[np.float32]
SIDE = 32


@lru_cache(maxsize=16)
def _volume(seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (SIDE, SIDE, SIDE)).astype(np.float32)


def noise(points: Floats, seed: int = 0) -> Floats:
    """Value noise in about -1..1 with features of size 1; points (n, 2 or 3) -> (n,)."""
    if points.shape[-1] == 2:
        points = np.concatenate([points, np.full_like(points[..., :1], 0.37)], axis=-1)
    cell = np.floor(points)
    step = points - cell
    eased = cell + step * step * (3 - 2 * step)
    shape = points.shape[:-1]
    return map_coordinates(
        _volume(seed), eased.reshape(-1, 3).T, order=1, mode="grid-wrap"
    ).reshape(shape)


def fbm(points: Floats, octaves: int = 4, seed: int = 0, gain: float = 0.5) -> Floats:
    """Sum of octaves of `noise`, in about -1..1."""
    total = np.zeros(points.shape[:-1], dtype=np.float32)
    amplitude, norm = 1.0, 0.0
    for octave in range(octaves):
        total += amplitude * noise(points * np.float32(2.03**octave), seed + octave)
        norm += amplitude
        amplitude *= gain
    return total / np.float32(norm)


@lru_cache(maxsize=8)
def _seeds(seed: int, dims: int, density: int) -> cKDTree:
    rng = np.random.default_rng(seed)
    return cKDTree(rng.uniform(0, 24, (density * 24**dims, dims)))


def cells(points: Floats, seed: int = 0, density: int = 1) -> tuple[Floats, Floats, NDArray]:
    """Voronoi cells over a mirrored 24-unit block: distance to 1st, 2nd seed, and cell number."""
    folded = np.abs(((points + np.float32(11.37)) % 48) - 24)
    distance, index = _seeds(seed, points.shape[-1], density).query(
        folded.reshape(-1, points.shape[-1]), k=2
    )
    shape = points.shape[:-1]
    return (
        distance[:, 0].reshape(shape).astype(np.float32),
        distance[:, 1].reshape(shape).astype(np.float32),
        index[:, 0].reshape(shape),
    )


def picture_noise(shape: tuple[int, int], size_px: float, seed: int) -> Floats:
    """Gaussian-filtered white noise of unit variance, features about `size_px` wide."""
    rng = np.random.default_rng(seed)
    field = gaussian_filter(rng.standard_normal(shape), size_px, mode="wrap")
    return (field / field.std()).astype(np.float32)


def smoothstep(low: float, high: float, value: Floats) -> Floats:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def linear(color: str) -> Floats:
    """`#rrggbb` as linear light (3,)."""
    srgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)], dtype=np.float32) / 255
    return to_linear(srgb)


def to_linear(srgb: Floats) -> Floats:
    """sRGB 0..1 to linear light."""
    srgb = np.asarray(srgb, dtype=np.float32)
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def to_srgb(light: Floats) -> Floats:
    """Linear light to sRGB 0..1."""
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def mix(a: Floats, b: Floats, t: Floats) -> Floats:
    """Blend colours a to b by t (n,)."""
    t = np.asarray(t)[..., None]
    return a * (1 - t) + b * t
