"""Where the product is in a picture, with soft edges and a confidence."""

from features.config import LOW_CONFIDENCE
from features.matting.mask import (
    DEFAULT_MATTING,
    MASK_REVISION,
    Mask,
    MattingConfig,
    product_mask,
)
from features.matting.mask_file import read_mask
from features.matting.plain_ground import PlainGround, plain_ground

__all__ = [
    "DEFAULT_MATTING",
    "LOW_CONFIDENCE",
    "MASK_REVISION",
    "Mask",
    "MattingConfig",
    "PlainGround",
    "plain_ground",
    "product_mask",
    "read_mask",
]
