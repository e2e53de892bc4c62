"""Bayesian personalised ranking (Rendle et al. 2009), by `implicit`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from implicit.cpu.bpr import BayesianPersonalizedRanking
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from features.schema import NotFittedError
from recsys.candidates import storage
from recsys.candidates.factors import Factors
from recsys.candidates.interactions import Interactions


@dataclass(frozen=True)
class BPRConfig:
    """Weights count only as touched or not. One thread: more update the factors in a race."""

    factors: int = 64
    learning_rate: float = 0.01
    regularization: float = 0.01
    iterations: int = 100


class BPR:
    """Factors trained so that touched items outrank sampled ones; item biases are a factor."""

    name = "bpr"

    def __init__(self, config: BPRConfig = BPRConfig(), seed: int = 0) -> None:
        self.config = config
        self.seed = seed
        self._factors: Factors | None = None

    def fit(self, interactions: Interactions) -> Self:
        if interactions.matrix.nnz == 0:
            self._factors = Factors.zeros(interactions)
            return self
        with threadpool_limits(1, "blas"):
            model = BayesianPersonalizedRanking(
                factors=self.config.factors,
                learning_rate=self.config.learning_rate,
                regularization=self.config.regularization,
                iterations=self.config.iterations,
                num_threads=1,
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
        model = cls(BPRConfig(**config), seed)
        model._factors = Factors(interactions, arrays["users"], arrays["items"])
        return model

    def _fitted(self) -> Factors:
        if self._factors is None:
            raise NotFittedError("BPR was asked before fit or load")
        return self._factors
