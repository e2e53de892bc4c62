"""A log of shoppers with known tastes, over a real catalogue and real looks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from features.schema import InputError
from features.tables import validate_items, validate_styles
from pipelines.config import RunConfig
from pipelines.stages.encode import PictureTable, encode_pictures
from pipelines.stores import storage
from pipelines.stores.arrays import stack_vectors
from pipelines.stores.folder_lock import hold_folder
from pipelines.stores.picture_files import picture_root
from recsys.prototypes.index import PrototypeIndex
from recsys.simulator import simulate


def simulate_log(
    items_path: Path,
    styles_path: Path,
    out: Path,
    config: RunConfig,
    shoppers: int,
    pictures: Path | None = None,
) -> dict[str, Any]:
    """Write `events.parquet` and `truth.parquet` to `out`; returns the counts.

    The families that shoppers like are clusters of the looks in style space. Each shopper
    sees about a hundred impressions. `pictures` is the folder that picture paths start from (None:
    found by the table's folder). Raises InputError when no look's picture can be read.
    """
    items, _ = validate_items(storage.read_input_table(items_path, "items"))
    styles, _ = validate_styles(storage.read_input_table(styles_path, "styles"))
    root = picture_root(styles["image_path"], styles_path.parent, pictures)
    [(looks, broken)] = encode_pictures([PictureTable(styles, "style_id", root, False)], config)
    if looks.empty:
        raise InputError(
            f"styles: no picture can be read, the first because: {broken[0]['reason']}"
        )
    style_ids = looks["style_id"].tolist()
    prototypes = PrototypeIndex.fit(style_ids, stack_vectors(looks["style_code"]), seed=config.seed)
    groups = [prototypes.members(p) for p in prototypes.prototypes["prototype_id"]]
    families = np.array([[look in group for group in groups] for look in style_ids], dtype=float)
    settings = replace(config.simulator, n_shoppers=shoppers, n_impressions=100 * shoppers)
    events, truth = simulate(items, style_ids, families, settings, config.seed)
    with hold_folder(out):
        storage.write_table(out / "events.parquet", events)
        storage.write_table(out / "truth.parquet", truth)
    return {"shoppers": len(truth), "events": len(events), "looks": len(style_ids)}
