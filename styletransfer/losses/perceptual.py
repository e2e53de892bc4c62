"""Perceptual loss: feature maps of a frozen network, compared."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from features.schema import ContractError


def perceptual_loss(first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
    """Mean squared difference of feature maps, averaged over layers.

    `first` and `second`: a network's maps of the two pictures, layer by layer (b, c, h, w), equal
    shapes. Returns (b,). A layer's difference is taken relative to the layer's own mean square, so
    that no layer rules by its scale. Johnson et al. 2016, "Perceptual losses for real-time style
    transfer and super-resolution". Raises ContractError on different shapes or no layer.
    """
    shapes = [tuple(maps.shape) for maps in first], [tuple(maps.shape) for maps in second]
    if not shapes[0] or shapes[0] != shapes[1]:
        raise ContractError(
            f"feature maps to compare differ: got {shapes[0]} and {shapes[1]}, expected the same "
            "layers of the same network on pictures of one size"
        )
    parts = [
        (one - other).square().mean(dim=(1, 2, 3))
        / one.square().mean(dim=(1, 2, 3)).detach().clamp(min=1e-12)
        for one, other in zip(first, second, strict=True)
    ]
    return torch.stack(parts).mean(dim=0)
