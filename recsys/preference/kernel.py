"""How alike two looks are, by their style codes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.style_space import StyleSpace

JITTER = 1e-6
"""Added to the diagonal of a kernel before it is factorised or solved."""


def style_kernel(codes: NDArray[np.float32], scale: float) -> NDArray[np.float64]:
    """Squared-exponential similarity of looks in centred, normalised style space.

    codes: float32 (n, d), a row of NaN where a look has no code: such a look resembles itself
    alone. Returns float64 (n, n).
    """
    kernel = cross_kernel(codes, codes, scale)
    np.fill_diagonal(kernel, 1.0)
    return kernel


def cross_kernel(
    new: NDArray[np.float32], codes: NDArray[np.float32], scale: float
) -> NDArray[np.float64]:
    """`style_kernel` between `new` (m, d) and `codes` (n, d), float64 (m, n).

    Centre and length scale are those of `codes`; rows of NaN resemble nothing.
    """
    kernel = np.zeros((len(new), len(codes)))
    known, placed = np.isfinite(codes).all(axis=1), np.isfinite(new).all(axis=1)
    if known.sum() > 1:
        space = StyleSpace.fit(codes[known])
        unit = space.unit(codes[known]).astype(np.float64)
        length = max(float(np.median(_squared(unit, unit))), 1e-12) * scale**2
        others = space.unit(new[placed]).astype(np.float64)
        kernel[np.ix_(placed, known)] = np.exp(-0.5 * _squared(others, unit) / length)
    return kernel


def _squared(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.square(one[:, None, :] - other[None, :, :]).sum(axis=-1))
