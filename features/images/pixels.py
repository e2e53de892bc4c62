"""The one array layout every picture function takes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.schema import ContractError


def require_picture(picture: NDArray[np.uint8]) -> None:
    """Raise ContractError unless `picture` is a non-empty uint8 array of shape (h, w, 3)."""
    if not isinstance(picture, np.ndarray):
        raise ContractError(
            f"a picture must be a numpy array, got {type(picture).__name__}: decode it"
        )
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
        raise ContractError(
            f"a picture must be uint8 of shape (h, w, 3), got {picture.dtype} of shape "
            f"{picture.shape}: use features.images.decode"
        )
