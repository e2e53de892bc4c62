"""Photos before and after their repair, for the data section."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from features.images import decode, noise_sigma, resize_longest
from features.matting import product_mask
from features.schema import ImageError
from pipelines.report import formatting
from pipelines.report.artefacts import Artefacts
from pipelines.report.thumbnails import PRODUCT_PX, Picture, Thumbnails
from styletransfer.faithful.enhance import enhance_within

_EXAMPLES: Final = 6
_SIZE_PX: Final = 384


@dataclass(frozen=True)
class Repair:
    """One photo before and after, and what was measured on it."""

    item_id: str
    before: Picture
    after: Picture
    figures: str


def show_repairs(run: Artefacts, thumbnails: Thumbnails) -> list[Repair]:
    """The repair of the served photos with the flattest tones and the softest edges, by turns."""
    photos = run.item_pictures[run.item_pictures["item_id"].isin(run.feed["item_id"])]
    ranked = [
        photos.sort_values([measure, "item_id"])["item_id"].tolist()
        for measure in ("contrast", "sharpness")
    ]
    poorest = [item for pair in zip(*ranked, strict=True) for item in pair]
    repairs = []
    for item in list(dict.fromkeys(poorest))[:_EXAMPLES]:
        try:
            photo = resize_longest(decode(Path(run.item_paths[item]), thumbnails.limits), _SIZE_PX)
        except (ImageError, KeyError):
            continue
        made = enhance_within(photo, product_mask(photo).alpha)
        after = made.picture
        steps = ", ".join(f"{name} {formatting.percent(one)}" for name, one in made.amounts.items())
        figures = (
            f"made of each repair: {steps}; the product moved by "
            f"{formatting.decimal(made.delta_e)} delta-E, noise from {noise_sigma(photo):.1f} "
            f"to {noise_sigma(after):.1f} levels"
        )
        repairs.append(
            Repair(
                item,
                thumbnails.add_pixels(photo, PRODUCT_PX),
                thumbnails.add_pixels(after, PRODUCT_PX),
                figures,
            )
        )
    return repairs
