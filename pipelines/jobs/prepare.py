"""Raw tables in, canonical tables out; rows that break the contract are set aside with a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from features.events import clean_events, event_weights, interactions, time_split
from features.exposures import exposures
from features.ids import IdMap
from features.schema import SchemaError
from features.tables import validate_events, validate_items, validate_styles
from pipelines import storage
from pipelines.config import RunConfig
from pipelines.workspace import Workspace


def canonical_tables(
    events: pd.DataFrame, items: pd.DataFrame, styles: pd.DataFrame, config: RunConfig
) -> dict[str, pd.DataFrame]:
    """Validate and clean the three input tables.

    Returns events, items, styles, exposures (one row per impression), interactions (one row per
    user and item) and rejects. Raises SchemaError when a table cannot be used at all.
    """
    items, item_rejects = validate_items(items)
    styles, style_rejects = validate_styles(styles)
    events, event_rejects = validate_events(
        events, IdMap.sorted(items["item_id"]), IdMap.sorted(styles["style_id"])
    )
    events, unclean = clean_events(events)
    if events.empty:
        raise SchemaError(
            f"events: none of {len(event_rejects) + len(unclean)} rows can be used, the first "
            f"because: {pd.concat([event_rejects, unclean])['reason'].iloc[0]}; "
            "compare the ids with those of the items and styles tables"
        )
    now = events["timestamp"].max()
    weights = event_weights(events, config.events, now)
    return {
        "events": events,
        "items": items.sort_values("item_id", ignore_index=True),
        "styles": styles.sort_values("style_id", ignore_index=True),
        "exposures": exposures(events),
        "interactions": interactions(events, weights),
        "rejects": pd.concat([event_rejects, unclean, item_rejects, style_rejects]),
    }


def prepare(workspace: Workspace, config: RunConfig) -> dict[str, Any]:
    """Read the job's inputs and write `tables/`; returns the counts for the manifest."""
    sources = storage.read_json(workspace.path("job.json"))["inputs"]
    events, items, styles = (
        storage.read_input_table(Path(sources[name]), name)
        for name in ("events", "items", "styles")
    )
    tables = canonical_tables(events, items, styles, config)
    rejects = tables.pop("rejects")
    for name, table in tables.items():
        workspace.write(f"tables/{name}.parquet", table)
    set_aside = workspace.set_aside("prepare", rejects)
    events = tables["events"]
    return {
        "events": len(events),
        "users": int(events["user_id"].nunique()),
        "items": len(tables["items"]),
        "styles": len(tables["styles"]),
        "impressions": len(tables["exposures"]),
        "rejects": set_aside,
        "rejects_by_reason": {
            str(reason): int(n) for reason, n in rejects["reason"].value_counts().items()
        },
        "first_event_utc": events["timestamp"].min().isoformat(),
        "last_event_utc": events["timestamp"].max().isoformat(),
        "evaluation_cut_utc": time_split(events, config.train_share).isoformat(),
    }
