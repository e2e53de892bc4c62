"""Style as patch distributions, each look's distance relative to the largest it could be.

Looks of strong contrast are far from everything and would rule a sum of plain distances. Cheng et
al. 2021, "Style-aware normalized loss for improving arbitrary style transfer", divides each by its
upper bound; here the distance is optimal transport, and its bound the cost of the coupling that
ignores all order.
"""

from __future__ import annotations

import torch
from torch import Tensor

from styletransfer.losses.sliced_wasserstein import LEVELS, patch_lines, transport_cost_1d

SAMPLES = 4096


def normalised_patch_style(
    pictures: Tensor, looks: Tensor, rng: torch.Generator, projections: int = 64
) -> Tensor:
    """Patch sliced Wasserstein distance as a share of its upper bound, in 0..1 -> (b,).

    `pictures` (b, c, h, w) and `looks` (b or 1, c, h', w') of any sizes of at least 56 px; `rng`
    draws the projections and, of larger pictures, `SAMPLES` patches per scale. The bound is a
    constant for gradients. Raises InputError and ContractError as `patch_sliced_wasserstein` does.
    """
    total = pictures.new_zeros(())
    for painted, wanted in patch_lines(pictures, looks, rng, projections):
        count = min(painted.shape[-1], wanted.shape[-1], SAMPLES)
        painted, wanted = (_sampled(lines, count, rng) for lines in (painted, wanted))
        cost = transport_cost_1d(painted, wanted).mean(dim=1)
        bound = unordered_cost(painted.detach(), wanted).mean(dim=1)
        total = total + cost / bound.clamp(min=1e-8)
    return total / LEVELS


def unordered_cost(first: Tensor, second: Tensor) -> Tensor:
    """Mean squared gap of samples on lines matched without regard to order -> (...).

    (..., n) and (..., m). No optimal transport costs more.
    """
    variances = [torch.var(lines, dim=-1, correction=0) for lines in (first, second)]
    return variances[0] + variances[1] + (first.mean(dim=-1) - second.mean(dim=-1)).square()


def _sampled(lines: Tensor, count: int, rng: torch.Generator) -> Tensor:
    """`count` positions of (..., n), drawn without repetition where there are more."""
    if lines.shape[-1] == count:
        return lines
    drawn = torch.randperm(lines.shape[-1], generator=rng)[:count]
    return lines.index_select(-1, drawn.to(lines.device))
