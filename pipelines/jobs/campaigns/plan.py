"""What a campaign shows, and what it costs at most before anything is painted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from features.schema import ConfigError, InputError
from features.tables import validate_items, validate_styles
from pipelines.campaigns.presets import choose_presets
from pipelines.config import RunConfig, parse_config
from pipelines.jobs.plan import (
    ENCODE_S,
    LAYOUTS,
    PHOTO_S,
    RENDER_S,
    RENDER_SIZE_PX,
    SET_S,
    START_S,
    UnitCosts,
    duration,
    render_bytes,
)
from pipelines.stores import storage

FILE_S: Final = 0.7
"""Seconds for one channel's file, of a core that other work shared, its photo's mask included:
`python -m benchmarks.channels`."""
_LONGEST_NAME: Final = 80


@dataclass(frozen=True)
class Campaign:
    """Looks for categories of products in channels.

    `style_ids` at least one; `categories` () for all products; `channels` by name. `strength` in
    (0, 1]; `size_px` is the longer side that pictures are painted at; at most `max_items` products,
    the first of the table (0: all). Raises ConfigError where it cannot be made.
    """

    name: str
    style_ids: tuple[str, ...]
    categories: tuple[str, ...] = ()
    channels: tuple[str, ...] = ("web",)
    strength: float = 1.0
    size_px: int = 768
    max_items: int = 0

    def __post_init__(self) -> None:
        if not 1 <= len(self.name.strip()) <= _LONGEST_NAME or not self.name.isprintable():
            raise ConfigError(
                f"a campaign's name has 1 to {_LONGEST_NAME} printable characters, got "
                f"{len(self.name.strip())}"
            )
        if not self.style_ids:
            raise ConfigError(f"campaign {self.name!r} names no look: choose at least one")
        if not 0.0 < self.strength <= 1.0:
            raise ConfigError(f"strength is {self.strength}: expected over 0 and at most 1")
        if self.max_items < 0:
            raise ConfigError(f"max_items is {self.max_items}: expected at least 1, or 0 for all")
        choose_presets(self.channels)
        # Refused here by the name that settings have it by.
        parse_config({"render": {"size_px": self.size_px}})

    def to_request(self) -> dict[str, Any]:
        """The campaign as JSON keeps it."""
        return asdict(self)

    @classmethod
    def from_request(cls, request: Mapping[str, Any]) -> Campaign:
        """The campaign that `to_request` told."""
        named = dict(request)
        for name in ("style_ids", "categories", "channels"):
            named[name] = tuple(named[name])
        return cls(**named)

    def settings(self, config: RunConfig) -> RunConfig:
        """`config` with what the campaign says of its pictures."""
        told = config.settings() | config.operation() | {"workers": config.workers}
        render = {**told["render"], "size_px": self.size_px}
        return parse_config({**told, "render": render})


@dataclass(frozen=True, eq=False)
class Wanted:
    """The rows of both tables that a campaign shows, in the tables' order."""

    items: pd.DataFrame
    styles: pd.DataFrame

    @property
    def item_ids(self) -> list[str]:
        """The products' ids."""
        return [str(item) for item in self.items["item_id"]]

    @property
    def style_ids(self) -> list[str]:
        """The looks' ids."""
        return [str(style) for style in self.styles["style_id"]]


def choose(campaign: Campaign, items_path: Path, styles_path: Path) -> Wanted:
    """The products, available and with a photo, and the looks that `campaign` names.

    Raises InputError on a look or a category that the tables do not have, or no product.
    """
    items, _ = validate_items(storage.read_input_table(items_path, "items"))
    styles, _ = validate_styles(storage.read_input_table(styles_path, "styles"))
    unknown = [style for style in campaign.style_ids if style not in set(styles["style_id"])]
    if unknown:
        raise InputError(f"{styles_path} has no look {', '.join(unknown)}: choose among its own")
    known = set(items["category"].dropna()) if "category" in items else set()
    missing = [name for name in campaign.categories if name not in known]
    if missing:
        raise InputError(
            f"{items_path} has no category {', '.join(missing)}: expected some of "
            f"{', '.join(sorted(known)[:20])}"
        )
    if campaign.categories:
        items = items[items["category"].isin(campaign.categories)]
    if "available" in items:
        items = items[items["available"].fillna(True).astype(bool)]
    items = items[items["image_path"].notna()]
    if items.empty:
        raise InputError(f"campaign {campaign.name!r}: no available product with a photo is left")
    items = items.head(campaign.max_items or len(items)).reset_index(drop=True)
    chosen = styles[styles["style_id"].isin(campaign.style_ids)].reset_index(drop=True)
    return Wanted(items, chosen)


def plan(
    campaign: Campaign, wanted: Wanted, config: RunConfig, costs: UnitCosts | None = None
) -> dict[str, int]:
    """Counts of a campaign, and what its files come to at most in seconds and bytes.

    `costs` are those of a finished run with the settings `config`; without them those of
    docs/benchmarks.md are taken. Work is on as many cores as `config` says.
    """
    enlarged = (campaign.size_px / config.render.size_px) ** 2
    config = campaign.settings(config)
    presets = choose_presets(campaign.channels)
    items, looks = len(wanted.items), len(wanted.styles)
    renders = items * looks
    mains = items * sum(preset.main_on_white for preset in presets)
    files = renders * len(presets) + mains
    area = (campaign.size_px / RENDER_SIZE_PX) ** 2
    if costs is None:
        painting = PHOTO_S * items + RENDER_S * area * renders
        painting += SET_S * looks * LAYOUTS * config.render.set_variants
        painting += ENCODE_S * (items + looks)
        each = render_bytes(config)
    else:
        painting = costs.render_s * enlarged * renders + costs.encode_s * (items + looks)
        painting *= config.processes
        each = costs.render_bytes * enlarged
    seconds = START_S + (painting + FILE_S * files) / config.processes
    weights = sum(
        preset.most_bytes * (renders + items * preset.main_on_white) for preset in presets
    )
    return {
        "items": items,
        "looks": looks,
        "channels": len(presets),
        "renders": renders,
        "files": files,
        "seconds": round(seconds),
        # The ZIP holds the channels' files a second time.
        "bytes": round(renders * each + 2 * weights),
    }


def plan_line(told: Mapping[str, int]) -> str:
    """A plan for people, one line."""
    return (
        f"{told['items']:,} products x {told['looks']:,} looks x {told['channels']:,} channels: "
        f"{told['renders']:,} renders and {told['files']:,} files, about "
        f"{duration(told['seconds'])} on this machine and at most {told['bytes'] / 1e6:,.0f} MB"
    )
