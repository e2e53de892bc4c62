"""Implicit-feedback alternating least squares (Hu, Koren, Volinsky 2008), by `implicit`."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from scipy import sparse
from threadpoolctl import threadpool_limits

from recsys.candidates.factors import FactorModel, Floats
from recsys.candidates.interactions import Interactions
from recsys.candidates.model import Sources
from recsys.candidates.reason_words import SHOPPERS
from recsys.config import ALSConfig

_USERS_PER_BLOCK = 256


class ALS(FactorModel):
    """Factors whose dot product is a user's preference; repeatable for any number of threads."""

    name = "als"
    reason = SHOPPERS
    config: ALSConfig

    def __init__(self, config: ALSConfig = ALSConfig(), seed: int = 0) -> None:
        self.config = config
        self.seed = seed

    @classmethod
    def of(cls, sources: Sources) -> Self:
        return cls(sources.config.als, sources.seed).fit(sources.log)

    def _factorised(self, matrix: sparse.csr_matrix) -> tuple[Floats, Floats]:
        with threadpool_limits(1, "blas"):
            model = AlternatingLeastSquares(
                factors=self.config.factors,
                regularization=self.config.regularization,
                alpha=self.config.alpha,
                iterations=self.config.iterations,
                num_threads=self.config.num_threads,
                random_state=self.seed,
            )
            model.fit(matrix, show_progress=False)
        return model.user_factors, model.item_factors

    def for_users(self, interactions: Interactions, anew: bool = False) -> Self:
        """As `CandidateModel.for_users`; users who were not in the fit, and all where `anew`, are
        folded in."""
        other, known = super().for_users(interactions), self._known()
        place = self._fitted().users.to_index(interactions.users.ids)
        if anew:
            place = np.full_like(place, -1)
        vectors = np.zeros((len(place), known.items.shape[1]), dtype=np.float32)
        vectors[place >= 0] = known.users[place[place >= 0]]
        new = np.flatnonzero(place < 0)
        if len(new):
            theirs = interactions.matrix[new] * self.config.alpha
            vectors[new] = fold_in(theirs, known.items, self.config.regularization)
        other._factors = known.with_users(other._fitted(), vectors)
        return other

    @classmethod
    def _configured(cls, config: dict[str, Any], seed: int) -> Self:
        return cls(ALSConfig(**config), seed)


def fold_in(matrix: sparse.csr_matrix, items: Floats, regularization: float) -> Floats:
    """The user factors float32 (n, d) that `items` (items, d) and confidences `matrix` call for.

    Solves (Y'Y + regularization I + Y'(C - I)Y) x = Y'C p for each row (Hu, Koren, Volinsky 2008,
    equation 4), each from its own row alone; zeros for a row without entries.
    """
    known = items.astype(np.float64)
    size = known.shape[1]
    with threadpool_limits(1, "blas"):
        shared = known.T @ known + regularization * np.eye(size)
        found = np.zeros((matrix.shape[0], size), dtype=np.float32)
        touched = np.flatnonzero(np.diff(matrix.indptr))
        for start in range(0, len(touched), _USERS_PER_BLOCK):
            rows = touched[start : start + _USERS_PER_BLOCK]
            part = matrix[rows]
            vectors, weight = known[part.indices], part.data.astype(np.float64)[:, None]
            bent = np.einsum("ni,nj->nij", vectors * (weight - 1.0), vectors)
            left = shared + np.add.reduceat(bent, part.indptr[:-1], axis=0)
            right = np.add.reduceat(vectors * weight, part.indptr[:-1], axis=0)
            found[rows] = np.linalg.solve(left, right[:, :, None])[:, :, 0]
    return found
