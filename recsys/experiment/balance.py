"""Sample-ratio mismatch: does each arm have the share of shoppers it was promised?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from features.schema import ContractError


@dataclass(frozen=True)
class SampleRatio:
    """Counts by arm, those expected, and the chance of a split at least as uneven."""

    observed: dict[str, int]
    expected: dict[str, float]
    chi_square: float
    p_value: float


def sample_ratio(counts: Mapping[str, int], shares: Mapping[str, float]) -> SampleRatio:
    """Pearson's chi-square test of `counts` of shoppers against the promised `shares`.

    `shares` are positive and name the arms of `counts`; they are scaled to sum to 1. A small
    p-value means that assignment or logging lost shoppers of one arm, and that no comparison of the
    arms can be trusted (Fabijan et al. 2019 advise a threshold near 0.001).
    Raises ContractError for fewer than two arms, other names, no shoppers or shares not positive.
    """
    arms = sorted(shares)
    if len(arms) < 2 or set(counts) != set(arms):
        raise ContractError(
            f"arms of the counts are {sorted(counts)}, of the shares {arms}: expected the same "
            "arms in both, at least two"
        )
    observed = np.array([counts[arm] for arm in arms], dtype=np.float64)
    share = np.array([shares[arm] for arm in arms], dtype=np.float64)
    if observed.sum() <= 0 or (observed < 0).any() or not (np.isfinite(share) & (share > 0)).all():
        raise ContractError(
            f"counts {dict(counts)} and shares {dict(shares)}: expected shoppers in some arm and a "
            "positive share for every arm"
        )
    expected = observed.sum() * share / share.sum()
    statistic = float(((observed - expected) ** 2 / expected).sum())
    return SampleRatio(
        {arm: int(count) for arm, count in zip(arms, observed, strict=True)},
        {arm: float(count) for arm, count in zip(arms, expected, strict=True)},
        statistic,
        float(chi2.sf(statistic, len(arms) - 1)),
    )
