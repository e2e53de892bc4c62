"""Gram loss: which feature channels vary together."""

from __future__ import annotations

from torch import Tensor

from styletransfer.losses.mse import mean_squared_error


def gram_matrix(features: Tensor) -> Tensor:
    """Mean products of channels over positions, (b, c, h, w) -> (b, c, c); of any picture size."""
    flat = features.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def gram_loss(features: Tensor, style: Tensor) -> Tensor:
    """Mean squared difference of Gram matrices, of maps (b, c, ., .) -> (b,).

    Gatys et al. 2016, "Image style transfer using convolutional neural networks".
    """
    return mean_squared_error(gram_matrix(features), gram_matrix(style))
