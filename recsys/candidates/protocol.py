"""What every candidate model offers."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from recsys.candidates.interactions import Interactions


class CandidateModel(Protocol):
    """Fit on interactions, then score or recommend items by position in `Interactions.items`.

    A user position of -1 (unknown) or of a user without interactions is served by popularity.
    Before `fit` or `load` every method but these raises NotFittedError.
    """

    name: str

    def fit(self, interactions: Interactions) -> Self:
        """Learn from `interactions`; returns self."""
        ...

    def score(self, user_positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Scores of the whole catalogue, float32 (n, items), higher is better, for (n,) users."""
        ...

    def recommend(
        self, user_positions: NDArray[np.int64], k: int, exclude_seen: bool = True
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Best `k` items of each of (n,) users.

        Returns item positions int64 (n, k) and scores float32 (n, k), best first, ties by item
        position; -1 and -inf where a user has fewer than `k` items left.
        """
        ...

    def save(self, directory: Path) -> None:
        """Write the model's files into `directory`, made if needed."""
        ...

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read a model that `save` wrote; raises NotFittedError if its files are missing."""
        ...
