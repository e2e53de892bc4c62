"""Models and the log in; every shopper's tastes, items and looks out, bucket by bucket."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import pyarrow.parquet as pq

from features.schema import StylefeedError
from pipelines.config import RunConfig
from pipelines.engines.choice import open_executor
from pipelines.engines.executor import BatchFailure
from pipelines.progress import progress
from pipelines.stages.encode import without_pictures
from pipelines.stores import storage
from pipelines.stores.event_buckets import FACTS, LogFacts, bucket_name, read_bucket
from pipelines.stores.workspace import StageFolder
from pipelines.workers.look_choice import LookSettings
from pipelines.workers.serve_users import PARTS, ServeSettings, bucket_server

# Starting a worker takes about as long as serving this many shoppers.
_USERS_PER_WORKER: Final = 5_000


def score(folder: StageFolder, config: RunConfig) -> dict[str, Any]:
    """Write `users.parquet`, `style_affinity.parquet` and `tables/chosen/`: the feed's rows, before
    pictures, a file for each bucket of shoppers."""
    facts = LogFacts.load(folder.path(FACTS))
    items = folder.read("tables/items.parquet")
    renderable = set(folder.read("tables/look_pictures.parquet")["style_id"])
    if without_pictures(items):
        renderable = set()
    looks = LookSettings(
        tuple(folder.read("tables/styles.parquet")["style_id"]),
        frozenset(renderable),
        config.looks,
        config.policy,
        config.guard_rails,
        config.seed,
    )
    last = None if config.max_users is None else _last_user(folder, facts, config.max_users)
    settings = ServeSettings(config.top_k, config.log.clock_tolerance_s, last, looks)
    counts = _serve(folder, facts, settings, config)
    for name, target in (("users", "users.parquet"), ("affinity", "style_affinity.parquet")):
        _join(folder, f"{PARTS}/{name}", target, facts.buckets)
    with storage.naming_write_errors(folder.path(PARTS)):
        shutil.rmtree(folder.path(PARTS))
    return counts


def _serve(
    folder: StageFolder, facts: LogFacts, settings: ServeSettings, config: RunConfig
) -> dict[str, Any]:
    """Serve every bucket, in this process where the log is small; returns the sum of counts."""
    factory = partial(bucket_server, folder.root, settings)
    batches = [[bucket] for bucket in range(facts.buckets)]
    enough = max(1, -(-facts.users // _USERS_PER_WORKER))
    total: dict[str, Any] = {}
    outcomes: Iterator[tuple[int, list[dict[str, int]] | BatchFailure]]
    with progress("serve shoppers", facts.users) as advance:
        if config.engine.name == "local" and min(config.processes, enough) < 2:
            work = factory()
            outcomes = iter((index, work(batch)) for index, batch in enumerate(batches))
        else:
            limit_s = config.limits.batch_seconds
            executor = open_executor(config.engine, config.workers, enough, limit_s)
            outcomes = executor.map_batches(factory, batches)
        for index, outcome in outcomes:
            if isinstance(outcome, BatchFailure):
                raise StylefeedError(
                    f"score: bucket {index} of {facts.buckets} cannot be served: {outcome.reason}; "
                    "check the free memory, or set workers = 1, and run the same command again"
                )
            for told in outcome:
                for name, count in told.items():
                    total[name] = total.get(name, 0) + count
                advance(told.get("users", 0))
    return total


def _last_user(folder: StageFolder, facts: LogFacts, most: int) -> str | None:
    """The last of the first `most` shoppers by id, None where there are no more than that."""
    ids: set[str] = set()
    for bucket in range(facts.buckets):
        ids |= set(read_bucket(folder, bucket)["user_id"].unique())
        ids = set(sorted(ids)[:most])
    return None if facts.users <= most else max(ids)


def _join(folder: StageFolder, parts: str, target: str, buckets: int) -> None:
    """Write the tables in `parts`, a bucket after the other, as one file."""
    files = [folder.path(f"{parts}/{bucket_name(bucket)}") for bucket in range(buckets)]
    files = [file for file in files if file.is_file()]
    with storage.replace_file(folder.path(target)) as temporary:
        schema = pq.read_schema(files[0])
        with pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
            for file in files:
                writer.write_table(pq.read_table(file).cast(schema))
