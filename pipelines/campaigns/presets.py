"""Presets of the channels that pictures are sent to: size, safe area, format, weight, ground."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from features.config import PictureFormat
from features.schema import ConfigError


@dataclass(frozen=True)
class ChannelPreset:
    """What one channel asks of a picture.

    `width_px` x `height_px` exactly, a file of `format` with at most `most_bytes`, of a quality
    from `best_quality` down to `least_quality`. The product stays inside the `safe` area: shares of
    the frame that are kept free of it at the top, right, bottom and left, since the channel lays
    words over them or cuts them off. It takes about the share `fill` of the frame's width or
    height, whichever it fills more of. `main_on_white`: each product also has one main picture, cut
    out on white, where it takes `main_fill`. Raises ConfigError where the product cannot do both.
    """

    name: str
    width_px: int
    height_px: int
    format: PictureFormat
    most_bytes: int
    safe: tuple[float, float, float, float]
    fill: float
    best_quality: int = 90
    least_quality: int = 55
    main_on_white: bool = False
    main_fill: float = 0.85

    def __post_init__(self) -> None:
        top, right, bottom, left = self.safe
        room = min(1.0 - left - right, 1.0 - top - bottom)
        largest = max(self.fill, self.main_fill if self.main_on_white else 0.0)
        if not (min(self.safe) >= 0.0 and 0.0 < largest <= room):
            raise ConfigError(
                f"channel {self.name}: the product is to fill {largest:g} of the frame and the "
                f"safe area {self.safe} leaves {room:g}: expected a smaller fill or margins"
            )

    @property
    def suffix(self) -> str:
        """How the names of its files end."""
        return "jpg" if self.format == "jpeg" else self.format


PRESETS: Final = MappingProxyType(
    {
        preset.name: preset
        for preset in (
            # A product page, 4:5, sharp in a column of 480 points on any phone.
            ChannelPreset(
                "web", 960, 1200, "webp", 250_000, (0.05, 0.05, 0.05, 0.05), 0.72
            ),
            # A tile of a list: a badge stands in the corner, a price below.
            ChannelPreset("app", 640, 640, "webp", 120_000, (0.08, 0.08, 0.14, 0.08), 0.7),
            # JPEG, since mail programs read nothing newer; small, since letters are cut off.
            ChannelPreset("email", 900, 600, "jpeg", 150_000, (0.06, 0.06, 0.06, 0.06), 0.78),
            # The main picture on pure white, the product at 85 % of it; looks are further pictures.
            ChannelPreset(
                "marketplace", 1200, 1200, "jpeg", 600_000, (0.05, 0.05, 0.05, 0.05), 0.75,
                main_on_white=True,
            ),
            # A portrait post, 4:5: a profile shows its centred square.
            ChannelPreset("social", 1080, 1350, "jpeg", 500_000, (0.11, 0.08, 0.11, 0.08), 0.68),
        )
    }
)  # fmt: skip


def choose_presets(names: Sequence[str] | None) -> tuple[ChannelPreset, ...]:
    """The presets of `names`, each once (None: all). Raises ConfigError on an unknown name."""
    wanted = list(PRESETS) if names is None else list(dict.fromkeys(names))
    unknown = [name for name in wanted if name not in PRESETS]
    if unknown or not wanted:
        raise ConfigError(
            f"channel {', '.join(unknown) or 'list'} is "
            f"{'not known' if unknown else 'empty'}: expected one or more of {', '.join(PRESETS)}"
        )
    return tuple(PRESETS[name] for name in wanted)
