"""What the page shows, read from a finished job's folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.stores import storage
from pipelines.stores.arrays import stack_vectors
from pipelines.stores.event_buckets import read_events
from pipelines.stores.feed_versions import read_feed
from pipelines.stores.workspace import Workspace, find_record
from recsys.prototypes.index import PrototypeIndex
from recsys.prototypes.names import prototype_names

STAGE_ORDER = ("prepare", "encode", "fit", "score", "render", "clips", "feed", "evaluate")
_FEED_COLUMNS = [
    "user_id", "rank", "item_id", "style_id", "style_propensity", "strength", "image_uri",
    "video_uri", "reason",
]  # fmt: skip


@dataclass(frozen=True)
class Artefacts:
    """The tables and records of one run.

    `affinity` is one row per user, one column per look and the original; `item_paths` and
    `look_paths` map ids to readable picture files; `members` maps prototype ids to their looks,
    `prototype_names` to words for them; `earlier` is the users' table before the evaluation's
    cut, with the `favourite` look of each.
    """

    job: dict[str, Any]
    stages: dict[str, dict[str, Any]]
    metrics: dict[str, Any]
    events: pd.DataFrame
    items: pd.DataFrame
    styles: pd.DataFrame
    item_pictures: pd.DataFrame
    item_paths: dict[str, str]
    look_paths: dict[str, str]
    look_codes: dict[str, NDArray[np.float32]]
    users: pd.DataFrame
    affinity: pd.DataFrame
    prototypes: PrototypeIndex
    members: dict[str, list[str]]
    prototype_names: dict[str, str]
    earlier: pd.DataFrame
    feed: pd.DataFrame
    rejects: pd.DataFrame


def read_artefacts(workspace: Workspace) -> Artefacts:
    """Read everything the page needs; codes and embeddings of pictures stay on disk."""
    item_pictures = _without_vectors(workspace.read("tables/item_pictures.parquet"))
    look_pictures = workspace.read("tables/look_pictures.parquet")
    affinity = workspace.read("style_affinity.parquet")
    feed = read_feed(workspace.root, _FEED_COLUMNS)
    styles = workspace.read("tables/styles.parquet")
    records = {name: find_record(workspace, name) for name in STAGE_ORDER}
    prototypes = PrototypeIndex.load(workspace.path("models/prototypes"))
    return Artefacts(
        job=storage.read_json(workspace.path("job.json")),
        stages={name: record for name, record in records.items() if record is not None},
        metrics=storage.read_json(workspace.path("metrics.json")),
        events=read_events(workspace),
        items=workspace.read("tables/items.parquet"),
        styles=styles,
        item_pictures=item_pictures,
        item_paths=_paths(item_pictures, "item_id"),
        look_paths=_paths(look_pictures, "style_id"),
        look_codes=dict(
            zip(look_pictures["style_id"], stack_vectors(look_pictures["style_code"]), strict=True)
        ),
        users=workspace.read("users.parquet").sort_values("user_id", ignore_index=True),
        affinity=affinity.pivot(index="user_id", columns="style_id", values="affinity"),
        prototypes=prototypes,
        members={
            str(prototype): [str(look) for look in prototypes.members(str(prototype))]
            for prototype in prototypes.prototypes["prototype_id"]
        },
        prototype_names={
            str(prototype): str(name)
            for prototype, name in prototype_names(prototypes.prototypes, styles).items()
        },
        earlier=workspace.read("tables/tastes_before.parquet"),
        feed=feed.sort_values(["user_id", "rank"], ignore_index=True),
        rejects=_read_rejects(workspace),
    )


def _without_vectors(pictures: pd.DataFrame) -> pd.DataFrame:
    return pictures.drop(columns=["style_code", "content_embedding"], errors="ignore")


def _paths(pictures: pd.DataFrame, key: str) -> dict[str, str]:
    return dict(zip(pictures[key].astype(str), pictures["path"].astype(str), strict=True))


def _read_rejects(workspace: Workspace) -> pd.DataFrame:
    columns = ["stage", "table", "row", "key", "reason", "got"]
    parts = [pd.DataFrame(columns=columns, dtype="str")]
    for stage in sorted(STAGE_ORDER):
        file = workspace.path(f"rejects/{stage}.csv")
        if file.is_file():
            table = pd.read_csv(file, dtype="str", keep_default_na=False)
            parts.append(table.assign(stage=stage)[columns])
    return pd.concat(parts, ignore_index=True)
