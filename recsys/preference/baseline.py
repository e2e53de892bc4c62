"""What a click owes to shopper, item and position before any look is credited."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

_START_VARIANCE = 0.1
_LEAST_VARIANCE = 1e-6


@dataclass(frozen=True)
class Effects:
    """Additive effects on the log odds of a click, each shrunk by its own group's variance.

    `levels[group]` is float64 (n levels,), zero for a level without rows; `variances[group]` the
    prior variance learned for it; `precisions[group]` (n levels,) how sure each level is.
    """

    intercept: float
    levels: dict[str, Tensor] = field(default_factory=dict)
    variances: dict[str, float] = field(default_factory=dict)
    precisions: dict[str, Tensor] = field(default_factory=dict)

    def log_odds(self, rows: Mapping[str, Tensor]) -> Tensor:
        """Log odds of rows, float64 (n,).

        `rows[group]` is int64 (n,), the level of each row; -1 stands for a level never seen
        and adds nothing.
        """
        total: Tensor | None = None
        for name, level in rows.items():
            padded = torch.cat([self.levels[name], torch.zeros(1, dtype=torch.float64)])
            total = padded[level] if total is None else total + padded[level]
        if total is None:
            return torch.zeros(0, dtype=torch.float64)
        return total + self.intercept


def fit_effects(
    clicked: Tensor, rows: Mapping[str, Tensor], sizes: Mapping[str, int], sweeps: int = 25
) -> Effects:
    """Fit crossed random effects of a logistic model by empirical Bayes.

    clicked: float64 (n,) of 0 and 1; rows: int64 (n,) per group, in 0..sizes[group]-1. Each
    sweep takes one Newton step per group, then sets the group's variance to the mean of squared
    effect plus posterior variance (the EM step of Stiratelli, Laird and Ware, Biometrics 1984).
    No rows give an intercept of zero and no effects.
    """
    values = {name: torch.zeros(sizes[name], dtype=torch.float64) for name in rows}
    variances = dict.fromkeys(rows, _START_VARIANCE)
    precisions = {name: torch.full_like(values[name], 1 / _START_VARIANCE) for name in rows}
    if len(clicked) == 0:
        return Effects(0.0, values, variances, precisions)
    hits = float(clicked.sum())
    # Half a click and half a miss keep a log of clicks only, or of misses only, finite.
    intercept = math.log((hits + 0.5) / (len(clicked) - hits + 0.5))
    eta = torch.full((len(clicked),), intercept, dtype=torch.float64)
    for _ in range(sweeps):
        for name, level in rows.items():
            p = torch.sigmoid(eta)
            pull = torch.bincount(level, clicked - p, minlength=sizes[name])
            weight = torch.bincount(level, p * (1 - p), minlength=sizes[name])
            precisions[name] = precision = weight + 1 / variances[name]
            new = (weight * values[name] + pull) / precision
            eta += (new - values[name])[level]
            values[name] = new
            seen = weight > 0
            spread = (new.square() + 1 / precision)[seen].mean()
            variances[name] = max(float(spread), _LEAST_VARIANCE)
        p = torch.sigmoid(eta)
        step = float((clicked - p).sum() / ((p * (1 - p)).sum() + 1.0))
        intercept += step
        eta += step
    return Effects(intercept, values, variances, precisions)


def update_effects(
    effects: Effects, clicked: Tensor, rows: Mapping[str, Tensor], held: str, sweeps: int = 10
) -> Effects:
    """`effects` after more rows: what was learned before is the prior (a normal one per level).

    Arguments as in `fit_effects`; the group `held`, the intercept and the variances stay as they
    are. One Newton step per group and sweep.
    """
    values, precisions = dict(effects.levels), dict(effects.precisions)
    eta = effects.log_odds(rows)
    for _ in range(sweeps if len(clicked) else 0):
        for name, level in rows.items():
            if name == held:
                continue
            size = len(values[name])
            p = torch.sigmoid(eta)
            weight = torch.bincount(level, p * (1 - p), minlength=size)
            before = effects.precisions[name]
            pull = torch.bincount(level, clicked - p, minlength=size)
            pull = pull - before * (values[name] - effects.levels[name])
            precisions[name] = weight + before
            step = pull / precisions[name]
            values[name] = values[name] + step
            eta = eta + step[level]
    return Effects(effects.intercept, values, effects.variances, precisions)
