"""The bootstrap: sums of rows drawn with repeats (Efron and Tibshirani 1993)."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.schema import ContractError

_CELLS_PER_BLOCK: Final = 1 << 23


def resample_sums(values: NDArray[np.float64], draws: int, seed: int) -> NDArray[np.float64]:
    """Column sums of `draws` samples of the rows of `values` (n, m), with repeats: (draws, m).

    Every sample has n rows. All columns share the rows drawn, so that differences and ratios of
    columns are paired. Raises ContractError on draws < 1 or no rows.
    """
    n, rng = len(values), np.random.default_rng(seed)
    if draws < 1 or n < 1:
        raise ContractError(f"got {draws} bootstrap draws of {n} rows: expected at least 1 of each")
    sums = np.empty((draws, values.shape[1]))
    block = max(1, _CELLS_PER_BLOCK // n)
    for start in range(0, draws, block):
        size = min(block, draws - start)
        rows = rng.integers(0, n, (size, n)) + n * np.arange(size)[:, None]
        counts = np.bincount(rows.ravel(), minlength=size * n).reshape(size, n)
        sums[start : start + size] = counts @ values
    return sums


def mean_interval(
    values: NDArray[np.floating], draws: int, seed: int, level: float = 0.95
) -> tuple[float, float]:
    """Percentile interval of the mean of `values` (n,), at `level` in (0, 1)."""
    column = np.asarray(values, dtype=np.float64)[:, None]
    tails = ((1.0 - level) / 2.0, (1.0 + level) / 2.0)
    low, high = np.quantile(resample_sums(column, draws, seed)[:, 0] / len(column), tails)
    return float(low), float(high)
