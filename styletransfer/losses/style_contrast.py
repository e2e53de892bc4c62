"""Contrast between looks: a result's style is nearer to its own look's than to any other's.

InfoNCE (van den Oord et al. 2018, "Representation learning with contrastive predictive coding") on
a descriptor of style, as the style signals of Wang et al. 2023, "MicroAST: towards super-fast
ultra-resolution arbitrary style transfer". The descriptor is made of Gram matrices (Gatys et al.
2016, "Image style transfer using convolutional neural networks"), centred on the looks' mean: what
all pictures share says nothing about the look.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from features.schema import ContractError
from styletransfer.losses.gram import gram_matrix

TEMPERATURE: Final = 0.1


def style_grams(maps: Sequence[Tensor]) -> list[Tensor]:
    """Flat Gram matrices of unit length, (b, c c) for each of `maps` (b, c, h, w)."""
    return [F.normalize(gram_matrix(features).flatten(1), dim=1) for features in maps]


def style_descriptors(grams: Sequence[Tensor], centres: Sequence[Tensor]) -> Tensor:
    """Joined Gram matrices less their `centres`, each layer of equal length -> unit rows (b, d).

    The cosine of two descriptors is the mean of the layers' centred cosines.
    """
    layers = [
        F.normalize(gram - centre, dim=1) for gram, centre in zip(grams, centres, strict=True)
    ]
    joined: Tensor = torch.cat(layers, dim=1) * len(layers) ** -0.5
    return joined


def style_contrast(results: Tensor, own: Tensor, looks: Tensor, rows: Tensor) -> Tensor:
    """Cross-entropy of telling each result's own look from all others by cosine -> (b,).

    `results` and `own` (b, d) are descriptors of the results and of the views that they follow,
    `looks` (k, d) those of all looks; `rows` int64 (b,) says which of these is a result's own and
    no negative. log k when nothing can be told. Raises ContractError on other shapes.
    """
    count, size = results.shape if results.ndim == 2 else (0, 0)
    if own.shape != (count, size) or looks.shape[1:] != (size,) or rows.shape != (count,):
        raise ContractError(
            "descriptors must be (b, d), (b, d) and (k, d) with b rows, got "
            f"{tuple(results.shape)}, {tuple(own.shape)}, {tuple(looks.shape)} and "
            f"{tuple(rows.shape)}"
        )
    found = F.normalize(results, dim=1)
    cosines = found @ F.normalize(looks, dim=1).T
    wanted = (found * F.normalize(own, dim=1)).sum(dim=1)
    cosines = cosines.scatter(1, rows[:, None], wanted[:, None])
    loss: Tensor = F.cross_entropy(cosines / TEMPERATURE, rows, reduction="none")
    return torch.as_tensor(loss)


def style_gap(results: Tensor, own: Tensor) -> Tensor:
    """1 less the cosine of descriptors (b, d) of results and of what they follow -> (b,), 0..2."""
    return 1 - F.cosine_similarity(results, own, dim=1)
