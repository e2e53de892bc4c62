"""A studio's light: sky with contact shadows, a soft key light, reflections and a film curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drawing.noise import linear, smoothstep, to_srgb

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Light:
    """Key light's azimuth, elevation and softness in degrees, and the balance of light."""

    azimuth: float = -50.0
    elevation: float = 48.0
    softness: float = 7.0
    key: float = 0.86
    sky: float = 0.44
    key_color: str = "#fff4e6"
    sky_color: str = "#eaf0fa"
    exposure: float = 1.14


def direction(azimuth: float, elevation: float) -> Floats:
    """Unit vector towards azimuth (from +z towards +x) and elevation, in degrees."""
    a, e = np.radians(azimuth), np.radians(elevation)
    return np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)], dtype=np.float32)


def _dome(n: int) -> Floats:
    """Directions (n, 3) evenly over the upper half sphere, denser towards the zenith."""
    k = np.arange(n) + 0.5
    height = np.sqrt(k / n) * 0.97 + 0.03
    angle = k * np.pi * (3 - 5**0.5)
    r = np.sqrt(np.maximum(1 - height**2, 0))
    return np.stack([r * np.cos(angle), height, r * np.sin(angle)], -1).astype(np.float32)


def _cone(towards: Floats, degrees: float, n: int) -> Floats:
    k = np.arange(n) + 0.5
    r = np.tan(np.radians(degrees)) * np.sqrt(k / n)
    angle = k * np.pi * (3 - 5**0.5)
    one, two = _axes(towards)
    d = towards + (r * np.cos(angle))[:, None] * one + (r * np.sin(angle))[:, None] * two
    return (d / np.linalg.norm(d, axis=1, keepdims=True)).astype(np.float32)


def _axes(towards: Floats) -> tuple[Floats, Floats]:
    helper = np.array([0, 0, 1.0]) if abs(towards[1]) > 0.9 else np.array([0, 1.0, 0])
    one = np.cross(helper, towards)
    one /= np.linalg.norm(one)
    return one.astype(np.float32), np.cross(towards, one).astype(np.float32)


class Occluder:
    """Points dense enough to cast a shadow, as seen from any direction."""

    def __init__(self, points: Floats, spacing: float) -> None:
        self.centre = (points.max(axis=0) + points.min(axis=0)) / 2
        self.points = points - self.centre
        self.radius = float(np.linalg.norm(self.points, axis=1).max()) * 1.02
        self.spacing = spacing

    def visible(self, points: Floats, normals: Floats, towards: Floats, side: int) -> Floats:
        """Share of light (n,) from `towards` that reaches points; side is the map's resolution."""
        side = int(min(side, 1.4 * self.radius / self.spacing))
        texel = 2 * self.radius / side
        one, two = _axes(towards)
        basis = np.stack([one, two, towards], axis=1)
        flat = self.points @ basis
        scale = np.float32(side / (2 * self.radius))
        column = ((flat[:, 0] + self.radius) * scale).astype(np.int32)
        row = ((flat[:, 1] + self.radius) * scale).astype(np.int32)
        nearest = np.full((side + 2) * (side + 2), -np.inf, dtype=np.float32)
        np.maximum.at(nearest, (row + 1) * (side + 2) + column + 1, flat[:, 2])

        local = (points - self.centre + normals * np.float32(1.6 * texel)) @ basis
        x = np.clip((local[:, 0] + self.radius) * scale + 0.5, 0.5, side + 0.49)
        y = np.clip((local[:, 1] + self.radius) * scale + 0.5, 0.5, side + 0.49)
        x0, y0 = x.astype(np.int32), y.astype(np.int32)
        fx, fy = x - x0, y - y0
        at = y0 * (side + 2) + x0
        limit = local[:, 2] + np.float32(1.2 * texel)
        lit = (1 - fy) * (
            (1 - fx) * (nearest[at] < limit) + fx * (nearest[at + 1] < limit)
        ) + fy * (
            (1 - fx) * (nearest[at + side + 2] < limit) + fx * (nearest[at + side + 3] < limit)
        )
        return lit.astype(np.float32)


def sky_light(
    occluder: Occluder, points: Floats, normals: Floats, light: Light, n: int = 80
) -> tuple[Floats, Floats]:
    """Irradiance (n,) / pi from a softly graded dome, and its mean visibility (n,)."""
    towards = _dome(n)
    glow = 0.75 + 0.5 * towards[:, 1] + 0.35 * np.clip(towards @ direction(light.azimuth, 30), 0, 1)
    # The dome is drawn by projected area, so that a free level plane gets the mean of the glow.
    weight = glow / np.maximum(towards[:, 1], 0.15)
    weight /= (weight * towards[:, 1]).sum()
    total = np.zeros(len(points), dtype=np.float32)
    open_sky = np.zeros(len(points), dtype=np.float32)
    for k in range(n):
        lit = occluder.visible(points, normals, towards[k], 170)
        total += np.float32(weight[k]) * lit * np.clip(normals @ towards[k], 0, None)
        open_sky += lit
    return total, open_sky / n


def key_light(
    occluder: Occluder, points: Floats, light: Light, normals: Floats, n: int = 20
) -> Floats:
    """Share (n,) of the key light's disc that is seen from points."""
    towards = _cone(direction(light.azimuth, light.elevation), light.softness, n)
    total = np.zeros(len(points), dtype=np.float32)
    for k in range(n):
        total += occluder.visible(points, normals, towards[k], 420)
    return total / n


def studio(towards: Floats, roughness: Floats, ground: Floats, light: Light) -> Floats:
    """What a surface reflects from direction towards (n, 3): softboxes, sky and ground; (n, 3)."""
    y = towards[:, 1]
    blur = (0.05 + 0.9 * roughness**1.2).astype(np.float32)
    up = smoothstep(0, 1, np.clip(0.5 + y / (2 * blur + 0.25), 0, 1))
    above = 0.38 + 0.45 * np.clip(y, 0, 1)
    color = up[:, None] * above[:, None] * linear(light.sky_color)
    color = color + (1 - up)[:, None] * ground * 0.75

    def softbox(azimuth: float, elevation: float, wide: float, tall: float, power: float) -> Floats:
        centre = direction(azimuth, elevation)
        one, two = _axes(centre)
        front = np.maximum(towards @ centre, 1e-3)
        a, b = np.abs(towards @ one / front), np.abs(towards @ two / front)
        edge = blur * 0.8
        inside = _fade(a, wide, edge) * _fade(b, tall, edge) * (towards @ centre > 0)
        return (power * inside / (1 + 5 * blur * blur))[:, None]

    color = color + softbox(light.azimuth, light.elevation - 8, 0.36, 0.5, 5.0) * linear(
        light.key_color
    )
    color = color + softbox(light.azimuth + 125, 22, 0.14, 0.75, 2.6) * linear(light.sky_color)
    return color.astype(np.float32)


def _fade(value: Floats, limit: float, edge: Floats) -> Floats:
    t = np.clip((limit + edge - value) / (2 * edge), 0, 1)
    return t * t * (3 - 2 * t)


def shade(
    *,
    albedo: Floats,
    normals: Floats,
    view: Floats,
    sky: Floats,
    open_sky: Floats,
    key: Floats,
    roughness: Floats,
    reflectance: Floats,
    metal: Floats,
    sheen: Floats,
    ground: Floats,
    light: Light,
) -> Floats:
    """Linear light (n, 3) that leaves towards `view` (n, 3, unit vectors to the eye)."""
    to_light = direction(light.azimuth, light.elevation)
    facing = np.clip(normals @ to_light, 0, 1)
    key_color, sky_color = linear(light.key_color), linear(light.sky_color)
    bounce = (0.5 - 0.5 * normals[:, 1]) * (0.35 + 0.65 * open_sky)
    warm = 1 + 0.25 * albedo  # light between folds takes the colour of the thing itself
    diffuse = (
        light.key * (facing * key)[:, None] * key_color
        + light.sky * sky[:, None] * sky_color * warm
        + 0.45 * bounce[:, None] * ground
    )
    color = albedo * diffuse * (1 - metal)[:, None]

    cosine = np.clip((normals * view).sum(axis=1), 1e-3, 1)
    f0 = np.where(metal[:, None] > 0.5, albedo * reflectance[:, None], reflectance[:, None])
    limit = np.maximum(1 - roughness, reflectance)[:, None]
    fresnel = f0 + (np.maximum(limit, f0) - f0) * ((1 - cosine) ** 5)[:, None] * 0.8
    mirror = 2 * cosine[:, None] * normals - view
    env = studio(mirror, roughness, ground, light)
    shadowed = np.clip(open_sky * 1.25, 0, 1) * np.where(mirror[:, 1] < 0, 0.8, 1.0)
    color = color + fresnel * env * shadowed[:, None]

    half = view + to_light
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    nh = np.clip((normals * half).sum(axis=1), 0, 1)
    a2 = np.maximum(roughness, 0.12) ** 4
    lobe = a2 / (np.pi * (nh * nh * (a2 - 1) + 1) ** 2)
    glint = np.minimum(lobe * 0.25, 12.0) * facing * key * light.key * 2
    color = color + f0 * glint[:, None] * key_color

    rim = sheen * (1 - cosine) ** 2.5 * 1.6 * (light.sky * sky + 0.5 * light.key * key * facing)
    return (color + rim[:, None] * (0.35 + 0.65 * albedo)).astype(np.float32)


def film(light: Floats, exposure: float) -> Floats:
    """Linear light to sRGB 0..1 with a soft shoulder."""
    x = np.maximum(light * exposure, 0)
    knee = 0.72
    rolled = np.where(x > knee, knee + (1 - knee) * (1 - np.exp(-(x - knee) / (1 - knee))), x)
    return to_srgb(rolled).astype(np.float32)
