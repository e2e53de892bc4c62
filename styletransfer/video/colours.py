"""Frames as they are stored, brightness and colours apart, and as viewers see them."""

from __future__ import annotations

from typing import Final

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from numpy.typing import NDArray

# Colours are stored at half the size. With this filter both ways, what is read and stored again
# stays within a CIEDE2000 of about 0.1, where linear ones lose 0.4 and the usual ones 0.6.
_ACCURATE: Final = Interpolation.LANCZOS | Interpolation.ACCURATE_RND
_TO_STORE: Final = _ACCURATE | Interpolation.FULL_CHR_H_INP
_TO_SEE: Final = _ACCURATE | Interpolation.FULL_CHR_H_INT
# Of ISO 23091-4: the file does not say which matrix its colours were coded with.
_UNSPECIFIED: Final = 2
# Below this height such files are taken for BT.601, as players do.
_HIGH_DEFINITION_PX: Final = 720


def as_seen(frame: VideoFrame) -> NDArray[np.uint8]:
    """A decoded frame as sRGB uint8 (h, w, 3), or (h, w, 4) where its format has transparency."""
    clear = any(component.is_alpha for component in frame.format.components)
    matrix = frame.colorspace
    if matrix == _UNSPECIFIED:
        hd = frame.height >= _HIGH_DEFINITION_PX
        matrix = Colorspace.ITU709 if hd else Colorspace.ITU601
    shown = frame.reformat(
        format="rgba" if clear else "rgb24",
        src_colorspace=matrix,
        dst_color_range=ColorRange.JPEG,
        interpolation=_TO_SEE,
    )
    return np.asarray(shown.to_ndarray(), dtype=np.uint8)


def as_stored(picture: NDArray[np.uint8]) -> VideoFrame:
    """A picture uint8 (h, w, 3) sRGB, sides even, as a frame to encode: BT.709, 8 bits, 4:2:0."""
    return VideoFrame.from_ndarray(picture, format="rgb24").reformat(
        format="yuv420p",
        dst_colorspace=Colorspace.ITU709,
        dst_color_range=ColorRange.MPEG,
        interpolation=_TO_STORE,
    )
