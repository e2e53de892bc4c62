"""Canonical tables and codes in; the preference model, prototypes and recommender out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from features.exposures import exposures
from features.schema import STYLE_CODE_SIZE
from pipelines.arrays import stack_vectors
from pipelines.config import RunConfig
from pipelines.workspace import Workspace
from recsys.knowledge import ItemFeatures
from recsys.preference import StylePreferenceModel
from recsys.prototypes import PrototypeIndex
from recsys.two_stage import Tastes, TwoStageRecommender


def fit_preference(
    seen: pd.DataFrame, looks: pd.DataFrame, config: RunConfig
) -> StylePreferenceModel:
    """Fit the tastes on the exposures `seen`; `looks` holds style_id and style_code."""
    model = StylePreferenceModel(config.preference, config.seed)
    return model.fit(seen, looks["style_id"].tolist(), stack_vectors(looks["style_code"]))


def tastes_from(looks: pd.DataFrame, config: RunConfig) -> Tastes:
    """How the recommender learns tastes from the events of any window, and from no others."""

    def tastes(events: pd.DataFrame) -> pd.DataFrame:
        model = fit_preference(exposures(events), looks, config)
        users = model.users()
        return users.assign(look_affinity=model.affinity_matrix(users["user_id"]).max(axis=1))

    return tastes


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
    looks: pd.DataFrame,
    config: RunConfig,
    now: pd.Timestamp | None = None,
) -> TwoStageRecommender:
    """Fit the recommender on `events`, all before `now` (None: just after the last of them)."""
    recommender = TwoStageRecommender(config.ranking, config.seed, config.events)
    return recommender.fit(
        events,
        with_pictures(items, pictures),
        item_features(pictures),
        tastes_from(looks, config),
        now,
    )


def fit(workspace: Workspace, config: RunConfig) -> dict[str, Any]:
    """Write `models/preference`, `models/prototypes` and `models/two_stage`."""
    pictures = workspace.read("tables/look_pictures.parquet")
    looks = looks_with_codes(workspace.read("tables/styles.parquet"), pictures)
    fit_preference(workspace.read("tables/exposures.parquet"), looks, config).save(
        workspace.path("models/preference")
    )
    prototypes = PrototypeIndex.fit(
        pictures["style_id"].tolist(), stack_vectors(pictures["style_code"]), seed=config.seed
    )
    prototypes.save(workspace.path("models/prototypes"))
    fit_recommender(
        workspace.read("tables/events.parquet"),
        workspace.read("tables/items.parquet"),
        workspace.read("tables/item_pictures.parquet"),
        looks,
        config,
    ).save(workspace.path("models/two_stage"))
    return {"prototypes": len(prototypes.prototypes)}
