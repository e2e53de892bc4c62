"""Sliced optimal transport: point clouds matched line by line, along ever new axes.

Each iteration matches the quantiles along the axes of a random orthonormal basis, where optimal
transport is sorting: Pitié, Kokaram and Dahyot 2007, "Automated colour grading using colour
distribution transfer"; Rabin, Peyré, Delon and Bernot 2011, "Wasserstein barycenter and its
application to texture mixing".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.schema import ContractError
from styletransfer.transport.gaussian import require_points


@dataclass(frozen=True, eq=False)
class SlicedMap:
    """A chain of moves along axes, defined for every point.

    `bases` float64 (t, d, d), one orthonormal basis in columns for each iteration;
    `source_quantiles` and `target_quantiles` (t, d, k) along its axes, ascending. Beyond the
    outermost quantile a point moves as far as that quantile does.
    """

    bases: NDArray[np.float64]
    source_quantiles: NDArray[np.float64]
    target_quantiles: NDArray[np.float64]

    def __call__(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Move points (..., d), of any floating type -> float64 (..., d)."""
        cloud = np.array(points, dtype=np.float64)
        flat = cloud.reshape(-1, cloud.shape[-1])
        steps = zip(self.bases, self.source_quantiles, self.target_quantiles, strict=True)
        for basis, source, target in steps:
            flat = flat + _moves(flat @ basis, source, target) @ basis.T
        return flat.reshape(cloud.shape)


def sliced_map(
    source: NDArray[np.floating],
    target: NDArray[np.floating],
    seed: int,
    iterations: int = 16,
    quantiles: int = 128,
) -> SlicedMap:
    """Fit the map that carries the cloud `source` (n, d) onto the cloud `target` (m, d).

    Args:
        source: finite, any floating type.
        target: finite, of the same d.
        seed: draws the bases; the first one is the axes themselves.
        iterations: bases to match along, at least 1; 10 to 20 are enough in 3 dimensions.
        quantiles: how finely each line's distribution is matched, at least 2; fewer are smoother.

    Raises:
        ContractError: shapes that do not fit, values not finite, or numbers out of range.
    """
    require_points(source, "source points")
    require_points(target, "target points")
    d = source.shape[1]
    if target.shape[1] != d:
        raise ContractError(
            f"clouds to transport must be of one dimension, got {d} and {target.shape[1]}"
        )
    if iterations < 1 or quantiles < 2:
        raise ContractError(
            "sliced transport needs at least 1 iteration and 2 quantiles, got "
            f"{iterations} and {quantiles}"
        )
    moved, goal = np.array(source, dtype=np.float64), np.asarray(target, dtype=np.float64)
    bases = orthonormal_bases(d, iterations, seed)
    sources = np.empty((iterations, d, quantiles))
    targets = np.empty_like(sources)
    for step, basis in enumerate(bases):
        on_axes = moved @ basis
        sources[step] = _quantiles(on_axes, quantiles)
        targets[step] = _shared_by_ties(sources[step], _quantiles(goal @ basis, quantiles))
        moved += _moves(on_axes, sources[step], targets[step]) @ basis.T
    return SlicedMap(bases, sources, targets)


def orthonormal_bases(d: int, count: int, seed: int) -> NDArray[np.float64]:
    """The axes, then `count` - 1 bases drawn evenly from the rotations: (count, d, d), columns."""
    drawn = np.random.default_rng(seed).standard_normal((count - 1, d, d))
    bases, upper = np.linalg.qr(drawn)
    # Signs make the draw even over all rotations: Mezzadri 2007.
    signs = np.where(np.diagonal(upper, axis1=1, axis2=2) < 0, -1.0, 1.0)
    return np.concatenate((np.eye(d)[None], bases * signs[:, None, :]))


def _quantiles(on_axes: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Quantiles along each axis of points (n, d), from the least to the greatest: (d, count)."""
    ordered = np.sort(on_axes, axis=0)
    places = np.linspace(0.0, len(ordered) - 1.0, count)
    below = places.astype(np.int64)
    above = np.minimum(below + 1, len(ordered) - 1)
    share = (places - below)[:, None]
    values: NDArray[np.float64] = (1.0 - share) * ordered[below] + share * ordered[above]
    return values.T


def _shared_by_ties(
    source: NDArray[np.float64], target: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Targets (d, k) averaged wherever sources (d, k) are equal: one point has one place to go.

    A flat ground is such a tie over most of its quantiles, and would go to their far end.
    """
    shared = np.empty_like(target)
    for axis, (from_values, to_values) in enumerate(zip(source, target, strict=True)):
        _, group, sizes = np.unique(from_values, return_inverse=True, return_counts=True)
        shared[axis] = (np.bincount(group, weights=to_values) / sizes)[group]
    return shared


def _moves(
    on_axes: NDArray[np.float64], source: NDArray[np.float64], target: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How far each coordinate (n, d) moves, from `source` to `target` quantiles (d, k)."""
    shifts = target - source
    moves = np.empty_like(on_axes)
    for axis in range(on_axes.shape[1]):
        moves[:, axis] = np.interp(on_axes[:, axis], source[axis], shifts[axis])
    return moves
