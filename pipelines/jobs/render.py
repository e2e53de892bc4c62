"""The render plan: each (item, look, strength) is painted once, whoever is to see it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.images import ImageLimits, decode, encode, resize_longest
from features.schema import ORIGINAL, StylefeedError
from pipelines import storage
from pipelines.config import RunConfig
from pipelines.executor import BatchFailure, LocalExecutor
from pipelines.progress import progress
from pipelines.workspace import Workspace
from styletransfer.generator import load_pretrained
from styletransfer.renderer import Look, RenderConfig, Renderer, render_key

BATCH_RENDERS = 32
JOURNAL = "renders/journal.jsonl"
RENDER_COLUMNS = {
    "render_key": "str",
    "item_id": "str",
    "style_id": "str",
    "requested_mode": "str",
    "served_mode": "str",
    "strength": "float64",
    "image_uri": "str",
    "seconds": "float64",
}

Row = dict[str, Any]


@dataclass(frozen=True)
class ItemWork:
    """One item's picture and the looks it is to be painted in."""

    item_id: str
    path: str
    style_code: np.ndarray[Any, Any]
    looks: tuple[tuple[str, Look], ...]
    """(render_key, look) pairs."""


def render_plan(
    chosen: pd.DataFrame, items: pd.DataFrame, looks: pd.DataFrame, size_px: int, version: str
) -> pd.DataFrame:
    """The distinct renders that the `chosen` rows need, sorted by item, look and strength.

    `items` and `looks` are the tables of encoded pictures. Returns item_id, style_id, strength,
    render_key. The null look needs none.
    """
    wanted = chosen.loc[chosen["style_id"] != ORIGINAL, ["item_id", "style_id", "strength"]]
    wanted = wanted.drop_duplicates().sort_values(
        ["item_id", "style_id", "strength"], ignore_index=True
    )
    digest = items.set_index("item_id")["picture_digest"]
    code = looks.set_index("style_id")["style_code"]
    wanted["render_key"] = [
        render_key(digest[item], None, code[style], strength, size_px, version)
        for item, style, strength in wanted.itertuples(index=False)
    ]
    return wanted


def item_painter(
    config: RenderConfig, limits: ImageLimits, folder: Path
) -> Callable[[list[ItemWork]], tuple[list[Row], list[Row]]]:
    """Make the worker: paints each item in its looks and writes the files."""
    import torch

    torch.set_num_threads(1)
    renderer = Renderer(config)

    def work(batch: list[ItemWork]) -> tuple[list[Row], list[Row]]:
        rows: list[Row] = []
        rejects: list[Row] = []
        for item in batch:
            try:
                picture = resize_longest(decode(Path(item.path), limits), config.size_px)
                renders = renderer.render(
                    picture, [look for _, look in item.looks], own_code=item.style_code
                )
            except StylefeedError as error:
                rejects.append({"key": item.item_id, "reason": str(error), "got": item.path})
                continue
            for (key, _), render in zip(item.looks, renders, strict=True):
                uri = f"renders/{key[:2]}/{key}.{config.format}"
                storage.write_bytes(folder / uri, encode(render.picture, config.format))
                rows.append(
                    {
                        "render_key": key,
                        "item_id": item.item_id,
                        "style_id": render.style_id,
                        "requested_mode": render.requested_mode,
                        "served_mode": render.served_mode,
                        "strength": render.strength,
                        "image_uri": uri,
                        "seconds": render.seconds,
                    }
                )
        return rows, rejects

    return work


def _work_list(plan: pd.DataFrame, items: pd.DataFrame, looks: pd.DataFrame) -> list[ItemWork]:
    pictures = items.set_index("item_id")
    code = looks.set_index("style_id")["style_code"]
    return [
        ItemWork(
            str(item_id),
            str(pictures.at[item_id, "path"]),
            np.asarray(pictures.at[item_id, "style_code"], dtype=np.float32),
            tuple(
                (key, Look(style, np.asarray(code[style], dtype=np.float32), strength))
                for style, strength, key in zip(
                    rows["style_id"], rows["strength"], rows["render_key"], strict=True
                )
            ),
        )
        for item_id, rows in plan.groupby("item_id", sort=True)
    ]


def _batches(work: list[ItemWork]) -> list[list[ItemWork]]:
    """Group items so that a batch holds about `BATCH_RENDERS` renders."""
    batches: list[list[ItemWork]] = []
    size = BATCH_RENDERS
    for item in work:
        if size >= BATCH_RENDERS:
            batches.append([])
            size = 0
        batches[-1].append(item)
        size += len(item.looks)
    return batches


def paint_plan(
    workspace: Workspace,
    plan: pd.DataFrame,
    items: pd.DataFrame,
    looks: pd.DataFrame,
    config: RunConfig,
) -> dict[str, Any]:
    """Paint what of `plan` is not there yet; writes `renders/` and `renders.parquet`."""
    kept = _kept_renders(workspace, plan, config.render.format)
    todo = plan[~plan["render_key"].isin(kept["render_key"])]
    batches = _batches(_work_list(todo, items, looks))
    factory = partial(item_painter, config.render, config.images, workspace.root)
    rows: list[Row] = []
    rejects: list[Row] = []
    journal = workspace.path(JOURNAL)
    journal.parent.mkdir(parents=True, exist_ok=True)
    with progress("render", len(todo)) as advance, journal.open("a", encoding="utf-8") as log:
        for index, outcome in LocalExecutor(config.processes).map_batches(factory, batches):
            batch = batches[index]
            if isinstance(outcome, BatchFailure):
                rejects += [
                    {"key": w.item_id, "reason": outcome.reason, "got": w.path} for w in batch
                ]
            else:
                rows += outcome[0]
                rejects += outcome[1]
                log.writelines(json.dumps(row) + "\n" for row in outcome[0])
                log.flush()
            advance(sum(len(work.looks) for work in batch))
    done = pd.concat([kept, pd.DataFrame(rows, columns=kept.columns).astype(RENDER_COLUMNS)])
    done = done.sort_values(["item_id", "style_id", "strength"], ignore_index=True)
    workspace.write("renders.parquet", done)
    # The journal goes with the strangers: all it said is in the table now.
    _drop_strangers(workspace, set(done["image_uri"]))
    rejects.sort(key=lambda row: str(row["key"]))
    return {
        "renders": len(done),
        "painted": len(rows),
        "rejects": workspace.set_aside("render", [{"table": "items", **r} for r in rejects]),
    }


def render(workspace: Workspace, config: RunConfig) -> dict[str, Any]:
    """Paint what the chosen rows need; renders that already exist are kept."""
    items = workspace.read("tables/item_pictures.parquet")
    looks = workspace.read("tables/look_pictures.parquet")
    chosen = workspace.read("tables/chosen.parquet")
    plan = render_plan(chosen, items, looks, config.render.size_px, load_pretrained().model_version)
    return paint_plan(workspace, plan, items, looks, config)


def _kept_renders(workspace: Workspace, plan: pd.DataFrame, suffix: str) -> pd.DataFrame:
    """Rows of earlier renders that the plan still wants and whose files are there.

    They come from the last finished table and from the journal of a job that was killed.
    """
    parts = [pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in RENDER_COLUMNS.items()})]
    if workspace.path("renders.parquet").is_file():
        parts.append(workspace.read("renders.parquet"))
    if workspace.path(JOURNAL).is_file():
        rows = []
        for line in workspace.path(JOURNAL).read_text(encoding="utf-8").splitlines():
            # The last line may be cut short by the kill.
            with suppress(json.JSONDecodeError):
                rows.append(json.loads(line))
        parts.append(pd.DataFrame(rows, columns=list(RENDER_COLUMNS)).astype(RENDER_COLUMNS))
    known = pd.concat(parts).drop_duplicates("render_key", keep="last")
    there = [
        uri.endswith(f".{suffix}") and workspace.path(uri).is_file() for uri in known["image_uri"]
    ]
    return known[known["render_key"].isin(plan["render_key"]) & np.array(there, dtype=bool)]


def _drop_strangers(workspace: Workspace, wanted: set[str]) -> None:
    """Remove renders no feed asks for any more, and leftovers of a killed job."""
    for file in workspace.path("renders").rglob("*"):
        if file.is_file() and file.relative_to(workspace.root).as_posix() not in wanted:
            file.unlink()
