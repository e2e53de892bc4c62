"""Everything the run left in; the gallery page and the data quality report out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from features.quality import quality_report
from pipelines import storage
from pipelines.report.artefacts import read_artefacts
from pipelines.report.page import make_page
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    from pipelines.config import RunConfig


def bots_set_aside(rejects: pd.DataFrame) -> set[str]:
    """Users whose events `clean_events` set aside as a bot's."""
    return set(rejects.loc[rejects["reason"].str.contains("looks like a bot"), "key"])


def report(workspace: Workspace, config: RunConfig) -> dict[str, Any]:
    """Write `report.html`, self-contained, and `quality.json`."""
    run = read_artefacts(workspace)
    quality = quality_report(
        run.events, run.items, run.styles, run.item_pictures, bots_set_aside(run.rejects)
    )
    storage.write_json(workspace.path("quality.json"), quality)
    page = make_page(workspace, run, quality, config.images)
    data = page.html.encode()
    storage.write_bytes(workspace.path("report.html"), data)
    return {
        "shoppers_shown": page.n_shoppers,
        "pictures": page.n_pictures,
        "bytes": len(data),
    }
