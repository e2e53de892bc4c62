"""Adversarial losses: a discriminator tells real patches from painted ones, and is misled.

Hinge: Lim and Ye 2017, "Geometric GAN". Binary cross-entropy in its non-saturating form:
Goodfellow et al. 2014, "Generative adversarial nets". R1: Mescheder et al. 2018, "Which training
methods for GANs do actually converge?".
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

AdversarialKind = Literal["hinge", "bce"]


def discriminator_loss(
    logits: Tensor, real: bool, kind: AdversarialKind, weight: Tensor | None = None
) -> Tensor:
    """What the discriminator loses on its patch logits (b, ...) of real or fake pictures -> (b,).

    `weight`, at least 0 and of the logits' shape, says how much each patch counts (None: equally);
    a picture whose patches all weigh 0 loses 0.
    """
    signed = logits if real else -logits
    each = F.relu(1.0 - signed) if kind == "hinge" else F.softplus(-signed)
    return weighted_mean(each, weight)


def generator_loss(logits: Tensor, kind: AdversarialKind, weight: Tensor | None = None) -> Tensor:
    """What the generator loses where its pictures' patch logits (b, ...) are low -> (b,).

    `weight` as in `discriminator_loss`.
    """
    return weighted_mean(-logits if kind == "hinge" else F.softplus(-logits), weight)


def gradient_penalty(logits: Tensor, pictures: Tensor) -> Tensor:
    """R1: squared norm of the logits' slope in the real pictures they were told from -> (b,).

    `logits` (b, ...) were computed from `pictures` (b, ...), which require a gradient; a picture's
    logits are averaged. Differentiable once more.
    """
    total = logits.flatten(1).mean(dim=1).sum()
    (slope,) = torch.autograd.grad(total, pictures, create_graph=True)
    return slope.square().flatten(1).sum(dim=1)


def weighted_mean(values: Tensor, weight: Tensor | None) -> Tensor:
    """Mean of each row of `values` (b, ...) by `weight` of that shape, 0 without any -> (b,)."""
    if weight is None:
        return values.flatten(1).mean(dim=1)
    total = weight.flatten(1).sum(dim=1)
    return (values * weight).flatten(1).sum(dim=1) / total.clamp(min=1e-8)
