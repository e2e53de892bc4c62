"""What the last run served, so that shoppers who did nothing since keep their rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import pandas as pd
import pyarrow.parquet as pq

from pipelines.stores import storage
from pipelines.stores.event_buckets import CHOSEN, bucket_name, read_chosen
from pipelines.stores.workspace import Workspace

SERVED: Final = "tables/served.json"
SHOPPERS: Final = "tables/shoppers"
_JOINED: Final = ("users.parquet", "style_affinity.parquet")
DIGEST: Final = "digest"


@dataclass(frozen=True)
class ServedTables:
    """Tables of some shoppers: `shoppers`: user_id, digest of what they did, and counts of theirs;
    `users`, `affinity`, `rows`: of users.parquet, style_affinity.parquet and the feed's rows."""

    shoppers: pd.DataFrame
    users: pd.DataFrame
    affinity: pd.DataFrame
    rows: pd.DataFrame

    @classmethod
    def joined(cls, parts: list[Self]) -> Self:
        """One after the other."""
        tables = {
            name: pd.concat([getattr(part, name) for part in parts], ignore_index=True)
            for name in vars(parts[0])
        }
        return cls(**tables)

    def of(self, user_ids: pd.Index) -> ServedTables:
        """Those of `user_ids` alone."""
        tables = {
            name: table[table["user_id"].isin(user_ids)] for name, table in vars(self).items()
        }
        return ServedTables(**{n: t.reset_index(drop=True) for n, t in tables.items()})

    def in_order(self, user_ids: list[str]) -> ServedTables:
        """Shoppers in the order of `user_ids`, the rows of each as they are."""
        place = pd.Series(range(len(user_ids)), index=pd.Index(user_ids))
        tables = {
            name: table.iloc[place.loc[table["user_id"]].argsort(kind="stable").to_numpy()]
            for name, table in vars(self).items()
        }
        return ServedTables(**{n: t.reset_index(drop=True) for n, t in tables.items()})


@dataclass(frozen=True)
class ServedBefore:
    """Where the last run's tables of each bucket are: `groups`, bucket -> its row group in the
    joined tables."""

    groups: Mapping[int, int]

    @classmethod
    def find(cls, workspace: Workspace, identity: str) -> Self | None:
        """What was served by what `identity` says; None where it was by another, or is damaged."""
        told = storage.find_json(workspace.path(SERVED))
        if told is None or told["identity"] != identity:
            return None
        if told["files"] != _digests(workspace, told["buckets"]):
            return None
        return cls({bucket: group for group, bucket in enumerate(told["buckets"])})

    def read(self, workspace: Workspace, bucket: int) -> ServedTables | None:
        """The tables of one bucket, None where nobody of it was served."""
        rows = read_chosen(workspace, bucket)
        if bucket not in self.groups or rows is None:
            return None
        users, affinity = (
            pq.ParquetFile(workspace.path(name)).read_row_group(self.groups[bucket]).to_pandas()
            for name in _JOINED
        )
        shoppers = workspace.read(f"{SHOPPERS}/{bucket_name(bucket)}")
        return ServedTables(shoppers, users, affinity, rows)


def note_served(workspace: Workspace, identity: str, buckets: list[int]) -> None:
    """Write what `ServedBefore.find` looks for; `buckets` in the order of the joined tables."""
    files = _digests(workspace, buckets)
    told: dict[str, Any] = {"identity": identity, "buckets": buckets, "files": files}
    storage.write_json(workspace.path(SERVED), told)


def _digests(workspace: Workspace, buckets: list[int]) -> dict[str, str]:
    names = [*_JOINED]
    for bucket in buckets:
        names += [f"{folder}/{bucket_name(bucket)}" for folder in (CHOSEN, SHOPPERS)]
    paths = {name: workspace.path(name) for name in names}
    return {n: storage.digest_file(path) if path.is_file() else "" for n, path in paths.items()}
