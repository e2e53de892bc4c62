"""The picture taken apart: the product's own colours, and its surroundings without the product.

The generator paints the surroundings alone, so no trace of the product's colours can leak into the
paint around it. Holes are filled by push-pull over an image pyramid: Gortler et al. 1996, "The
lumigraph", section 3.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from features.images import require_picture
from features.schema import InputError


@dataclass(frozen=True)
class PlateConfig:
    """How the picture is taken apart.

    `margin` is how far beyond the mask colours still count as the product's, as a share of the
    longer side: a mask drawn or found a little too small must not leave a rim of product. `surest`
    is the alpha from which a pixel shows nothing but product.
    """

    margin: float = 0.008
    surest: float = 0.97


DEFAULT_PLATE: Final = PlateConfig()

_GRAIN_SEED: Final = 0
_LEAST_GRAIN_PX: Final = 24


@dataclass(frozen=True, eq=False)
class Plate:
    """A picture taken apart: alpha (h, w) float32 in 0..1; all colours (h, w, 3) sRGB.

    `original` uint8; `background` uint8 with the product filled in from its surroundings;
    `foreground` float32 in 0..1, the product's own colour where alpha is above zero.
    """

    original: NDArray[np.uint8]
    alpha: NDArray[np.float32]
    background: NDArray[np.uint8]
    foreground: NDArray[np.float32]


def take_apart(
    picture: NDArray[np.uint8], alpha: NDArray[np.float32], config: PlateConfig = DEFAULT_PLATE
) -> Plate:
    """Separate the product in `picture` (h, w, 3) uint8 from its surroundings.

    `alpha` (h, w) float32, 1 on the product. At soft pixels the picture is a mixture, alpha F +
    (1 - alpha) B; B comes from the filled surroundings and F is the surest nearby product colours,
    corrected by what the mixture leaves unexplained, as in Forte 2021, "Approximate fast foreground
    colour estimation". Raises InputError when the shapes differ.
    """
    require_picture(picture)
    if alpha.shape != picture.shape[:2]:
        raise InputError(
            f"the mask is {alpha.shape}, expected {picture.shape[:2]} like its picture: scale it "
            "with the picture"
        )
    alpha = np.ascontiguousarray(alpha, dtype=np.float32)
    colours = picture.astype(np.float32) * np.float32(1 / 255)
    reach_px = max(2, round(config.margin * max(alpha.shape)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach_px + 1,) * 2)
    near = cv2.dilate(alpha, kernel)
    rng = np.random.default_rng(_GRAIN_SEED)
    background = fill(colours, 1.0 - np.minimum(near * np.float32(20.0), 1.0), rng)
    soft = (alpha > 0) & (alpha < config.surest)
    foreground = colours.copy()
    if soft.any():
        surest = (alpha >= config.surest).astype(np.float32)
        if not surest.any():
            surest = alpha
        likely = fill(colours, surest)[soft]
        share = alpha[soft][:, None]
        unexplained = colours[soft] - share * likely - (1 - share) * background[soft]
        foreground[soft] = np.clip(likely + share * unexplained, 0.0, 1.0)
    levels = np.clip(background * 255.0 + 0.5, 0, 255).astype(np.uint8)
    return Plate(picture, alpha, levels, foreground)


def fill(
    colours: NDArray[np.float32],
    weight: NDArray[np.float32],
    rng: np.random.Generator | None = None,
) -> NDArray[np.float32]:
    """Colours everywhere from where `weight` is high; float32 (h, w, c) and (h, w) -> (h, w, c).

    Where the weight is 1 colours stay as they are, elsewhere they go over smoothly into averages
    of ever wider surroundings. With `rng`, each scale gets noise as strong as the known colours
    vary there: a filled patch without grain would be painted unlike what is around it. All zero
    where no pixel has any weight.
    """
    levels = [np.dstack((colours * weight[..., None], weight))]
    while min(levels[-1].shape[:2]) > 2:
        levels.append(cv2.pyrDown(levels[-1]))
    filled = levels[-1][..., :-1] / np.maximum(levels[-1][..., -1:], 1e-6)
    for level in reversed(levels[:-1]):
        height, width = level.shape[:2]
        coarser = cv2.pyrUp(np.ascontiguousarray(filled), dstsize=(width, height))
        known = level[..., -1:]
        filled = level[..., :-1] + (1.0 - known) * coarser
        if rng is not None and height > _LEAST_GRAIN_PX:
            sure = known[..., 0] > 0.99
            if sure.any():
                # The median passes over lines and edges, which are no grain.
                spread = 1.48 * np.median(np.abs(filled[sure] - coarser[sure]), axis=0)
                noise = rng.standard_normal((height, width, 1), dtype=np.float32)
                filled += (1.0 - known) * noise * spread
    return np.asarray(filled, dtype=np.float32)
