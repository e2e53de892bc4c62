"""The columns of each input table: names, kinds and ranges."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["id", "text", "time", "number", "whole", "flag", "permission"]


@dataclass(frozen=True)
class Column:
    """One column of a contract: its name, what it holds, and whether each row must fill it.

    A `required` column that is `all_or_none` may be left empty in every row.
    A value that cannot be read costs the row where it is `required`, or where the row would mean
    something else without it (`decisive`); any other is set aside alone, as if it were empty.
    """

    name: str
    kind: Kind
    required: bool = False
    all_or_none: bool = False
    decisive: bool = False
    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False


EVENT_COLUMNS: Final = (
    Column("user_id", "id", required=True),
    Column("item_id", "id", required=True),
    Column("timestamp", "time", required=True),
    Column("event_type", "id", required=True),
    Column("dwell_s", "number", low=0.0),
    Column("style_id", "id", decisive=True),
    Column("style_drawn", "id", decisive=True),
    Column("position", "whole", low=1, high=32_767),
    Column("propensity", "number", low=0.0, high=1.0, low_open=True),
    Column("session_id", "id"),
    Column("channel", "id"),
    Column("opt_out", "permission"),
)
ITEM_COLUMNS: Final = (
    Column("item_id", "id", required=True),
    Column("image_path", "id", required=True, all_or_none=True),
    Column("title", "text"),
    Column("category", "text"),
    Column("price", "number", low=0.0),
    Column("mask_path", "id"),
    Column("video_path", "id"),
    Column("available", "flag"),
)
STYLE_COLUMNS: Final = (
    Column("style_id", "id", required=True),
    Column("name", "text"),
    Column("image_path", "id", required=True),
    Column("tags", "text"),
    Column("verbatim", "permission"),
)


COLUMNS: Final = {"events": EVENT_COLUMNS, "items": ITEM_COLUMNS, "styles": STYLE_COLUMNS}
