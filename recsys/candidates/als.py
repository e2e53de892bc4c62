"""Implicit-feedback alternating least squares (Hu, Koren, Volinsky 2008), by `implicit`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from features.schema import NotFittedError
from recsys.candidates import storage
from recsys.candidates.factors import Factors
from recsys.candidates.interactions import Interactions


@dataclass(frozen=True)
class ALSConfig:
    """`alpha` scales the weights into confidences; `num_threads` 0 takes every core."""

    factors: int = 64
    regularization: float = 0.01
    alpha: float = 1.0
    iterations: int = 15
    num_threads: int = 1


class ALS:
    """Factors whose dot product is a user's preference; repeatable for any number of threads."""

    name = "als"

    def __init__(self, config: ALSConfig = ALSConfig(), seed: int = 0) -> None:
        self.config = config
        self.seed = seed
        self._factors: Factors | None = None

    def fit(self, interactions: Interactions) -> Self:
        if interactions.matrix.nnz == 0:
            self._factors = Factors.zeros(interactions)
            return self
        with threadpool_limits(1, "blas"):
            model = AlternatingLeastSquares(
                factors=self.config.factors,
                regularization=self.config.regularization,
                alpha=self.config.alpha,
                iterations=self.config.iterations,
                num_threads=self.config.num_threads,
                random_state=self.seed,
            )
            model.fit(interactions.matrix, show_progress=False)
        self._factors = Factors(interactions, model.user_factors, model.item_factors)
        return self

    def score(self, user_positions: NDArray[np.int64]) -> NDArray[np.float32]:
        return self._fitted().score(user_positions)

    def recommend(
        self, user_positions: NDArray[np.int64], k: int, exclude_seen: bool = True
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        return self._fitted().recommend(user_positions, k, exclude_seen)

    def save(self, directory: Path) -> None:
        fitted = self._fitted()
        arrays = {"users": fitted.users, "items": fitted.items}
        storage.save_model(
            directory, self.name, self.config, self.seed, fitted.interactions, arrays
        )

    @classmethod
    def load(cls, directory: Path) -> Self:
        config, seed, interactions, arrays = storage.load_model(directory, cls.name)
        model = cls(ALSConfig(**config), seed)
        model._factors = Factors(interactions, arrays["users"], arrays["items"])
        return model

    def _fitted(self) -> Factors:
        if self._factors is None:
            raise NotFittedError("ALS was asked before fit or load")
        return self._factors
