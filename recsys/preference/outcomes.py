"""What happens after a click as further evidence: dwell, cart and purchase."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from recsys.preference.cells import REACH

_SURE = 4.0
_FEWEST = 200
_START_VARIANCE = 0.05
_LEAST_VARIANCE = 1e-6


@dataclass(frozen=True)
class Grade:
    """How one outcome of a click moves with the look's utility.

    slope: change of the outcome per log odds of utility; noise: variance around it. residual:
    float64 (n,), the outcome less what shopper and item explain.
    """

    slope: float
    noise: float
    residual: Tensor


def learn_grade(outcome: Tensor, utility: Tensor, user: Tensor, item: Tensor) -> Grade | None:
    """Regress an outcome on the utility that the clicks alone predict for the look.

    outcome, utility: float64 (n,); user, item: int64 (n,), each with a shrunk effect of its own
    (variances by EM). The prediction is a posterior mean, so its slope is not diluted by its error
    (Berkson). Returns None where the outcome says nothing sure about taste: fewer than 200 rows, a
    constant, or a slope within four standard errors of zero.
    """
    if len(outcome) < _FEWEST or float(outcome.std()) == 0.0 or float(utility.std()) == 0.0:
        return None
    centred = utility - utility.mean()
    power = float(centred.square().sum())
    slope, noise, mean = 0.0, float(outcome.var()), float(outcome.mean())
    groups = (user, item)
    sizes = [int(group.max()) + 1 for group in groups]
    effects = [torch.zeros(size, dtype=torch.float64) for size in sizes]
    variances = [_START_VARIANCE * noise] * len(groups)
    residual = outcome - mean
    for _ in range(15):
        for place, group in enumerate(groups):
            rest = residual - slope * centred + effects[place][group]
            precision = torch.bincount(group, minlength=sizes[place]) / noise + 1 / variances[place]
            new = torch.bincount(group, rest, minlength=sizes[place]) / noise / precision
            residual = residual - (new - effects[place])[group]
            effects[place] = new
            seen = torch.bincount(group, minlength=sizes[place]) > 0
            spread = float((new.square() + 1 / precision)[seen].mean())
            variances[place] = max(spread, _LEAST_VARIANCE)
        residual = residual - residual.mean()
        slope = float((centred * residual).sum()) / power
        noise = max(float((residual - slope * centred).var()), _LEAST_VARIANCE)
    if abs(slope) < _SURE * (noise / power) ** 0.5:
        return None
    return Grade(slope, noise, residual + slope * utility.mean())


def add_grade(cells: Tensor, grade: Grade, cell: Tensor, weight: Tensor | None = None) -> Tensor:
    """`cells` (n_cells, ORDER) with the grade's log likelihood added; cell: int64 (n,).

    weight: float64 (n,), what each row counts; None: all alike.

    A normal likelihood is a parabola in the utility, so it is exact in Chebyshev coefficients.
    """
    counts = torch.ones_like(grade.residual) if weight is None else weight
    pull = torch.bincount(cell, counts * grade.residual, minlength=len(cells))
    pull = pull * grade.slope / grade.noise
    power = torch.bincount(cell, counts, minlength=len(cells)) * (grade.slope**2 / grade.noise)
    added = cells.clone()
    added[:, 1] += pull * REACH
    # x^2 = (T_0 + T_2) / 2
    added[:, 0] -= power * REACH**2 / 4
    added[:, 2] -= power * REACH**2 / 4
    return added
