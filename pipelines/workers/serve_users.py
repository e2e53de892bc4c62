"""The unit of work of a feed: models and what some shoppers did in, their rows out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pandas as pd
from threadpoolctl import threadpool_limits

from features.exposures import exposures
from features.schema import ORIGINAL
from pipelines.stores.arrays import stack_vectors
from pipelines.stores.event_buckets import (
    CHOSEN,
    FACTS,
    OPTED_OUT,
    LogFacts,
    bucket_name,
    read_bucket,
    user_bucket,
    user_chunks,
)
from pipelines.stores.workspace import Workspace
from pipelines.workers.look_choice import LookChoice, LookSettings, choose_looks
from recsys.preference.model import StylePreferenceModel
from recsys.preference.registry import AnyTastes, load_tastes
from recsys.prototypes.index import PrototypeIndex
from recsys.ranking.two_stage import TwoStageRecommender

USERS_AT_ONCE: Final = 4_000
"""Shoppers served together, whose candidates and tastes are in memory at one time."""
PARTS: Final = "tables/served"


@dataclass(frozen=True)
class ServeSettings:
    """`top_k` items per shopper; `tolerance_s` as `features.exposures` takes it; `last_user`: the
    last shopper to be served, by id (None: all); `looks`: how looks are chosen."""

    top_k: int
    tolerance_s: float
    last_user: str | None
    looks: LookSettings


@dataclass(frozen=True)
class ServingModels:
    """All that is needed to serve any shopper."""

    tastes: AnyTastes
    prototypes: PrototypeIndex
    recommender: TwoStageRecommender
    facts: LogFacts
    settings: ServeSettings


@dataclass(frozen=True)
class Served:
    """What some shoppers get: `users` and `affinity`, rows of users.parquet and
    style_affinity.parquet, `rows`, those of the feed before pictures, and counts of them."""

    users: pd.DataFrame
    affinity: pd.DataFrame
    rows: pd.DataFrame
    counts: dict[str, int]


def open_models(root: Path, settings: ServeSettings) -> ServingModels:
    """The models of the job in `root`, their arrays mapped to memory and shared by all workers."""
    return ServingModels(
        load_tastes(root / "models/preference"),
        PrototypeIndex.load(root / "models/prototypes"),
        TwoStageRecommender.load(root / "models/two_stage"),
        LogFacts.load(root / FACTS),
        settings,
    )


def serve_users(models: ServingModels, events: pd.DataFrame) -> Served:
    """Candidates, their order, looks and tastes of the shoppers of `events`: all that they did.

    `events` canonical, in time order. Shoppers need not have been in the fit. What one gets
    depends on their own events and the models alone: not on who else is in the batch.
    """
    settings = models.settings
    shoppers = sorted(events["user_id"].unique())
    tastes = _tastes_of(models, events)
    known = tastes.users()
    latest = known.assign(look_affinity=tastes.affinity_matrix(known["user_id"]).max(axis=1))
    recommender = models.recommender.for_users(events, latest)
    n_events = events["user_id"].value_counts().loc[shoppers].to_numpy()
    return _serve(models, tastes, recommender, settings.looks, pd.Series(n_events, index=shoppers))


def serve_plain(models: ServingModels, user_ids: list[str]) -> Served:
    """Popular items in plain photos for `user_ids`, of whom the models know nothing."""
    rails = replace(models.settings.looks.guard_rails, plain_users=tuple(user_ids))
    looks = replace(models.settings.looks, guard_rails=rails)
    nothing = pd.Series(0, index=sorted(user_ids))
    return _serve(models, models.tastes, models.recommender, looks, nothing)


def _serve(
    models: ServingModels,
    tastes: AnyTastes,
    recommender: TwoStageRecommender,
    looks: LookSettings,
    n_events: pd.Series,
) -> Served:
    """The rows of the shoppers of `n_events`, how many events of each are known, by id."""
    shoppers = [str(user) for user in n_events.index]
    recommended = recommender.recommend(shoppers, models.settings.top_k)
    users = tastes.users(shoppers)
    nearest, _ = models.prototypes.search(stack_vectors(users["style_embedding"]), 1)
    users["prototype_id"] = pd.Series(nearest[:, 0], dtype="str")
    users["n_events"] = n_events.to_numpy()
    chosen: LookChoice = choose_looks(recommended, users, tastes, models.prototypes, looks)
    plain = (chosen.rows["style_id"] == ORIGINAL).to_numpy()
    counts = {
        "users": len(users),
        "cold_users": int(users["cold"].sum()),
        "rows": len(chosen.rows),
        "originals": int(plain.sum()),
        "undecided_users": chosen.undecided,
        "explored_rows": chosen.explored,
        "all_plain_users": int(
            pd.Series(plain).groupby(chosen.rows["user_id"].to_numpy()).all().sum()
        ),
    }
    return Served(users, tastes.affinity(shoppers), chosen.rows, counts)


def _tastes_of(models: ServingModels, events: pd.DataFrame) -> AnyTastes:
    """What the shoppers of `events` are known to like, each from their own events."""
    tastes, facts = models.tastes, models.facts
    now = models.recommender.now
    assert now is not None
    if isinstance(tastes, StylePreferenceModel):
        shown = exposures(events, models.settings.tolerance_s, facts.stamping)
        return tastes.for_users(shown, now)
    return tastes.for_users(events[events["event_type"] != "impression"])


def bucket_server(
    root: Path, settings: ServeSettings
) -> Callable[[list[int]], list[dict[str, int]]]:
    """Make the worker: [bucket numbers] -> counts of each, their tables written below `PARTS`."""
    models = open_models(root, settings)
    workspace = Workspace(root)

    def work(buckets: list[int]) -> list[dict[str, int]]:
        # One core for each worker: the same sums on every machine, and no thread waits for another.
        with threadpool_limits(1):
            return [_serve_bucket(workspace, models, bucket) for bucket in buckets]

    return work


def _serve_bucket(workspace: Workspace, models: ServingModels, bucket: int) -> dict[str, int]:
    events = read_bucket(workspace, bucket)
    opted_out = workspace.read(OPTED_OUT)["user_id"]
    opted_out = opted_out[user_bucket(opted_out, models.facts.buckets) == bucket]
    if models.settings.last_user is not None:
        events = events[events["user_id"] <= models.settings.last_user]
        opted_out = opted_out[opted_out <= models.settings.last_user]
    parts = [serve_users(models, part) for part in user_chunks(events, USERS_AT_ONCE)]
    if len(opted_out):
        parts.append(serve_plain(models, opted_out.tolist()))
    counts: dict[str, int] = {}
    for part in parts:
        for name, count in part.counts.items():
            counts[name] = counts.get(name, 0) + count
    if parts:
        for name, tables in (
            ("users", [part.users for part in parts]),
            ("affinity", [part.affinity for part in parts]),
        ):
            table = pd.concat(tables, ignore_index=True)
            workspace.write(f"{PARTS}/{name}/{bucket_name(bucket)}", table)
        rows = pd.concat([part.rows for part in parts], ignore_index=True)
        workspace.write(f"{CHOSEN}/{bucket_name(bucket)}", rows)
    return counts
