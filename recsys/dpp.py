"""Variety by a determinantal point process: the set of items that is good and spreads widest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.schema import InputError

_NOTHING_NEW = 1e-10


def dpp_order(
    relevance: NDArray[np.floating], vectors: NDArray[np.floating], k: int, strength: float = 1.0
) -> NDArray[np.int64]:
    """Greedy maximum a posteriori of a DPP, by the fast algorithm of Chen et al. (2018).

    `relevance` (n,), any scale; `vectors` (n, d), unit rows (of items or of looks), zeros for
    unknown, which are taken to be unlike all others; `strength` at least 0 weighs relevance: the
    kernel is L = q_i S_ij q_j with q = exp(strength * relevance / 2) and S the cosines moved to
    [0, 1]. Returns positions int64 (min(k, n),), best first: each place goes to the item that adds
    most to log det L of those placed, ties to the earlier item. When no item adds anything new the
    rest follow by relevance. O(n k^2 + n k d).
    Raises InputError on a length mismatch, a number that is not finite, k < 1 or strength < 0.
    """
    n = len(relevance)
    if vectors.ndim != 2 or len(vectors) != n:
        raise InputError(f"got {n} relevances and vectors {vectors.shape}: expected ({n}, d)")
    if not (np.isfinite(relevance).all() and np.isfinite(vectors).all()):
        raise InputError("relevances or vectors hold a NaN or infinity: expected finite numbers")
    if k < 1 or not strength >= 0.0:
        raise InputError(f"k is {k} and strength {strength}: expected at least 1 and at least 0")
    unit = np.asarray(vectors, dtype=np.float64)
    known = np.asarray(unit.any(axis=1), dtype=bool)
    # Working with logs of the quality: exp of a raw score could overflow, its order cannot.
    log_quality = strength * np.asarray(relevance, dtype=np.float64)
    left = np.ones(n)
    steps = np.zeros((min(k, n), n))
    free = np.ones(n, dtype=bool)
    order: list[int] = []
    while len(order) < min(k, n):
        new = free & (left > _NOTHING_NEW)
        if not new.any():
            rest = np.flatnonzero(free)
            rest = rest[np.argsort(-log_quality[rest], kind="stable")]
            order += rest[: min(k, n) - len(order)].tolist()
            break
        gain = np.log(np.maximum(left, _NOTHING_NEW)) + log_quality
        best = int(np.where(new, gain, -np.inf).argmax())
        cosine = np.where(known & known[best], (1.0 + unit @ unit[best]) / 2.0, 0.0)
        cosine[best] = 1.0
        done = steps[: len(order)]
        step = (cosine - done.T @ done[:, best]) / np.sqrt(left[best])
        steps[len(order)] = step
        left = left - step**2
        free[best] = False
        order.append(best)
    return np.array(order, dtype=np.int64)
