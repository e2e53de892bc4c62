"""Always-valid monitoring: intervals and p-values that may be read at any time, as often as liked.

Both tests are the same normal mixture. For a stream of numbers it is the asymptotic confidence
sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024); for two arms, the mixture
sequential probability-ratio test of Johari, Koomen, Pekelis and Walsh (2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import lambertw

from features.schema import ConfigError, ContractError, InputError, SchemaError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SequentialConfig:
    """Level of the test, and the number of rows at which its interval is to be the tightest."""

    alpha: float = 0.05
    tightest_at: int = 5_000

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1 or self.tightest_at < 1:
            raise ConfigError(f"expected 0 < alpha < 1 and tightest_at of 1 or more, got {self}")

    @property
    def mixing_variance(self) -> float:
        """Prior variance of the mean, in units of the variance of one row."""
        root = lambertw(-(self.alpha**2) * np.exp(-1.0), k=-1).real
        return float((-root - 1.0) / self.tightest_at)


def confidence_sequence(
    values: ArrayLike, peeks: Sequence[int], config: SequentialConfig
) -> pd.DataFrame:
    """Read the mean of a growing stream after each of `peeks` rows.

    values: (n,) independent rows in order of arrival, for example an off-policy estimator's value
    per round, or the difference of two. peeks: ascending row counts in 2..n.

    Returns n, mean, low, high, p_value: with chance 1 - alpha the true mean lies within low..high
    at all peeks at once (in the limit of long streams: do not begin before a few hundred rows).
    `p_value` is that of a mean of 0 and never rises. Raises ContractError for other peeks or
    values.
    """
    rows = np.asarray(values, dtype=np.float64)
    at = _checked_peeks(peeks, len(rows))
    if rows.ndim != 1 or not np.isfinite(rows).all():
        raise ContractError(f"values have shape {rows.shape}: expected one finite number per row")
    mean, variance = _running(rows, np.ones(rows.shape), at)
    return _read(at, mean, variance / at, config)


def monitor(
    units: pd.DataFrame,
    control: str,
    treatment: str,
    peeks: Sequence[int],
    config: SequentialConfig,
) -> pd.DataFrame:
    """Read the difference of two arms' means after each of `peeks` shoppers.

    units: variant and value, one row per shopper in the order in which their outcome became
    complete (shoppers of other variants are passed over). Returns n (both arms together), mean
    (treatment minus control), low, high, p_value as `confidence_sequence`; a peek before either arm
    has two shoppers raises InputError.
    """
    missing = sorted({"variant", "value"} - set(units.columns))
    if missing:
        raise SchemaError(f"units have no column {missing[0]!r}: got {list(units.columns)}")
    arms = units[units["variant"].isin([control, treatment])]
    rows = arms["value"].to_numpy(dtype=np.float64)
    at = _checked_peeks(peeks, len(rows))
    if not np.isfinite(rows).all():
        raise InputError("units have a missing or infinite value: expected a number per shopper")
    parts = []
    for arm in (control, treatment):
        mine = np.asarray(arms["variant"] == arm, dtype=np.float64)
        size = np.cumsum(mine)[at - 1]
        if size.min() < 2:
            raise InputError(
                f"arm {arm!r} has {int(size.min())} shoppers at peek {int(at[size.argmin()])}: "
                "expected at least two; peek later"
            )
        mean, variance = _running(rows, mine, at)
        parts.append((mean, variance / size))
    (control_mean, control_variance), (treatment_mean, treatment_variance) = parts
    return _read(at, treatment_mean - control_mean, control_variance + treatment_variance, config)


def mixture_ratio(estimate: ArrayLike, variance: ArrayLike, prior_variance: ArrayLike) -> Floats:
    """Likelihood ratio of "not 0", mixed over a normal prior, to "0" (Johari et al. 2017, eq. 5).

    `variance` of the estimate and `prior_variance` of the effect, both positive, broadcast.
    """
    effect, own = np.asarray(estimate, dtype=np.float64), np.asarray(variance, dtype=np.float64)
    prior = np.asarray(prior_variance, dtype=np.float64)
    total = own + prior
    exponent = prior * effect**2 / (2 * own * total)
    return np.asarray(np.sqrt(own / total) * np.exp(np.minimum(exponent, 700.0)))


def _read(
    at: NDArray[np.int64], mean: Floats, variance: Floats, config: SequentialConfig
) -> pd.DataFrame:
    # A stream that has not varied yet says nothing.
    known = variance > 0
    safe = np.where(known, variance, 1.0)
    prior = config.mixing_variance * at * safe
    total = safe + prior
    half = np.sqrt(safe * total / prior * (2 * np.log(1 / config.alpha) + np.log(total / safe)))
    half = np.where(known, half, np.inf)
    p = np.where(known, np.minimum(1.0, 1 / mixture_ratio(mean, safe, prior)), 1.0)
    return pd.DataFrame(
        {
            "n": at,
            "mean": mean,
            "low": mean - half,
            "high": mean + half,
            "p_value": np.minimum.accumulate(p),
        }
    )


def _running(rows: Floats, mine: Floats, at: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Mean and variance of the rows marked by `mine` up to each peek."""
    size = np.cumsum(mine)[at - 1]
    # Centred first, so that the sum of squares keeps its digits.
    centre = float(rows.mean())
    mean = np.cumsum(mine * (rows - centre))[at - 1] / size
    square = np.cumsum(mine * (rows - centre) ** 2)[at - 1] / size
    variance = np.maximum(square - mean**2, 0.0) * size / (size - 1)
    return mean + centre, variance


def _checked_peeks(peeks: Sequence[int], n: int) -> NDArray[np.int64]:
    at = np.asarray(peeks, dtype=np.int64)
    if at.ndim != 1 or not len(at) or at[0] < 2 or at[-1] > n or (np.diff(at) <= 0).any():
        raise ContractError(f"peeks are {list(peeks)[:5]}...: expected ascending counts in 2..{n}")
    return at
