"""Optimisers of both networks, and the mean of a network's weights over the last steps."""

from __future__ import annotations

from typing import Final, Literal

import torch
from torch import nn

_BETAS: Final = (0.5, 0.99)
_MOMENTUM: Final = 0.9


def make_optimiser(
    module: nn.Module, kind: Literal["adam", "sgd"], rate: float
) -> torch.optim.Optimizer:
    """Adam (betas .5 and .99, as adversarial training wants), or SGD with momentum .9."""
    if kind == "adam":
        return torch.optim.Adam(module.parameters(), lr=rate, betas=_BETAS)
    return torch.optim.SGD(module.parameters(), lr=rate, momentum=_MOMENTUM)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate from the next step on."""
    for group in optimiser.param_groups:
        group["lr"] = rate


@torch.no_grad()
def average(mean: nn.Module, module: nn.Module, decay: float, step: int) -> None:
    """Move the weights of `mean` towards `module`'s: exponential, young means move faster."""
    kept = min(decay, (1 + step) / (10 + step))
    for ours, theirs in zip(mean.parameters(), module.parameters(), strict=True):
        ours.lerp_(theirs, 1 - kept)
