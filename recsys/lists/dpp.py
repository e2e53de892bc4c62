"""Variety by a determinantal point process: the set of items that is good and spreads widest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.schema import ContractError

_NOTHING_NEW = 1e-10


class DPP:
    """Greedy maximum a posteriori of a DPP, one place at a time (Chen et al. 2018).

    The kernel is L = q_i S_ij q_j with q = exp(strength * relevance / 2) and S the cosines moved
    to [0, 1]. O(n (k + d)) a place.
    """

    def __init__(
        self,
        relevance: NDArray[np.floating],
        vectors: NDArray[np.floating],
        k: int,
        strength: float = 1.0,
    ) -> None:
        """`relevance` (n,), any scale; `vectors` (n, d), unit rows (of items or of looks), zeros
        for unknown, which are taken to be unlike all others; `strength` at least 0 weighs
        relevance; at most `k` places will be given. Raises ContractError on a length mismatch, a
        number that is not finite, k < 1 or strength < 0.
        """
        n = len(relevance)
        if vectors.ndim != 2 or len(vectors) != n:
            raise ContractError(
                f"got {n} relevances and vectors {vectors.shape}: expected ({n}, d)"
            )
        if not (np.isfinite(relevance).all() and np.isfinite(vectors).all()):
            raise ContractError(
                "relevances or vectors hold a NaN or infinity: expected finite ones"
            )
        if k < 1 or not strength >= 0.0:
            raise ContractError(
                f"k is {k} and strength {strength}: expected at least 1 and at least 0"
            )
        self._unit = np.asarray(vectors, dtype=np.float64)
        self._known = np.asarray(self._unit.any(axis=1), dtype=bool)
        # Working with logs of the quality: exp of a raw score could overflow, its order cannot.
        self._log_quality = strength * np.asarray(relevance, dtype=np.float64)
        self._left = np.ones(n)
        self._steps = np.zeros((min(k, n), n))
        self._placed = 0

    def best(self, free: NDArray[np.bool_]) -> int:
        """Which `free` (n,) item adds most to log det L of those placed, ties to the earlier.

        When none adds anything new, the most relevant.
        """
        new = free & (self._left > _NOTHING_NEW)
        if not new.any():
            return int(np.where(free, self._log_quality, -np.inf).argmax())
        gain = np.log(np.maximum(self._left, _NOTHING_NEW)) + self._log_quality
        return int(np.where(new, gain, -np.inf).argmax())

    def place(self, position: int) -> None:
        """Give the next place to the item at `position`."""
        if self._left[position] <= _NOTHING_NEW:
            return
        both = self._known & self._known[position]
        cosine = np.where(both, (1.0 + self._unit @ self._unit[position]) / 2.0, 0.0)
        cosine[position] = 1.0
        done = self._steps[: self._placed]
        step = (cosine - done.T @ done[:, position]) / np.sqrt(self._left[position])
        self._steps[self._placed] = step
        self._left = self._left - step**2
        self._placed += 1


def dpp_order(
    relevance: NDArray[np.floating], vectors: NDArray[np.floating], k: int, strength: float = 1.0
) -> NDArray[np.int64]:
    """Positions int64 (min(k, n),) of the items that `DPP` places, best first.

    Arguments and errors as `DPP`.
    """
    process = DPP(relevance, vectors, k, strength)
    free = np.ones(len(relevance), dtype=bool)
    order: list[int] = []
    while len(order) < min(k, len(free)):
        order.append(process.best(free))
        free[order[-1]] = False
        process.place(order[-1])
    return np.array(order, dtype=np.int64)
