"""Structural similarity of pictures, at one scale and at five."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from features.schema import ContractError

SSIM_WINDOW_PX: Final = 11
SSIM_SIGMA_PX: Final = 1.5
SSIM_K1: Final = 0.01
SSIM_K2: Final = 0.03
MS_SSIM_WEIGHTS: Final = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def ssim_of_moments(
    means: tuple[Tensor, Tensor],
    variances: tuple[Tensor, Tensor],
    covariance: Tensor,
    c1: float,
    c2: float,
) -> tuple[Tensor, Tensor]:
    """SSIM, and its contrast-structure part, of two signals' moments (any equal shapes).

    Wang et al. 2004, "Image quality assessment: from error visibility to structural similarity".
    """
    structure = (2 * covariance + c2) / (variances[0] + variances[1] + c2)
    light = (2 * means[0] * means[1] + c1) / (means[0].square() + means[1].square() + c1)
    return light * structure, structure


def ssim(first: Tensor, second: Tensor, data_range: float = 1.0) -> Tensor:
    """Structural similarity of pictures (b, c, h, w) -> (b,), 1 for equal ones.

    Gaussian window of 11 px (sigma 1.5), only where it lies inside the picture; values span
    `data_range`. Raises ContractError on a side below 11 px or pictures of different shapes.
    """
    similarity, _ = _ssim_by_channel(first, second, data_range)
    return similarity.mean(dim=1)


def ms_ssim(first: Tensor, second: Tensor, data_range: float = 1.0) -> Tensor:
    """Structural similarity over five scales, of pictures (b, c, h, w) -> (b,).

    Scales are halved by averaging; a channel whose structure is opposed counts as 0. Wang et al.
    2003, "Multiscale structural similarity for image quality assessment". Raises ContractError on a
    side below 176 px (where no window fits the last scale) or pictures of different shapes.
    """
    last = len(MS_SSIM_WEIGHTS) - 1
    _require_pictures(first, second, SSIM_WINDOW_PX * 2**last)
    product = torch.ones((), dtype=first.dtype, device=first.device)
    for scale, weight in enumerate(MS_SSIM_WEIGHTS):
        similarity, structure = _ssim_by_channel(first, second, data_range)
        part = similarity if scale == last else structure
        # The power's slope is infinite at zero, so it is kept just above.
        product = product * part.clamp(min=1e-6) ** weight
        first, second = F.avg_pool2d(first, 2), F.avg_pool2d(second, 2)
    return product.mean(dim=1)


def _ssim_by_channel(first: Tensor, second: Tensor, data_range: float) -> tuple[Tensor, Tensor]:
    """SSIM and its contrast-structure part, each averaged over positions: (b, c)."""
    _require_pictures(first, second, SSIM_WINDOW_PX)
    mean_1, mean_2 = _smooth(first), _smooth(second)
    variance_1 = _smooth(first.square()) - mean_1.square()
    variance_2 = _smooth(second.square()) - mean_2.square()
    covariance = _smooth(first * second) - mean_1 * mean_2
    similarity, structure = ssim_of_moments(
        (mean_1, mean_2),
        (variance_1, variance_2),
        covariance,
        (SSIM_K1 * data_range) ** 2,
        (SSIM_K2 * data_range) ** 2,
    )
    return similarity.mean(dim=(2, 3)), structure.mean(dim=(2, 3))


def _smooth(planes: Tensor) -> Tensor:
    """Gaussian mean around each pixel whose window lies inside, (b, c, h, w) -> (b, c, h', w')."""
    offsets = range(-(SSIM_WINDOW_PX // 2), SSIM_WINDOW_PX // 2 + 1)
    bell = [math.exp(-0.5 * (offset / SSIM_SIGMA_PX) ** 2) for offset in offsets]
    window = torch.tensor(bell, dtype=planes.dtype, device=planes.device) / sum(bell)
    channels = planes.shape[1]
    column = window.reshape(1, 1, -1, 1).expand(channels, 1, -1, 1)
    smoothed = F.conv2d(planes, column, groups=channels)
    return F.conv2d(smoothed, column.transpose(2, 3), groups=channels)


def _require_pictures(first: Tensor, second: Tensor, least_px: int) -> None:
    shapes = tuple(first.shape), tuple(second.shape)
    if first.ndim != 4 or second.ndim != 4 or shapes[0][1:] != shapes[1][1:]:
        raise ContractError(
            f"pictures to compare must both be (b, c, h, w), got {shapes[0]} and {shapes[1]}: "
            "scale one to the other's size"
        )
    if min(first.shape[2:]) < least_px:
        raise ContractError(
            f"pictures to compare are {shapes[0][3]}x{shapes[0][2]} px: expected at least "
            f"{least_px} px on each side"
        )
