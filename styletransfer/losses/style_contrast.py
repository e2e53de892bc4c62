"""Contrast between looks: a result's style code is nearer to its own look's than to any other's.

InfoNCE (van den Oord et al. 2018, "Representation learning with contrastive predictive coding") on
style codes, as the style signals of Wang et al. 2023, "MicroAST: towards super-fast
ultra-resolution arbitrary style transfer".
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from features.schema import ContractError

TEMPERATURE: Final = 0.2


def style_contrast(codes: Tensor, looks: Tensor, own: Tensor) -> Tensor:
    """Cross-entropy of telling each result's look from all `looks` by the cosine of codes -> (b,).

    `codes` (b, d) of the results and `looks` (k, d), centred; `own` int64 (b,) is each result's row
    of `looks`. log k when nothing can be told. Raises ContractError on other shapes.
    """
    if codes.ndim != 2 or looks.shape[1:] != codes.shape[1:] or own.shape != codes.shape[:1]:
        raise ContractError(
            f"style codes must be (b, d), (k, d) and (b,), got {tuple(codes.shape)}, "
            f"{tuple(looks.shape)} and {tuple(own.shape)}"
        )
    cosines = F.normalize(codes, dim=1) @ F.normalize(looks, dim=1).T
    loss: Tensor = F.cross_entropy(cosines / TEMPERATURE, own, reduction="none")
    return torch.as_tensor(loss)
