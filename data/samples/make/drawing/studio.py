"""Takes the picture: mesh + scene + camera + light -> sRGB picture and exact mask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from drawing import lighting
from drawing.lighting import Light
from drawing.noise import linear
from drawing.raster import frame, rasterise
from drawing.scenes import Scene, backdrop
from drawing.surfaces import Mesh

Floats = NDArray[np.float32]
SIZE_PX = 512
OVERSAMPLING = 2


@dataclass(frozen=True)
class Lamp:
    """A bulb in the scene that lights floor and wall: position, colour and power."""

    position: tuple[float, float, float]
    power: float
    color: str = "#ffcf8f"


@dataclass(frozen=True)
class Design:
    """One product: what it is called and costs, how it is built, where and how it is taken."""

    title: str
    price: float
    build: Callable[[Mesh], None]
    scene: Scene
    azimuth: float = 25.0
    elevation: float = 16.0
    fill: float = 0.68
    shift: tuple[float, float] = (0.0, 0.03)
    distance: float = 5.0
    light: Light = field(default_factory=Light)
    lamps: tuple[Lamp, ...] = ()


def photograph(design: Design, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Picture (512, 512, 3) and mask (512, 512), uint8; the mask has no shadow in it."""
    mesh = Mesh()
    design.build(mesh)
    # Light stands still before the camera, however the product is turned.
    lit_from = design.light.azimuth + design.azimuth
    design = replace(design, light=replace(design.light, azimuth=lit_from))
    points, normals = np.concatenate(mesh.points), np.concatenate(mesh.normals)
    uv = np.concatenate(mesh.uv)
    side = SIZE_PX * OVERSAMPLING
    camera = frame(
        points,
        side,
        azimuth=design.azimuth,
        elevation=design.elevation,
        distance=design.distance,
        fill=design.fill,
        shift=design.shift,
    )
    both = np.concatenate(mesh.two_sided)
    away = np.einsum("ij,ij->i", normals, camera.eye - points) < 0
    normals = np.where((both & away)[:, None], -normals, normals)

    hits, faces, part = rasterise(mesh, camera)
    occluder = lighting.Occluder(points, mesh.spacing)
    corners = faces[hits.triangle]
    used = np.unique(corners)
    sky = np.zeros(len(points), dtype=np.float32)
    open_sky, key = sky.copy(), sky.copy()
    sky[used], open_sky[used] = lighting.sky_light(
        occluder, points[used], normals[used], design.light
    )
    key[used] = lighting.key_light(occluder, points[used], design.light, normals[used])

    def spread(values: Floats) -> Floats:
        if values.ndim == 1:
            return np.einsum("ij,ij->i", values[corners], hits.weights)
        return np.einsum("ijk,ij->ik", values[corners], hits.weights)

    picture = _background(design, camera, occluder)
    product = _product(
        design,
        mesh,
        camera.eye,
        part[hits.triangle],
        spread,
        points,
        normals,
        uv,
        sky,
        open_sky,
        key,
    )
    light = cv2.resize(picture, (side, side), interpolation=cv2.INTER_CUBIC).reshape(-1, 3)
    light[hits.pixel] = product
    cover = np.zeros(side * side, dtype=np.float32)
    cover[hits.pixel] = 1.0
    light = _vignette(light.reshape(side, side, 3))
    shown = lighting.film(light, design.light.exposure)
    small = cv2.resize(shown, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_AREA)
    mask = cv2.resize(cover.reshape(side, side), (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_AREA)
    rng = np.random.default_rng(seed)
    small = small + rng.normal(0, 0.0025, (SIZE_PX, SIZE_PX, 1)).astype(np.float32)
    return (
        (np.clip(small, 0, 1) * 255 + 0.5).astype(np.uint8),
        (mask * 255 + 0.5).astype(np.uint8),
    )


def _product(design, mesh, eye, part, spread, points, normals, uv, sky, open_sky, key):  # type: ignore[no-untyped-def]
    p, n = spread(points), spread(normals)
    n /= np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-6)
    at = spread(uv)
    view = eye - p
    view /= np.linalg.norm(view, axis=1, keepdims=True)
    albedo = np.empty_like(p)
    look = {
        name: np.empty(len(p), dtype=np.float32)
        for name in ("roughness", "reflectance", "metal", "sheen")
    }
    glow = np.zeros(len(p), dtype=np.float32)
    for number, material in enumerate(mesh.materials):
        here = part == number
        if not here.any():
            continue
        albedo[here] = material.paint(p[here], at[here])
        for name, values in look.items():
            values[here] = getattr(material, name)
        glow[here] = material.glow
    color = lighting.shade(
        albedo=albedo,
        normals=n,
        view=view,
        sky=spread(sky),
        open_sky=spread(open_sky),
        key=spread(key),
        ground=linear(design.scene.bounce),
        light=design.light,
        **look,
    )
    return color + glow[:, None] * albedo


def _background(design: Design, camera, occluder) -> Floats:  # type: ignore[no-untyped-def]
    """Linear light (512, 512, 3) of floor and wall, with the product's shadow."""
    light = design.light
    rays = camera.rays(SIZE_PX).reshape(-1, 3)
    back = backdrop(design.scene, camera.eye, rays, design.azimuth)
    far = np.linalg.norm(back.points - occluder.centre, axis=1) > 4 * occluder.radius
    coarse = camera.rays(SIZE_PX // 2).reshape(-1, 3)
    rough = backdrop(design.scene, camera.eye, coarse, design.azimuth)
    sky, open_sky = lighting.sky_light(occluder, rough.points, rough.level, light)
    sky, open_sky = (
        cv2.resize(
            cv2.GaussianBlur(v.reshape(SIZE_PX // 2, -1), (0, 0), 1.2), (SIZE_PX, SIZE_PX)
        ).reshape(-1)
        for v in (sky, open_sky)
    )
    free = lighting.sky_light(occluder, far_point(occluder), np.float32([[0, 1, 0]]), light)[0][0]
    sky = np.where(far, free, sky) * back.corner
    near = ~far
    key = np.ones(len(rays), dtype=np.float32)
    key[near] = lighting.key_light(occluder, back.points[near], light, back.level[near], 32)
    key = cv2.GaussianBlur(key.reshape(SIZE_PX, SIZE_PX), (0, 0), 1.3).reshape(-1)
    view = -rays
    color = lighting.shade(
        albedo=back.albedo,
        normals=back.normals,
        view=view,
        sky=sky,
        open_sky=open_sky,
        key=key.astype(np.float32),
        roughness=back.roughness,
        reflectance=back.reflectance,
        metal=np.zeros(len(rays), dtype=np.float32),
        sheen=np.zeros(len(rays), dtype=np.float32),
        ground=linear(design.scene.bounce),
        light=light,
    )
    for lamp in design.lamps:
        towards = np.float32(lamp.position) - back.points
        squared = (towards**2).sum(axis=1)
        facing = np.clip((towards * back.normals).sum(axis=1) / np.sqrt(squared), 0, 1)
        glow = lamp.power * facing / (0.05 + squared)
        color = color + back.albedo * glow[:, None] * linear(lamp.color)
    return color.reshape(SIZE_PX, SIZE_PX, 3).astype(np.float32)


def far_point(occluder) -> Floats:  # type: ignore[no-untyped-def]
    """A point that nothing shades."""
    return (occluder.centre + np.float32([0, 50 * occluder.radius, 0]))[None, :]


def _vignette(light: Floats) -> Floats:
    side = light.shape[0]
    t = (np.arange(side, dtype=np.float32) + 0.5) / side * 2 - 1
    squared = t[:, None] ** 2 + t[None, :] ** 2
    return light * (1 - 0.07 * squared)[..., None]
