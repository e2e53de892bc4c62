"""Everything the run left in; the gallery page and the data quality report out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from features.quality import quality_report
from pipelines.report.artefacts import read_artefacts
from pipelines.report.page import make_page
from pipelines.stages.prepare import find_bots
from pipelines.stores import storage
from pipelines.stores.workspace import StageFolder

if TYPE_CHECKING:
    from pipelines.config import RunConfig


def report(folder: StageFolder, config: RunConfig) -> dict[str, Any]:
    """Write `report.html`, self-contained, and `quality.json`."""
    run = read_artefacts(folder)
    quality = quality_report(
        run.events,
        run.items,
        run.styles,
        run.item_pictures,
        find_bots(run.rejects),
        config.quality,
    )
    storage.write_json(folder.path("quality.json"), quality)
    page = make_page(folder, run, quality, config.images, config.privacy.least_group)
    data = page.html.encode()
    storage.write_bytes(folder.path("report.html"), data)
    return {
        "shoppers_shown": page.n_shoppers,
        "pictures": page.n_pictures,
        "bytes": len(data),
    }
