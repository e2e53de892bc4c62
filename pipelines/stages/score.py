"""Models in; tastes and recommended items of every shopper out."""

from __future__ import annotations

from typing import Any

from pipelines.config import RunConfig
from pipelines.stores.arrays import stack_vectors
from pipelines.stores.workspace import StageFolder
from recsys.preference.registry import load_tastes
from recsys.prototypes.index import PrototypeIndex
from recsys.ranking.two_stage import TwoStageRecommender


def score(folder: StageFolder, config: RunConfig) -> dict[str, Any]:
    """Write `users.parquet`, `style_affinity.parquet` and `tables/recommendations.parquet`."""
    preference = load_tastes(folder.path("models/preference"))
    prototypes = PrototypeIndex.load(folder.path("models/prototypes"))
    recommender = TwoStageRecommender.load(folder.path("models/two_stage"))
    events = folder.read("tables/events.parquet")
    n_events = events["user_id"].value_counts()
    shoppers = sorted(n_events.index)[: config.max_users]

    users = preference.users(shoppers)
    nearest, _ = prototypes.search(stack_vectors(users["style_embedding"]), 1)
    users["prototype_id"] = nearest[:, 0]
    users["prototype_id"] = users["prototype_id"].astype("str")
    users["n_events"] = n_events.loc[shoppers].to_numpy()
    recommendations = recommender.recommend(shoppers, config.top_k)
    folder.write("users.parquet", users)
    folder.write("style_affinity.parquet", preference.affinity(shoppers))
    folder.write("tables/recommendations.parquet", recommendations)
    return {
        "users": len(users),
        "cold_users": int(users["cold"].sum()),
        "recommendations": len(recommendations),
    }
