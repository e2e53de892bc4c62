"""Who the shoppers are and which looks they like."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.schema import ContractError
from recsys.simulator.config import SimulatorConfig

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def family_membership(families: ArrayLike, n_looks: int) -> Floats:
    """How much each look belongs to each family (n_looks, n_families), from that or one integer
    per look (n_looks,). Raises SchemaError for another shape.
    """
    matrix = np.asarray(families)
    if matrix.ndim == 1:
        matrix = (matrix[:, None] == np.unique(matrix)[None, :]).astype(np.float64)
    if n_looks < 1 or matrix.ndim != 2 or len(matrix) != n_looks:
        raise ContractError(
            f"families have shape {matrix.shape}, expected one integer or one row for each of the "
            f"{n_looks} looks (at least one)"
        )
    return matrix.astype(np.float64)


def draw_tastes(
    membership: Floats, config: SimulatorConfig, rng: np.random.Generator
) -> tuple[Ints, Floats]:
    """Kind (n,) and utility (n, looks + 1, the plain photo last) of every shopper."""
    n, (n_looks, n_families) = config.n_shoppers, membership.shape
    draw = rng.random(n)
    kinds = (draw > config.plain_share).astype(np.int64)
    kinds += draw > config.plain_share + config.indifferent_share
    # One favourite family, and for two in five a second, liked a little less.
    rank = rng.random((n, n_families)).argsort(axis=1).argsort(axis=1)
    second = (rank == 1) * (rng.random((n, 1)) < 0.4) * 0.75
    strength = rng.uniform(0.8, 1.4, (n, 1))
    liked = ((rank == 0) + second) * strength @ membership.T
    common = 0.12 * rng.standard_normal(n_looks)

    utility = np.empty((n, n_looks + 1))
    plain, mild, fond = (kinds == code for code in range(3))
    noise = rng.standard_normal((n, n_looks + 1))
    utility[mild] = 0.06 * noise[mild]
    utility[plain, :-1] = -0.45 + common + 0.12 * noise[plain, :-1]
    utility[plain, -1] = 0.9 + 0.15 * noise[plain, -1]
    utility[fond, :-1] = -0.35 + common + 0.2 * noise[fond, :-1] + 1.2 * liked[fond]
    utility[fond, -1] = -0.1 + 0.15 * noise[fond, -1]
    return kinds, utility
