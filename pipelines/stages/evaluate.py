"""Models fitted before a cut in time, judged by what shoppers did after it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.events import split_at
from features.exposures import exposures
from features.style_space import StyleSpace
from pipelines.config import RunConfig
from pipelines.progress import progress
from pipelines.stages.encode import STYLE_SPACE, without_pictures
from pipelines.stages.fit import fit_recommender, item_features
from pipelines.stages.lift import measure_lift
from pipelines.stages.refit import note_learned
from pipelines.stages.tastes import TasteFitter
from pipelines.stores import storage
from pipelines.stores.event_buckets import read_events
from pipelines.stores.workspace import StageFolder, read_record
from recsys.evaluation.bootstrap import mean_interval
from recsys.evaluation.held_out import (
    BOOTSTRAP_DRAWS,
    click_quality,
    gains_over,
    new_interactions,
)
from recsys.evaluation.metrics import per_user_accuracy, ranking_metrics
from recsys.preference.taste_model import TasteModel


def favourites(tastes: TasteModel) -> pd.DataFrame:
    """`tastes.users()` with the `favourite` look of each shopper, the plain photo aside."""
    users = tastes.users()
    affinity = tastes.affinity_matrix(users["user_id"])[:, :-1]
    looks = tastes.affinity(users["user_id"][:1])["style_id"].to_numpy()[:-1]
    return users.assign(favourite=pd.Series(looks[affinity.argmax(axis=1)], dtype="str"))


def evaluate(folder: StageFolder, config: RunConfig) -> dict[str, Any]:
    """Write `metrics.json`: rankings with intervals, and how well look clicks are predicted.

    `served_model` is the one that two stages and the single models fitted before the cut chose by
    validation, `against_served` each other model's gain over it on the test, with its interval.
    `lift` is what personal looks gain over plain photos by the log's own propensities, with the
    page of that comparison in `ab/`.

    Judged on the shoppers that `fit` learns from: all, or those drawn for `fit.max_users`. And
    `tables/tastes_before.parquet`, each one's taste before the cut, to see it move.
    """
    events = read_events(folder, config.fit.max_users)
    items = folder.read("tables/items.parquet")
    pictures = folder.read("tables/item_pictures.parquet")
    space = StyleSpace.load(folder.path(STYLE_SPACE))
    fitter = TasteFitter.of(folder, config)
    if events["timestamp"].nunique() < 2:
        return _not_judged(folder, events, fitter, config)
    # That of all shoppers, where only some are judged.
    cut = pd.Timestamp(read_record(folder, "prepare")["counts"]["evaluation_cut_utc"])
    before, after = split_at(events, cut)
    truth = new_interactions(before, after)
    result: dict[str, Any] = {"cut_utc": cut.isoformat(), "k": config.top_k, "models": {}}
    with progress("judge models", 3) as advance:
        tastes = fitter.fit(before)
        result["looks"] = click_quality(tastes, exposures(after, config.log.clock_tolerance_s))
        if fitter.looks_shown:
            result["lift"] = measure_lift(
                folder,
                before,
                after,
                cut,
                tastes,
                config.policy,
                config.verdict,
                config.seed,
                config.log.clock_tolerance_s,
            )
        advance(1)
        folder.write("tables/tastes_before.parquet", favourites(tastes))
        advance(1)
        if truth.empty:
            result["note"] = "no shopper known before the cut touched a new item after it"
        else:
            result |= _rankings(before, truth, items, pictures, space, fitter, config, cut)
        advance(1)
    result["n_users"] = int(truth["user_id"].nunique())
    storage.write_json(folder.path("metrics.json"), result)
    note_learned(folder, config)
    return {"users": result["n_users"], "models": len(result["models"])}


def _not_judged(
    folder: StageFolder, events: pd.DataFrame, fitter: TasteFitter, config: RunConfig
) -> dict[str, Any]:
    """What a log of one moment leaves: no past to learn from, so nothing is judged."""
    note = f"all {len(events):,} events have the same time: nothing can be judged by what follows"
    result: dict[str, Any] = {
        "cut_utc": None,
        "k": config.top_k,
        "models": {},
        "note": note,
        "n_users": 0,
    }
    result["looks"] = {"impressions": int((events["event_type"] == "impression").sum())}
    folder.write("tables/tastes_before.parquet", favourites(fitter.fit(events)))
    storage.write_json(folder.path("metrics.json"), result)
    return {"users": 0, "models": 0}


def _rankings(
    before: pd.DataFrame,
    truth: pd.DataFrame,
    items: pd.DataFrame,
    pictures: pd.DataFrame,
    space: StyleSpace,
    fitter: TasteFitter,
    config: RunConfig,
    cut: pd.Timestamp,
) -> dict[str, Any]:
    shoppers = sorted(truth["user_id"].unique())
    recommender = fit_recommender(before, items, pictures, space, fitter, config, cut)
    served = recommender.served
    lists = {
        name: recommender.serving(name).recommend(shoppers, config.top_k)
        for name in recommender.servable
    }
    embeddings = item_features(pictures, space)
    ids: NDArray[np.object_] = embeddings.item_ids
    content: NDArray[np.float32] | None = embeddings.content
    if without_pictures(items):
        ids, content = items["item_id"].to_numpy(dtype=object), None
    share: pd.Series = (
        before.loc[before["event_type"] != "impression"].groupby("item_id")["user_id"].nunique()
    )
    share = share / before["user_id"].nunique()
    scored, per_user = {}, {}
    for name, table in lists.items():
        metrics = ranking_metrics(
            table,
            truth,
            config.top_k,
            item_popularity=share,
            item_ids=ids,
            embeddings=content,
        )
        ndcg = per_user_accuracy(table, truth, config.top_k)["ndcg"].to_numpy()
        per_user[name] = ndcg
        low, high = mean_interval(ndcg, BOOTSTRAP_DRAWS, config.seed)
        scored[name] = {**metrics, "ndcg_low": low, "ndcg_high": high}
    return {
        "models": scored,
        "served_model": served.name,
        "served_because": served.why,
        "validation": served.validation,
        "against_served": gains_over(pd.DataFrame(per_user), served.name, config.seed),
    }
