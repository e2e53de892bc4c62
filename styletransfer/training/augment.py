"""Differentiable augmentation for the discriminator, and how often it is applied.

Zhao et al. 2020, "Differentiable augmentation for data-efficient GAN training"; the rate is led by
the sign of the discriminator on reals as in Karras et al. 2020, "Training generative adversarial
networks with limited data".
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

_SHIFT: Final = 0.125
_CUT: Final = 0.3
_COLOUR: Final = 0.3
_PICTURES_TO_FULL: Final = 4000


def augment(pictures: Tensor, weight: Tensor, rate: float, rng: torch.Generator) -> list[Tensor]:
    """Each kind of change to each picture with probability `rate`; returns pictures and weight.

    `pictures` (b, 3, h, w) and `weight` (b, 1, h, w), which is moved and cut with them: mirrored,
    shifted by up to an eighth, brightness and saturation changed by up to .3, a square of .3 of the
    side cut out (weight 0). Differentiable in the pictures; rate 0 changes nothing.
    """
    if rate <= 0:
        return [pictures, weight]
    count, _, height, width = pictures.shape
    draws = torch.rand(10, count, generator=rng).to(pictures)
    wanted = draws[:5] < rate
    both = torch.cat((pictures, weight), dim=1)
    both = torch.where(_by_row(wanted[0] & (draws[5] < 0.5)), both.flip(3), both)
    moves = torch.randint(-1000, 1001, (2, count), generator=rng) / 1000
    rows = []
    for row in range(count):
        one = both[row : row + 1]
        if bool(wanted[1][row]):
            one = _shifted(one, moves[:, row].tolist())
        rows.append(one)
    both = torch.cat(rows)
    colours, weight = both[:, :3], both[:, 3:]
    light = _by_row(torch.where(wanted[2], _COLOUR * (2 * draws[6] - 1), 0.0))
    vivid = _by_row(torch.where(wanted[3], 1 + _COLOUR * (2 * draws[7] - 1), 1.0))
    grey = colours.mean(dim=1, keepdim=True)
    colours = grey + (colours - grey) * vivid + light
    keep = torch.ones_like(weight)
    cut = [round(_CUT * height), round(_CUT * width)]
    for row in range(count):
        if bool(wanted[4][row]):
            top = int(draws[8][row] * (height - cut[0] + 1))
            left = int(draws[9][row] * (width - cut[1] + 1))
            keep[row, :, top : top + cut[0], left : left + cut[1]] = 0.0
    return [colours * keep, weight * keep]


def _by_row(values: Tensor) -> Tensor:
    return values[:, None, None, None]


def _shifted(one: Tensor, shares: list[float]) -> Tensor:
    """(1, c, h, w) moved by up to an eighth of its sides; what comes in is mirrored."""
    height, width = one.shape[2:]
    pads = [round(_SHIFT * height), round(_SHIFT * width)]
    top, left = (pad + round(share * pad) for pad, share in zip(pads, shares, strict=True))
    padded = F.pad(one, (pads[1], pads[1], pads[0], pads[0]), mode="reflect")
    return padded[..., top : top + height, left : left + width]


def next_rate(rate: float, told_real: float, target: float, pictures: int) -> float:
    """The augmentation's rate after `pictures` more reals, of which a share `told_real` was told.

    It grows while the mean sign of the discriminator on reals exceeds that of `target`, by at most
    1 in 4,000 pictures, and stays in 0..0.8.
    """
    step = pictures / _PICTURES_TO_FULL
    grown = rate + (step if told_real > (1 + target) / 2 else -step)
    return min(max(grown, 0.0), 0.8)
