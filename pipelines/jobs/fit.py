"""Canonical tables and codes in; the preference model, prototypes and recommender out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from features.exposures import exposures
from features.schema import STYLE_CODE_SIZE
from pipelines.arrays import stack_vectors
from pipelines.config import RunConfig
from pipelines.progress import progress
from pipelines.workspace import Workspace
from recsys.knowledge import ItemFeatures
from recsys.preference import StylePreferenceModel
from recsys.prototypes import PrototypeIndex
from recsys.two_stage import TwoStageRecommender


class TasteFitter:
    """Fits the preference model on windows of one log, and on each window once."""

    def __init__(self, looks: pd.DataFrame, config: RunConfig) -> None:
        """`looks` holds style_id and style_code."""
        self._looks = looks
        self._config = config
        self._fitted: dict[tuple[int, pd.Timestamp], StylePreferenceModel] = {}

    def fit(self, events: pd.DataFrame) -> StylePreferenceModel:
        """The tastes told by `events`, the log's rows up to some time, and by no others."""
        window = (len(events), events["timestamp"].max())
        if window not in self._fitted:
            model = StylePreferenceModel(self._config.preference, self._config.seed)
            self._fitted[window] = model.fit(
                exposures(events),
                self._looks["style_id"].tolist(),
                stack_vectors(self._looks["style_code"]),
            )
        return self._fitted[window]

    def tastes(self, events: pd.DataFrame) -> pd.DataFrame:
        """What the recommender knows of each shopper's taste: a row per user."""
        model = self.fit(events)
        users = model.users()
        return users.assign(look_affinity=model.affinity_matrix(users["user_id"]).max(axis=1))


def with_pictures(items: pd.DataFrame, pictures: pd.DataFrame) -> pd.DataFrame:
    """`items` with those not available whose picture could not be read: a feed needs one."""
    readable = items["item_id"].isin(pictures["item_id"])
    return items.assign(available=items["available"] & readable)


def looks_with_codes(styles: pd.DataFrame, pictures: pd.DataFrame) -> pd.DataFrame:
    """Every look with its style code, NaN where its picture could not be read."""
    codes = pictures.set_index("style_id")["style_code"]
    unknown = np.full(STYLE_CODE_SIZE, np.nan, dtype=np.float32)
    return styles[["style_id", "name"]].assign(
        style_code=[codes.get(style, unknown) for style in styles["style_id"]]
    )


def item_features(pictures: pd.DataFrame) -> ItemFeatures:
    """What the encoders said about each readable item picture."""
    return ItemFeatures(
        pictures["item_id"].to_numpy(dtype=object),
        stack_vectors(pictures["content_embedding"]),
        stack_vectors(pictures["style_code"]),
    )


def fit_recommender(
    events: pd.DataFrame,
    items: pd.DataFrame,
    pictures: pd.DataFrame,
    fitter: TasteFitter,
    config: RunConfig,
    now: pd.Timestamp | None = None,
) -> TwoStageRecommender:
    """Fit the recommender on `events`, all before `now` (None: just after the last of them)."""
    recommender = TwoStageRecommender(config.ranking, config.seed, config.events)
    return recommender.fit(
        events, with_pictures(items, pictures), item_features(pictures), fitter.tastes, now
    )


def fit(workspace: Workspace, config: RunConfig) -> dict[str, Any]:
    """Write `models/preference`, `models/prototypes` and `models/two_stage`."""
    events = workspace.read("tables/events.parquet")
    pictures = workspace.read("tables/look_pictures.parquet")
    fitter = TasteFitter(
        looks_with_codes(workspace.read("tables/styles.parquet"), pictures), config
    )
    with progress("fit models", 3) as advance:
        fitter.fit(events).save(workspace.path("models/preference"))
        advance(1)
        prototypes = PrototypeIndex.fit(
            pictures["style_id"].tolist(), stack_vectors(pictures["style_code"]), seed=config.seed
        )
        prototypes.save(workspace.path("models/prototypes"))
        advance(1)
        items = workspace.read("tables/items.parquet")
        item_pictures = workspace.read("tables/item_pictures.parquet")
        recommender = fit_recommender(events, items, item_pictures, fitter, config)
        recommender.save(workspace.path("models/two_stage"))
        advance(1)
    return {"prototypes": len(prototypes.prototypes)}
