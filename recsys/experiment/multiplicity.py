"""p-values adjusted for having asked several questions at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.schema import ContractError


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Adjusted p-values (n,) that bound the chance of any false finding (Holm 1979).

    `p_values` (n,) in 0..1; the order is kept. Raises ContractError out of range.
    """
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    scaled = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return _restored(scaled, order)


def benjamini_hochberg(p_values: ArrayLike) -> NDArray[np.float64]:
    """Adjusted p-values (n,) that bound the share of false findings (Benjamini and Hochberg 1995).

    `p_values` (n,) in 0..1, independent or positively dependent; the order is kept. Raises
    ContractError out of range.
    """
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * (len(p) / np.arange(1, len(p) + 1))
    return _restored(np.minimum.accumulate(scaled[::-1])[::-1], order)


def _checked(p_values: ArrayLike) -> NDArray[np.float64]:
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise ContractError(f"p-values are {p}: expected a list of numbers in 0..1")
    return p


def _restored(ascending: NDArray[np.float64], order: NDArray[np.int64]) -> NDArray[np.float64]:
    adjusted = np.empty_like(ascending)
    adjusted[order] = np.minimum(ascending, 1.0)
    return adjusted
