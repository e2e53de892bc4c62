"""Settings of this package, in a module light enough for any command to import."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from features.contracts.layout import COLUMNS
from features.contracts.names import column_mapping, event_type_mapping
from features.schema import ConfigError

LOW_CONFIDENCE: Final = 0.9
"""Below this a mask must not be relied on: it flags 84 of 85 bad masks and 10 of 177 good ones of
`python -m benchmarks.calibrate_masks`, and on plain grounds 5 of 5 bad and 15 of 460 good ones of
`python -m benchmarks.calibrate_plain_ground`."""

PictureFormat = Literal["png", "jpeg", "webp"]


@dataclass(frozen=True)
class CleaningConfig:
    """Rates beyond which a user is taken for a bot, over any window of that length.

    An action is any event but an impression. The defaults are five to fifteen times what the
    busiest wholesale customer of a real gift shop does (192 actions an hour, 1,275 events a day).
    Of equal events less than `repeat_window_s` seconds apart only the first is kept.
    """

    max_actions_per_hour: int = 1_000
    max_events_per_day: int = 20_000
    repeat_window_s: float = 1.0

    def __post_init__(self) -> None:
        for name in ("max_actions_per_hour", "max_events_per_day"):
            if getattr(self, name) < 1:
                raise ConfigError(f"events: {name} is {getattr(self, name)}: expected at least 1")


@dataclass(frozen=True)
class LogConfig:
    """How the input tables are read.

    `columns`: our name of a column -> the table's, for the log (`user_id = "visitorid"`) and the
    other tables (`"items.price" = "amount"`). `event_types`: the log's word -> impression, view,
    click, cart, purchase, or `ignore`. `day_first`: whether 03/04/2026 is 3 April; unset, the
    column tells. `as_of`: the time the job takes for now, ISO 8601, UTC (a date is its end); rows
    after it are set aside; unset, the last time that is not far from the others. An outcome may be
    stamped up to `clock_tolerance_s` seconds before the impression whose session and position it
    names. Of equal events less than `repeat_window_s` seconds apart one is kept. A user with more
    than `max_actions_per_hour` or `max_events_per_day` is set aside as a bot. Events more than
    `retention_days` before `as_of`, or the last event, are not used (unset: all are).
    """

    columns: dict[str, str] = field(default_factory=dict)
    event_types: dict[str, str] = field(default_factory=dict)
    day_first: bool | None = None
    as_of: str | None = None
    clock_tolerance_s: float = 300.0
    repeat_window_s: float = 1.0
    max_actions_per_hour: int = 1_000
    max_events_per_day: int = 20_000
    retention_days: float | None = None

    def __post_init__(self) -> None:
        if self.retention_days is not None and not 0.0 < self.retention_days < math.inf:
            raise ConfigError(
                f"log: retention_days is {self.retention_days}: expected a number above 0, or "
                "leave it out to use every event"
            )
        names = {table: [column.name for column in of] for table, of in COLUMNS.items()}
        object.__setattr__(self, "columns", column_mapping(self.columns, names))
        object.__setattr__(self, "event_types", event_type_mapping(self.event_types))
        for name in ("clock_tolerance_s", "repeat_window_s"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f"log: {name} is {getattr(self, name)}: expected at least 0")
        _ = self.now_utc, self.cleaning

    def columns_of(self, table: str) -> dict[str, str]:
        """Our name -> the table's, for `events`, `items` or `styles`."""
        prefix = "" if table == "events" else f"{table}."
        return {
            name.removeprefix(prefix): theirs
            for name, theirs in self.columns.items()
            if (name.startswith(prefix) if prefix else "." not in name)
        }

    @property
    def cleaning(self) -> CleaningConfig:
        """What `clean_events` takes."""
        return CleaningConfig(
            self.max_actions_per_hour, self.max_events_per_day, self.repeat_window_s
        )

    @property
    def now_utc(self) -> datetime | None:
        """`as_of` as a time with its zone; None where it is not set."""
        if self.as_of is None:
            return None
        text = self.as_of.strip()
        try:
            now = datetime.fromisoformat("" if text.isdigit() else text)
        except ValueError:
            raise ConfigError(
                f"log: as_of is {self.as_of!r}: expected a time such as 2026-03-01T12:00:00Z, "
                "or a date"
            ) from None
        now = now.replace(tzinfo=UTC) if now.tzinfo is None else now.astimezone(UTC)
        if len(text) <= len("2026-03-01"):
            now += timedelta(days=1, microseconds=-1)
        return now


@dataclass(frozen=True)
class EventWeights:
    """How much an event says about taste: its type, its dwell and its age.

    `view`, `click`, `cart`, `purchase`: at least 0; an impression weighs nothing. A dwell of
    `dwell_reference_s` leaves the weight as it is; at most it doubles and at least it halves it.
    The weight halves every `half_life_days` (inf: no decay).
    """

    view: float = 1.0
    click: float = 1.0
    cart: float = 3.0
    purchase: float = 5.0
    dwell_reference_s: float = 10.0
    half_life_days: float = 90.0

    def __post_init__(self) -> None:
        for name in ("view", "click", "cart", "purchase"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(
                    f"events: weight of {name} is {getattr(self, name)}: expected at least 0"
                )
        for name in ("dwell_reference_s", "half_life_days"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"events: {name} is {getattr(self, name)}: expected above 0")


@dataclass(frozen=True)
class ImageLimits:
    """What a picture file may be; all of it is checked before its pixels are decoded.

    `max_bytes` is the size of the file, `max_pixels` width times height, `min_side_px` the
    shorter side. `formats` are names of PIL decoders; nothing else is even tried.
    """

    max_bytes: int = 20 * 1024 * 1024
    max_pixels: int = 50_000_000
    min_side_px: int = 16
    formats: tuple[str, ...] = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")


DEFAULT_LIMITS: Final = ImageLimits()


@dataclass(frozen=True)
class PictureConfig(ImageLimits):
    """How pictures are read, and whether product photos are repaired before they are painted.

    The first four are limits on files, checked before pixels are decoded: the file's bytes, width
    times height, the shorter side, and the formats, names of PIL decoders, that are tried at all.
    `enhance` takes noise, a colour cast, flat tones and softness out of product photos before they
    are painted, as far as a product keeps its colours: by a mean CIEDE2000 of 1 at most. Renders
    are judged against the photo as it came, and the plain photo is shown as it came.
    """

    enhance: bool = False


@dataclass(frozen=True)
class QualityConfig:
    """What counts as poor. Sides in pixels, contrast in levels of 0..255, gaps in hours."""

    min_side_px: int = 128
    min_contrast: float = 40.0
    min_sharpness: float = 0.01
    duplicate_bits: int = 4
    min_impressions_per_look: int = 100
    min_gap_hours: float = 24.0
    n_examples: int = 5
