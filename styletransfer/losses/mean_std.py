"""Mean and deviation of feature channels, compared."""

from __future__ import annotations

import torch
from torch import Tensor

from styletransfer.losses.mse import mean_squared_error


def mean_std_loss(features: Tensor, style: Tensor) -> Tensor:
    """Mean squared difference of channels' means and deviations, of maps (b, c, ., .) -> (b,).

    Huang and Belongie 2017, "Arbitrary style transfer in real-time with adaptive instance
    normalization".
    """
    return mean_squared_error(_mean_and_deviation(features), _mean_and_deviation(style))


def _mean_and_deviation(features: Tensor) -> Tensor:
    variance, mean = torch.var_mean(features.flatten(2), dim=2, correction=0)
    # The root's slope is infinite at zero, which a constant channel would reach.
    return torch.cat((mean, (variance + 1e-8).sqrt()), dim=1)
