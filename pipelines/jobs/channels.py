"""`stylefeed channels`: the renders of a folder as the pictures that channels ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from features.schema import ORIGINAL, InputError
from features.style_space import StyleSpace
from features.tables import validate_items
from pipelines.campaigns.consistency import consistency
from pipelines.campaigns.presets import ChannelPreset, choose_presets
from pipelines.config import RunConfig
from pipelines.engines.choice import open_executor
from pipelines.engines.executor import BatchFailure, run_batches
from pipelines.limits import set_aside
from pipelines.progress import progress
from pipelines.stores import storage
from pipelines.stores.folder_lock import hold_folder
from pipelines.stores.picture_files import job_root, picture_root, resolve_picture
from pipelines.stores.render_store import TABLE, whole_renders
from pipelines.stores.workspace import Workspace
from pipelines.workers.send_out import ChannelWork, channel_maker

FILES: Final = "channels.parquet"
MANIFEST: Final = "manifest.json"
REVISION: Final = 1
"""Goes up with every change of what is made from the same renders."""
_CODES: Final = ["style_code", "photo_code"]


def make_channels(
    renders: Path,
    out: Path,
    config: RunConfig,
    channels: Sequence[str] | None = None,
    items_path: Path | None = None,
    pictures: Path | None = None,
) -> dict[str, Any]:
    """Write the renders of a job or campaign in the folder `renders` for `channels` (None: all).

    The items' photos, for masks and white grounds, are those of the table `items_path` (None: of
    the job in `renders`), below the folder `pictures`. Writes a folder per channel,
    `channels.parquet`, `rejects/channels.csv` and, last, `manifest.json` with the digest of every
    file, in `out`. Items whose files are there and whole are kept. Returns what the manifest says
    but for the files. Raises ConfigError on an unknown channel, InputError where there are no
    renders or nothing could be made.
    """
    presets = choose_presets(channels)
    table = _shown_renders(renders)
    photos = _photos(renders, table, items_path, pictures)
    with hold_folder(out):
        workspace = Workspace(out)
        work = [
            ChannelWork(
                str(item),
                *photos[str(item)],
                tuple(
                    (key, style, str(renders / uri))
                    for key, style, uri in part[["render_key", "style_id", "image_uri"]].itertuples(
                        index=False
                    )
                ),
            )
            for item, part in table.groupby("item_id", sort=True)
        ]
        keys = {one.item_id: _key(one, presets, config) for one in work}
        old = _known(workspace)
        kept = _whole(out, old, keys)
        done = set(kept["item_id"])
        rows, rejects = _make([w for w in work if w.item_id not in done], presets, config, out)
        fresh = pd.DataFrame(rows)
        if len(fresh):
            fresh["key"] = fresh["item_id"].map(keys)
        parts = [part for part in (kept, fresh) if len(part)]
        if not parts:
            words = "; ".join(sorted({row["reason"] for row in rejects})[:2])
            raise InputError(f"{renders}: no picture could be made for a channel: {words}")
        files = pd.concat(parts).sort_values(["channel", "item_id", "style_id"], ignore_index=True)
        workspace.set_aside("channels", sorted(rejects, key=lambda r: (r["key"], r["reason"])))
        workspace.write(FILES, files)
        for name in set(old["file"]) - set(files["file"]):
            (out / name).unlink(missing_ok=True)
        manifest = _manifest(files, presets, len(rows), rejects)
        storage.write_json(out / MANIFEST, manifest)
    return {name: told for name, told in manifest.items() if name != "files"}


def channel_lines(told: dict[str, Any]) -> list[str]:
    """What `make_channels` returns, for people."""
    lines = [
        f"{name}: {one['files']:,} pictures of {one['width_px']} x {one['height_px']} px, at most "
        f"{one['largest_bytes'] / 1000:,.0f} of {one['most_bytes'] / 1000:,.0f} kB"
        for name, one in told["channels"].items()
    ]
    for row in told["consistency"]:
        between = row["between_looks"]
        by = "" if between is None else f" (between looks {between:.3f})"
        lines.append(
            f"{row['style_id']}: style distance between channels {row['style_distance']:.3f}{by}, "
            f"palette {row['palette_distance']:.1f} Lab, product size +-"
            f"{100 * row['size_spread']:.1f} % of the frame"
        )
    lines += [f"left out: {n:,} x {why}" for why, n in told["left_out"]["reasons"].items()]
    if told["enlarged"] > 1.5:
        lines.append(
            f"renders were enlarged up to {told['enlarged']:.1f} times: paint them larger "
            "(render.size_px) for sharper pictures"
        )
    return lines


def _shown_renders(folder: Path) -> pd.DataFrame:
    """The renders that the folder's table names and that are served in a look, by item and look."""
    try:
        table = pd.read_parquet(folder / TABLE)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{folder} holds no renders.parquet that can be read: give the folder of `stylefeed "
            "render` or `stylefeed run`"
        ) from error
    table = table[table["image_uri"].notna() & (table["served_mode"] != ORIGINAL)]
    # A look is sent out once for an item, as strong as it was painted.
    table = table.sort_values(["item_id", "style_id", "strength"])
    table = table.drop_duplicates(["item_id", "style_id"], keep="last")
    whole = whole_renders(folder, table)
    if not len(whole):
        raise InputError(f"{folder}: no item is shown in a look there, so there is nothing to send")
    return whole


def _photos(
    folder: Path, renders: pd.DataFrame, items_path: Path | None, pictures: Path | None
) -> dict[str, tuple[str, str | None]]:
    """Item -> the files of its photo and mask."""
    job = storage.find_json(folder / "job.json")
    if items_path is None:
        if job is None:
            raise InputError(
                f"{folder} is no job that knows its items: give their table with --items"
            )
        items_path = Path(job["inputs"]["items"])
    items, _ = validate_items(storage.read_input_table(items_path, "items"))
    paths = items["image_path"].dropna()
    if job is not None and pictures is None:
        root = job_root(job, "items", paths)
    else:
        root = picture_root(paths, items_path.parent, pictures)
    named = items[["item_id", "image_path", "mask_path"]].itertuples(index=False)
    rows = {item: (photo, mask) for item, photo, mask in named}
    found: dict[str, tuple[str, str | None]] = {}
    for item in renders["item_id"].unique():
        photo, mask = rows.get(item, (None, None))
        if not isinstance(photo, str):
            raise InputError(
                f"items: {item!r} is among the renders of {folder} and has no photo in "
                f"{items_path}: give the table that they were painted from"
            )
        found[str(item)] = (
            str(resolve_picture(photo, root)),
            str(resolve_picture(mask, root)) if isinstance(mask, str) else None,
        )
    return found


def _key(work: ChannelWork, presets: Sequence[ChannelPreset], config: RunConfig) -> str:
    files = (work.path, *filter(None, (work.mask_path,)))
    return storage.digest_json(
        {
            "revision": REVISION,
            "presets": [asdict(preset) for preset in presets],
            "photo": [storage.digest_file(Path(path)) for path in files],
            "renders": [render[:2] for render in work.renders],
            "watermark": config.render.watermark_key,
            "signed": config.render.signing_chain,
        }
    )


def _known(workspace: Workspace) -> pd.DataFrame:
    try:
        return workspace.read(FILES)
    except (OSError, ValueError):
        return pd.DataFrame(columns=["item_id", "key", "file", "digest"])


def _whole(out: Path, known: pd.DataFrame, keys: dict[str, str]) -> pd.DataFrame:
    """Rows of items of which nothing has changed and every file is there as it was written."""

    def is_whole(part: pd.DataFrame) -> bool:
        if set(part["key"]) != {keys.get(str(part["item_id"].iloc[0]))}:
            return False
        try:
            pairs = zip(part["file"], part["digest"], strict=True)
            return all(storage.digest_file(out / file) == digest for file, digest in pairs)
        except OSError:
            return False

    return pd.concat(
        [known.head(0), *(part for _, part in known.groupby("item_id") if is_whole(part))]
    )


def _make(
    work: list[ChannelWork], presets: tuple[ChannelPreset, ...], config: RunConfig, out: Path
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    batches = [[one] for one in work]
    executor = open_executor(
        config.engine, config.workers, len(batches), config.limits.batch_seconds
    )
    factory = partial(channel_maker, presets, config.render, config.images, out)
    rows: list[dict[str, Any]] = []
    rejects: list[dict[str, Any]] = []
    with progress("channels", len(work)) as advance:
        for batch, outcome in run_batches(executor, factory, batches):
            if isinstance(outcome, BatchFailure):
                reason = outcome.reason
                rejects += [{"key": w.item_id, "reason": reason, "got": w.path} for w in batch]
            else:
                rows += outcome[0]
                rejects += outcome[1]
            advance(len(batch))
    return rows, rejects


def _manifest(
    files: pd.DataFrame,
    presets: Sequence[ChannelPreset],
    made: int,
    rejects: list[dict[str, Any]],
) -> dict[str, Any]:
    in_look = files[files["style_id"] != ""]
    told = []
    if len(in_look):
        photos = np.stack([np.asarray(code) for code in in_look["photo_code"]])
        codes = np.stack([np.asarray(code) for code in in_look["style_code"]])
        told = consistency(in_look, StyleSpace.fit(photos, codes)).to_dict("records")
    of = len(files) + len(rejects)
    plain = files.drop(columns=[name for name in (*_CODES, "key") if name in files])
    return {
        "stylefeed": version("stylefeed"),
        "made": made,
        "kept": len(files) - made,
        "channels": {
            preset.name: {
                **asdict(preset),
                "files": int((files["channel"] == preset.name).sum()),
                "largest_bytes": int(
                    files.loc[files["channel"] == preset.name, "bytes"].max()
                    if (files["channel"] == preset.name).any()
                    else 0
                ),
            }
            for preset in presets
        },
        "consistency": [_plain(row) for row in told],
        "enlarged": float(files["enlarged"].max()),
        "left_out": set_aside("pictures", of, [str(row["reason"]) for row in rejects]),
        "files": [_plain(row) for row in plain.to_dict("records")],
    }


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    """A row as JSON writes it: lists, and None for what is not there."""
    plain: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, np.ndarray | list):
            plain[str(name)] = [float(one) for one in value]
        elif pd.isna(value):
            plain[str(name)] = None
        else:
            plain[str(name)] = value.item() if isinstance(value, np.generic) else value
    return plain
