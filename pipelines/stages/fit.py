"""Canonical tables and codes in; the preference model, prototypes and recommender out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from features.schema import STYLE_CODE_SIZE, InputError
from features.style_space import StyleSpace
from pipelines.config import RunConfig
from pipelines.progress import progress
from pipelines.stages.canonical import as_of
from pipelines.stages.encode import STYLE_SPACE, without_pictures
from pipelines.stages.refit import note_learned
from pipelines.stages.tastes import TasteFitter
from pipelines.stores import storage
from pipelines.stores.arrays import stack_vectors
from pipelines.stores.event_buckets import FACTS, LogFacts, read_events
from pipelines.stores.workspace import StageFolder
from recsys.preference.private_learning import privacy_of
from recsys.preference.taste_model import save_tastes
from recsys.prototypes.index import PrototypeIndex
from recsys.ranking.snapshot import ItemFeatures
from recsys.ranking.two_stage import TwoStageRecommender


def with_pictures(items: pd.DataFrame, pictures: pd.DataFrame) -> pd.DataFrame:
    """`items` with those not available whose picture could not be read.

    A catalogue that names no picture at all is served without any. Raises InputError when no item
    is left.
    """
    if without_pictures(items):
        return items
    readable = items["item_id"].isin(pictures["item_id"])
    served = items["available"] & readable
    if not served.any():
        raise InputError(
            f"items: nothing to recommend: of {len(items):,} items "
            f"{int(items['available'].sum()):,} are available and the pictures of "
            f"{int(readable.sum()):,} can be read, but none is both: mend the column "
            "'available' or the pictures in rejects/encode.csv"
        )
    return items.assign(available=served)


def item_features(pictures: pd.DataFrame, space: StyleSpace) -> ItemFeatures:
    """What the encoders said about each readable item picture, in the job's style space."""
    return ItemFeatures(
        pictures["item_id"].to_numpy(dtype=object),
        stack_vectors(pictures["content_embedding"]),
        stack_vectors(pictures["style_code"], STYLE_CODE_SIZE),
        space,
    )


def fit_recommender(
    events: pd.DataFrame,
    items: pd.DataFrame,
    pictures: pd.DataFrame,
    space: StyleSpace,
    fitter: TasteFitter,
    config: RunConfig,
    now: pd.Timestamp | None = None,
) -> TwoStageRecommender:
    """Fit the recommender on `events`, all before `now` (None: just after the last of them)."""
    recommender = TwoStageRecommender(config.ranking, config.seed, config.events)
    return recommender.fit(
        events, with_pictures(items, pictures), item_features(pictures, space), fitter.tastes, now
    )


def fit(folder: StageFolder, config: RunConfig) -> dict[str, Any]:
    """Write `models/preference`, `models/prototypes` and `models/two_stage`."""
    facts = LogFacts.load(folder.path(FACTS))
    events = read_events(folder, config.fit.max_users)
    pictures = folder.read("tables/look_pictures.parquet")
    space = StyleSpace.load(folder.path(STYLE_SPACE))
    fitter = TasteFitter.of(folder, config)
    with progress("fit models", 3) as advance:
        with _whole_folder(folder.path("models/preference")) as path:
            save_tastes(fitter.fit(events), path)
        advance(1)
        prototypes = PrototypeIndex.fit(
            pictures["style_id"].tolist(),
            stack_vectors(pictures["style_code"]),
            seed=config.seed,
            space=space,
        )
        with _whole_folder(folder.path("models/prototypes")) as path:
            prototypes.save(path)
        advance(1)
        items = folder.read("tables/items.parquet")
        item_pictures = folder.read("tables/item_pictures.parquet")
        after = (as_of(config.log) or facts.last) + pd.Timedelta(microseconds=1)
        recommender = fit_recommender(events, items, item_pictures, space, fitter, config, after)
        with _whole_folder(folder.path("models/two_stage")) as path:
            recommender.save(path)
        advance(1)
    note_learned(folder, config)
    served = recommender.served
    return {
        "users": int(events["user_id"].nunique()),
        "served_model": served.name,
        "served_because": served.why,
        "validation": served.validation,
        "prototypes": len(prototypes.prototypes),
        "tastes_from": "looks shown" if fitter.looks_shown else "photos viewed",
        **(
            {"tastes_privacy": privacy_of(config.preference)}
            if config.preference.dp_epsilon is not None
            else {}
        ),
    }


@contextmanager
def _whole_folder(path: Path) -> Iterator[Path]:
    """The folder for a model, on the disk whole when the block has ended."""
    with storage.naming_write_errors(path):
        yield path
        storage.require_written(path)
