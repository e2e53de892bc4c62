"""Looks in proportion to the exponential of their affinity (Luce 1959)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recsys.config import PolicyConfig
from recsys.policy.look_policy import Beliefs


def softmax(beliefs: Beliefs, config: PolicyConfig, seed: int) -> NDArray[np.float64]:
    """Look l with probability proportional to exp(affinity_l / temperature)."""
    values = np.where(beliefs.eligible, beliefs.affinity, -np.inf)
    highest = values.max(axis=1, keepdims=True, initial=-np.inf)
    weights = np.exp((values - highest) / config.temperature)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float64)
