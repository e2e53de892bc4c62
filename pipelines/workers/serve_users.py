"""The unit of work of a feed: models and what some shoppers did in, their rows out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from features.exposures import exposures
from features.schema import ORIGINAL
from pipelines.stores.arrays import stack_vectors
from pipelines.stores.event_buckets import (
    FACTS,
    OPTED_OUT,
    LogFacts,
    bucket_name,
    read_bucket,
    user_bucket,
    user_chunks,
)
from pipelines.stores.event_digests import shopper_digests
from pipelines.stores.workspace import Workspace
from pipelines.workers.look_choice import LookChoice, LookSettings, choose_looks
from pipelines.workers.served_before import DIGEST, ServedBefore, ServedTables
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


COUNTS: Final = (
    *("users", "cold_users", "rows", "originals"),
    *("undecided_users", "explored_rows", "all_plain_users"),
)
"""What is counted of each shopper who is served."""


def open_models(root: Path, settings: ServeSettings) -> ServingModels:
    """The models of the job in `root`, their arrays mapped to memory and shared by all workers."""
    return ServingModels(
        load_tastes(root / "models/preference"),
        PrototypeIndex.load(root / "models/prototypes"),
        TwoStageRecommender.load(root / "models/two_stage"),
        LogFacts.load(root / FACTS),
        settings,
    )


def serve_users(models: ServingModels, events: pd.DataFrame) -> ServedTables:
    """Candidates, their order, looks and tastes of the shoppers of `events`: all that they did.

    `events` canonical, in time order. Shoppers need not have been in the fit. What one gets
    depends on their own events and the models alone: not on who else is in the batch, and not on
    the day; one who did something after the fit is seen as at the end of the day, counted from the
    fit, on which they last did.
    """
    digests = shopper_digests(events)
    parts = [
        _serve_at(models, part, now, digests)
        for now, part in _by_moment(events, _fitted_at(models))
    ]
    if len(parts) == 1:
        return parts[0]
    return ServedTables.joined(parts).in_order(digests.index.tolist())


def _fitted_at(models: ServingModels) -> pd.Timestamp:
    now = models.recommender.now
    assert now is not None
    return now


def _by_moment(
    events: pd.DataFrame, fitted: pd.Timestamp
) -> Iterator[tuple[pd.Timestamp, pd.DataFrame]]:
    """`events` by the moment at which their shoppers are seen."""
    codes, _ = pd.factorize(events["user_id"])
    since = (events["timestamp"] - fitted) // pd.Timedelta(days=1) + 1
    days = np.full(codes.max(initial=0) + 1, 0, dtype=np.int64)
    np.maximum.at(days, codes, since.to_numpy(dtype=np.int64))
    for day in np.unique(days):
        part = events[days[codes] == day].reset_index(drop=True)
        yield fitted + pd.Timedelta(days=int(day)), part


def _serve_at(
    models: ServingModels, events: pd.DataFrame, now: pd.Timestamp, digests: pd.Series
) -> ServedTables:
    shoppers = sorted(events["user_id"].unique())
    tastes = _tastes_of(models, events, now)
    known = tastes.users()
    latest = known.assign(look_affinity=tastes.affinity_matrix(known["user_id"]).max(axis=1))
    recommender = models.recommender.for_users(events, latest, now)
    n_events = events["user_id"].value_counts().loc[shoppers].to_numpy()
    looks = models.settings.looks
    seen = pd.Series(n_events, index=shoppers)
    return _serve(models, tastes, recommender, looks, seen, digests.loc[shoppers].to_numpy())


def serve_plain(models: ServingModels, user_ids: list[str]) -> ServedTables:
    """Popular items in plain photos for `user_ids`, of whom the models know nothing."""
    rails = replace(models.settings.looks.guard_rails, plain_users=tuple(user_ids))
    looks = replace(models.settings.looks, guard_rails=rails)
    nothing = pd.Series(0, index=sorted(user_ids))
    digests = np.zeros(len(nothing), dtype=np.uint64)
    return _serve(models, models.tastes, models.recommender, looks, nothing, digests)


def _serve(
    models: ServingModels,
    tastes: AnyTastes,
    recommender: TwoStageRecommender,
    looks: LookSettings,
    n_events: pd.Series,
    digests: NDArray[np.uint64],
) -> ServedTables:
    """The rows of the shoppers of `n_events`, how many events of each are known, by id."""
    shoppers = [str(user) for user in n_events.index]
    recommended = recommender.recommend(shoppers, models.settings.top_k)
    users = tastes.users(shoppers)
    nearest, _ = models.prototypes.search(stack_vectors(users["style_embedding"]), 1)
    users["prototype_id"] = pd.Series(nearest[:, 0], dtype="str")
    users["n_events"] = n_events.to_numpy()
    chosen: LookChoice = choose_looks(recommended, users, tastes, models.prototypes, looks)
    return ServedTables(
        _counted(chosen, users, digests), users, tastes.affinity(shoppers), chosen.rows
    )


def _counted(chosen: LookChoice, users: pd.DataFrame, digests: NDArray[np.uint64]) -> pd.DataFrame:
    """user_id, digest and `COUNTS`, int32, of each shopper."""
    at = pd.Index(users["user_id"]).get_indexer(pd.Index(chosen.rows["user_id"]))
    plain = (chosen.rows["style_id"] == ORIGINAL).to_numpy()
    n = len(users)
    rows, originals = np.bincount(at, minlength=n), np.bincount(at[plain], minlength=n)
    counts = (
        *(np.ones(n), users["cold"].to_numpy(), rows, originals, chosen.undecided),
        *(np.bincount(at[chosen.explored], minlength=n), (rows > 0) & (originals == rows)),
    )
    table = {
        name: np.asarray(count).astype(np.int32) for name, count in zip(COUNTS, counts, strict=True)
    }
    return pd.DataFrame({"user_id": users["user_id"], DIGEST: digests, **table})


def _tastes_of(models: ServingModels, events: pd.DataFrame, now: pd.Timestamp) -> AnyTastes:
    """What the shoppers of `events` are known to like at `now`, each from their own events."""
    tastes, facts = models.tastes, models.facts
    anew = now > _fitted_at(models)
    if isinstance(tastes, StylePreferenceModel):
        shown = exposures(events, models.settings.tolerance_s, facts.stamping)
        return tastes.for_users(shown, now, anew)
    return tastes.for_users(events[events["event_type"] != "impression"], anew)


def bucket_server(
    root: Path, settings: ServeSettings, before: ServedBefore | None
) -> Callable[[list[int]], list[dict[str, int]]]:
    """Make the worker: [bucket numbers] -> counts of each, their tables written below `PARTS`.

    Shoppers who did since nothing that `before` does not know of keep their rows.
    """
    models = open_models(root, settings)
    workspace = Workspace(root)

    def work(buckets: list[int]) -> list[dict[str, int]]:
        # One core for each worker: the same sums on every machine, and no thread waits for another.
        with threadpool_limits(1):
            return [_serve_bucket(workspace, models, bucket, before) for bucket in buckets]

    return work


def _serve_bucket(
    workspace: Workspace, models: ServingModels, bucket: int, before: ServedBefore | None
) -> dict[str, int]:
    events = read_bucket(workspace, bucket)
    opted_out = workspace.read(OPTED_OUT)["user_id"]
    opted_out = opted_out[user_bucket(opted_out, models.facts.buckets) == bucket]
    if models.settings.last_user is not None:
        events = events[events["user_id"] <= models.settings.last_user]
        opted_out = opted_out[opted_out <= models.settings.last_user]
    known = before.read(workspace, bucket) if before is not None else None
    digests = shopper_digests(events)
    plain = pd.Series(np.uint64(0), index=pd.Index(sorted(opted_out), dtype="str"))
    wanted = pd.concat([digests, plain]) if len(plain) else digests
    parts = []
    if known is not None:
        theirs = known.shoppers.set_index("user_id")[DIGEST]
        # Filled with a number: as floats, which have gaps, digests would lose their last bits.
        same = theirs.reindex(wanted.index, fill_value=np.uint64(0)) == wanted
        same &= wanted.index.isin(theirs.index)
        parts.append(known.of(wanted.index[same]))
        wanted = wanted[~same]
        events = events[events["user_id"].isin(wanted.index)]
        plain = plain[plain.index.isin(wanted.index)]
    parts += [serve_users(models, part) for part in user_chunks(events, USERS_AT_ONCE)]
    if len(plain):
        parts.append(serve_plain(models, plain.index.tolist()))
    if not parts:
        return {}
    served = ServedTables.joined(parts)
    if known is not None:
        served = served.in_order([*digests.index, *sorted(opted_out)])
    for name, table in (("users", served.users), ("affinity", served.affinity)):
        workspace.write(f"{PARTS}/{name}/{bucket_name(bucket)}", table)
    workspace.write(f"{PARTS}/shoppers/{bucket_name(bucket)}", served.shoppers)
    workspace.write(f"{PARTS}/chosen/{bucket_name(bucket)}", served.rows)
    total = served.shoppers[list(COUNTS)].sum()
    counts = {str(name): int(n) for name, n in total.items()}
    if before is not None:
        counts["users_as_before"] = len(served.shoppers) - len(wanted)
    return counts
