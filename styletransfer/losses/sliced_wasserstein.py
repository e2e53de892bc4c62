"""Sliced Wasserstein distances: optimal transport between clouds of points, line by line.

On a line optimal transport is sorting, so a distance between clouds in many dimensions is averaged
over random lines. Bonneel et al. 2015, "Sliced and Radon Wasserstein barycenters of measures"; as
a style loss without any network, on patches: Heitz et al. 2021, "A sliced Wasserstein loss for
neural texture synthesis", and Elnekave and Weiss 2022, "Generating natural images with direct patch
distributions matching".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from features.schema import ContractError, InputError

PATCH_PX: Final = 7
LEVELS: Final = 4


def transport_cost_1d(first: Tensor, second: Tensor) -> Tensor:
    """Squared 2-Wasserstein distance of samples on a line, (..., n) and (..., m) -> (...).

    Exact for n unlike m too: both quantile functions are steps, compared on their joint grid.
    Differentiable in both.
    """
    sorted_1, sorted_2 = first.sort(dim=-1).values, second.sort(dim=-1).values
    n, m = first.shape[-1], second.shape[-1]
    if n == m:
        return (sorted_1 - sorted_2).square().mean(dim=-1)
    # Steps end at i/n and j/m; in units of 1/(n m) all ends are whole numbers. An end that both
    # share comes twice, the second time with no width.
    mine = torch.arange(1, n + 1, device=first.device) * m
    theirs = torch.arange(1, m + 1, device=first.device) * n
    ends = torch.cat((mine, theirs)).sort().values
    widths = ends.diff(prepend=ends.new_zeros(1)).to(first.dtype) / (n * m)
    gaps = sorted_1[..., (ends - 1) // m] - sorted_2[..., (ends - 1) // n]
    cost: Tensor = (gaps.square() * widths).sum(dim=-1)
    return cost


def random_directions(
    dimensions: int, count: int, rng: torch.Generator, like: Tensor | None = None
) -> Tensor:
    """`count` unit vectors drawn evenly from the sphere, float (count, dimensions).

    Drawn on the CPU by `rng`, then given the type and device of `like`.
    """
    directions = F.normalize(torch.randn(count, dimensions, generator=rng), dim=1)
    return directions if like is None else directions.to(like)


def sliced_wasserstein(
    first: Tensor, second: Tensor, rng: torch.Generator, projections: int = 64
) -> Tensor:
    """Squared sliced 2-Wasserstein distance of point clouds, (b, n, d) and (b, m, d) -> (b,).

    Averaged over `projections` fresh random lines. Raises ContractError on clouds of unlike
    dimension.
    """
    if first.ndim != 3 or second.ndim != 3 or first.shape[2] != second.shape[2]:
        raise ContractError(
            f"point clouds must be (b, n, d) and (b, m, d), got {tuple(first.shape)} and "
            f"{tuple(second.shape)}"
        )
    directions = random_directions(first.shape[2], projections, rng, first)
    on_lines = [(points @ directions.T).transpose(1, 2) for points in (first, second)]
    return transport_cost_1d(*on_lines).mean(dim=1)


def patch_sliced_wasserstein(
    pictures: Tensor, looks: Tensor, rng: torch.Generator, projections: int = 64
) -> Tensor:
    """How far the pictures' 7x7 patches are, as a cloud, from the looks', at four scales -> (b,).

    Args:
        pictures: float (b, c, h, w).
        looks: float (b or 1, c, h', w'), of any size.
        rng: draws fresh projections at every call, so that no direction escapes an optimiser.
        projections: random lines per scale.

    Returns:
        Mean over the scales of squared sliced distances, in squared units of the pictures' values.

    Raises:
        InputError: a side below 56 px, where no patch fits the last scale, or unlike channels.
    """
    total = pictures.new_zeros(())
    for on_lines in patch_lines(pictures, looks, rng, projections):
        total = total + transport_cost_1d(*on_lines).mean(dim=1)
    return total / LEVELS


def patch_lines(
    pictures: Tensor, looks: Tensor, rng: torch.Generator, projections: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """For each of four scales, all 7x7 patches of both on the same random lines.

    Arguments and errors as of `patch_sliced_wasserstein`; yields (b, projections, n) of the
    pictures and (b or 1, projections, m) of the looks.
    """
    least_px = PATCH_PX * 2 ** (LEVELS - 1)
    shapes = tuple(pictures.shape), tuple(looks.shape)
    if pictures.ndim != 4 or looks.ndim != 4 or shapes[0][1] != shapes[1][1]:
        raise ContractError(
            f"pictures and looks must be (b, c, h, w) of equal c, got {shapes[0]} and {shapes[1]}"
        )
    if min(*shapes[0][2:], *shapes[1][2:]) < least_px:
        raise InputError(
            f"pictures and looks need {least_px} px on each side for {LEVELS} scales of "
            f"{PATCH_PX} px patches, got {shapes[0]} and {shapes[1]}"
        )
    channels = shapes[0][1]
    for _ in range(LEVELS):
        directions = random_directions(channels * PATCH_PX**2, projections, rng, pictures)
        # Projecting every patch on a line is convolving with that line's direction.
        kernels = directions.reshape(projections, channels, PATCH_PX, PATCH_PX)
        yield F.conv2d(pictures, kernels).flatten(2), F.conv2d(looks, kernels).flatten(2)
        pictures, looks = F.avg_pool2d(pictures, 2), F.avg_pool2d(looks, 2)
