"""A bounded colour grade: the look's palette and light, no further than a colour budget allows.

Colours are moved by the Monge-Kantorovich map between two Gaussians in CIE Lab, the closed form of
optimal transport: Pitie and Kokaram 2007, "The linear Monge-Kantorovitch linear colour mapping for
example-based colour transfer". Every single colour's move is then held near a limit, so that no
part of a picture moves much further than the whole.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from styletransfer.colour import delta_e_2000, to_lab, to_levels, to_srgb
from styletransfer.transport.gaussian import gaussian_map, moments

_STEPS: Final = 4
# Gaussians of a single colour have no spread to divide by; in squared Lab units.
_RIDGE: Final = 1.0
_MOST_CONTRAST: Final = 1.2
_LOOK_SAMPLES: Final = 4000
_PERCENT: Final = 100 / 255
Scalar = TypeVar("Scalar", bound=np.generic)
_RELATIVE_LIGHT: Final = np.float32(0.2)


@dataclass(frozen=True, eq=False)
class Palette:
    """Mean (3,) and covariance (3, 3) float64 of colours in CIE Lab (L in 0..100)."""

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LookPalette:
    """A look's palette in CIE Lab, for grades, and in sRGB as 0..100, for correcting paint."""

    lab: Palette
    srgb: Palette


@dataclass(frozen=True, eq=False)
class Grade:
    """Colour -> colour: towards `matrix` @ colour + `offset` in Lab, by about `limit` delta-E."""

    matrix: NDArray[np.float32]
    offset: NDArray[np.float32]
    limit: float


def palette_of(colours: NDArray[np.float32]) -> Palette:
    """Palette of colours (n, 3), n at least 1."""
    return Palette(*moments(colours))


def look_palette(look: NDArray[np.uint8]) -> LookPalette:
    """Palette of a look's picture (h, w, 3) uint8 sRGB."""
    pixels = evenly(look.reshape(-1, 3), _LOOK_SAMPLES)
    return LookPalette(palette_of(to_lab(pixels)), palette_of(pixels * np.float32(_PERCENT)))


def evenly(rows: NDArray[Scalar], count: int) -> NDArray[Scalar]:
    """At most `count` of the rows, evenly spread."""
    if len(rows) <= count:
        return rows
    return rows[np.linspace(0, len(rows) - 1, count).astype(np.int64)]


def correct_paint(
    paint: NDArray[np.uint8], where: NDArray[np.bool_], look: LookPalette, share: float
) -> NDArray[np.float32]:
    """Carry paint part of the way to the look's palette; float32 (h, w, 3), mostly in 0..1.

    The map is the closed form between the colours of `paint` (h, w, 3) uint8 at `where` (h, w) and
    the look's, in sRGB, where it is one matrix and just as near to the look as in Lab. `share` in
    0..1 is how much of the way is gone. Where nothing is `where`, all of the paint is taken.
    """
    pixels = paint[where] if where.any() else paint.reshape(-1, 3)
    source = palette_of(evenly(pixels, _LOOK_SAMPLES) * np.float32(_PERCENT))
    matrix = monge_kantorovich(source, look.srgb)
    offset = (look.srgb.mean - matrix @ source.mean) / 100.0
    partial = np.column_stack((np.eye(3) + share * (matrix - np.eye(3)), share * offset))
    scaled = paint.astype(np.float32) * np.float32(1 / 255)
    return np.asarray(cv2.transform(scaled, partial.astype(np.float32)), dtype=np.float32)


def monge_kantorovich(source: Palette, target: Palette) -> NDArray[np.float64]:
    """The symmetric matrix (3, 3) that carries `source`'s covariance over into `target`'s."""
    return gaussian_map(*_moments(source), *_moments(target), ridge=_RIDGE).matrix


def _moments(palette: Palette) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return palette.mean, palette.covariance


def fit_grade(
    source: Palette,
    target: Palette,
    colours: NDArray[np.float32],
    mean_delta_e: float,
) -> Grade:
    """The grade from `source` towards `target` that moves `colours` by `mean_delta_e` on average.

    Args:
        source: palette to be moved.
        target: palette to move towards.
        colours: float32 (n, 3) Lab, the colours the budget is kept on; a few hundred do.
        mean_delta_e: CIEDE2000 that their mean is brought up to, never above; when the target is
            nearer than that, the target is reached and the mean stays below.

    Returns:
        A `Grade`; deterministic.
    """
    values, vectors = np.linalg.eigh(monge_kantorovich(source, target))
    # A plain product in a colourful look must not have its grain blown up into a pattern.
    matrix = (vectors * np.clip(values, 1 / _MOST_CONTRAST, _MOST_CONTRAST)) @ vectors.T
    offset = target.mean - matrix @ source.mean
    grade = Grade(matrix.astype(np.float32), offset.astype(np.float32), 0.0)
    if mean_delta_e <= 0.0 or not len(colours):
        return grade
    low, high = 0.0, 2.0 * mean_delta_e
    limit = mean_delta_e
    for _ in range(_STEPS):
        # What is stored is rounded to 8 bits and clipped to the gamut: so is what is measured.
        moved = to_lab(to_levels(to_srgb(move(colours, replace(grade, limit=limit)))))
        shift = float(delta_e_2000(colours, moved).mean())
        if shift <= mean_delta_e:
            low = limit
        else:
            high = limit
        guess = limit * mean_delta_e / max(shift, 1e-6) * 0.995
        limit = guess if low < guess < high else 0.5 * (low + high)
    return replace(grade, limit=low)


def move(lab: NDArray[np.float32], grade: Grade) -> NDArray[np.float32]:
    """Grade colours (..., 3) in Lab.

    A move is shortened smoothly towards the limit in the local units of CIEDE2000 (its S_L, S_C
    and S_H without the blue rotation), where large chroma makes a given Lab distance count less.
    """
    if grade.limit <= 0.0:
        return lab
    step = lab @ (grade.matrix.T - np.eye(3, dtype=np.float32)) + grade.offset
    lightness, red, yellow = lab[..., 0], lab[..., 1], lab[..., 2]
    # A step that hardly shows can still double a near-black's lightness, and folds would go.
    room = _RELATIVE_LIGHT * (lightness + 4.0)
    step[..., 0] *= room / (room + np.abs(step[..., 0]))
    chroma = np.sqrt(red * red + yellow * yellow)
    along = (red * step[..., 1] + yellow * step[..., 2]) / np.maximum(chroma, 1e-3)
    flat = step[..., 1] ** 2 + step[..., 2] ** 2
    across = np.maximum(flat - along * along, 0.0)
    from_grey = (lightness - 50.0) ** 2
    s_l = 1.0 + 0.015 * from_grey / np.sqrt(20.0 + from_grey)
    s_c, s_h = 1.0 + 0.045 * chroma, 1.0 + 0.015 * chroma
    length = np.sqrt((step[..., 0] / s_l) ** 2 + (along / s_c) ** 2 + across / (s_h * s_h))
    share = grade.limit / (grade.limit + length)
    return np.asarray(lab + share[..., None] * step, dtype=np.float32)
