"""Raw tables in, canonical tables out; rows that break the contract are set aside with a reason."""

from __future__ import annotations

from typing import Any

import pandas as pd

from features.events import LOSES_NOTHING, event_weights, interactions, time_split
from features.exposures import matched_exposures
from features.ids import IdMap
from features.schema import SchemaError
from features.tables import check_items, check_styles
from pipelines.config import RunConfig
from pipelines.limits import set_aside
from pipelines.stages.canonical import as_of, canonical_log
from pipelines.stages.log_warnings import log_warnings
from pipelines.stores import storage
from pipelines.stores.workspace import StageFolder


def canonical_tables(
    events: pd.DataFrame,
    items: pd.DataFrame,
    styles: pd.DataFrame,
    config: RunConfig,
    clock_utc: pd.Timestamp | None = None,
) -> dict[str, pd.DataFrame]:
    """Validate and clean the three input tables.

    Returns events, items, styles (both with `row`, where each was in the input), exposures (one row
    per impression), interactions (one row per user and item), rejects, values (set aside in rows
    that were kept) and lost (those of the rejects that are impressions). `clock_utc` is the time of
    the job (None: now). Raises SchemaError when a table cannot be used at all, when no outcome is
    left, and when no item is available.
    """
    log = config.log
    catalogue = check_items(items, log.columns_of("items"))
    if not catalogue.table["available"].any():
        raise SchemaError(
            f"items: none of {len(catalogue.table)} items is available: expected at least one to "
            "recommend: correct the column 'available', or leave it out"
        )
    looks = check_styles(styles, log.columns_of("styles"))
    cleaned = canonical_log(
        events,
        log,
        IdMap.sorted(catalogue.table["item_id"]),
        IdMap.sorted(looks.table["style_id"]),
        clock_utc,
    )
    kept = cleaned.events
    now = as_of(log) or kept["timestamp"].max()
    weights = event_weights(kept, config.events, now)
    parts = (cleaned, catalogue, looks)
    return {
        "events": kept,
        "items": catalogue.placed.sort_values("item_id", ignore_index=True),
        "styles": looks.placed.sort_values("style_id", ignore_index=True),
        "exposures": matched_exposures(kept, log.clock_tolerance_s)[0],
        "interactions": interactions(kept, weights),
        "rejects": pd.concat([part.rejects for part in parts], ignore_index=True),
        "values": pd.concat([part.value_rejects for part in parts], ignore_index=True),
        "lost": cleaned.lost,
    }


def find_bots(rejects: pd.DataFrame) -> set[str]:
    """Users whose events `clean_events` set aside as a bot's."""
    return set(rejects.loc[rejects["reason"].str.contains("looks like a bot"), "key"])


def prepare(folder: StageFolder, config: RunConfig) -> dict[str, Any]:
    """Read the job's inputs and write `tables/`; returns the counts for the manifest."""
    raw = {
        name: storage.read_input_table(folder.inputs[name], name)
        for name in ("events", "items", "styles")
    }
    events = raw["events"]
    tables = canonical_tables(events, raw["items"], raw["styles"], config)
    rejects, values, lost = (tables.pop(name) for name in ("rejects", "values", "lost"))
    for name, table in tables.items():
        folder.write(f"tables/{name}.parquet", table)
    n_rejects = folder.set_aside("prepare", rejects)
    folder.set_aside("prepare_values", values)
    kept = tables["events"]
    matches = matched_exposures(kept, config.log.clock_tolerance_s)[1]
    one_time = kept["timestamp"].nunique() < 2
    return {
        "events": len(kept),
        "users": int(kept["user_id"].nunique()),
        "items": len(tables["items"]),
        "styles": len(tables["styles"]),
        "impressions": len(tables["exposures"]),
        "impressions_lost": len(lost),
        "outcomes": matches.outcomes,
        "outcomes_before_impression": matches.early,
        "outcomes_without_impression": matches.unmatched,
        "rejects": n_rejects,
        "set_aside": [
            _missed(name, len(table), rejects.loc[rejects["table"] == name, "reason"])
            for name, table in raw.items()
        ],
        "rejects_by_reason": _by_reason(rejects),
        "values_set_aside": len(values),
        "values_by_reason": _by_reason(values),
        "warnings": log_warnings(
            events, rejects, values, matches, len(tables["exposures"]), config.log
        ),
        "first_event_utc": kept["timestamp"].min().isoformat(),
        "last_event_utc": kept["timestamp"].max().isoformat(),
        "evaluation_cut_utc": None
        if one_time
        else time_split(kept, config.train_share).isoformat(),
    }


def _missed(table: str, rows: int, reasons: pd.Series) -> dict[str, Any]:
    """What counts towards the limit of rejects: a repeat and what is to be ignored lose nothing."""
    lost = reasons[~reasons.str.startswith(LOSES_NOTHING)]
    return set_aside(table, rows - len(reasons) + len(lost), lost)


def _by_reason(rejects: pd.DataFrame) -> dict[str, int]:
    return {str(reason): int(n) for reason, n in rejects["reason"].value_counts().items()}
