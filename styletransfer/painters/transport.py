"""Painting by transport alone: the look's colours, and its brushwork as a fine texture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from features.images import require_picture, resize
from features.schema import ContractError
from styletransfer.colour import to_lab, to_levels, to_srgb
from styletransfer.config import Transport
from styletransfer.transport.gaussian import gaussian_colour_map
from styletransfer.transport.sinkhorn import entropic_map, palette
from styletransfer.transport.sliced import sliced_map
from styletransfer.transport.texture import micro_texture

_SAMPLE_PX: Final = 64
_ITERATIONS: Final = 12
_QUANTILES: Final = 64
# Colours of a palette, and how far the entropic plan is blurred, as a share of the mean cost.
_PALETTE: Final = 48
_REGULARISATION: Final = 0.01
# Colours between the grid's points are interpolated, which keeps the map from folding.
_GRID: Final = 17
# Brushwork is what varies within this share of the longer side.
_BRUSH: Final = 0.01
_TEXTURE_GAIN: Final = 0.35


def paint_transport(
    picture: NDArray[np.uint8],
    look_picture: NDArray[np.uint8],
    strength: float = 1.0,
    seed: int = 0,
    transport: Transport = "sliced",
) -> NDArray[np.uint8]:
    """Give a picture the colours of a look by optimal transport, and the grain of its brushwork.

    Args:
        picture: uint8 (h, w, 3) sRGB.
        look_picture: uint8 (h', w', 3) sRGB, of any size: it is scaled to the picture's.
        strength: in 0..1, how far along their straight way colours go (McCann 1997, "A convexity
            principle for interacting gases"), and how strong the texture is; 0 gives `picture`.
        seed: of the lines colours are matched along or of the palettes, and of the texture.
        transport: sliced (every quantile along many lines), gaussian (mean and covariance: the
            smoothest) or entropic (between palettes: nearest to the look's colours, the slowest).

    Returns:
        uint8 (h, w, 3). Edges stay where they are: nothing but colour and fine grain changes.

    Raises:
        ContractError: no such pictures, or a strength out of range.
    """
    require_picture(picture)
    require_picture(look_picture)
    if not 0.0 <= strength <= 1.0:
        raise ContractError(f"a transport's strength is {strength}: expected 0 to 1")
    if strength == 0.0:
        return picture
    height, width = picture.shape[:2]
    longest = max(height, width)
    scale = longest / max(look_picture.shape[:2])
    look = resize(look_picture, *(max(1, round(side * scale)) for side in look_picture.shape[:2]))
    lab = _recoloured(picture, look, strength, seed, transport)
    grain = micro_texture(to_lab(look)[..., 0], height, width, _BRUSH * longest, seed)
    lab[..., 0] += np.float32(strength * _TEXTURE_GAIN) * grain
    return to_levels(to_srgb(lab))


def recolour(
    picture: NDArray[np.uint8], look_picture: NDArray[np.uint8], seed: int
) -> NDArray[np.uint8]:
    """The colours of a look alone, by sliced transport at full strength; uint8 (h, w, 3)."""
    require_picture(picture)
    require_picture(look_picture)
    return to_levels(to_srgb(_recoloured(picture, look_picture, 1.0, seed, "sliced")))


def _recoloured(
    picture: NDArray[np.uint8],
    look: NDArray[np.uint8],
    strength: float,
    seed: int,
    transport: Transport,
) -> NDArray[np.float32]:
    """CIE Lab (h, w, 3) of the picture, its colours moved and its fine detail left as it was.

    A steep map would amplify noise and compression blocks, so it moves a smoothed picture, and the
    detail is put back unmoved: the regraining of Pitié et al. 2007, in one step.
    """
    move = _fit_map(_sample(picture), _sample(look), seed, transport)

    def part_way(lab: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(lab + strength * (move(lab) - lab), dtype=np.float32)

    smooth = np.asarray(
        cv2.edgePreservingFilter(picture, flags=cv2.RECURS_FILTER, sigma_s=20, sigma_r=0.2),
        dtype=np.uint8,
    )
    moved = to_lab(_through_table(smooth, part_way))
    return np.asarray(moved + to_lab(picture) - to_lab(smooth), dtype=np.float32)


def _fit_map(
    source: NDArray[np.float32], target: NDArray[np.float32], seed: int, transport: Transport
) -> Callable[[NDArray[np.float32]], NDArray[np.float64]]:
    """The map of CIE Lab that carries the colours `source` (n, 3) to `target` (m, 3)."""
    if transport == "gaussian":
        return gaussian_colour_map(source, target)
    if transport == "entropic":
        of_source, of_target = (palette(one, _PALETTE, seed) for one in (source, target))
        return entropic_map(of_source, of_target, _REGULARISATION)
    return sliced_map(source, target, seed, _ITERATIONS, _QUANTILES)


def _sample(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Colours of a picture in CIE Lab, (n, 3), evenly from all over it."""
    height, width = picture.shape[:2]
    size = min(width, _SAMPLE_PX), min(height, _SAMPLE_PX)
    return to_lab(cv2.resize(picture, size, interpolation=cv2.INTER_AREA).reshape(-1, 3))


def _through_table(
    picture: NDArray[np.uint8], move: Callable[[NDArray[np.float32]], NDArray[np.float32]]
) -> NDArray[np.uint8]:
    """Move a picture's colours by a map of CIE Lab, tabulated on a grid of sRGB."""
    axis = np.linspace(0.0, 1.0, _GRID, dtype=np.float32)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")
    grid = np.stack((red, green, blue), axis=-1).reshape(-1, 3)
    table = ImageFilter.Color3DLUT(_GRID, to_srgb(move(to_lab(grid))).ravel())
    return np.array(Image.fromarray(picture).filter(table))
