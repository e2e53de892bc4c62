"""The look of the highest affinity, always or nearly always."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recsys.config import PolicyConfig
from recsys.policy.look_policy import Beliefs


def best(beliefs: Beliefs, config: PolicyConfig, seed: int) -> NDArray[np.float64]:
    """All of a row's probability on its best look, the first of equal ones."""
    values = np.where(beliefs.eligible, beliefs.affinity, -np.inf)
    chosen = np.zeros(values.shape, dtype=np.float64)
    if len(values):
        chosen[np.arange(len(values)), values.argmax(axis=1)] = 1.0
    return chosen


def epsilon_greedy(beliefs: Beliefs, config: PolicyConfig, seed: int) -> NDArray[np.float64]:
    """The best look with probability 1 - epsilon, else an eligible one drawn evenly."""
    even = beliefs.eligible / beliefs.eligible.sum(axis=1, keepdims=True)
    greedy = best(beliefs, config, seed)
    return np.asarray((1.0 - config.epsilon) * greedy + config.epsilon * even, dtype=np.float64)
