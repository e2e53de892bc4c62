"""What candidate models share: the log they were fitted on, serving by scores, and their files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from features.schema import NotFittedError
from recsys.candidates import selection, storage
from recsys.candidates.interactions import Interactions

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from recsys.config import TwoStageConfig

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Sources:
    """What candidate models may learn from at one moment.

    `log`: interactions with the weights of the config; `recent`: the same with weights that forget
    within days; `category` int64 (items,), -1 unknown; `content` float32 (items, d), unit rows,
    zeros where unknown; both in the order of the log's items.
    """

    log: Interactions
    recent: Interactions
    category: NDArray[np.int64]
    content: NDArray[np.float32]
    config: TwoStageConfig
    seed: int


class CandidateModel(ABC):
    """Fit on interactions, then score or recommend items by position in `Interactions.items`.

    A user position of -1 (unknown) or of a user without interactions is served by popularity.
    Before `fit` or `load` every method but these raises NotFittedError. A model of its own says
    what it learns (`_learn`), how it scores, how its arrays bring it back, what the recommender
    gives it to learn from (`of`), and what shoppers are told of its items (`reason`).
    """

    name: str
    reason: str
    config: DataclassInstance | None = None
    seed = 0
    _interactions: Interactions | None = None

    @classmethod
    @abstractmethod
    def of(cls, sources: Sources) -> Self | None:
        """The model that `sources` call for, fitted; None where they hold nothing for it."""

    def fit(self, interactions: Interactions) -> Self:
        """Learn from `interactions`; returns self."""
        self._learn(interactions)
        self._interactions = interactions
        return self

    @abstractmethod
    def score(self, user_positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Scores of the whole catalogue, float32 (n, items), higher is better, for (n,) users."""

    def recommend(
        self, user_positions: NDArray[np.int64], k: int, exclude_seen: bool = True
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Best `k` items of each of (n,) users.

        Returns item positions int64 (n, k) and scores float32 (n, k), best first, ties by item
        position; -1 and -inf where a user has fewer than `k` items left.
        """
        return selection.recommend(self.score, self._fitted(), user_positions, k, exclude_seen)

    def save(self, directory: Path) -> None:
        """Write the model's files into `directory`, made if needed."""
        fitted = self._fitted()
        storage.save_model(directory, self.name, self.config, self.seed, fitted, self._arrays())

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read a model that `save` wrote; raises NotFittedError if its files are missing."""
        config, seed, interactions, arrays = storage.load_model(directory, cls.name)
        model = cls._restored(config, seed, arrays, interactions)
        model._interactions = interactions
        return model

    def _learn(self, interactions: Interactions) -> None:  # noqa: B027 - some learn nothing more
        """Derive from `interactions` what scores need beyond the log itself."""

    def _arrays(self) -> Arrays:
        """What was learned, by name."""
        return {}

    @classmethod
    @abstractmethod
    def _restored(
        cls, config: dict[str, Any], seed: int, arrays: Arrays, interactions: Interactions
    ) -> Self:
        """A model of these settings that has learned `arrays` from `interactions`."""

    def _fitted(self) -> Interactions:
        if self._interactions is None:
            raise NotFittedError(f"{type(self).__name__} was asked before fit or load")
        return self._interactions
