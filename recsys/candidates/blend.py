"""Several models' opinions as one score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from features.schema import ContractError


def blended(scores: Sequence[NDArray[np.float32]], weights: Sequence[float]) -> NDArray[np.float32]:
    """Weighted mean of `scores`, each (n, items) and standardised per user: float32 (n, items).

    A user whose scores are all equal gets 0 from that model. Raises ContractError unless there is
    one weight, 0 or more, per model, with a sum over 0.
    """
    if len(scores) != len(weights) or min(weights, default=-1.0) < 0.0 or sum(weights) <= 0.0:
        raise ContractError(
            f"got weights {list(weights)} for {len(scores)} models: expected one per model, 0 or "
            "more, not all 0"
        )
    total = np.zeros(scores[0].shape, dtype=np.float64)
    for values, weight in zip(scores, weights, strict=True):
        centred = values - values.mean(axis=1, keepdims=True, dtype=np.float64)
        spread = centred.std(axis=1, keepdims=True)
        total += weight / sum(weights) * centred / np.where(spread > 0.0, spread, 1.0)
    return total.astype(np.float32)
