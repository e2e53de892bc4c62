"""`stylefeed campaign`: paints a campaign, cuts it to its channels and packs it to send."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import pandas as pd

from features.schema import ORIGINAL
from pipelines.campaigns.archive import manifest_json, provenance_table, write_archive
from pipelines.campaigns.contact_sheet import contact_sheets
from pipelines.campaigns.names import readable
from pipelines.config import RunConfig
from pipelines.jobs.campaigns.plan import Campaign, Wanted, choose
from pipelines.jobs.catalogue import render_catalogue
from pipelines.jobs.channels import MANIFEST, make_channels
from pipelines.stores import storage
from pipelines.stores.picture_files import picture_root, resolve_picture
from pipelines.stores.render_store import TABLE

PICTURES: Final = "pictures"
CHANNELS: Final = "channels"
SHEETS: Final = "contact-sheet-{:02d}.jpg"


def make_campaign(
    campaign: Campaign,
    items_path: Path,
    styles_path: Path,
    folder: Path,
    config: RunConfig,
    pictures: Path | None = None,
) -> dict[str, Any]:
    """Make `campaign` of both tables in `folder`: renders, channels' files, contact sheets, a ZIP.

    What is there and whole is kept, so that a killed one goes on. Returns what was made: `archive`
    and `sheets` by name, `files`, `renders`, `bytes` of the ZIP, `served_original`, `left_out`,
    `consistency` as `make_channels` tells it. Raises as `choose`, `render_catalogue` and
    `make_channels`.
    """
    wanted = choose(campaign, items_path, styles_path)
    settings = campaign.settings(config)
    painted = render_catalogue(
        items_path,
        styles_path,
        folder / PICTURES,
        settings,
        campaign.strength,
        None,
        None,
        pictures,
        wanted.item_ids,
        wanted.style_ids,
    )
    told = make_channels(
        folder / PICTURES, folder / CHANNELS, settings, campaign.channels, items_path, pictures
    )
    sheets = _write_sheets(campaign, wanted, items_path, folder, settings, pictures)
    manifest = storage.read_json(folder / CHANNELS / MANIFEST)
    files = [str(row["file"]) for row in manifest["files"]]
    facts = {"stylefeed": version("stylefeed"), "campaign": campaign.to_request()}
    archive = folder / f"{readable(campaign.name).lower() or 'campaign'}.zip"
    made = {name: (folder / name).read_bytes() for name in sheets}
    made["manifest.json"] = manifest_json({**manifest, **facts})
    made["provenance.csv"] = provenance_table(manifest["files"])
    write_archive(archive, folder / CHANNELS, files, made)
    return {
        "archive": archive.name,
        "sheets": sheets,
        "files": len(files),
        "renders": painted["renders"],
        "served_original": painted.get("served_original", 0),
        "left_out": told["left_out"]["count"],
        "consistency": told["consistency"],
        "bytes": archive.stat().st_size,
    }


def progress_of(folder: Path, renders: int, files: int) -> tuple[int, int]:
    """How many of a campaign's `renders` and `files` are there, and how many there will be.

    Counted in its folder, so that it is true whoever works on it.
    """
    if (folder / PICTURES / TABLE).is_file():
        painted = renders
    else:
        painted = min(sum(1 for _ in (folder / PICTURES / "renders").glob("??/*")), renders)
    sent = min(sum(1 for _ in (folder / CHANNELS).glob("*/*.*")), files)
    return painted + sent, renders + files


def _write_sheets(
    campaign: Campaign,
    wanted: Wanted,
    items_path: Path,
    folder: Path,
    config: RunConfig,
    pictures: Path | None,
) -> list[str]:
    """Write the contact sheets; returns their names."""
    root = picture_root(wanted.items["image_path"], items_path.parent, pictures)
    titles = wanted.items["title"] if "title" in wanted.items else wanted.items["item_id"]
    products = [
        (item, item if pd.isna(title) else str(title), resolve_picture(path, root))
        for item, title, path in zip(
            wanted.item_ids, titles, wanted.items["image_path"], strict=True
        )
    ]
    looks = list(zip(wanted.style_ids, wanted.styles["name"].astype(str), strict=True))
    renders = pd.read_parquet(folder / PICTURES / TABLE)
    shown = renders[renders["image_uri"].notna() & (renders["served_mode"] != ORIGINAL)]
    paths = {
        (str(item), str(style)): folder / PICTURES / uri
        for item, style, uri in shown[["item_id", "style_id", "image_uri"]].itertuples(index=False)
    }
    sheets = contact_sheets(campaign.name, products, looks, paths, config.images)
    names = []
    for number, data in enumerate(sheets, 1):
        names.append(SHEETS.format(number))
        storage.write_bytes(folder / names[-1], data)
    return names
