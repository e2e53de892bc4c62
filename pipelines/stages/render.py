"""The render plan: each (item, look, strength) is painted once, whoever is to see it."""

from __future__ import annotations

import dataclasses
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.images import ImageLimits, read_picture
from features.matting import MASK_REVISION
from features.schema import ORIGINAL, InputError
from pipelines.config import RunConfig
from pipelines.engines.choice import open_executor
from pipelines.engines.executor import BatchFailure, run_batches
from pipelines.limits import set_aside
from pipelines.progress import progress
from pipelines.stages.rivals import nearest_rivals
from pipelines.stores import storage
from pipelines.stores.arrays import stack_vectors
from pipelines.stores.event_buckets import FACTS, LogFacts, read_chosen
from pipelines.stores.picture_files import resolve_picture
from pipelines.stores.render_store import (
    JOURNAL,
    RENDER_COLUMNS,
    TABLE,
    add_to_index,
    journal_lines,
    known_renders,
    whole_renders,
)
from pipelines.stores.workspace import LEFT_FOR_NEXT_RUN, StageFolder, Workspace
from pipelines.verbosity import tell, warn
from pipelines.workers.paint import ItemWork, LookSource, Row, item_painter
from styletransfer.config import RenderConfig
from styletransfer.faithful.enhance import ENHANCE_REVISION
from styletransfer.faithful.gate import JUDGE_REVISION
from styletransfer.painters.generator.fitted import load_fitted
from styletransfer.painters.generator.network import load_pretrained
from styletransfer.painters.generator.trained import load_painter
from styletransfer.painters.generator.variants import find_variant
from styletransfer.renderer import Renderer, render_key
from styletransfer.sets.store import REVISION

BATCH_RENDERS = 32
_RENDERED = ["item_id", "style_id", "strength"]
_PARTS_AT_ONCE = 16


def recipe(config: RenderConfig, enhance: bool = False) -> str:
    """Digest of all but the pictures that decides a render's pixels: weights and settings.

    `enhance` says whether photos are repaired before they are painted.
    Raises WeightsError where what `config` paints with is not installed, InputError where
    `config.weights` or `config.exported` cannot be used, before any work is done.
    """
    settings = dataclasses.asdict(config)
    # The painter's version follows what its weights hold, wherever their file is, and a look's code
    # is part of a render's key.
    told_otherwise = ("weights", "exported", "allowed_loss", "fitted_looks")
    for without_effect in ("threads", "pixels_per_pass", "max_renders", *told_otherwise):
        del settings[without_effect]
    made_by = {
        "painter": Renderer(config).model_version,
        "masks": MASK_REVISION,
        "sets": REVISION,
        "judged": JUDGE_REVISION,
    }
    if enhance:
        made_by["enhanced"] = ENHANCE_REVISION
    return storage.digest_json({**settings, **made_by})


def painter_version(config: RenderConfig) -> str:
    """What stands for the weights or exported variant that `config` names; empty without.

    Raises InputError as `load_painter` and `find_variant` do.
    """
    if config.method != "generator":
        return ""
    if config.backend == "auto":
        return find_variant(config)[0].version
    return load_painter(Path(config.weights)).model_version if config.weights else ""


def fitted_version(config: RenderConfig) -> str:
    """Short hash of what `config.fitted_looks` holds; empty where it paints without.

    Raises InputError as `load_fitted` does, and where they were fitted to another generator.
    """
    if not config.fitted_looks or config.method != "generator":
        return ""
    fitted = load_fitted(Path(config.fitted_looks))
    paints = painter_version(config) or load_pretrained().model_version
    if fitted.generator != paints:
        raise InputError(
            f"fitted looks {config.fitted_looks} are for the generator {fitted.generator}, and "
            f"{paints} paints: run `stylefeed fit-look` with the same render.weights, and name an "
            "engine in render.backend in place of auto"
        )
    return fitted.version


def with_fitted(looks: pd.DataFrame, config: RenderConfig) -> pd.DataFrame:
    """The encoded `looks`, with the codes that `config.fitted_looks` holds for their pictures.

    Only what is painted changes: matching with shoppers goes by the pictures' own codes.
    """
    if not fitted_version(config):
        return looks
    codes = load_fitted(Path(config.fitted_looks)).codes
    named = zip(looks["picture_digest"], looks["style_code"], strict=True)
    painted = [codes.get(digest, code) for digest, code in named]
    return looks.assign(style_code=pd.Series(painted, dtype=object, index=looks.index))


def wanted_renders(workspace: Workspace) -> pd.DataFrame:
    """How many rows of `tables/chosen/` show each item in each look: item_id, style_id, strength,
    seen; the null look needs no render."""
    facts = LogFacts.load(workspace.path(FACTS))
    parts = []
    for bucket in range(facts.buckets):
        chosen = read_chosen(workspace, bucket, _RENDERED)
        if chosen is not None:
            parts.append(count_renders(chosen))
        if len(parts) == _PARTS_AT_ONCE:
            parts = [_summed(parts)]
    return _summed(parts)


def count_renders(chosen: pd.DataFrame) -> pd.DataFrame:
    """How many of the `chosen` rows show each item in each look, as `wanted_renders`."""
    shown = chosen.loc[chosen["style_id"] != ORIGINAL, _RENDERED]
    return shown.groupby(_RENDERED, sort=True).size().reset_index(name="seen")


def _summed(parts: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(parts).groupby(_RENDERED, sort=True)["seen"].sum().reset_index()


def render_plan(
    wanted: pd.DataFrame,
    items: pd.DataFrame,
    looks: pd.DataFrame,
    config: RenderConfig,
    enhance: bool = False,
) -> pd.DataFrame:
    """The `wanted` renders, as `wanted_renders` counts them, with their render_key.

    Sorted by item, look and strength. `items` (with mask_digest) and `looks` are the tables of
    encoded pictures; `enhance` as `recipe` takes it.
    """
    photos = items.set_index("item_id")[["picture_digest", "mask_digest"]].to_dict("index")
    sources = looks.set_index("style_id")
    code = sources["style_code"]
    pictures = sources["picture_digest"] + np.where(sources["verbatim"], " verbatim", "")
    version = recipe(config, enhance)
    keys = [
        render_key(
            photos[item]["picture_digest"],
            photos[item]["mask_digest"],
            code[style],
            pictures[style],
            strength,
            config.size_px,
            # A render's file names its item and look, so those that share a picture share no file.
            f"{version} {item} {style}",
        )
        for item, style, strength in wanted[_RENDERED].itertuples(index=False)
    ]
    return wanted.assign(render_key=pd.array(keys, dtype="str"))


def within_budget(plan: pd.DataFrame, max_renders: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The most seen renders of `plan`, `max_renders` of them (0: all), and rows for the rest.

    Equally seen ones go by item and look. The rest are `renders.parquet` rows of originals.
    """
    if not max_renders or len(plan) <= max_renders:
        return plan, pd.DataFrame(columns=list(RENDER_COLUMNS)).astype(RENDER_COLUMNS)
    ranked = plan.sort_values(["seen", "item_id", "style_id"], ascending=[False, True, True])
    rest = ranked.iloc[max_renders:].assign(
        requested_mode="",
        served_mode=ORIGINAL,
        served_strength=0.0,
        reason=f"left out: {len(plan)} pictures are wanted and render.max_renders is {max_renders}",
        seconds=0.0,
    )
    rest = rest.reindex(columns=list(RENDER_COLUMNS)).astype(RENDER_COLUMNS)
    return ranked.iloc[:max_renders].sort_index(), rest


def with_masks(
    pictures: pd.DataFrame, items: pd.DataFrame, root: Path, limits: ImageLimits
) -> tuple[pd.DataFrame, list[Row]]:
    """Add mask_file and mask_digest, None without a mask, to the encoded `pictures`.

    A mask_path of `items`, which starts from the picture root `root`, that names no readable file
    within `limits` is set aside, and the mask estimated.
    """
    files: dict[str, str] = {}
    digests: dict[str, str] = {}
    rejects: list[Row] = []
    drawn = items.loc[items["mask_path"].notna(), ["item_id", "mask_path"]]
    for item, mask_path in drawn.itertuples(index=False):
        try:
            path = resolve_picture(mask_path, root)
            digests[item] = storage.digest_bytes(read_picture(path, limits))
            files[item] = str(path)
        except InputError as error:
            rejects.append({"key": item, "reason": f"mask: {error}", "got": mask_path})
    ids = pictures["item_id"]
    return pictures.assign(
        mask_file=pd.Series([files.get(item) for item in ids], dtype=object, index=ids.index),
        mask_digest=pd.Series([digests.get(item) for item in ids], dtype=object, index=ids.index),
    ), rejects


def with_permissions(pictures: pd.DataFrame, styles: pd.DataFrame) -> pd.DataFrame:
    """Add to the encoded looks whether their `verbatim` picture may be shown as it is."""
    return pictures.merge(styles[["style_id", "verbatim"]], on="style_id", how="left")


def look_sources(looks: pd.DataFrame) -> dict[str, LookSource]:
    """The encoded looks, with their permissions, as workers find them."""
    return {
        style: LookSource(np.asarray(code, dtype=np.float32), path, bool(verbatim))
        for style, code, path, verbatim in looks[
            ["style_id", "style_code", "path", "verbatim"]
        ].itertuples(index=False)
    }


def work_list(plan: pd.DataFrame, items: pd.DataFrame) -> list[ItemWork]:
    """The `plan`'s renders by item, each with the encoded `items` it could be mistaken for."""
    if plan.empty:
        return []
    content = stack_vectors(items["content_embedding"])
    rivals = nearest_rivals(
        content, items["picture_digest"].tolist(), items["phash"].to_numpy(np.uint64)
    )
    row = {item: position for position, item in enumerate(items["item_id"])}
    photos = items.set_index("item_id")
    masks = dict(zip(items["item_id"], items["mask_file"], strict=True))
    return [
        ItemWork(
            str(item_id),
            str(photos.at[item_id, "path"]),
            masks[str(item_id)],
            np.asarray(photos.at[item_id, "style_code"], dtype=np.float32),
            content[rivals[row[str(item_id)]]],
            tuple(rows[["render_key", "style_id", "strength"]].itertuples(index=False, name=None)),
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
        size += len(item.wanted)
    return batches


def paint_plan(
    workspace: Workspace,
    plan: pd.DataFrame,
    items: pd.DataFrame,
    looks: pd.DataFrame,
    config: RunConfig,
    rejects: list[Row],
) -> dict[str, Any]:
    """Paint what of `plan` is not there yet; adds to `renders/` and writes `renders.parquet`.

    `rejects` are those of the masks; the painters' are added and all are set aside. Returns counts,
    `set_aside` among them: of the pictures wanted, those of items that could not be painted.
    """
    plan, left_out = within_budget(plan, config.render.max_renders)
    known = known_renders(workspace)
    kept = whole_renders(workspace.root, known[known["render_key"].isin(plan["render_key"])])
    todo = plan[~plan["render_key"].isin(kept["render_key"])]
    if len(todo) and config.render.method == "generator" and config.render.backend == "auto":
        tell(f"render: {find_variant(config.render)[1]}")
    rows, failures = _paint(workspace, todo, items, looks, config)
    late = sum(row["requested_mode"] == "" for row in rows)
    fresh = pd.DataFrame(rows, columns=list(RENDER_COLUMNS)).astype(RENDER_COLUMNS)
    done = pd.concat([part for part in (kept, fresh, left_out) if len(part)] or [kept])
    done = done.sort_values(["item_id", "style_id", "strength"], ignore_index=True)
    workspace.write(TABLE, done)
    add_to_index(workspace, done)
    workspace.keep(done["image_uri"].dropna())
    # From the rows, so that they are the same however often the job was killed on its way.
    rejects = [*rejects, *_problems(done), *failures]
    rejects.sort(key=lambda row: (str(row["key"]), str(row["reason"])))
    served = done["served_mode"].value_counts().to_dict()
    wanted = todo.groupby("item_id").size()
    lost = [row["reason"] for row in failures for _ in range(int(wanted[row["key"]]))]
    return {
        "renders": len(done),
        "painted": len(rows) - late,
        "left_out_by_budget": len(left_out),
        LEFT_FOR_NEXT_RUN: late,
        **{f"served_{mode}": int(n) for mode, n in sorted(served.items())},
        "masks_not_as_given": sum(str(r["reason"]).startswith("mask: ") for r in rejects),
        "rejects": workspace.set_aside("render", [{"table": "items", **r} for r in rejects]),
        "set_aside": [set_aside("renders", len(plan), lost)],
    }


def _paint(
    workspace: Workspace,
    todo: pd.DataFrame,
    items: pd.DataFrame,
    looks: pd.DataFrame,
    config: RunConfig,
) -> tuple[list[Row], list[Row]]:
    """Rows of `renders.parquet` for `todo`, journalled as they come, and items that failed."""
    images = config.images
    factory = partial(
        item_painter,
        config.render,
        images,
        workspace.root,
        look_sources(looks),
        images.enhance,
        config.limits.deadline_s(),
    )
    seen = todo.groupby("item_id")["seen"].sum()
    # What most shoppers see is painted first: there may be no time for the rest.
    work = sorted(work_list(todo, items), key=lambda one: (-seen[one.item_id], one.item_id))
    batches = _batches(work)
    limit_s = config.limits.batch_seconds
    executor = open_executor(config.engine, config.workers, len(batches), limit_s)
    rows: list[Row] = []
    failures: list[Row] = []
    journal = workspace.path(JOURNAL)
    storage.make_folder(journal.parent)
    with (
        progress("render", len(todo)) as advance,
        storage.naming_write_errors(journal),
        journal.open("a", encoding="utf-8") as log,
    ):
        for batch, outcome in run_batches(executor, factory, batches):
            if isinstance(outcome, BatchFailure):
                reason = outcome.reason
                failures += [{"key": w.item_id, "reason": reason, "got": w.path} for w in batch]
            else:
                rows += outcome[0]
                failures += outcome[1]
                log.write(journal_lines(outcome[0]))
                log.flush()
            advance(sum(len(work.wanted) for work in batch))
    return rows, failures


def _problems(renders: pd.DataFrame) -> list[Row]:
    """What was set aside of items that were painted all the same, once for each item."""
    told = renders.loc[renders["problems"].fillna("") != "", ["item_id", "problems"]]
    return [
        {"key": item, **problem}
        for item, problems in told.drop_duplicates().itertuples(index=False)
        for problem in json.loads(problems)
    ]


def render(folder: StageFolder, config: RunConfig) -> dict[str, Any]:
    """Paint what the chosen rows need; renders that already exist are kept."""
    table = folder.read("tables/items.parquet")
    items, rejects = with_masks(
        folder.read("tables/item_pictures.parquet"),
        table,
        folder.picture_root("items", table["image_path"]),
        config.images,
    )
    looks = with_permissions(
        folder.read("tables/look_pictures.parquet"), folder.read("tables/styles.parquet")
    )
    looks = with_fitted(looks, config.render)
    plan = render_plan(wanted_renders(folder), items, looks, config.render, config.images.enhance)
    counts = paint_plan(folder, plan, items, looks, config, rejects)
    if counts["renders"] and counts["renders"] == counts.get("served_original", 0):
        reasons = folder.read(TABLE)["reason"].value_counts()
        warn(
            f"render: none of {counts['renders']:,} renders may be shown, so every row shows its "
            f"original photo; most often because: {reasons.index[0]}"
        )
    return counts
