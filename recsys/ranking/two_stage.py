"""Candidates, then ranking: the recommender behind the feed."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.config import EventWeights
from features.events import require_zone
from features.ids import IdMap, check_id_columns, require_some_known, text_ids
from features.schema import ContractError, InputError, NotFittedError, SchemaError
from recsys.candidates import Popularity
from recsys.candidates.sparse_selection import row_batches
from recsys.config import TwoStageConfig
from recsys.ranking.calibration import ScoreCalibrator
from recsys.ranking.lambdarank import Ranker, has_contrast
from recsys.ranking.models import TwoStageModels, load_models, read_record
from recsys.ranking.served_model import (
    TWO_STAGE,
    ServedModel,
    choose_served,
    leave_unjudged,
    single_scores,
)
from recsys.ranking.serving import serve
from recsys.ranking.snapshot import ItemFeatures
from recsys.ranking.training import Tastes, fit_calibrator, fit_ranker, learn, training_lists

__all__ = ["Tastes", "TwoStageConfig", "TwoStageRecommender"]


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
        self.now: pd.Timestamp | None = None
        self._models: TwoStageModels | None = None

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
        training (on the past of its labels) and once for serving. What is served is the two-stage
        ranking or the single model that beat it on validation (`choose_served`); a log too small
        to rank serves by popularity. Raises ContractError for an event at or after `now` and
        for ids that are no text, InputError for an empty catalogue and one that none of the events
        or features is of.
        """
        if items.empty:
            raise InputError("items has no rows: expected at least one item to recommend")
        check_id_columns(events, ["user_id", "item_id"], "events")
        check_id_columns(items, ["item_id"], "items")
        text_ids(features.item_ids, "features: item_ids")
        require_some_known(events["item_id"], items["item_id"], "events: item_id")
        require_some_known(features.item_ids, items["item_id"], "features: item_ids")
        if now is None:
            now = _after(events)
        require_zone(now, "now")
        ranker, calibrator, served = self._train(events, items, features, tastes)
        latest = None if tastes is None else tastes(events)
        candidates, known = learn(
            events, items, features, latest, now, self.config, self.weights, self.seed
        )
        available = _available(items, known.interactions.items)
        self.now = now
        self._models = TwoStageModels(candidates, known, ranker, calibrator, available, served)
        return self

    def recommend(
        self, user_ids: Sequence[str], k: int, barred: pd.DataFrame | None = None
    ) -> pd.DataFrame:
        """Best `k` items of each user, unknown users included.

        `barred`: user_id, item_id that some rule forbids; unknown ids are ignored, unless no
        item is known.
        Returns user_id, rank int64 from 1, item_id, score float32 (for comparison within a user
        only; it falls with the rank unless `rerank` moves items), probability float32 (that the
        user, if active in the next window of time, touches the item; it never falls as the score
        rises, NaN if unknown), item_propensity float64 (the chance that an item drawn to explore
        had, else 1) and reason, users in the order given. Items the user knows come last, when
        fewer than `k` others are available; items barred or not available never come.
        Raises NotFittedError before fit or load, ContractError on k < 1 and on ids that are no
        text, SchemaError where `barred` lacks a column, InputError where none of its items is
        known.
        """
        models = self._fitted()
        if barred is not None and not {"user_id", "item_id"} <= set(barred.columns):
            raise SchemaError(
                f"barred has columns {list(barred.columns)}: expected user_id and item_id"
            )
        if barred is not None:
            check_id_columns(barred, ["user_id", "item_id"], "barred")
            items = models.known.interactions.items.ids
            require_some_known(barred["item_id"], items, "barred: item_id")
        ids = text_ids(user_ids, "user_ids")
        batches = [*row_batches(len(ids), len(models.available)), slice(0, 0)]
        parts = [serve(models, self.config, self.seed, ids[batch], k, barred) for batch in batches]
        return pd.concat(parts, ignore_index=True)

    def for_users(
        self,
        events: pd.DataFrame,
        tastes: pd.DataFrame | None = None,
        now: pd.Timestamp | None = None,
    ) -> Self:
        """The same recommender for the users of `events`: all that they did, before `now`.

        They need not have been in the fit; what was learned of items, and of users in general, is
        kept, and nothing is known of any other user. `tastes`: theirs, as `fit` gets them; `now`:
        that of the fit (None), or a later one, at which these users are known by `events` alone.
        Raises NotFittedError before fit or load, ContractError for an event at or after `now`.
        """
        models = self._fitted()
        assert self.now is not None
        other = copy(self)
        seen = self.now if now is None else max(now, self.now)
        other.now = seen
        other._models = models.for_users(events, tastes, seen, self.weights, seen > self.now)
        return other

    @property
    def served(self) -> ServedModel:
        """Whose order is served, and why. Raises NotFittedError before fit or load."""
        return self._fitted().served

    @property
    def servable(self) -> list[str]:
        """The models that `serving` takes. Raises NotFittedError before fit or load."""
        models = self._fitted()
        singles = [m.name for m in models.candidates if self.config.quota(m.name, 1) > 0]
        return singles if models.ranker is None else [*singles, TWO_STAGE]

    def serving(self, name: str) -> Self:
        """The same recommender with model `name` served, to compare it; probabilities are unknown.

        Raises ContractError for a model that is not `servable`.
        """
        if name not in self.servable:
            raise ContractError(f"no model {name!r} to serve: expected one of {self.servable}")
        other = copy(self)
        chosen = leave_unjudged(name, "asked for")
        other._models = replace(self._fitted(), served=chosen, calibrator=None)
        return other

    def save(self, directory: Path) -> None:
        """Write the models, what they know and two_stage.json into `directory`."""
        record = {
            "config": asdict(self.config),
            "weights": asdict(self.weights),
            "seed": self.seed,
            "report": self.report,
            "now_utc": None if self.now is None else self.now.isoformat(),
        }
        self._fitted().save(directory, record)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what `save` wrote; raises NotFittedError if it is not there."""
        record = read_record(directory)
        config = TwoStageConfig.from_settings(record["config"])
        loaded = cls(config, record["seed"], EventWeights(**record["weights"]))
        loaded.report = record["report"]
        loaded.now = pd.Timestamp(record["now_utc"])
        loaded._models = load_models(directory, record, config, loaded.seed)
        return loaded

    def importance(self) -> pd.DataFrame:
        """Feature importances of the ranker (see `Ranker.importance`), no rows without a ranker."""
        if self._models is None or self._models.ranker is None:
            return pd.DataFrame(columns=["feature", "gain", "splits"])
        return self._models.ranker.importance()

    def _train(
        self,
        events: pd.DataFrame,
        items: pd.DataFrame,
        features: ItemFeatures,
        tastes: Tastes | None,
    ) -> tuple[Ranker | None, ScoreCalibrator | None, ServedModel]:
        """A ranker whose labels are later than all its features, and who won on validation.

        No ranker if there are too few lists, or nothing in them to learn from.
        """
        config = self.config
        lists = training_lists(events, items, features, tastes, config, self.weights, self.seed)
        n_lists = 0 if lists is None else len(lists.train.groups)
        if lists is not None:
            self.report = lists.report()
        if lists is None or n_lists < config.min_training_lists:
            few = f"{n_lists} training lists are too few to learn an order from"
            return None, None, leave_unjudged(Popularity.name, few)
        if not has_contrast(lists.train):
            self.report["not_ranked"] = "no ranking list holds two different labels"
            return None, None, leave_unjudged(Popularity.name, self.report["not_ranked"])
        ranker, calibrator = fit_ranker(lists, config.ranker, self.seed)
        served = choose_served(lists, config.min_training_lists, config.ranker, self.seed)
        if served.name != TWO_STAGE:
            last = lists.validation
            calibrator = fit_calibrator(single_scores(served.name, last, lists.names), last)
        return ranker, calibrator, served

    def _fitted(self) -> TwoStageModels:
        if self._models is None:
            raise NotFittedError("the recommender was asked before fit or load")
        return self._models


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
