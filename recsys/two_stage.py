"""Candidates, then ranking: the recommender behind the feed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.events import EventWeights
from features.ids import IdMap
from features.schema import InputError, NotFittedError
from recsys.candidates import (
    ALS,
    EASE,
    CandidateModel,
    CategoryPopularity,
    Content,
    History,
    ItemKNN,
    Popularity,
    RecentPopularity,
)
from recsys.candidates.selection import top_k, user_batches
from recsys.candidates.union import union
from recsys.knowledge import ITEM_COLUMNS, ItemFeatures, Knowledge
from recsys.ranking import Ranker
from recsys.ranking_features import feature_names, pair_features
from recsys.ranking_training import Tastes, fit_ranker, learn, training_lists
from recsys.ranking_windows import allowed_for
from recsys.reasons import POPULAR, SEEN, UNEXPLAINED, reasons
from recsys.rerank import RerankConfig, rerank
from recsys.two_stage_config import TwoStageConfig

__all__ = ["Tastes", "TwoStageConfig", "TwoStageRecommender"]

_MODELS: Final[dict[str, type[CandidateModel]]] = {
    model.name: model
    for model in (
        *(Popularity, RecentPopularity, CategoryPopularity, History),
        *(Content, ALS, ItemKNN, EASE),
    )
}


class TwoStageRecommender:
    """Learns from the past in two windows, then serves from models refitted on all of it."""

    def __init__(
        self,
        config: TwoStageConfig | None = None,
        seed: int = 0,
        weights: EventWeights | None = None,
    ) -> None:
        self.config = config or TwoStageConfig()
        self.seed = seed
        self.weights = weights or EventWeights()
        self.report: dict[str, Any] = {}
        self._models: list[CandidateModel] = []
        self._known: Knowledge | None = None
        self._ranker: Ranker | None = None
        self._available = np.empty(0, dtype=bool)

    def fit(
        self,
        events: pd.DataFrame,
        items: pd.DataFrame,
        features: ItemFeatures,
        tastes: Tastes | None = None,
        now: pd.Timestamp | None = None,
    ) -> Self:
        """Learn from `events` (canonical), all before `now` (the last event's time by default).

        `items`: item_id, optional category, price, available; `features`: of any of these items;
        `tastes`: fits the preference model on the events it is given, called once for the ranker's
        training (on the past of its labels) and once for serving. A log too small to rank serves
        by popularity. Raises InputError for an event at or after `now` or an empty catalogue.
        """
        if items.empty:
            raise InputError("items has no rows: expected at least one item to recommend")
        if now is None:
            now = _after(events)
        self._ranker = self._train(events, items, features, tastes)
        latest = None if tastes is None else tastes(events)
        self._models, self._known = learn(
            events, items, features, latest, now, self.config, self.weights, self.seed
        )
        self._available = _available(items, self._known.interactions.items)
        return self

    def recommend(self, user_ids: Sequence[str], k: int) -> pd.DataFrame:
        """Best `k` items of each user, unknown users included.

        Returns user_id, rank int64 from 1, item_id, score float32 (for comparison within a user
        only; it falls with the rank unless `rerank` moves items) and reason, users in the order
        given. Items the user knows come last, when fewer than `k` others are available; items not
        available never come.
        Raises NotFittedError before fit or load, InputError on k < 1.
        """
        known = self._fitted()
        ids = np.asarray(list(user_ids), dtype=object)
        positions = known.interactions.users.to_index(ids)
        parts = [
            self._recommend_batch(positions[batch], ids[batch], k)
            for batch in user_batches(len(ids), len(self._available))
        ]
        empty = self._recommend_batch(positions[:0], ids[:0], k)
        return pd.concat([*parts, empty], ignore_index=True) if parts else empty

    def save(self, directory: Path) -> None:
        """Write the models, what they know and two_stage.json into `directory`."""
        known = self._fitted()
        known.save(directory / "knowledge")
        for model in self._models:
            model.save(directory / "candidates" / model.name)
        if self._ranker is not None:
            self._ranker.save(directory / "ranker.txt")
        state = {
            "config": asdict(self.config),
            "weights": asdict(self.weights),
            "seed": self.seed,
            "report": self.report,
            "models": [model.name for model in self._models],
            "ranked": self._ranker is not None,
            "available": np.flatnonzero(self._available).tolist(),
        }
        (directory / "two_stage.json").write_text(json.dumps(state), encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what `save` wrote; raises NotFittedError if it is not there."""
        path = directory / "two_stage.json"
        if not path.is_file():
            raise NotFittedError(f"no two_stage.json in {directory}: fit and save one there")
        state = json.loads(path.read_text(encoding="utf-8"))
        loaded = cls(
            TwoStageConfig.from_settings(state["config"]),
            state["seed"],
            EventWeights(**state["weights"]),
        )
        loaded.report = state["report"]
        loaded._known = Knowledge.load(directory / "knowledge")
        loaded._models = [
            _MODELS[name].load(directory / "candidates" / name) for name in state["models"]
        ]
        if state["ranked"]:
            ranker = Ranker.load(directory / "ranker.txt", loaded.config.ranker, loaded.seed)
            loaded._ranker = ranker
        loaded._available = np.zeros(len(loaded._known.interactions.items), dtype=bool)
        loaded._available[state["available"]] = True
        return loaded

    def importance(self) -> pd.DataFrame:
        """Feature importances of the ranker (see `Ranker.importance`), no rows without a ranker."""
        if self._ranker is None:
            return pd.DataFrame(columns=["feature", "gain", "splits"])
        return self._ranker.importance()

    def _recommend_batch(
        self, positions: NDArray[np.int64], user_ids: NDArray[np.object_], k: int
    ) -> pd.DataFrame:
        known, n_items = self._fitted(), len(self._available)
        allowed = allowed_for(known, positions, self._available, self.config.exclude_seen)
        popularity = known.interactions.popularity
        if self._ranker is None:
            scores = np.where(allowed, popularity, np.float32(-np.inf))
        else:
            quotas = [self.config.quota(model.name, k) for model in self._models]
            rows = union(self._models, positions, quotas, allowed)
            values = pair_features(known, positions, rows)
            scores = np.full(allowed.shape, -np.inf, dtype=np.float32)
            scores[rows.users, rows.items] = self._ranker.score(values)
        floor = np.where(np.isfinite(scores), scores, np.inf).min(axis=1, initial=0.0)
        rest = self._available & ~np.isfinite(scores)
        scores = np.where(rest, floor[:, None] + popularity - 2.0, scores)
        depth = max(k, self.config.candidates_per_model)
        best, score = self._varied(*top_k(scores, depth), (allowed & ~rest).sum(axis=1), k)
        row, column = np.nonzero(best >= 0)
        item = best[row, column]
        popular = known.item_columns[:, ITEM_COLUMNS.index("recent")] * n_items > 1.0
        why = np.where(popular[item], POPULAR, UNEXPLAINED).astype(object)
        why[~allowed[row, item]] = SEEN
        if self._ranker is not None:
            cells = rows.users * n_items + rows.items
            place = np.searchsorted(cells, row * n_items + item)
            ranked = np.append(cells, -1)[place] == row * n_items + item
            explained = values[place[ranked]]
            names = feature_names([model.name for model in self._models])
            why[ranked] = reasons(self._ranker.contributions(explained), explained, names)
        return pd.DataFrame(
            {
                "user_id": pd.Series(user_ids[row], dtype="str"),
                "rank": (column + 1).astype(np.int64),
                "item_id": pd.Series(known.interactions.items.to_ids(item), dtype="str"),
                "score": score[row, column],
                "reason": pd.Series(why, dtype="str"),
            }
        )

    def _varied(
        self,
        best: NDArray[np.int64],
        score: NDArray[np.float32],
        n_ranked: NDArray[np.int64],
        k: int,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The `k` of `best` that `config.rerank` puts first, with their scores.

        Only the first `n_ranked` (n,) items of a user change places, unless they are under `k`.
        """
        known, config = self._fitted(), self.config.rerank
        if config == RerankConfig():
            return best[:, :k], score[:, :k]
        chosen, value = np.full_like(best[:, :k], -1), np.full_like(score[:, :k], -np.inf)
        for row, (items, scores) in enumerate(zip(best, score, strict=True)):
            n_open = min(max(int(n_ranked[row]), k), int((items >= 0).sum()))
            items, scores = items[:n_open], scores[:n_open]
            order = rerank(scores, known.content[items], known.category[items], k, config)
            chosen[row, : len(order)], value[row, : len(order)] = items[order], scores[order]
        return chosen, value

    def _train(
        self,
        events: pd.DataFrame,
        items: pd.DataFrame,
        features: ItemFeatures,
        tastes: Tastes | None,
    ) -> Ranker | None:
        """A ranker whose labels are later than all its features, or None if there are too few."""
        config = self.config
        lists = training_lists(events, items, features, tastes, config, self.weights, self.seed)
        if lists is None:
            return None
        self.report = lists.report()
        if len(lists.train.groups) < config.min_training_lists:
            return None
        try:
            return fit_ranker(lists, config.ranker, self.seed)
        except InputError as error:
            self.report["not_ranked"] = str(error)
            return None

    def _fitted(self) -> Knowledge:
        if self._known is None:
            raise NotFittedError("the recommender was asked before fit or load")
        return self._known


def _after(events: pd.DataFrame) -> pd.Timestamp:
    """The first moment after all `events`; the epoch for none."""
    if events.empty:
        return pd.Timestamp(0, tz="UTC")
    last: pd.Timestamp = events["timestamp"].max()
    return last + pd.Timedelta(microseconds=1)


def _available(items: pd.DataFrame, item_map: IdMap) -> NDArray[np.bool_]:
    """Which items of `item_map` may be recommended: all but those said to be unavailable."""
    if "available" not in items.columns:
        return np.ones(len(item_map), dtype=bool)
    gone = items.loc[~items["available"].fillna(True).astype(bool), "item_id"]
    available = np.ones(len(item_map), dtype=bool)
    available[item_map.to_index(gone)] = False
    return available
