"""Transport in feature space: feature maps given the style statistics of another picture's.

Whitening and colouring (Li et al. 2017, "Universal style transfer via feature transforms") carries
mean and covariance over by one of many linear maps; the one that moves features least is Gaussian
optimal transport: Lu et al. 2019, "A closed-form solution to universal style transfer", and Mroueh
2020, "Wasserstein style transfer".
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from features.schema import ContractError
from styletransfer.transport.gaussian import gaussian_map, moments


def transport_features(features: Tensor, style: Tensor, ridge: float = 1e-3) -> Tensor:
    """Move maps (b, c, h, w) so that mean and covariance over positions are those of `style`.

    Args:
        features: float, of any network or filter bank.
        style: float (b or 1, c, h', w').
        ridge: bound on amplification, as a share of the two mean variances, see `gaussian_map`.

    Returns:
        Float (b, c, h, w), of the type and device of `features`; no gradient passes.

    Raises:
        ContractError: shapes that do not fit, or values that are not finite.
    """
    shapes = tuple(features.shape), tuple(style.shape)
    if (
        features.ndim != 4
        or style.ndim != 4
        or shapes[0][1] != shapes[1][1]
        or shapes[1][0] not in (1, shapes[0][0])
    ):
        raise ContractError(
            f"feature maps must be (b, c, h, w) and (b or 1, c, h', w'), got {shapes[0]} and "
            f"{shapes[1]}"
        )
    goals = [moments(cloud) for cloud in _clouds(style)]
    moved = []
    for position, cloud in enumerate(_clouds(features)):
        goal_mean, goal_covariance = goals[position % len(goals)]
        mean, covariance = moments(cloud)
        variance = (np.trace(covariance) + np.trace(goal_covariance)) / (2 * len(mean))
        move = gaussian_map(mean, covariance, goal_mean, goal_covariance, ridge * variance)
        moved.append(torch.from_numpy(move(cloud).T.reshape(shapes[0][1:])))
    return torch.stack(moved).to(features)


def _clouds(maps: Tensor) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    """Each picture's positions as points: b arrays (h w, c)."""
    flat = maps.detach().flatten(2).transpose(1, 2)
    return list(flat.to("cpu", torch.float64).numpy())
