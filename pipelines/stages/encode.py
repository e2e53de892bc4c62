"""Pictures in; style codes, content embeddings and picture statistics out, in parallel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from features.images import ImageLimits, decode_file, read_picture
from features.schema import InputError
from features.style_space import StyleSpace
from pipelines.config import RunConfig
from pipelines.engines.choice import open_executor
from pipelines.engines.executor import BatchFailure, run_batches
from pipelines.limits import set_aside
from pipelines.progress import progress
from pipelines.stores import storage
from pipelines.stores.arrays import stack_vectors
from pipelines.stores.picture_files import resolve_picture
from pipelines.stores.workspace import StageFolder

BATCH_PICTURES = 16
STYLE_SPACE = "style_space.json"

Row = dict[str, Any]


class PictureWork(NamedTuple):
    """A picture to encode: the id of its row, its path from `root`, and whether content is asked
    for beside style."""

    key: str
    image_path: str
    root: Path
    with_content: bool


class PictureTable(NamedTuple):
    """A table with a column `key` of ids and image_path, whose paths start from `root`."""

    table: pd.DataFrame
    key: str
    root: Path
    with_content: bool


def picture_encoder(limits: ImageLimits) -> Callable[..., Any]:
    """Make the worker: [PictureWork] of one table -> (rows of codes and statistics, rejects)."""
    from features.networks.encoders import ContentEncoder, StyleEncoder
    from features.quality import picture_stats

    style_encoder = StyleEncoder()

    @cache
    def content_encoder() -> ContentEncoder:
        # Reading the content network's weights is all that takes torch here.
        import torch

        torch.set_num_threads(1)
        return ContentEncoder()

    def work(batch: list[PictureWork]) -> tuple[list[Row], list[Row]]:
        rows: list[Row] = []
        rejects: list[Row] = []
        pictures = []
        for key, image_path, root, _ in batch:
            try:
                path = resolve_picture(image_path, root)
                data = read_picture(path, limits)
                decoded = decode_file(data, limits)
            except InputError as error:
                rejects.append({"key": key, "reason": str(error), "got": image_path})
                continue
            pictures.append(decoded.picture)
            rows.append(
                {
                    "id": key,
                    "path": str(path),
                    "picture_digest": storage.digest_bytes(data),
                    "suffix": decoded.suffix,
                    "note": "; ".join(decoded.notes),
                    **picture_stats(decoded.picture),
                }
            )
        if pictures:
            for row, code in zip(rows, style_encoder.encode(pictures), strict=True):
                row["style_code"] = code
            if batch[0].with_content:
                for row, vector in zip(rows, content_encoder().encode(pictures), strict=True):
                    row["content_embedding"] = vector
        return rows, rejects

    return work


def encode_pictures(
    tables: Sequence[PictureTable], config: RunConfig
) -> list[tuple[pd.DataFrame, list[Row]]]:
    """Encode every picture of `tables` by the same workers.

    Returns, for each table, (one row per readable picture, rejects).
    """
    batches: list[list[PictureWork]] = []
    table_of: dict[PictureWork, int] = {}
    for number, (table, key, root, with_content) in enumerate(tables):
        work = [
            PictureWork(name, path, root, with_content)
            for name, path in zip(table[key], table["image_path"], strict=True)
        ]
        table_of |= dict.fromkeys(work, number)
        batches += [work[i : i + BATCH_PICTURES] for i in range(0, len(work), BATCH_PICTURES)]
    count = sum(map(len, batches))
    # Starting a worker takes as long as encoding this many pictures.
    enough = max(1, -(-count // (4 * BATCH_PICTURES)))
    found: list[tuple[list[Row], list[Row]]] = [([], []) for _ in tables]
    with progress("encode pictures", count) as advance:
        limit_s = config.limits.batch_seconds
        executor = open_executor(config.engine, config.workers, enough, limit_s)
        for batch, outcome in run_batches(
            executor, partial(picture_encoder, config.images), batches
        ):
            rows, rejects = found[table_of[batch[0]]]
            if isinstance(outcome, BatchFailure):
                rejects += [
                    {"key": one.key, "reason": outcome.reason, "got": one.image_path}
                    for one in batch
                ]
            else:
                rows += outcome[0]
                rejects += outcome[1]
            advance(len(batch))
    return [
        (_in_order(rows, part), _placed(rejects, part))
        for part, (rows, rejects) in zip(tables, found, strict=True)
    ]


def _in_order(rows: list[Row], part: PictureTable) -> pd.DataFrame:
    position = {name: i for i, name in enumerate(part.table[part.key])}
    rows.sort(key=lambda row: position[row["id"]])
    return pd.DataFrame(rows).rename(columns={"id": part.key})


def _placed(rejects: list[Row], part: PictureTable) -> list[Row]:
    """Rejects in the order of the table, with its name and the rows of the user's file."""
    table, key = part.table, part.key
    position = {name: i for i, name in enumerate(table[key])}
    rejects.sort(key=lambda row: position[row["key"]])
    # Where each was in the user's file, which a table in the order of its ids does not show.
    row_of = dict(zip(table[key], table["row"], strict=True)) if "row" in table else position
    for reject in rejects:
        reject.update(table=key[:-3] + "s", row=int(row_of[reject["key"]]))
    return rejects


def without_pictures(items: pd.DataFrame) -> bool:
    """Whether the catalogue names no picture at all, and is served without any."""
    return bool(items["image_path"].isna().all())


def encode(folder: StageFolder, config: RunConfig) -> dict[str, Any]:
    """Write `tables/item_pictures.parquet`, `tables/look_pictures.parquet` and the style space."""
    rejects: list[Row] = []
    notes: list[Row] = []
    counts: dict[str, Any] = {"set_aside": []}
    codes = []
    unpictured = without_pictures(folder.read("tables/items.parquet"))
    parts = {}
    for name, key in (("item", "item_id"), ("look", "style_id")):
        if name == "item" and unpictured:
            continue
        source = "items" if name == "item" else "styles"
        table = folder.read(f"tables/{source}.parquet")
        root = folder.picture_root(source, table["image_path"])
        parts[name] = PictureTable(table, key, root, with_content=name == "item")
    done = encode_pictures(list(parts.values()), config)
    for (name, part), (encoded, bad) in zip(parts.items(), done, strict=True):
        source, key = f"{part.key[:-3]}s", part.key
        if encoded.empty:
            raise InputError(
                f"{source}: not one of {len(bad)} pictures can be read, the first because: "
                f"{bad[0]['reason']}"
            )
        folder.write(f"tables/{name}_pictures.parquet", encoded)
        codes.append(stack_vectors(encoded["style_code"]))
        counts[f"{name}_pictures"] = len(encoded)
        told = set_aside(f"{name} pictures", len(encoded) + len(bad), [r["reason"] for r in bad])
        counts["set_aside"].append(told)
        rejects += bad
        notes += picture_notes(encoded, key)
    if unpictured:
        # No row, in the columns of encoded pictures: encoded is now the table of the looks.
        none = encoded.head(0).rename(columns={"style_id": "item_id"})
        folder.write("tables/item_pictures.parquet", none.assign(content_embedding=None))
        counts["item_pictures"] = 0
    with storage.replace_file(folder.path(STYLE_SPACE)) as temporary:
        StyleSpace.fit(*codes).save(temporary)
    folder.set_aside("encode", rejects + notes)
    return {**counts, "rejects": len(rejects), "pictures_read_with_a_note": len(notes)}


def picture_notes(encoded: pd.DataFrame, key: str) -> list[Row]:
    """Rows for `rejects/` on pictures that were read although something was wrong with them."""
    noted = encoded.loc[encoded["note"] != "", [key, "path", "note"]]
    return [
        {"table": key[:-3] + "s", "key": one, "reason": f"read all the same: {note}", "got": path}
        for one, path, note in noted.itertuples(index=False)
    ]
