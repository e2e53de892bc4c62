"""Thompson sampling over looks: each is shown as often as it may be the best.

Thompson, "On the likelihood that one unknown probability exceeds another" (1933); Russo et al., "A
tutorial on Thompson sampling" (2018).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.schema import ContractError
from recsys.config import PolicyConfig
from recsys.policy.look_policy import Beliefs

_CELLS: Final = 4_000_000


def thompson_probabilities(
    mean: NDArray[np.floating],
    spread: NDArray[np.floating],
    eligible: NDArray[np.bool_],
    seed: int,
    draws: int = 1000,
) -> NDArray[np.float64]:
    """Share of `draws` from normal beliefs in which each look is the best, float64 (n, looks).

    `mean` and `spread` (n, looks): belief about each look's affinity and its standard deviation,
    at least 0; `eligible` (n, looks). Rows sum to 1, 0 where not eligible; in a tie the first look
    is best. To be drawn from with `recsys.policy.draw.draw`: the share is not an estimate of the
    propensity then, it is the propensity. All rows share their random numbers, so a row's result
    depends on itself and `seed` alone. Raises ContractError on shapes, spreads or numbers that do
    not fit, and on a row with no eligible look.
    """
    if mean.ndim != 2 or not mean.shape == spread.shape == eligible.shape:
        raise ContractError(
            f"mean {mean.shape}, spread {spread.shape} and eligible {eligible.shape} differ: "
            "expected one (n, looks)"
        )
    if draws < 1:
        raise ContractError(f"draws is {draws}: expected at least 1")
    if len(mean) and not eligible.any(axis=1).all():
        raise ContractError("a row has no eligible look: keep at least the original photo")
    if not (np.isfinite(mean[eligible]).all() and (spread[eligible] >= 0.0).all()):
        raise ContractError("mean must be finite and spread at least 0 at every eligible look")
    n, looks = mean.shape
    noise = np.random.default_rng(seed).standard_normal((draws, looks)).astype(np.float32)
    centre = np.where(eligible, mean, -np.inf).astype(np.float32)
    width = np.where(eligible, spread, 0.0).astype(np.float32)
    counts = np.zeros((n, looks))
    step = max(_CELLS // max(draws * looks, 1), 1)
    for start in range(0, n, step):
        rows = slice(start, min(start + step, n))
        best = (centre[rows, None, :] + width[rows, None, :] * noise).argmax(axis=2)
        which = np.arange(len(best))[:, None] * looks + best
        counts[rows] = np.bincount(which.ravel(), minlength=best.shape[0] * looks).reshape(
            -1, looks
        )
    return counts / draws


def thompson(beliefs: Beliefs, config: PolicyConfig, seed: int) -> NDArray[np.float64]:
    """Each look as often as it may be the best, by the spread of its affinity."""
    spread = beliefs.known_spread("thompson")
    return thompson_probabilities(beliefs.affinity, spread, beliefs.eligible, seed)
