"""Pictures with a known mask: a garment cut out of its photo and laid on another ground."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from features.images import decode
from features.matting.border import to_lab
from features.matting.guided_filter import guided_filter

GROUNDS: Final = ("white", "plain", "similar", "texture", "camouflage")
"""`similar` and `camouflage` are a plain ground and a texture in the garment's own colour."""

Picture = NDArray[np.uint8]
Region = NDArray[np.bool_]


def read_textures(folder: Path = Path("../shared/data/styles_textures_a_dev")) -> list[Picture]:
    """The folder's CC0 tiles (h, w, 3) uint8, by name."""
    return [decode(path) for path in sorted(folder.glob("*_tile*.png"))]


def composite(
    photo: Picture,
    mask: Region,
    ground: str,
    textures: Sequence[Picture],
    rng: np.random.Generator,
) -> tuple[Picture, Region]:
    """Lay the product of `photo` on a `ground` with a shadow; returns the picture and its mask."""
    height, width = mask.shape
    alpha = soft_cut_out(photo, mask)
    lab = to_lab(photo)
    if rng.random() < 0.15:  # a white or a black garment
        lab[..., 1:] *= 0.15
        lab[..., 0] = (lab[..., 0] - lab[..., 0][mask].mean()) * 0.5 + rng.choice([90, 22])
    mean = lab[mask].mean(axis=0)
    scale = rng.uniform(0.6, 1.0)
    shift = np.array([width, height]) * (1 - scale) * rng.uniform(0.3, 0.7, 2)
    place = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    product = cv2.warpAffine(_to_rgb(lab), place, (width, height), flags=cv2.INTER_AREA)
    alpha = cv2.warpAffine(alpha, place, (width, height), flags=cv2.INTER_AREA)
    behind = _ground(ground, (height, width), mean, textures, rng)
    offset = int(rng.integers(0, 8)), int(rng.integers(-6, 7))
    shadow = cv2.GaussianBlur(np.roll(alpha, offset, (0, 1)), (0, 0), rng.uniform(2, 8))
    behind = behind * (1 - rng.uniform(0, 0.5) * shadow)[..., None]
    mixed = product * alpha[..., None] + behind * (1 - alpha)[..., None]
    mixed += rng.normal(0, 1.5, mixed.shape)
    return mixed.clip(0, 255).astype(np.uint8), alpha >= 0.5


def degrade(picture: Picture, mask: Region, rng: np.random.Generator) -> tuple[Picture, Region]:
    """Scale, shift, wash out, blur, roughen or grey a picture, so that masks of it go wrong."""
    height, width = mask.shape
    scale = rng.choice([1.0, 1.0, rng.uniform(0.35, 0.7), rng.uniform(1.2, 1.7)])
    centre = np.array([width, height]) * (
        (1 - scale) / 2 + rng.uniform(-0.25, 0.25, 2) * abs(1 - scale)
    )
    place = np.array([[scale, 0, centre[0]], [0, scale, centre[1]]])
    size = (width, height)
    pixels = cv2.warpAffine(
        picture, place, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT_101
    ).astype(np.float32)
    moved = cv2.warpAffine(mask.astype(np.uint8), place, size, flags=cv2.INTER_NEAREST) > 0
    if rng.random() < 0.5:
        pixels = (pixels - pixels.mean()) * rng.uniform(0.08, 0.5) + rng.uniform(20, 230)
    if rng.random() < 0.5:
        pixels = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.5, 4))
    if rng.random() < 0.5:
        pixels = pixels + rng.normal(0, rng.uniform(3, 35), pixels.shape)
    if rng.random() < 0.35:
        pixels = np.repeat(pixels.mean(axis=2, keepdims=True), 3, axis=2)
    return pixels.clip(0, 255).astype(np.uint8), moved


def soft_cut_out(photo: Picture, mask: Region) -> NDArray[np.float32]:
    """Alpha (h, w) float32 with the photo's own edges, exact 3 pixels inside and 2 outside."""
    solid = mask.astype(np.uint8)
    soft = guided_filter(photo, mask.astype(np.float32), 2, 1e-4)
    soft[cv2.erode(solid, np.ones((7, 7)), borderValue=1) > 0] = 1.0
    soft[cv2.dilate(solid, np.ones((5, 5))) == 0] = 0.0
    return soft


def _ground(
    kind: str,
    shape: tuple[int, int],
    product_lab: NDArray[np.float32],
    textures: Sequence[Picture],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    height, width = shape
    down, across = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)
    if kind in ("texture", "camouflage"):
        tile = textures[int(rng.integers(len(textures)))]
        factor = rng.uniform(0.6, 2.2)
        tile = cv2.resize(tile, None, fx=factor, fy=factor)
        repeats = -(-max(shape) // tile.shape[0]) + 1
        pixels = np.tile(tile, (repeats, repeats, 1))[:height, :width]
        if kind == "camouflage":
            lab = to_lab(pixels)
            lab += product_lab - lab.mean(axis=(0, 1)) + rng.normal(0, 1, 3) * (6, 3, 3)
            pixels = _to_rgb(lab)
        light = rng.uniform(0.6, 1.1, 2)
        falloff = (light[0] + light[1]) / 2 + down * (light[1] - light[0]) / 2
        lit: NDArray[np.float64] = pixels * falloff[..., None]
        return lit
    colour = {
        "white": np.array([rng.uniform(88, 100), rng.normal(0, 1), rng.normal(0, 2)]),
        "plain": np.array([rng.uniform(15, 95), rng.normal(0, 18), rng.normal(5, 18)]),
        "similar": product_lab + rng.normal(0, 1, 3) * (7, 3, 3),
    }[kind]
    grain = cv2.GaussianBlur(rng.normal(0, 1, shape), (0, 0), rng.uniform(0.6, 3))
    lab = np.broadcast_to(colour, (*shape, 3)).astype(np.float32)
    lab[..., 0] += down * rng.normal(0, 4) + across * rng.normal(0, 4)
    lab[..., 0] += grain / grain.std() * rng.uniform(0, 2.5)
    return _to_rgb(lab).astype(np.float64)


def _to_rgb(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    inside = np.dstack([lab[..., 0].clip(0, 100), lab[..., 1:]]).astype(np.float32)
    rgb: NDArray[np.float32] = 255 * cv2.cvtColor(inside, cv2.COLOR_LAB2RGB)
    return rgb.clip(0, 255)
