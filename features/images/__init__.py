"""Pictures: safe decoding and encoding, scaling, enhancing, augmenting, hashing."""

from features.images.decode import DEFAULT_LIMITS, ImageLimits, decode, decode_with_alpha
from features.images.encode import PictureFormat, encode
from features.images.pixels import require_picture
from features.images.resize import crop_square, resize, resize_longest

__all__ = [
    "DEFAULT_LIMITS",
    "ImageLimits",
    "PictureFormat",
    "crop_square",
    "decode",
    "decode_with_alpha",
    "encode",
    "require_picture",
    "resize",
    "resize_longest",
]
