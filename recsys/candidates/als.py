"""Implicit-feedback alternating least squares (Hu, Koren, Volinsky 2008), by `implicit`."""

from __future__ import annotations

from typing import Any, Self

from implicit.cpu.als import AlternatingLeastSquares
from scipy import sparse
from threadpoolctl import threadpool_limits

from recsys.candidates.factors import FactorModel, Floats
from recsys.candidates.model import Sources
from recsys.candidates.reason_words import SHOPPERS
from recsys.config import ALSConfig


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

    @classmethod
    def _configured(cls, config: dict[str, Any], seed: int) -> Self:
        return cls(ALSConfig(**config), seed)
