"""Bayesian personalised ranking (Rendle et al. 2009), by `implicit`."""

from __future__ import annotations

from typing import Any, Self

from implicit.cpu.bpr import BayesianPersonalizedRanking
from scipy import sparse
from threadpoolctl import threadpool_limits

from recsys.candidates.factors import FactorModel, Floats
from recsys.candidates.model import Sources
from recsys.candidates.reason_words import SHOPPERS
from recsys.config import BPRConfig


class BPR(FactorModel):
    """Factors trained so that touched items outrank sampled ones; item biases are a factor."""

    name = "bpr"
    reason = SHOPPERS
    config: BPRConfig

    def __init__(self, config: BPRConfig = BPRConfig(), seed: int = 0) -> None:
        self.config = config
        self.seed = seed

    @classmethod
    def of(cls, sources: Sources) -> Self:
        return cls(seed=sources.seed).fit(sources.log)

    def _factorised(self, matrix: sparse.csr_matrix) -> tuple[Floats, Floats]:
        with threadpool_limits(1, "blas"):
            model = BayesianPersonalizedRanking(
                factors=self.config.factors,
                learning_rate=self.config.learning_rate,
                regularization=self.config.regularization,
                iterations=self.config.iterations,
                num_threads=1,
                random_state=self.seed,
            )
            model.fit(matrix, show_progress=False)
        return model.user_factors, model.item_factors

    @classmethod
    def _configured(cls, config: dict[str, Any], seed: int) -> Self:
        return cls(BPRConfig(**config), seed)
