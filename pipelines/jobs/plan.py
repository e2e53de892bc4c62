"""What a run costs at most: counts, renders, seconds and bytes, from measured costs of units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pipelines.config import RunConfig

# Of one core, from docs/benchmarks.md; a render's grows with its pixels.
ENCODE_S: Final = 0.04
PHOTO_S: Final = 0.3
RENDER_S: Final = 0.03
SET_S: Final = 2.0
FRAME_S: Final = 0.14
EVENT_S: Final = 0.00015
START_S: Final = 15.0
RENDER_SIZE_PX: Final = 384
LAYOUTS: Final = 3
BYTES_PER_PX: Final = {"jpeg": 0.4, "png": 1.6, "webp": 0.3}
BYTES_PER_FRAME_PX: Final = 0.2
_FEWEST_PAINTED: Final = 20
_PICTURES: Final = ("renders/", "originals/", "clips/")
_OF_PICTURES: Final = ("encode", "render", "clips")


@dataclass(frozen=True)
class Size:
    """How much a run has before it: counts of the tables, `picture_bytes` of the items' photos, how
    many of its renders are `stored` already, and the items' `clips` and frames of all of these."""

    events: int
    users: int
    items: int
    pictures: int
    looks: int
    picture_bytes: int
    stored: int = 0
    clips: int = 0
    frames: int = 0


@dataclass(frozen=True)
class UnitCosts:
    """Seconds of a finished run for each picture encoded, render painted and event, and bytes on
    disk for each render and, of tables and models, for each event."""

    encode_s: float
    render_s: float
    event_s: float
    render_bytes: float
    event_bytes: float


def unit_costs(manifest: Mapping[str, Any]) -> UnitCosts | None:
    """The costs that the `manifest` of a finished run tells; None where it painted too few renders
    to tell."""
    counts, seconds = manifest["counts"], manifest["seconds"]
    painted = int(counts["render"].get("painted", 0))
    if painted < _FEWEST_PAINTED:
        return None
    prepared = counts["prepare"]
    pictures, events = prepared["items"] + prepared["styles"], max(prepared["events"], 1)
    others = sum(told for name, told in seconds.items() if name not in _OF_PICTURES)
    sizes = {path: int(told["bytes"]) for path, told in manifest["artefacts"].items()}
    renders = [n for path, n in sizes.items() if path.startswith("renders/")]
    tables = sum(n for path, n in sizes.items() if not path.startswith(_PICTURES))
    return UnitCosts(
        seconds["encode"] / max(pictures, 1),
        seconds["render"] / painted,
        others / events,
        sum(renders) / max(len(renders), 1),
        tables / events,
    )


def plan_of(size: Size, config: RunConfig, costs: UnitCosts | None = None) -> dict[str, int]:
    """Counts of a run, and what its renders, clips, seconds and bytes come to at most.

    A row of the feed needs one render, and an item has one per look; of these `to_paint` are not
    stored. An item that names a clip has one per look too, made after the pictures. Without
    `costs`, of an earlier run with the same settings, those of docs/benchmarks.md are taken, on as
    many cores as the run uses.
    """
    users = min(size.users, config.max_users or size.users)
    rows = users * min(config.top_k, size.items)
    possible = size.pictures * size.looks
    renders = min(rows, possible)
    if config.render.max_renders:
        renders = min(renders, config.render.max_renders)
    clips = _clips(size, rows, renders, config)
    frames = clips * size.frames / max(size.clips, 1)
    to_paint = min(renders, max(possible - size.stored, 0))
    if costs is None:
        seconds, each_bytes = _seconds(size, to_paint, config), render_bytes(config)
        table_bytes = 0.0
    else:
        pictures = size.pictures + size.looks
        seconds = costs.encode_s * pictures + costs.render_s * to_paint
        seconds += costs.event_s * size.events
        each_bytes, table_bytes = costs.render_bytes, costs.event_bytes * size.events
    seconds += FRAME_S * _area(config) * frames / config.processes
    of_clips = frames * config.render.size_px**2 * BYTES_PER_FRAME_PX
    return {
        "events": size.events,
        "users": users,
        "items": size.items,
        "pictures": size.pictures,
        "looks": size.looks,
        "rows": rows,
        "renders": renders,
        "stored": size.stored,
        "to_paint": to_paint,
        "clips": clips,
        "seconds": round(seconds),
        "bytes": round(to_paint * each_bytes + table_bytes + of_clips) + size.picture_bytes,
    }


def _clips(size: Size, rows: int, renders: int, config: RunConfig) -> int:
    """Clips to make at most: one for each row, one of an item per look, none before pictures."""
    if config.render.mode != "faithful":
        return 0
    most = config.render.max_renders
    return min(rows, size.clips * size.looks, max(most - renders, 0) if most else rows)


def _area(config: RunConfig) -> float:
    """Of a picture, in those that costs were measured with."""
    return (config.render.size_px / RENDER_SIZE_PX) ** 2


def _seconds(size: Size, to_paint: int, config: RunConfig) -> float:
    sets = size.looks * LAYOUTS * config.render.set_variants if to_paint else 0
    parallel = (
        ENCODE_S * (size.pictures + size.looks)
        + PHOTO_S * min(size.pictures, to_paint)
        + RENDER_S * _area(config) * to_paint
        + SET_S * sets
    )
    return START_S + EVENT_S * size.events + parallel / config.processes


def render_bytes(config: RunConfig) -> float:
    """What a render's file has about, by its size and format."""
    return config.render.size_px**2 * BYTES_PER_PX[config.render.format]


def plan_lines(plan: Mapping[str, int]) -> list[str]:
    """A plan for people: what a run has before it, and what that comes to."""
    kept = ""
    if plan["stored"]:
        kept = f" ({plan['stored']:,} are stored, so at most {plan['to_paint']:,} to paint)"
    clips = f", {plan['clips']:,} clips" if plan["clips"] else ""
    return [
        f"a run: {plan['users']:,} shoppers, {plan['events']:,} events, {plan['items']:,} items, "
        f"{plan['pictures']:,} pictures, {plan['looks']:,} looks",
        f"at most {plan['rows']:,} rows and {plan['renders']:,} renders{kept}{clips}, about "
        f"{duration(plan['seconds'])} on this machine and {plan['bytes'] / 1e6:,.0f} MB",
    ]


def duration(seconds: int) -> str:
    """Seconds in words."""
    if seconds < 90:
        return f"{seconds} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
