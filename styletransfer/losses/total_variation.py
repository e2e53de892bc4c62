"""Total variation: how much neighbouring pixels differ."""

from __future__ import annotations

from torch import Tensor


def total_variation(pictures: Tensor) -> Tensor:
    """Mean absolute difference of neighbouring pixels, down plus across; (b, c, h, w) -> (b,)."""
    down = pictures.diff(dim=2).abs().flatten(1).mean(dim=1)
    across = pictures.diff(dim=3).abs().flatten(1).mean(dim=1)
    return down + across
