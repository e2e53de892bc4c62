"""Gaussian optimal transport: the one linear map that carries one mean and covariance to another.

The map of Monge and Kantorovich between Gaussians has a closed form: Olkin and Pukelsheim 1982,
"The distance between two random vectors with given dispersion matrices"; between the colours of two
pictures: Pitié and Kokaram 2007, "The linear Monge-Kantorovitch linear colour mapping for
example-based colour transfer".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.schema import ContractError


@dataclass(frozen=True, eq=False)
class AffineMap:
    """x -> (x - source_mean) matrix + target_mean.

    `matrix` float64 (d, d) symmetric, the means float64 (d,).
    """

    matrix: NDArray[np.float64]
    source_mean: NDArray[np.float64]
    target_mean: NDArray[np.float64]

    def __call__(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Move points (..., d), of any floating type, by the map -> float64 (..., d)."""
        return np.asarray((points - self.source_mean) @ self.matrix + self.target_mean)


def moments(
    points: NDArray[np.floating], weights: NDArray[np.floating] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean (d,) and covariance (d, d), divided by n, of points (n, d) with `weights` (n,) >= 0.

    Raises ContractError on other shapes, no points, values that are not finite, or no weight at
    all.
    """
    require_points(points, "points")
    cloud = np.asarray(points, dtype=np.float64)
    if weights is None:
        shares = np.full(len(cloud), 1.0 / len(cloud))
    else:
        shares = normalised_weights(weights, len(cloud))
    # From the first point, so that equal points have no variance at all rather than rounding's.
    centred = cloud - cloud[0]
    offset = shares @ centred
    centred -= offset
    return cloud[0] + offset, (centred * shares[:, None]).T @ centred


def gaussian_map(
    source_mean: NDArray[np.floating],
    source_covariance: NDArray[np.floating],
    target_mean: NDArray[np.floating],
    target_covariance: NDArray[np.floating],
    ridge: float = 0.0,
) -> AffineMap:
    """The optimal map between two Gaussians, for squared Euclidean cost.

    Args:
        source_mean: (d,), as `moments` gives it.
        source_covariance: (d, d), symmetric and positive semidefinite.
        target_mean: (d,).
        target_covariance: (d, d).
        ridge: variance added to both along every axis, in squared units of the points. It bounds
            how much a palette with little spread is stretched, by sqrt(target / ridge), where
            stretching would only show noise; equal moments still give the identity.

    Returns:
        The map A with A (source + ridge) A = target + ridge. Directions in which the source has no
        variance at all are left out of it: they hold nothing to move.

    Raises:
        ContractError: shapes that do not fit, or a negative ridge.
    """
    d = np.shape(source_mean)[0] if np.ndim(source_mean) == 1 else -1
    shapes = [np.shape(a) for a in (source_mean, target_mean, source_covariance, target_covariance)]
    if shapes != [(d,), (d,), (d, d), (d, d)]:
        raise ContractError(
            "moments to transport must be of equal size, means (d,) and covariances (d, d): got "
            f"means {shapes[0]} and {shapes[1]}, covariances {shapes[2]} and {shapes[3]}"
        )
    if not ridge >= 0.0:
        raise ContractError(
            f"the ridge of a Gaussian map is a variance: got {ridge}, expected >= 0"
        )
    floor = ridge * np.eye(d)
    root, inverse_root = _roots(np.asarray(source_covariance, dtype=np.float64) + floor)
    between, _ = _roots(root @ (np.asarray(target_covariance, dtype=np.float64) + floor) @ root)
    return AffineMap(
        inverse_root @ between @ inverse_root,
        np.asarray(source_mean, dtype=np.float64),
        np.asarray(target_mean, dtype=np.float64),
    )


def gaussian_colour_map(
    source: NDArray[np.floating], target: NDArray[np.floating], ridge: float = 1.0
) -> AffineMap:
    """The Gaussian map from colours (n, 3) to colours (m, 3), in CIE Lab.

    The default ridge, a variance of 1 Lab unit squared, is about a sensor's noise. Raises as
    `moments` and `gaussian_map` do.
    """
    return gaussian_map(*moments(source), *moments(target), ridge=ridge)


def _roots(matrix: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The symmetric square root of a positive semidefinite matrix, and its pseudo-inverse."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    values = np.maximum(values, 0.0)
    least = values.max(initial=0.0) * len(values) * np.finfo(np.float64).eps
    inverse = np.zeros_like(values)
    np.divide(1.0, np.sqrt(values), out=inverse, where=values > least)
    return (vectors * np.sqrt(values)) @ vectors.T, (vectors * inverse) @ vectors.T


def require_points(points: NDArray[np.floating], name: str) -> None:
    """Raise ContractError unless `points` is a non-empty, finite array of shape (n, d)."""
    shape = np.shape(points)
    if len(shape) != 2 or 0 in shape:
        raise ContractError(f"{name} must be a non-empty array of shape (n, d), got shape {shape}")
    if not np.isfinite(points).all():
        raise ContractError(f"{name} must be finite, got NaN or infinite values: drop those rows")


def normalised_weights(weights: NDArray[np.floating], n: int) -> NDArray[np.float64]:
    """Weights (n,) scaled to the sum 1; ContractError where they cannot be."""
    values = np.asarray(weights, dtype=np.float64)
    if values.shape != (n,):
        raise ContractError(
            f"weights must be one number per point, got {values.shape} for {n} points"
        )
    total = values.sum()
    if not 0.0 < total < np.inf or values.min() < 0.0:
        raise ContractError(
            "weights must be finite, none negative and one at least above zero, got a sum of "
            f"{total} and a least of {values.min()}"
        )
    return np.asarray(values / total)
