"""Entropic optimal transport between weighted palettes, by Sinkhorn's iterations on logarithms.

Cuturi 2013, "Sinkhorn distances: lightspeed computation of optimal transport"; in the log domain,
where a small regularisation does not underflow: Peyré and Cuturi 2019, "Computational optimal
transport", section 4.4. Colours outside the palette are moved by the entropic map of Pooladian and
Niles-Weed 2021, "Entropic estimation of optimal transport maps".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from sklearn.cluster import KMeans

from features.schema import ContractError
from styletransfer.transport.gaussian import normalised_weights, require_points


@dataclass(frozen=True, eq=False)
class Palette:
    """Colours float64 (k, d) in ascending order of their shares (k,), which sum to 1."""

    colours: NDArray[np.float64]
    shares: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SinkhornPlan:
    """An entropic transport plan and what proves it.

    `plan` float64 (n, m), its sums by row and column the two weights; `row_potential` (n,) and
    `column_potential` (m,) are the dual's solution; `cost` is the sum of plan times cost;
    `marginal_error` the largest total variation left between a marginal and its weights.
    """

    plan: NDArray[np.float64]
    row_potential: NDArray[np.float64]
    column_potential: NDArray[np.float64]
    cost: float
    marginal_error: float


@dataclass(frozen=True, eq=False)
class EntropicMap:
    """x -> the mean of `target` (m, d), weighted by where the plan would send mass from x.

    Smooth, defined everywhere, and equal on the source's own points to the barycentric projection
    of the plan. `log_weights` (m,) folds in the target's weights and potential.
    """

    target: NDArray[np.float64]
    log_weights: NDArray[np.float64]
    regularisation: float

    def __call__(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Move points (..., d), of any floating type -> float64 (..., d)."""
        cloud = np.asarray(points, dtype=np.float64)
        flat = cloud.reshape(-1, cloud.shape[-1])
        logits = self.log_weights - squared_distances(flat, self.target) / self.regularisation
        logits -= logits.max(axis=1, keepdims=True)
        pull = np.exp(logits)
        moved = (pull @ self.target) / pull.sum(axis=1, keepdims=True)
        return np.asarray(moved.reshape(cloud.shape))


def palette(points: NDArray[np.floating], size: int, seed: int) -> Palette:
    """At most `size` colours that stand for points (n, d): centres of k-means, with their shares.

    Fewer come back when there are fewer distinct points. Deterministic given `seed`. Raises
    ContractError on other shapes, values that are not finite, or a size below 1.
    """
    require_points(points, "points of a palette")
    if size < 1:
        raise ContractError(f"a palette needs at least 1 colour, got {size}")
    cloud = np.asarray(points, dtype=np.float64)
    distinct, counts = np.unique(cloud, axis=0, return_counts=True)
    if len(distinct) > size:
        # BLAS may raise the flag of an invalid value for lanes beyond a short vector.
        with np.errstate(invalid="ignore"):
            means = KMeans(size, n_init=1, random_state=seed).fit(cloud)
        counts = np.bincount(means.labels_, minlength=size)
        distinct = means.cluster_centers_[counts > 0]
        counts = counts[counts > 0]
    order = np.argsort(counts, kind="stable")
    return Palette(distinct[order], counts[order] / counts.sum())


def sinkhorn(
    source_weights: NDArray[np.floating],
    target_weights: NDArray[np.floating],
    cost: NDArray[np.floating],
    regularisation: float,
    max_iterations: int = 1000,
    tolerance: float = 1e-6,
) -> SinkhornPlan:
    """The plan that minimises <plan, cost> - regularisation * entropy(plan), weights as marginals.

    Args:
        source_weights: (n,), none negative; scaled to the sum 1.
        target_weights: (m,), likewise.
        cost: (n, m), finite.
        regularisation: above 0, in the cost's units; the smaller, the sharper and the slower.
        max_iterations: pairs of updates at most; `marginal_error` tells what was reached.
        tolerance: marginal error at which to stop.

    Raises:
        ContractError: shapes that do not fit, values out of range.
    """
    costs = np.asarray(cost, dtype=np.float64)
    if costs.ndim != 2 or not np.isfinite(costs).all():
        raise ContractError(f"a transport cost must be a finite (n, m) array, got {costs.shape}")
    if not 0.0 < regularisation < np.inf:
        raise ContractError(
            f"entropic transport needs a regularisation above 0, got {regularisation}: about 1 % "
            "of the mean cost is sharp, 10 % smooth"
        )
    if max_iterations < 1:
        raise ContractError(f"entropic transport needs at least 1 iteration, got {max_iterations}")
    rows = normalised_weights(source_weights, costs.shape[0])
    columns = normalised_weights(target_weights, costs.shape[1])
    with np.errstate(divide="ignore"):
        log_rows, log_columns = np.log(rows), np.log(columns)
    kernel = -costs / regularisation
    g = np.zeros(len(columns))
    for remaining in range(max_iterations, 0, -1):
        f = -logsumexp(kernel + (log_columns + g), axis=1)
        reached = logsumexp(kernel + (log_rows + f)[:, None], axis=0) + g
        error = float(np.abs(np.exp(reached + log_columns) - columns).sum() / 2)
        # The rows' sums are exact now; another update of g would trade them for the columns'.
        if error <= tolerance or remaining == 1:
            break
        g = g - reached
    plan = np.exp(kernel + (log_rows + f)[:, None] + (log_columns + g))
    return SinkhornPlan(
        plan, regularisation * f, regularisation * g, float((plan * costs).sum()), error
    )


def barycentric_projection(
    plan: NDArray[np.floating], target: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Where each of n source points goes on average: plan (n, m), target (m, d) -> (n, d).

    Raises ContractError when shapes do not fit or a source point has no mass.
    """
    masses = np.asarray(plan, dtype=np.float64).sum(axis=1, keepdims=True)
    if np.ndim(target) != 2 or plan.shape[1] != len(target) or not masses.min() > 0:
        raise ContractError(
            f"a plan {plan.shape} cannot be projected on points {np.shape(target)}: expected "
            "(n, m) and (m, d), with mass in every row"
        )
    return np.asarray((plan @ target) / masses)


def entropic_map(source: Palette, target: Palette, regularisation: float = 0.02) -> EntropicMap:
    """The entropic map between two palettes, defined for every colour.

    `regularisation` is a share of the mean squared distance between the palettes, so that it means
    the same for any of them. Palettes that are one and the same point give that point. Raises
    ContractError on palettes of unlike dimension, or as `sinkhorn` does.
    """
    if source.colours.shape[1] != target.colours.shape[1]:
        raise ContractError(
            f"palettes must be of one dimension, got {source.colours.shape[1]} and "
            f"{target.colours.shape[1]}"
        )
    cost = squared_distances(source.colours, target.colours)
    mean = float(source.shares @ cost @ target.shares)
    absolute = regularisation * (mean if mean > 0 else 1.0)
    solved = sinkhorn(source.shares, target.shares, cost, absolute)
    log_weights = np.log(target.shares) + solved.column_potential / absolute
    return EntropicMap(target.colours, log_weights, absolute)


def squared_distances(
    first: NDArray[np.floating], second: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Squared Euclidean distances of points (n, d) and (m, d) -> float64 (n, m), never below 0."""
    left, right = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1) - 2.0 * left @ right.T
    return np.asarray(np.maximum(squares, 0.0))
