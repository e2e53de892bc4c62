"""Where the product is in a picture, with soft edges and a confidence."""

from features.matting.mask import DEFAULT_MATTING, Mask, MattingConfig, product_mask

__all__ = ["DEFAULT_MATTING", "Mask", "MattingConfig", "product_mask"]
