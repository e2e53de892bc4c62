"""Estimators that reweight logged rewards and need no reward model.

w = target propensity / logged propensity. IPS: Horvitz and Thompson (1952); SNIPS: Swaminathan and
Joachims, "The self-normalized estimator for counterfactual learning" (2015); sub-Gaussian weights:
Metelli, Russo and Restelli, "Subgaussian and differentiable importance sampling" (2021).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.schema import ContractError
from recsys.offpolicy.estimate import Estimate, linear, ratio
from recsys.offpolicy.log import LoggedFeedback


def ips(log: LoggedFeedback) -> Estimate:
    """Inverse propensity score: mean of w r; unbiased where the log has support."""
    return linear("IPS", log.weight * log.reward, log.group)


def snips(log: LoggedFeedback) -> Estimate:
    """Self-normalised IPS: sum of w r over sum of w; a little bias for much less variance."""
    weight = log.weight
    return ratio("SNIPS", None, weight * log.reward, weight, log.group)


def sub_gaussian_ips(log: LoggedFeedback, strength: float) -> Estimate:
    """IPS with `sub_gaussian_weight`."""
    return linear(
        "sub-Gaussian IPS", sub_gaussian_weight(log.weight, strength) * log.reward, log.group
    )


def sub_gaussian_weight(weight: NDArray[np.float64], strength: float) -> NDArray[np.float64]:
    """w / (1 - strength + strength w), strength in [0, 1]: 0 leaves w, 1 makes it 1 where w > 0."""
    if not 0.0 <= strength <= 1.0:
        raise ContractError(f"sub-Gaussian strength is {strength}: expected a number in [0, 1]")
    if strength == 1.0:
        return (weight > 0.0).astype(np.float64)
    return weight / (1.0 - strength + strength * weight)
