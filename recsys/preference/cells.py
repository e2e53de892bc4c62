"""Click evidence by (shopper, look), kept as a short polynomial of the look's utility.

The log likelihood of one cell's clicks is a smooth function of the utility added to their log
odds. Twelve Chebyshev coefficients hold it to about 1e-4, so the cost of learning tastes depends
on shoppers and looks and no longer on impressions.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

ORDER = 12
REACH = 3.5
"""Utilities lie in -REACH..REACH log odds: beyond it the series is not defined."""

_NO_BLUR = 1e-3

_NODES = torch.cos((torch.arange(ORDER, dtype=torch.float64) + 0.5) * math.pi / ORDER)


def _node_transform() -> Tensor:
    rows = torch.arange(ORDER, dtype=torch.float64)[:, None]
    matrix = (2.0 / ORDER) * torch.cos(rows * torch.arccos(_NODES)[None, :])
    matrix[0] /= 2
    return matrix


def _derivative() -> Tensor:
    # T'_j = 2j (T_{j-1} + T_{j-3} + ...), with the T_0 term halved; row j holds T'_j.
    matrix = torch.zeros(ORDER, ORDER, dtype=torch.float64)
    for j in range(1, ORDER):
        for i in range(j - 1, -1, -2):
            matrix[j, i] = 2 * j if i else j
    return matrix / REACH


TO_COEFFICIENTS = _node_transform()
DERIVATIVE = _derivative()


def basis(utility: Tensor) -> Tensor:
    """Chebyshev polynomials of `utility` (...), clamped to the reach: (..., ORDER)."""
    x = (utility / REACH).clamp(-1.0, 1.0)
    terms = [torch.ones_like(x), x]
    for _ in range(ORDER - 2):
        terms.append(2 * x * terms[-1] - terms[-2])
    return torch.stack(terms, dim=-1)


def tabulate(
    clicked: Tensor, offset: Tensor, cell: Tensor, n_cells: int, weight: Tensor | None = None
) -> Tensor:
    """Coefficients of each cell's log likelihood, float64 (n_cells, ORDER).

    clicked, offset: float64 (n,), the click and its log odds without any look; cell: int64 (n,).
    `basis(u) @ coefficients[c]` is the log likelihood of cell c's clicks at utility u. weight:
    float64 (n,), what each row counts; None: all alike.
    """
    columns = []
    for node in _NODES * REACH:
        log_likelihood = clicked * (offset + node) - torch.nn.functional.softplus(offset + node)
        if weight is not None:
            log_likelihood *= weight
        total = torch.zeros(n_cells, dtype=torch.float64)
        columns.append(total.index_add_(0, cell, log_likelihood))
    return torch.stack(columns, dim=-1) @ TO_COEFFICIENTS.T


def blur(coefficients: Tensor, noise_sd: float, newton_steps: int = 6) -> Tensor:
    """Coefficients after a cell's own utility may stray from the explained one by N(0, noise_sd^2).

    Integrates each cell's likelihood over the straying by Laplace's method at every node, so that
    a shopper with thousands of events cannot outvote the rest over a shade of taste.
    """
    # The blur bends a log likelihood by its curvature times the variance: nothing on a few clicks.
    at_rest = basis(torch.zeros((), dtype=torch.float64))
    heavy = -(coefficients @ DERIVATIVE @ DERIVATIVE @ at_rest) * noise_sd**2 > _NO_BLUR
    blurred = coefficients.clone()
    if heavy.any():
        blurred[heavy] = _integrated(coefficients[heavy], noise_sd, newton_steps)
    return blurred


def _integrated(coefficients: Tensor, noise_sd: float, newton_steps: int) -> Tensor:
    slope = coefficients @ DERIVATIVE
    bend = slope @ DERIVATIVE
    precision = 1 / noise_sd**2
    centre = (_NODES * REACH).expand(len(coefficients), ORDER)
    stray = torch.zeros_like(centre)
    for _ in range(newton_steps):
        terms = basis(centre + stray)
        gradient = torch.einsum("nkj,nj->nk", terms, slope) - stray * precision
        curvature = (-torch.einsum("nkj,nj->nk", terms, bend)).clamp_min(0.0) + precision
        stray = stray + (gradient / curvature).clamp(-0.7, 0.7)
    terms = basis(centre + stray)
    curvature = (-torch.einsum("nkj,nj->nk", terms, bend)).clamp_min(0.0)
    value = torch.einsum("nkj,nj->nk", terms, coefficients) - 0.5 * precision * stray.square()
    return (value - 0.5 * torch.log1p(curvature * noise_sd**2)) @ TO_COEFFICIENTS.T
