"""Estimate: one value, what each logged row contributes to it, and how to redraw it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from features.schema import ContractError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """The value of a policy, or of a difference of two, estimated from n logged rows.

    value: reward per row. per_round: float64 (n,), `value` plus each row's influence on it; their
    mean is the value, and their spread is its standard error (delta method for ratios).
    columns: the arrays (n,) whose means make the value; combine: means (..., k) -> values (...).
    A bootstrap redraws the means and combines them. group: int64 (n,), rows of one group (one
    shopper, say) are redrawn together, since they are not independent; None: every row is alone.
    """

    name: str
    value: float
    per_round: Floats
    columns: tuple[Floats, ...]
    combine: Callable[[Floats], Floats]
    group: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.per_round)

    def named(self, name: str) -> Estimate:
        """The same estimate under another name."""
        return replace(self, name=name)


def linear(name: str, per_round: Floats, group: NDArray[np.int64] | None) -> Estimate:
    """The mean of `per_round`, float64 (n,)."""
    return Estimate(name, float(per_round.mean()), per_round, (per_round,), _first, group)


def ratio(
    name: str,
    base: Floats | None,
    numerator: Floats,
    denominator: Floats,
    group: NDArray[np.int64] | None,
) -> Estimate:
    """mean(base) + mean(numerator) / mean(denominator), each float64 (n,); no base counts as 0.

    A denominator of mean zero (no row that the policy would show) gives NaN.
    """
    scale = float(denominator.mean())
    part = float(numerator.mean()) / scale if scale > 0.0 else np.nan
    influence = (numerator - part * denominator) / scale if scale > 0.0 else numerator * np.nan
    if base is None:
        return Estimate(
            name, part, part + influence, (numerator, denominator), _first_over_second, group
        )
    return Estimate(
        name,
        float(base.mean()) + part,
        base + part + influence,
        (base, numerator, denominator),
        _first_and_ratio,
        group,
    )


def difference(b: Estimate, a: Estimate) -> Estimate:
    """b - a, row by row, so that what the two share cancels. Raises ContractError on other rows."""
    split = _together(b, a)

    def combine(means: Floats) -> Floats:
        return b.combine(means[..., :split]) - a.combine(means[..., split:])

    return Estimate(
        b.name,
        b.value - a.value,
        b.per_round - a.per_round,
        b.columns + a.columns,
        combine,
        b.group,
    )


def relative_lift(b: Estimate, a: Estimate) -> Estimate:
    """b / a - 1 with its delta-method influence. Raises ContractError on other rows or a <= 0."""
    split = _together(b, a)
    if not a.value > 0.0:
        raise ContractError(
            f"relative lift: the value compared with is {a.value:.3g}, expected above 0: "
            "use the difference"
        )
    times = b.value / a.value

    def combine(means: Floats) -> Floats:
        base = a.combine(means[..., split:])
        # A redraw in which A earned nothing has no lift.
        return b.combine(means[..., :split]) / np.where(base > 0.0, base, np.nan) - 1.0

    influence = (b.per_round - times * a.per_round) / a.value
    return Estimate(
        b.name, times - 1.0, times - 1.0 + influence, b.columns + a.columns, combine, b.group
    )


def _together(b: Estimate, a: Estimate) -> int:
    if len(b) != len(a):
        raise ContractError(
            f"{b.name} has {len(b)} rows and {a.name} {len(a)}: expected the same logged rows"
        )
    return len(b.columns)


def _first(means: Floats) -> Floats:
    return means[..., 0]


def _first_over_second(means: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(means[..., 0] / means[..., 1])


def _first_and_ratio(means: Floats) -> Floats:
    return means[..., 0] + _first_over_second(means[..., 1:])
