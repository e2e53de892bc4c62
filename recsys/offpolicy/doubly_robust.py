"""Doubly robust estimators: the direct method, corrected by reweighted residuals.

DR: Dudik et al., "Doubly robust policy evaluation and optimization" (2014). SNDR: Robins et al.
(2007), Thomas and Brunskill (2016). Switch-DR: Wang, Agarwal and Dudik, "Optimal and adaptive
off-policy evaluation in contextual bandits" (2017). DRos: Su et al., "Doubly robust off-policy
evaluation with shrinkage" (2020). Sub-Gaussian: Metelli et al. (2021). `q` is the expected reward
of every action, (n, n_actions[, len_list]), fitted on other rows than those it is used on.
"""

from __future__ import annotations

import numpy as np

from features.schema import ContractError
from recsys.offpolicy.direct import Rewards, predicted
from recsys.offpolicy.estimate import Estimate, linear, ratio
from recsys.offpolicy.log import Floats, LoggedFeedback
from recsys.offpolicy.weighting import sub_gaussian_weight


def dr(log: LoggedFeedback, q: Rewards) -> Estimate:
    """Doubly robust: right where either the propensities or the reward model are."""
    return _corrected("DR", log, q, log.weight)


def sndr(log: LoggedFeedback, q: Rewards) -> Estimate:
    """Self-normalised DR: the correction is divided by the mean weight."""
    weight = log.weight
    guess = predicted(log, q)
    residual = weight * (log.reward - guess.of_logged)
    return ratio("SNDR", guess.of_policy, residual, weight, log.group)


def switch_dr(log: LoggedFeedback, q: Rewards, threshold: float) -> Estimate:
    """DR that corrects only rows with a weight of at most `threshold` (0: the direct method)."""
    _at_least_zero("switch-DR threshold", threshold)
    weight = log.weight
    return _corrected("switch-DR", log, q, np.where(weight <= threshold, weight, 0.0))


def dr_os(log: LoggedFeedback, q: Rewards, shrinkage: float) -> Estimate:
    """DR with optimistic shrinkage: weight c w / (w^2 + c); c = 0 is DM, infinity is DR."""
    _at_least_zero("DRos shrinkage", shrinkage)
    weight = log.weight
    if np.isfinite(shrinkage):
        weight = shrinkage * weight / np.maximum(weight**2 + shrinkage, np.finfo(float).tiny)
    return _corrected("DRos", log, q, weight)


def sub_gaussian_dr(log: LoggedFeedback, q: Rewards, strength: float) -> Estimate:
    """DR with `sub_gaussian_weight`; strength in [0, 1]."""
    return _corrected("sub-Gaussian DR", log, q, sub_gaussian_weight(log.weight, strength))


def _corrected(name: str, log: LoggedFeedback, q: Rewards, weight: Floats) -> Estimate:
    guess = predicted(log, q)
    return linear(name, guess.of_policy + weight * (log.reward - guess.of_logged), log.group)


def _at_least_zero(what: str, value: float) -> None:
    if not value >= 0.0:
        raise ContractError(f"{what} is {value}: expected a number of at least 0")
