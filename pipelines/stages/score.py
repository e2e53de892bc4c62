"""Models and the log in; every shopper's tastes, items and looks out, bucket by bucket."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

from features.schema import StylefeedError
from pipelines.config import RunConfig
from pipelines.engines.choice import open_executor
from pipelines.engines.executor import BatchFailure
from pipelines.progress import progress
from pipelines.stages.encode import without_pictures
from pipelines.stores import storage
from pipelines.stores.event_buckets import (
    CHOSEN,
    FACTS,
    OPTED_OUT,
    LogFacts,
    bucket_name,
    read_bucket,
)
from pipelines.stores.workspace import StageFolder
from pipelines.workers.look_choice import LookSettings
from pipelines.workers.serve_users import PARTS, ServeSettings, bucket_server
from pipelines.workers.served_before import SERVED, SHOPPERS, ServedBefore, note_served

# Starting a worker takes about as long as serving this many shoppers.
_USERS_PER_WORKER: Final = 5_000


def score(folder: StageFolder, config: RunConfig) -> dict[str, Any]:
    """Write `users.parquet`, `style_affinity.parquet` and `tables/chosen/`: the feed's rows, before
    pictures, a file for each bucket of shoppers.

    Where the models and all else that decides are those of the last run, shoppers who did nothing
    since keep their rows.
    """
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
    identity = _identity(folder, facts, settings)
    before = ServedBefore.find(folder, identity)
    _clear(folder.path(PARTS))
    counts = _serve(folder, facts, settings, before, config)
    # From here on until it is written anew nothing says what was served: the tables are replaced.
    folder.path(SERVED).unlink(missing_ok=True)
    for name, target in (("users", "users.parquet"), ("affinity", "style_affinity.parquet")):
        _join(folder, f"{PARTS}/{name}", target, facts.buckets)
    buckets = [n for n in range(facts.buckets) if _part(folder, "chosen", n).is_file()]
    for name, target in (("chosen", CHOSEN), ("shoppers", SHOPPERS)):
        _clear(folder.path(target))
        storage.make_folder(folder.path(target))
        for bucket in buckets:
            _part(folder, name, bucket).replace(folder.path(f"{target}/{bucket_name(bucket)}"))
    _clear(folder.path(PARTS))
    note_served(folder, identity, buckets)
    return counts


def _identity(folder: StageFolder, facts: LogFacts, settings: ServeSettings) -> str:
    """Digest of all that decides what a shopper gets, but their own events."""
    told = asdict(settings)
    told["looks"]["renderable"] = sorted(settings.looks.renderable)
    models = sorted(path for path in folder.path("models").rglob("*") if path.is_file())
    return storage.digest_json(
        {
            "models": {
                path.relative_to(folder.root).as_posix(): storage.digest_file(path)
                for path in models
            },
            "looks": storage.digest_file(folder.path("tables/look_pictures.parquet")),
            "stamping": asdict(facts.stamping),
            "buckets": facts.buckets,
            "settings": told,
            "code": version("stylefeed"),
            "revision": folder.stage.revision,
        }
    )


def _part(folder: StageFolder, name: str, bucket: int) -> Path:
    return folder.path(f"{PARTS}/{name}/{bucket_name(bucket)}")


def _serve(
    folder: StageFolder,
    facts: LogFacts,
    settings: ServeSettings,
    before: ServedBefore | None,
    config: RunConfig,
) -> dict[str, Any]:
    """Serve every bucket, in this process where the log is small; returns the sum of counts."""
    factory = partial(bucket_server, folder.root, settings, before)
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
    """The last of the first `most` shoppers by id, those who opted out among them, None where there
    are no more than that."""
    opted_out = folder.read(OPTED_OUT)["user_id"]
    if facts.users + len(opted_out) <= most:
        return None
    ids = set(opted_out)
    for bucket in range(facts.buckets):
        ids |= set(read_bucket(folder, bucket, ["user_id"])["user_id"].unique())
        ids = set(sorted(ids)[:most])
    return str(max(ids))


def _join(folder: StageFolder, parts: str, target: str, buckets: int) -> None:
    """Write the tables in `parts`, a bucket after the other, as one file, a row group each."""
    files = [folder.path(f"{parts}/{bucket_name(bucket)}") for bucket in range(buckets)]
    files = [file for file in files if file.is_file()]
    with storage.replace_file(folder.path(target)) as temporary:
        schema = pq.read_schema(files[0])
        with pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
            for file in files:
                table = pq.read_table(file).cast(schema)
                writer.write_table(table, row_group_size=max(len(table), 1))


def _clear(*folders: Path) -> None:
    for path in folders:
        with storage.naming_write_errors(path):
            if path.is_dir():
                shutil.rmtree(path)
