"""Hyper-parameters chosen by published rules.

SLOPE, for switch-DR and DRos: Su, Srinath and Krishnamurthy, "Adaptive estimator selection for
off-policy evaluation" (2020). Sub-Gaussian weights: the strength in closed form of Metelli, Russo
and Restelli (2021). A tuned estimate trades a bias for variance: its interval knows the variance
alone, so verdicts are given by an unbiased one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from features.schema import ContractError
from recsys.offpolicy.direct import Rewards
from recsys.offpolicy.doubly_robust import dr_os, sub_gaussian_dr, switch_dr
from recsys.offpolicy.estimate import Estimate, Floats
from recsys.offpolicy.intervals import standard_error
from recsys.offpolicy.log import LoggedFeedback
from recsys.offpolicy.weighting import sub_gaussian_ips

SHRINKAGES: Final = (np.inf, 1e5, 1e4, 1e3, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0, 0.0)
THRESHOLD_QUANTILES: Final = (1.0, 0.999, 0.99, 0.95, 0.9, 0.8, 0.5)


def slope(candidates: Sequence[Estimate]) -> int:
    """Number of the chosen candidate; they come with falling variance and growing bias.

    The last one whose interval, value -+ 2 standard errors, still has a point in common with
    those of all before it. Raises ContractError without a candidate.
    """
    if not candidates:
        raise ContractError("SLOPE: no candidate: expected at least one estimate")
    low, high = -np.inf, np.inf
    for number, candidate in enumerate(candidates):
        width = 2.0 * standard_error(candidate)
        low, high = max(low, candidate.value - width), min(high, candidate.value + width)
        if low > high:
            return number - 1
    return len(candidates) - 1


def sub_gaussian_strength(weight: Floats, confidence: float = 0.95) -> float:
    """sqrt(2 ln(1 / (1 - confidence)) / (3 n mean(w^2))), at most 1, for weights (n,)."""
    spread = float((weight**2).sum())
    if spread <= 0.0:
        return 1.0
    return float(min(np.sqrt(-2.0 * np.log(1.0 - confidence) / (3.0 * spread)), 1.0))


def tuned_sub_gaussian_ips(log: LoggedFeedback) -> Estimate:
    """`sub_gaussian_ips` with `sub_gaussian_strength`, which the estimate's name tells."""
    strength = sub_gaussian_strength(log.weight)
    return _told(sub_gaussian_ips(log, strength), "strength", strength)


def tuned_sub_gaussian_dr(log: LoggedFeedback, q: Rewards) -> Estimate:
    """`sub_gaussian_dr` with `sub_gaussian_strength`."""
    strength = sub_gaussian_strength(log.weight)
    return _told(sub_gaussian_dr(log, q, strength), "strength", strength)


def tuned_switch_dr(log: LoggedFeedback, q: Rewards) -> Estimate:
    """`switch_dr` with the threshold SLOPE chooses among quantiles of the weights."""
    thresholds = np.unique(np.quantile(log.weight, THRESHOLD_QUANTILES))[::-1].tolist()
    return _best("threshold", thresholds, [switch_dr(log, q, t) for t in thresholds])


def tuned_dr_os(log: LoggedFeedback, q: Rewards) -> Estimate:
    """`dr_os` with the shrinkage SLOPE chooses."""
    return _best("shrinkage", SHRINKAGES, [dr_os(log, q, s) for s in SHRINKAGES])


def _best(what: str, settings: Sequence[float], candidates: Sequence[Estimate]) -> Estimate:
    number = slope(candidates)
    return _told(candidates[number], what, settings[number])


def _told(estimate: Estimate, what: str, setting: float) -> Estimate:
    return estimate.named(f"{estimate.name} ({what} {setting:.3g})")
