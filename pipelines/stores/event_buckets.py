"""The clean log, a file for each bucket of shoppers, and what had to be learned from all of it."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.events import EVENT_ORDER
from features.exposures import Stamping
from features.order import sorted_by
from features.schema import ORIGINAL
from pipelines.stores import storage
from pipelines.stores.workspace import Workspace

FOLDER: Final = "tables/events"
CHOSEN: Final = "tables/chosen"
FACTS: Final = "tables/log.json"
OPTED_OUT: Final = "tables/opted_out.parquet"
FEWEST_BUCKETS: Final = 16
ROWS_PER_BUCKET: Final = 400_000
"""Rows of a bucket, about: with as many again on their way, a worker holds them in memory."""


@dataclass(frozen=True)
class LogFacts:
    """What a bucket alone cannot tell: `buckets` files, `users` and `rows` in all, the times of
    the first and last event, whether any event shows a look, and how outcomes are stamped."""

    buckets: int
    users: int
    rows: int
    first: pd.Timestamp
    last: pd.Timestamp
    looks_shown: bool
    stamping: Stamping

    def save(self, path: Path) -> None:
        """Write the facts to `path`, JSON."""
        told = asdict(self)
        storage.write_json(path, {**told, "first": str(self.first), "last": str(self.last)})

    @classmethod
    def load(cls, path: Path) -> LogFacts:
        """Read what `save` wrote."""
        told: dict[str, Any] = storage.read_json(path)
        stamping = told.pop("stamping")
        told["first"], told["last"] = pd.Timestamp(told["first"]), pd.Timestamp(told["last"])
        names_look = tuple(stamping["names_look"])
        return cls(**told, stamping=Stamping(stamping["units"], names_look))


def user_bucket(user_ids: Iterable[str], buckets: int) -> NDArray[np.int64]:
    """The bucket each shopper is in, int64 (n,): CRC-32 of the id modulo `buckets`."""
    codes, names = pd.factorize(pd.Series(user_ids, dtype="str"))
    of = np.array([zlib.crc32(str(name).encode()) % buckets for name in names], dtype=np.int64)
    return of[codes] if len(codes) else np.zeros(0, dtype=np.int64)


def bucket_count(rows: int) -> int:
    """How many buckets a log of `rows` rows wants: the fewest, doubled until they are small."""
    buckets = FEWEST_BUCKETS
    while rows > buckets * ROWS_PER_BUCKET:
        buckets *= 2
    return buckets


def bucket_name(bucket: int) -> str:
    """Name of the file of `bucket`."""
    return f"bucket-{bucket:02}.parquet"


def write_buckets(workspace: Workspace, events: pd.DataFrame, buckets: int) -> None:
    """Write the log, in time order, to its buckets: each file in the order of the log."""
    place = user_bucket(events["user_id"], buckets)
    for bucket in range(buckets):
        workspace.write(f"{FOLDER}/{bucket_name(bucket)}", events[place == bucket])


def write_log(workspace: Workspace, events: pd.DataFrame) -> LogFacts:
    """Write a whole log, in time order, and its facts."""
    buckets = bucket_count(len(events))
    write_buckets(workspace, events, buckets)
    facts = LogFacts(
        buckets,
        int(events["user_id"].nunique()),
        len(events),
        events["timestamp"].min(),
        events["timestamp"].max(),
        bool((events["style_id"].fillna(ORIGINAL) != ORIGINAL).any()),
        Stamping.of(events),
    )
    facts.save(workspace.path(FACTS))
    return facts


def read_bucket(
    workspace: Workspace, bucket: int, columns: list[str] | None = None
) -> pd.DataFrame:
    """The events of one bucket, in time order, or some of their columns."""
    return pd.read_parquet(workspace.path(f"{FOLDER}/{bucket_name(bucket)}"), columns=columns)


def read_chosen(
    workspace: Workspace, bucket: int, columns: list[str] | None = None
) -> pd.DataFrame | None:
    """The feed's rows of one bucket, before pictures; None where no shopper of it is served."""
    path = workspace.path(f"{CHOSEN}/{bucket_name(bucket)}")
    return pd.read_parquet(path, columns=columns) if path.is_file() else None


def read_events(workspace: Workspace, most_users: int | None = None) -> pd.DataFrame:
    """The log in time order: of every shopper, or of about `most_users` drawn by their ids.

    Drawn are the shoppers for whom a hash of the id is lowest, so that a longer log, other buckets
    or another machine draw the same ones.
    """
    facts = LogFacts.load(workspace.path(FACTS))
    share = 1.0 if most_users is None else min(most_users / max(facts.users, 1), 1.0)
    parts = [_drawn(read_bucket(workspace, bucket), share) for bucket in range(facts.buckets)]
    return sorted_by(pd.concat(parts, ignore_index=True), EVENT_ORDER)


def _drawn(events: pd.DataFrame, share: float) -> pd.DataFrame:
    if share >= 1.0:
        return events
    codes, names = pd.factorize(events["user_id"])
    lucky = np.array([_lot(str(name)) < share for name in names], dtype=bool)
    return events[lucky[codes]]


def _lot(user_id: str) -> float:
    digest = hashlib.blake2b(f"sample\0{user_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") * 2.0**-64


def user_chunks(events: pd.DataFrame, most: int) -> Iterator[pd.DataFrame]:
    """The events of `most` users at a time, users ascending, each part in the order given."""
    codes, names = pd.factorize(events["user_id"])
    rank = np.empty(len(names), dtype=np.int64)
    rank[np.argsort(names.to_numpy(dtype=object))] = np.arange(len(names))
    chunk = rank[codes] // most
    for number in range(-(-len(names) // most)):
        yield events[chunk == number].reset_index(drop=True)
