"""What candidate models share: the log they were fitted on, serving by scores, and their files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from features.schema import NotFittedError
from recsys.candidates import selection, storage
from recsys.candidates.allowed import Allowed
from recsys.candidates.interactions import Interactions
from recsys.candidates.sparse_selection import best_of, distinct_pairs, flat, most_popular

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from recsys.config import TwoStageConfig

Arrays = dict[str, NDArray[Any]]
_POPULARITY: Final = "item_popularity"


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

    def propose(
        self, user_positions: NDArray[np.int64], k: int, allowed: Allowed
    ) -> NDArray[np.int64]:
        """Best `k` items that each of (n,) users may be proposed.

        Item positions int64 (n, k), best first, ties by item position, -1 where there are fewer.
        A model that need not score the whole catalogue for that has a way of its own.
        """
        best = np.full((len(user_positions), k), -1, dtype=np.int64)
        for batch in selection.user_batches(len(user_positions), len(allowed.items)):
            scores = self.score(user_positions[batch])
            best[batch] = selection.top_k(
                np.where(allowed.of(batch).mask(), scores, -np.inf).astype(np.float32), k
            )[0]
        return best

    def score_pairs(
        self,
        user_positions: NDArray[np.int64],
        user: NDArray[np.int64],
        item: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """`score` at the cells (`user`, `item`), float32 (rows,); `user`, ascending, indexes
        `user_positions`."""
        found = np.empty(len(user), dtype=np.float32)
        for batch in selection.user_batches(len(user_positions), len(self._fitted().items)):
            first, last = np.searchsorted(user, [batch.start, batch.stop])
            scores = self.score(user_positions[batch])
            found[first:last] = scores[user[first:last] - batch.start, item[first:last]]
        return found

    def for_users(self, interactions: Interactions, anew: bool = False) -> Self:
        """The model with other users, who touched what `interactions.of_others` says.

        `anew`: what the fit learned of any of them is out of date.
        """
        other = copy(self)
        other._interactions = replace(interactions, shares=self._fitted().popularity)
        return other

    def save(self, directory: Path, log: bool = True) -> None:
        """Write the model's files into `directory`, made if needed; without `log` not its users."""
        fitted = self._fitted()
        arrays = {**self._arrays(), _POPULARITY: fitted.popularity}
        storage.save_model(directory, self.name, self.config, self.seed, arrays)
        if log:
            fitted.save(directory)

    @classmethod
    def load(cls, directory: Path, log: Interactions | None = None) -> Self:
        """Read a model that `save` wrote; raises NotFittedError if its files are missing.

        `log`: the interactions that it was fitted on, or those with other weights, where they were
        saved elsewhere; the arrays are mapped to memory.
        """
        config, seed, arrays = storage.load_model(directory, cls.name)
        fitted = Interactions.load(directory) if log is None else log
        fitted = replace(fitted, shares=arrays.pop(_POPULARITY))
        model = cls._restored(config, seed, arrays, fitted)
        model._interactions = fitted
        return model

    def _best_among(
        self,
        user_positions: NDArray[np.int64],
        user: NDArray[np.int64],
        item: NDArray[np.int64],
        k: int,
        allowed: Allowed,
    ) -> NDArray[np.int64]:
        """`propose`, where the pairs (`user`, `item`) hold all that may beat popular items."""
        popular = flat(most_popular(self._fitted(), allowed, k))
        user, item = distinct_pairs([(user, item), popular], len(allowed.items))
        may = allowed.at(user, item)
        user, item = user[may], item[may]
        scores = self.score_pairs(user_positions, user, item)
        return best_of(user, item, scores, len(user_positions), k)[0]

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
