"""Intervals for estimates: asymptotic, bootstrap and empirical Bernstein.

Rows of one group (`Estimate.group`) count as one draw in all three.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from features.schema import ContractError
from recsys.evaluation.bootstrap import resample_sums
from recsys.offpolicy.estimate import Estimate, Floats

Method = Literal["normal", "bootstrap", "bernstein"]
METHODS: Final[tuple[Method, ...]] = ("normal", "bootstrap", "bernstein")


def interval(
    estimate: Estimate,
    method: Method = "normal",
    level: float = 0.95,
    seed: int = 0,
    draws: int = 1000,
) -> tuple[float, float]:
    """Two-sided interval (low, high) of the estimate's value, at `level` in (0, 1).

    normal: value -+ z * standard error (delta method for ratios). bootstrap: percentiles of
    `draws` redraws of the rows, or groups, with replacement; only here does `seed` matter.
    bernstein: Maurer and Pontil, "Empirical Bernstein bounds and sample variance penalization"
    (2009), Theorem 4 at each end; it holds at any size for independent bounded terms, their range
    being taken from the log; for ratios it is applied to the linearised terms.
    """
    return intervals_of([estimate], method, level, seed, draws)[0]


def intervals_of(
    estimates: Sequence[Estimate],
    method: Method = "normal",
    level: float = 0.95,
    seed: int = 0,
    draws: int = 1000,
) -> list[tuple[float, float]]:
    """`interval` of many estimates of the same rows; the bootstrap shares its redraws."""
    if method not in METHODS:
        raise ContractError(f"interval method is {method!r}: expected one of {', '.join(METHODS)}")
    if not 0.0 < level < 1.0:
        raise ContractError(f"interval level is {level}: expected between 0 and 1, such as 0.95")
    if method == "bootstrap":
        drawn = bootstrap(estimates, draws, seed)
        tails = [(1.0 - level) / 2, (1.0 + level) / 2]
        # Order statistics of rank p (draws + 1): plain percentiles of few draws are too narrow
        # (Davison and Hinkley 1997, "Bootstrap methods and their application", section 5.2).
        bounds = np.nanquantile(drawn, tails, axis=0, method="weibull").T
        return [(float(low), float(high)) for low, high in bounds]
    bound = _normal if method == "normal" else _bernstein
    return [bound(estimate, level) for estimate in estimates]


def standard_error(estimate: Estimate) -> float:
    """Standard error of the value; NaN for fewer than two rows or groups."""
    terms = _terms(estimate)
    return float(terms.std(ddof=1) / len(terms) ** 0.5) if len(terms) > 1 else float("nan")


def bootstrap(estimates: Sequence[Estimate], draws: int, seed: int) -> Floats:
    """Values of each estimate in `draws` redraws of the rows, or groups: (draws, estimates).

    All estimates share the rows drawn. Raises ContractError on draws < 1 or estimates of several
    lengths.
    """
    lengths = {len(estimate) for estimate in estimates}
    if len(lengths) != 1:
        raise ContractError(
            f"bootstrap: estimates have {sorted(lengths)} rows: expected one length"
        )
    columns, uses = _distinct_columns(estimates)
    matrix = _summed(columns, estimates[0].group)
    sums = resample_sums(matrix, draws, seed)
    means = sums[:, :-1] / sums[:, -1:]
    values = np.empty((draws, len(estimates)))
    for column, (estimate, use) in enumerate(zip(estimates, uses, strict=True)):
        values[:, column] = estimate.combine(means[:, use])
    return values


def _distinct_columns(estimates: Sequence[Estimate]) -> tuple[list[Floats], list[list[int]]]:
    columns: list[Floats] = []
    place: dict[int, int] = {}
    uses = []
    for estimate in estimates:
        for column in estimate.columns:
            if id(column) not in place:
                place[id(column)] = len(columns)
                columns.append(column)
        uses.append([place[id(column)] for column in estimate.columns])
    return columns, uses


def _summed(columns: list[Floats], group: NDArray[np.int64] | None) -> Floats:
    """Sums of the columns and the number of rows of each group: (groups, columns + 1)."""
    if group is None:
        return np.column_stack([*columns, np.ones(len(columns[0]))])
    dense = np.unique(group, return_inverse=True)[1]
    return np.column_stack(
        [*(np.bincount(dense, weights=column) for column in columns), np.bincount(dense)]
    )


def _terms(estimate: Estimate) -> Floats:
    """Terms, independent of each other, whose mean is the value: rows, or groups of them."""
    if estimate.group is None:
        return estimate.per_round
    sums = _summed([estimate.per_round - estimate.value], estimate.group)[:, 0]
    return estimate.value + sums * (len(sums) / len(estimate))


def _normal(estimate: Estimate, level: float) -> tuple[float, float]:
    reach = float(norm.ppf((1.0 + level) / 2)) * standard_error(estimate)
    return estimate.value - reach, estimate.value + reach


def _bernstein(estimate: Estimate, level: float) -> tuple[float, float]:
    terms = _terms(estimate)
    n = len(terms)
    if n < 2:
        return -np.inf, np.inf
    log_term = np.log(4.0 / (1.0 - level))
    span = max(float(terms.max()), 0.0) - min(float(terms.min()), 0.0)
    reach = float(
        np.sqrt(2.0 * terms.var(ddof=1) * log_term / n) + 7.0 * span * log_term / (3.0 * (n - 1))
    )
    return estimate.value - reach, estimate.value + reach
