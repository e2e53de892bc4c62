"""Raw tables in, canonical tables out; rows that break the contract are set aside with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from features.config import LogConfig
from features.events import LOSES_NOTHING, time_split
from features.exposures import matched_exposures
from features.ids import IdMap
from features.schema import SchemaError
from features.tables import Checked, check_items, check_styles
from pipelines.config import RunConfig
from pipelines.limits import set_aside
from pipelines.stages.canonical import canonical_log
from pipelines.stages.large_log import (
    LARGE_LOG_ROWS,
    CountedLog,
    is_typed,
    prepare_large_log,
    raw_rows,
)
from pipelines.stages.log_warnings import log_warnings
from pipelines.stages.withhold import NOTHING, Withholding
from pipelines.stores import storage
from pipelines.stores.event_buckets import OPTED_OUT, write_log
from pipelines.stores.workspace import StageFolder


def canonical_tables(
    events: pd.DataFrame,
    items: pd.DataFrame,
    styles: pd.DataFrame,
    config: RunConfig,
    clock_utc: pd.Timestamp | None = None,
    rule: Withholding = NOTHING,
) -> dict[str, pd.DataFrame]:
    """Validate and clean the three input tables.

    Returns events, items, styles (both with `row`, where each was in the input), rejects, values
    (set aside in rows that were kept) and lost (those of the rejects that are impressions).
    `clock_utc` is the time of the job (None: now); `rule` as `canonical_log` takes it. Raises
    SchemaError when a table cannot be used at all, when no outcome is left, and when no item is
    available.
    """
    shop = checked_shop(items, styles, config.log)
    cleaned = canonical_log(events, config.log, shop.item_ids, shop.style_ids, clock_utc, rule=rule)
    parts = (cleaned, shop.items, shop.styles)
    return {
        "events": cleaned.events,
        **shop.tables,
        "rejects": pd.concat([part.rejects for part in parts], ignore_index=True),
        "values": pd.concat([part.value_rejects for part in parts], ignore_index=True),
        "lost": cleaned.lost,
    }


@dataclass(frozen=True)
class Shop:
    """The catalogue and the looks, checked."""

    items: Checked
    styles: Checked

    @property
    def item_ids(self) -> IdMap:
        """Ids of the items, sorted."""
        return IdMap.sorted(self.items.table["item_id"])

    @property
    def style_ids(self) -> IdMap:
        """Ids of the looks, sorted."""
        return IdMap.sorted(self.styles.table["style_id"])

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """items and styles by id, each with `row`, where it was in the input."""
        return {
            "items": self.items.placed.sort_values("item_id", ignore_index=True),
            "styles": self.styles.placed.sort_values("style_id", ignore_index=True),
        }


def checked_shop(items: pd.DataFrame, styles: pd.DataFrame, log: LogConfig) -> Shop:
    """The catalogue and the looks, checked. Raises SchemaError where nothing can be used."""
    catalogue = check_items(items, log.columns_of("items"))
    if not catalogue.table["available"].any():
        raise SchemaError(
            f"items: none of {len(catalogue.table)} items is available: expected at least one to "
            "recommend: correct the column 'available', or leave it out"
        )
    return Shop(catalogue, check_styles(styles, log.columns_of("styles")))


def find_bots(rejects: pd.DataFrame) -> set[str]:
    """Users whose events `clean_events` set aside as a bot's."""
    return set(rejects.loc[rejects["reason"].str.contains("looks like a bot"), "key"])


def prepare(folder: StageFolder, config: RunConfig) -> dict[str, Any]:
    """Read the job's inputs and write `tables/`; returns the counts for the manifest.

    A log of over `LARGE_LOG_ROWS` rows in Parquet files that tell their types is never in memory as
    a whole; one in folders such as `day=2026-01-01`, whose names are columns, is.
    """
    raw = {
        name: storage.read_input_table(folder.inputs[name], name) for name in ("items", "styles")
    }
    shop = checked_shop(raw["items"], raw["styles"], config.log)
    path = folder.inputs["events"]
    rule = Withholding.of(folder.root, config.privacy.pseudonymise)
    rows = raw_rows(path)
    if rows is not None and rows > LARGE_LOG_ROWS and is_typed(path, config.log):
        log = prepare_large_log(folder, path, config.log, shop.item_ids, shop.style_ids, rule=rule)
    else:
        log = _prepare_log(folder, path, config.log, shop, rule)
    folder.write(OPTED_OUT, pd.DataFrame({"user_id": pd.Series(log.opted_out, dtype="str")}))
    for name, table in shop.tables.items():
        folder.write(f"tables/{name}.parquet", table)
    parts = (log, shop.items, shop.styles)
    rejects = pd.concat([part.rejects for part in parts], ignore_index=True)
    values = pd.concat([part.value_rejects for part in parts], ignore_index=True)
    n_rejects = folder.set_aside("prepare", rejects)
    folder.set_aside("prepare_values", values)
    facts, matches = log.facts, log.matches
    lengths = {"events": log.rows, **{name: len(table) for name, table in raw.items()}}
    return {
        "events": facts.rows,
        "users": facts.users,
        "items": len(shop.items.table),
        "styles": len(shop.styles.table),
        "users_opted_out": len(log.opted_out),
        **log.withheld,
        "impressions": log.impressions,
        "impressions_lost": len(log.lost),
        "outcomes": matches.outcomes,
        "outcomes_before_impression": matches.early,
        "outcomes_without_impression": matches.unmatched,
        "rejects": n_rejects,
        "set_aside": [
            _missed(name, length, rejects.loc[rejects["table"] == name, "reason"])
            for name, length in lengths.items()
        ],
        "rejects_by_reason": _by_reason(rejects),
        "values_set_aside": len(values),
        "values_by_reason": _by_reason(values),
        "warnings": log_warnings(log.head, rejects, values, matches, log.impressions, config.log),
        "first_event_utc": facts.first.isoformat(),
        "last_event_utc": facts.last.isoformat(),
        "evaluation_cut_utc": None
        if facts.first == facts.last
        else time_split(pd.DataFrame({"timestamp": log.times}), config.train_share).isoformat(),
    }


def _prepare_log(
    folder: StageFolder, path: Path, config: LogConfig, shop: Shop, rule: Withholding
) -> CountedLog:
    """Write the canonical log of any table at `path`, read at once."""
    events = storage.read_input_table(path, "events")
    cleaned = canonical_log(events, config, shop.item_ids, shop.style_ids, rule=rule)
    kept = cleaned.events
    return CountedLog(
        len(events),
        write_log(folder, kept),
        cleaned.rejects,
        cleaned.value_rejects,
        cleaned.lost,
        int((kept["event_type"] == "impression").sum()),
        matched_exposures(kept, config.clock_tolerance_s)[1],
        kept["timestamp"].to_numpy(dtype="datetime64[us]"),
        events.head(0),
        cleaned.opted_out,
        cleaned.withheld,
    )


def _missed(table: str, rows: int, reasons: pd.Series) -> dict[str, Any]:
    """What counts towards the limit of rejects: a repeat and what is to be ignored lose nothing."""
    lost = reasons[~reasons.str.startswith(LOSES_NOTHING)]
    return set_aside(table, rows - len(reasons) + len(lost), lost)


def _by_reason(rejects: pd.DataFrame) -> dict[str, int]:
    return {str(reason): int(n) for reason, n in rejects["reason"].value_counts().items()}
