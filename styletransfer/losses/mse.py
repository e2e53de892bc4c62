"""Mean squared error between pictures or feature maps."""

from __future__ import annotations

from torch import Tensor


def mean_squared_error(first: Tensor, second: Tensor) -> Tensor:
    """Mean of squared differences of (b, ...) tensors -> (b,)."""
    return (first - second).square().flatten(1).mean(dim=1)
