"""The gift shop's log by windows of time, and the single models that learn from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
import pandas as pd
from numpy.typing import NDArray

from features.config import EventWeights
from features.events import event_weights, interactions, split_at
from features.ids import IdMap
from recsys.candidates import (
    ALS,
    BPR,
    EASE,
    CandidateModel,
    Content,
    History,
    Interactions,
    ItemKNN,
    Popularity,
)
from recsys.config import ALSConfig, BPRConfig, EASEConfig, ItemKNNConfig
from recsys.ranking.snapshot import ItemFeatures

HORIZON = pd.Timedelta(days=28)
K, SEED = 10, 0
PEERS = ("popularity", "history", "content", "itemknn", "bpr", "als", "ease")

Settings = dict[str, Any]


@dataclass(frozen=True)
class Shop:
    """The log and the catalogue, and whether items bought before are asked for again.

    `features`: titles as the two-stage recommender gets them; `vectors`: as `content` does, by
    ascending item_id.
    """

    events: pd.DataFrame
    items: pd.DataFrame
    features: ItemFeatures
    vectors: NDArray[np.float32]
    repeats: bool

    def truth(self, cut: pd.Timestamp) -> pd.DataFrame:
        """What was bought in the 28 days from `cut` on: user_id, item_id."""
        before, after = split_at(self.events, cut)
        bought = after.loc[after["timestamp"] < cut + HORIZON, ["user_id", "item_id"]]
        bought = bought.drop_duplicates()
        if self.repeats:
            return bought
        known = before[["user_id", "item_id"]].drop_duplicates()
        marked = bought.merge(known, how="left", indicator=True)
        return marked.loc[marked["_merge"] == "left_only", ["user_id", "item_id"]]


def suggested(name: str, trial: optuna.Trial) -> Settings:
    """The settings of one trial; every model may also choose how fast the log is forgotten."""
    settings: Settings = {"half_life": trial.suggest_float("half_life", 5.0, 400.0, log=True)}
    if name == "itemknn":
        settings["neighbours"] = trial.suggest_int("neighbours", 20, 400, log=True)
        settings["shrink"] = trial.suggest_float("shrink", 1.0, 100.0, log=True)
    if name == "ease":
        settings["l2"] = trial.suggest_float("l2", 20.0, 2000.0, log=True)
    if name in ("als", "bpr"):
        settings["factors"] = trial.suggest_int("factors", 16, 96, log=True)
        settings["regularization"] = trial.suggest_float("regularization", 0.003, 50.0, log=True)
    if name == "als":
        settings["alpha"] = trial.suggest_float("alpha", 0.3, 30.0, log=True)
    if name == "bpr":
        settings["learning_rate"] = trial.suggest_float("learning_rate", 0.005, 0.1, log=True)
    return settings


def made(shop: Shop, name: str, settings: Settings) -> CandidateModel:
    """A fresh model of these settings."""
    own = {key: value for key, value in settings.items() if key != "half_life"}
    models: dict[str, Callable[[], CandidateModel]] = {
        "popularity": Popularity,
        "history": History,
        "content": lambda: Content(shop.vectors),
        "itemknn": lambda: ItemKNN(ItemKNNConfig(**own)),
        "ease": lambda: EASE(EASEConfig(**own)),
        "als": lambda: ALS(ALSConfig(**own), SEED),
        "bpr": lambda: BPR(BPRConfig(**own), SEED),
    }
    return models[name]()


def fitted_single(
    shop: Shop, name: str, settings: Settings, cut: pd.Timestamp
) -> tuple[CandidateModel, Interactions]:
    """One tuned model that knows what happened before `cut`, and what it was fitted on."""
    past, _ = split_at(shop.events, cut)
    weights = EventWeights(half_life_days=settings["half_life"])
    log = Interactions.from_table(
        interactions(past, event_weights(past, weights, cut)),
        items=IdMap.sorted(shop.items["item_id"]),
    )
    return made(shop, name, settings).fit(log), log


def as_table(users: list[str], found: NDArray[np.int64], items: IdMap) -> pd.DataFrame:
    """Lists of item positions (n, k), -1 for none, as user_id, item_id, rank."""
    row, column = np.nonzero(found >= 0)
    return pd.DataFrame(
        {
            "user_id": np.array(users, dtype=object)[row],
            "item_id": items.to_ids(found[row, column]),
            "rank": column + 1,
        }
    )


def single_lists(
    shop: Shop, name: str, settings: Settings, cut: pd.Timestamp, users: list[str]
) -> pd.DataFrame:
    """Lists of one tuned model that knows what happened before `cut`."""
    model, log = fitted_single(shop, name, settings, cut)
    found, _ = model.recommend(log.users.to_index(users), K, exclude_seen=not shop.repeats)
    return as_table(users, found, log.items)
