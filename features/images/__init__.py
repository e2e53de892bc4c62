"""Pictures: safe decoding and encoding, scaling, enhancing, augmenting, hashing."""

from features.config import DEFAULT_LIMITS, ImageLimits, PictureFormat
from features.images.augment import AugmentConfig, augment
from features.images.decode import Decoded, decode, decode_file, decode_with_alpha
from features.images.encode import encode
from features.images.enhance import (
    EnhanceConfig,
    auto_contrast,
    auto_white_balance,
    denoise,
    enhance,
    luma,
    noise_sigma,
    sharpen,
)
from features.images.files import read_picture
from features.images.hashing import near_duplicates, perceptual_hash
from features.images.html import img_tag
from features.images.pixels import require_picture
from features.images.resize import crop_square, resize, resize_longest

__all__ = [
    "DEFAULT_LIMITS",
    "AugmentConfig",
    "Decoded",
    "EnhanceConfig",
    "ImageLimits",
    "PictureFormat",
    "augment",
    "auto_contrast",
    "auto_white_balance",
    "crop_square",
    "decode",
    "decode_file",
    "decode_with_alpha",
    "denoise",
    "encode",
    "enhance",
    "img_tag",
    "luma",
    "near_duplicates",
    "noise_sigma",
    "perceptual_hash",
    "read_picture",
    "require_picture",
    "resize",
    "resize_longest",
    "sharpen",
]
