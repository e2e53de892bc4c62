"""Product colour: inside the mask, colours stay on average what they are in the photo."""

from __future__ import annotations

from typing import Final

from torch import Tensor
from torch.nn import functional as F

from features.schema import ContractError

CELL_PX: Final = 8


def product_colour(painted: Tensor, photos: Tensor, masks: Tensor) -> Tensor:
    """Mean squared gap of the products' colours, each averaged over 8x8 px cells -> (b,).

    `painted` and `photos` (b, c, h, w), `masks` (b, 1, h, w) in 0..1, 1 on the product. Strokes and
    grain inside a cell are free, its mean is not; a picture without product loses 0. Raises
    ContractError on other shapes or a side below 8 px.
    """
    fits = painted.shape == photos.shape and masks.shape[2:] == photos.shape[2:]
    if not fits or masks.shape[:2] != (len(photos), 1) or min(photos.shape[2:]) < CELL_PX:
        raise ContractError(
            f"pictures and masks must be (b, c, h, w), (b, c, h, w) and (b, 1, h, w) of at least "
            f"{CELL_PX} px, got {tuple(painted.shape)}, {tuple(photos.shape)}, {tuple(masks.shape)}"
        )
    share = F.avg_pool2d(masks, CELL_PX)
    gap = F.avg_pool2d((painted - photos) * masks, CELL_PX) / share.clamp(min=1e-6)
    weighted = (gap.square().mean(dim=1, keepdim=True) * share).flatten(1).sum(dim=1)
    return weighted / share.flatten(1).sum(dim=1).clamp(min=1e-6)
