"""Each shopper's clicks summed up for every kind of shopper: sums that new clicks add to."""

from __future__ import annotations

import torch
from torch import Tensor

from recsys.preference.cells import DERIVATIVE, REACH, basis

_SHIFT_LIMIT = 1.5


def moments(cells: Tensor, utility: Tensor) -> Tensor:
    """Log likelihood, slope and curvature of clicks in the shopper's rate, per kind of shopper.

    cells: (n_users, L+1, ORDER); utility: float64 (n_kinds, L+1). Returns float64
    (n_users, 3, n_kinds). Being sums over clicks, they are added up and faded without refitting.
    """
    terms = basis(utility.clamp(-REACH, REACH))
    first = terms @ DERIVATIVE.T
    stacked = torch.cat([terms, first, first @ DERIVATIVE.T]).flatten(start_dim=1)
    products = cells.flatten(start_dim=1) @ stacked.to(cells.dtype).T
    return products.double().reshape(len(cells), 3, len(utility))


def settle(
    sums: Tensor, rate: Tensor, rate_precision: float, log_shares: Tensor
) -> tuple[Tensor, Tensor]:
    """Log joint of each shopper's clicks and kind, and the shift of their own rate.

    sums: as `moments` returns; rate: float64 (n_users,), the shopper's rate effect that the
    offsets already hold; its prior is N(0, 1 / rate_precision). Returns two float64
    (n_users, n_kinds). The rate is integrated out by Laplace's method.
    """
    value, slope, bend = sums.unbind(dim=1)
    slope = slope - rate[:, None] * rate_precision
    curvature = (-bend).clamp_min(0.0) + rate_precision
    shift = (slope / curvature).clamp(-_SHIFT_LIMIT, _SHIFT_LIMIT)
    log_likelihood = (
        value
        + slope * shift
        - 0.5 * curvature * shift.square()
        - 0.5 * torch.log(curvature / rate_precision)
    )
    return log_likelihood + log_shares, shift
