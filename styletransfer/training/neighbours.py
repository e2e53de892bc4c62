"""Precision, recall, density and coverage: do made pictures lie among real ones, and everywhere?

Kynkäänniemi et al. 2019, "Improved precision and recall metric for assessing generative models";
Naeem et al. 2020, "Reliable fidelity and diversity metrics for generative models".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.schema import ContractError


def neighbour_measures(
    real: NDArray[np.floating], made: NDArray[np.floating], k: int = 5
) -> dict[str, float]:
    """The four measures of `made` (m, d) against `real` (n, d) vectors, by balls of k neighbours.

    precision: share of made vectors in the ball of any real one; recall: share of real ones in the
    ball of any made one; density: mean number of real balls that hold a made vector, over k (may
    exceed 1); coverage: share of real balls that hold a made vector. A vector is no neighbour of
    itself. Raises ContractError unless 1 <= k < n, m and the dimensions are equal.
    """
    if real.ndim != 2 or real.shape[1:] != made.shape[1:] or not 1 <= k < min(len(real), len(made)):
        raise ContractError(
            f"vectors must be (n, d) and (m, d) of more than k = {k}, got {real.shape} and "
            f"{made.shape}"
        )
    across = _distances(real, made)
    real_balls, made_balls = _radii(real, k), _radii(made, k)
    inside = across < real_balls[:, None]
    return {
        "precision": float(inside.any(axis=0).mean()),
        "recall": float((across < made_balls[None]).any(axis=1).mean()),
        "density": float(inside.sum(axis=0).mean() / k),
        "coverage": float((across.min(axis=1) < real_balls).mean()),
    }


def _radii(vectors: NDArray[np.floating], k: int) -> NDArray[np.float64]:
    """Distance of each vector's k-th nearest other one."""
    return np.asarray(np.partition(_distances(vectors, vectors), k, axis=1)[:, k])


def _distances(first: NDArray[np.floating], second: NDArray[np.floating]) -> NDArray[np.float64]:
    gaps = first[:, None].astype(np.float64) - second[None]
    return np.asarray(np.sqrt((gaps**2).sum(axis=2)))
