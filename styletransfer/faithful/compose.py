"""What is served of the paint: the product is laid back over the painted surroundings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from features.schema import ConfigError, ContractError
from styletransfer.colour import delta_e_2000, luminance, to_lab, to_levels, to_srgb
from styletransfer.faithful.grade import (
    LookPalette,
    correct_paint,
    evenly,
    fit_grade,
    move,
    palette_of,
)
from styletransfer.faithful.plate import Plate

Mode = Literal["faithful", "accent", "artistic", "original"]

_SAMPLES: Final = 800
_SOLID: Final = 0.97
# Ratios of light in near black mean nothing.
_LEAST_LIGHT: Final = np.float32(0.01)


@dataclass(frozen=True)
class ComposeConfig:
    """How far the product, the paint and the shadow are carried.

    `mean_delta_e` is the mean CIEDE2000 by which the product's colours move at full amount.
    `correction` in 0..1 is how far the paint's palette is brought on to the look's own. `shadow` in
    0..1 bounds how much the paint is darkened where the product's shadow was lost, which is looked
    for within `shadow_reach` of the product (a share of the longer side).
    """

    mean_delta_e: float = 2.0
    correction: float = 0.5
    shadow: float = 0.6
    shadow_reach: float = 0.06

    def __post_init__(self) -> None:
        shares = (self.correction, self.shadow, self.shadow_reach)
        if self.mean_delta_e < 0.0 or not all(0.0 <= share <= 1.0 for share in shares):
            raise ConfigError(
                "compose.mean_delta_e must be at least 0, and compose.correction, compose.shadow "
                f"and compose.shadow_reach in 0..1, got {self.mean_delta_e} and {shares}"
            )


DEFAULT_COMPOSE: Final = ComposeConfig()


class Composer:
    """Composes one plate with the paint of many looks; the plate's own part is done once."""

    def __init__(self, plate: Plate, config: ComposeConfig = DEFAULT_COMPOSE) -> None:
        self._plate = plate
        self._config = config
        alpha = plate.alpha.ravel()
        self._outside = plate.alpha < 0.05
        self._touched = np.flatnonzero(alpha > 0)
        share = alpha[self._touched]
        self._share = share[:, None]
        self._product = plate.foreground.reshape(-1, 3)[self._touched]
        self._product_lab = to_lab(self._product)
        self._product_sample = evenly(self._product_lab[share >= 0.5], _SAMPLES)
        judged = plate.mask.ravel() >= 0.5
        mixed = np.flatnonzero(judged & (alpha < _SOLID))
        self._mixed_part = len(mixed) / max(int(judged.sum()), 1)
        self._mixed = evenly(mixed, _SAMPLES // 3)
        self._mixed_lab = to_lab(plate.original.reshape(-1, 3)[self._mixed])
        self._picture_sample = to_lab(evenly(plate.original.reshape(-1, 3), _SAMPLES))
        self._shade = _shade(plate, config)

    def faithful(
        self,
        surroundings: NDArray[np.float32],
        look: LookPalette,
        amount: float = 1.0,
        grade: float = 1.0,
    ) -> NDArray[np.uint8]:
        """The product, graded within its budget, in its new surroundings.

        Args:
            surroundings: float32 (h, w, 3) in about 0..1: a placed set, or `finish_paint` of the
                painted background.
            look: palette that the product is brought nearer to.
            amount: in 0..1, how much of the surroundings and of the grade is used.
            grade: in 0..1, how much of that part of the grade is used.

        Returns:
            uint8 (h, w, 3); at amount 0 the original itself.

        Raises:
            ContractError: the surroundings have another shape or type than the original.
        """
        self._require(surroundings, np.float32)
        if amount <= 0.0:
            return self._plate.original
        picture = surroundings.copy()
        if amount < 1.0:
            picture = _mixed(self._plate.background, surroundings, amount)
        pixels = picture.reshape(-1, 3)
        around = pixels[self._touched]
        pixels[self._touched] = around + self._share * (
            self._graded(look, amount * grade, pixels) - around
        )
        return to_levels(picture)

    def accent(self, look: LookPalette, amount: float = 1.0) -> NDArray[np.uint8]:
        """The whole picture graded towards `look`, for when the product's place is not known.

        The mean move stays within the budget over the whole picture and over the mask, and each
        single colour's stays near it: so does that of any other region the product may be.
        Returns uint8 (h, w, 3); at amount 0 the original itself.
        """
        if amount <= 0.0:
            return self._plate.original
        source = palette_of(self._picture_sample)
        samples = [self._picture_sample, self._product_sample]
        budget = self._config.mean_delta_e * amount
        grades = [fit_grade(source, look.lab, one, budget) for one in samples if len(one)]
        gentlest = min(grades, key=lambda grade: grade.limit)
        return to_levels(to_srgb(move(to_lab(self._plate.original), gentlest)))

    def artistic(
        self, paint: NDArray[np.uint8], look: LookPalette, amount: float = 1.0
    ) -> NDArray[np.uint8]:
        """The paint of the *original* everywhere, its palette brought nearer to the look's.

        Returns uint8 (h, w, 3), mixed with the original by `amount`; at 0 the original itself.
        """
        self._require(paint, np.uint8)
        if amount <= 0.0:
            return self._plate.original
        everywhere = np.ones(self._outside.shape, dtype=bool)
        picture = correct_paint(paint, everywhere, look, self._config.correction)
        if amount < 1.0:
            picture = _mixed(self._plate.original, picture, amount)
        return to_levels(picture)

    def recolour(self, look: LookPalette) -> NDArray[np.float32]:
        """The photo's own surroundings in the look's palette; float32 (h, w, 3), mostly in 0..1."""
        return correct_paint(self._plate.background, self._outside, look, 1.0)

    def finish_paint(self, paint: NDArray[np.uint8], look: LookPalette) -> NDArray[np.float32]:
        """The painted *background* nearer to the look's palette, and darker where it lost a shadow.

        `paint` uint8 (h, w, 3) -> float32 (h, w, 3), mostly in 0..1. Raises ContractError when it
        has another shape or type than the original.
        """
        self._require(paint, np.uint8)
        picture = correct_paint(paint, self._outside, look, self._config.correction)
        if self._shade is None:
            return picture
        kept = self._shade / np.maximum(_relative_light(paint), self._shade)
        kept = np.maximum(kept, 1.0 - self._config.shadow)
        # The ratio is one of light, the colours are coded with a gamma of about 2.2.
        coded = cv2.pow(kept, 1 / 2.2)
        picture *= cv2.resize(coded, paint.shape[1::-1], interpolation=cv2.INTER_LINEAR)[..., None]
        return picture

    def _graded(
        self, look: LookPalette, amount: float, paint: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """The product's own colours, where there is any product, graded towards the look.

        Pixels of the mask that mix product and paint change with the `paint` (h * w, 3): the grade
        gets what that leaves of the budget.
        """
        if not len(self._product_sample) or amount <= 0.0:
            return self._product
        share = self._plate.alpha.reshape(-1, 1)[self._mixed]
        product = self._plate.foreground.reshape(-1, 3)[self._mixed]
        mixture = paint[self._mixed] * (1 - share) + product * share
        shifts = delta_e_2000(self._mixed_lab, to_lab(np.clip(mixture, 0.0, 1.0)))
        spent = self._mixed_part * float(shifts.mean()) if len(shifts) else 0.0
        left = (self._config.mean_delta_e - spent) / max(1.0 - self._mixed_part, 0.1)
        budget = amount * min(left, self._config.mean_delta_e)
        if budget <= 0.0:
            return self._product
        sample = self._product_sample
        grade = fit_grade(palette_of(sample), look.lab, sample, budget)
        return to_srgb(move(self._product_lab, grade))

    def _require(self, picture: NDArray[np.generic], kind: type[np.generic]) -> None:
        if picture.shape != self._plate.original.shape or picture.dtype != kind:
            raise ContractError(
                f"the surroundings are {picture.dtype} of shape {picture.shape}, expected "
                f"{np.dtype(kind)} of shape {self._plate.original.shape}: make them at the plate's "
                "own size"
            )


def _mixed(
    levels: NDArray[np.uint8], colours: NDArray[np.float32], amount: float
) -> NDArray[np.float32]:
    """`amount` of `colours` (0..1), the rest of `levels` (0..255)."""
    blend = cv2.addWeighted(levels, (1.0 - amount) / 255, colours, amount, 0.0, dtype=cv2.CV_32F)
    return np.asarray(blend, dtype=np.float32)


def _shade(plate: Plate, config: ComposeConfig) -> NDArray[np.float32] | None:
    """Share of light left near the product, at a quarter of the size; None when not looked for."""
    if config.shadow <= 0.0 or not plate.alpha.any():
        return None
    light = _relative_light(plate.background)
    near = cv2.resize(plate.alpha, light.shape[::-1], interpolation=cv2.INTER_AREA)
    reach_px = max(config.shadow_reach * max(light.shape), 0.5)
    near = np.clip(3.0 * cv2.GaussianBlur(near, (0, 0), reach_px), 0.0, 1.0)
    return np.asarray(1.0 - near * (1.0 - np.minimum(light, 1.0)), dtype=np.float32)


def _relative_light(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Luminance over that of a wide neighbourhood, at a quarter of the size."""
    height, width = picture.shape[:2]
    size = (max(width // 4, 1), max(height // 4, 1))
    light = luminance(cv2.resize(picture, size, interpolation=cv2.INTER_AREA)) + _LEAST_LIGHT
    narrow = cv2.GaussianBlur(light, (0, 0), max(0.012 * max(size), 0.5))
    wide = cv2.GaussianBlur(light, (0, 0), max(0.1 * max(size), 0.5))
    return np.asarray(narrow / wide, dtype=np.float32)
