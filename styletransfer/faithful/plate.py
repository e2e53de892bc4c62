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
from features.schema import ContractError
from styletransfer.colour import to_levels


@dataclass(frozen=True)
class PlateConfig:
    """How the picture is taken apart; lengths are shares of the longer side.

    `margin` is how far beyond the mask colours still count as the product's, as a mask drawn or
    found a little too small must not leave a rim of product. `rim` is how far inside the mask a
    pixel may turn out to be background, as one a little too large must not leave a rim of that.
    """

    margin: float = 0.008
    rim: float = 0.007


DEFAULT_PLATE: Final = PlateConfig()

# From this alpha on a pixel shows nothing but product.
_SOLID: Final = 0.97
# A rim pixel is background where the two sides' colours are this many spreads apart.
_DISTINCT: Final = 3.0
_LEAST_SPREAD: Final = 0.04
_GRAIN_SEED: Final = 0
_LEAST_GRAIN_PX: Final = 24
_GRAIN_SAMPLES: Final = 4000


@dataclass(frozen=True, eq=False)
class Plate:
    """A picture taken apart: all colours (h, w, 3) sRGB, alpha (h, w) float32 in 0..1.

    `original` uint8; `mask` float32 as it was given, `alpha` freed of rims of background;
    `background` uint8, with the product filled in from its surroundings; `foreground` float32 in
    0..1, the product's own colour where alpha is above zero.
    """

    original: NDArray[np.uint8]
    mask: NDArray[np.float32]
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
    colour estimation". Deterministic. Raises ContractError when the shapes differ.
    """
    require_picture(picture)
    if alpha.shape != picture.shape[:2]:
        raise ContractError(
            f"the mask is {alpha.shape}, expected {picture.shape[:2]} like its picture: scale it "
            "with the picture"
        )
    colours = picture.astype(np.float32) * np.float32(1 / 255)
    touched = (alpha > 0.05).astype(np.uint8)
    near = cv2.dilate(touched, _disc(config.margin * max(alpha.shape)))
    rng = np.random.default_rng(_GRAIN_SEED)
    background = fill(colours, (1 - near).astype(np.float32), rng)
    core = cv2.erode(
        (alpha >= _SOLID).astype(np.uint8),
        _disc(config.rim * max(alpha.shape)),
        borderType=cv2.BORDER_REPLICATE,
    ).astype(np.float32)
    likely = _fill_at_half(colours, core)
    mask, alpha = alpha, _without_rim(colours, alpha, core, likely, background)
    foreground = colours.copy()
    soft = np.flatnonzero((alpha > 0) & (alpha < _SOLID))
    share = alpha.reshape(-1, 1)[soft]
    sure, behind, seen = (one.reshape(-1, 3)[soft] for one in (likely, background, colours))
    unexplained = seen - share * sure - (1 - share) * behind
    foreground.reshape(-1, 3)[soft] = np.clip(sure + share * unexplained, 0.0, 1.0)
    return Plate(picture, mask, alpha, to_levels(background), foreground)


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
        unknown = np.asarray(1.0 - level[..., -1:], dtype=np.float32)
        filled = level[..., :-1] + unknown * coarser
        if rng is not None and height > _LEAST_GRAIN_PX:
            noise = rng.standard_normal((height, width, 1), dtype=np.float32)
            filled += (unknown * noise) * _grain(filled - coarser, unknown)
    return np.asarray(filled, dtype=np.float32)


def _grain(details: NDArray[np.float32], unknown: NDArray[np.float32]) -> NDArray[np.float32]:
    """Spread (c,) of the details of one scale where colours are known."""
    known = np.flatnonzero(unknown < 0.01)
    if not known.size:
        return np.zeros(details.shape[-1], dtype=np.float32)
    drawn = known[:: max(known.size // _GRAIN_SAMPLES, 1)]
    # The median passes over lines and edges, which are no grain.
    sizes = np.median(np.abs(details.reshape(-1, details.shape[-1])[drawn]), axis=0)
    return np.asarray(1.48 * sizes, dtype=np.float32)


def _fill_at_half(colours: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """`fill` at half the size: a quarter of the work, for where detail does not matter."""
    height, width = weight.shape
    size = (max(width // 2, 1), max(height // 2, 1))
    small = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    scaled = cv2.resize(colours * weight[..., None], size, interpolation=cv2.INTER_AREA)
    filled = fill(scaled / np.maximum(small, 1e-6)[..., None], small)
    return np.asarray(cv2.resize(filled, (width, height)), dtype=np.float32)


def _without_rim(
    colours: NDArray[np.float32],
    alpha: NDArray[np.float32],
    core: NDArray[np.float32],
    likely: NDArray[np.float32],
    background: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Lower alpha where the mask's rim shows background.

    A rim pixel's share of product is read off its place between the likely product and background
    colours, where these are distinct and the product next to it is plain: a strap or trim, whose
    colour is not the core's, is left alone.
    """
    rim = np.flatnonzero((alpha > 0) & (core < 0.5))
    if not rim.size or not core.any():
        return alpha
    seen, product, ground = (one.reshape(-1, 3)[rim] for one in (colours, likely, background))
    window = (2 * max(round(0.02 * max(alpha.shape)), 4) + 1,) * 2
    near_core = cv2.blur(core, window)
    deviation = cv2.blur(((colours - likely) ** 2).sum(axis=2) * core, window)
    # A box blur is a running sum, which can fall a rounding below zero.
    spread = np.sqrt(np.maximum(deviation / np.maximum(near_core, 1e-6), 0.0)).ravel()[rim]
    apart = product - ground
    distance = np.sqrt((apart**2).sum(axis=1))
    share = ((seen - ground) * apart).sum(axis=1) / np.maximum(distance**2, 1e-6)
    # Off the line between the two colours there is something else: a trim, a label, a shadow.
    off_line = np.sqrt(((seen - ground - share[:, None] * apart) ** 2).sum(axis=1))
    sure = (distance > _DISTINCT * (spread + _LEAST_SPREAD)) & (near_core.ravel()[rim] > 0.1)
    sure &= off_line < 0.2 * distance
    lowered = alpha.copy()
    flat = lowered.ravel()
    flat[rim] = np.where(sure, np.minimum(flat[rim], np.clip(1.2 * share, 0.0, 1.0)), flat[rim])
    return lowered


def _disc(radius: float) -> NDArray[np.uint8]:
    """Round structuring element of `radius` px, 2 at least."""
    size = 2 * max(2, round(radius)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), dtype=np.uint8)
