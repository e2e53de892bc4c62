"""A total order of table rows, so that equal sets of rows give equal tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.schema import EVENT_TYPES


def sorted_by(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Rows of `table` by `columns`, the first deciding, nulls first, index 0..n-1.

    Strings sort by code point, and `event_type` as the shopper meets them: impression first.
    """
    return table.iloc[order_of(table, columns)].reset_index(drop=True)


def order_of(table: pd.DataFrame, columns: Sequence[str]) -> NDArray[np.int64]:
    """Positions of the rows of `table` in the order of `sorted_by`, int64 (n,)."""
    keys = [_rank(table[name]) for name in reversed(columns)]
    return np.lexsort(keys).astype(np.int64)


def grouped(table: pd.DataFrame, columns: Sequence[str]) -> NDArray[np.int64]:
    """A number per row, int64 (n,), the same for rows with equal `columns`; nulls are equal."""
    group = np.zeros(len(table), dtype=np.int64)
    for name in columns:
        codes = pd.factorize(table[name], use_na_sentinel=False)[0]
        # Renumbered at every step, so that the product cannot overflow.
        group = pd.factorize(group * (codes.max(initial=0) + 1) + codes)[0]
    return group


def _rank(values: pd.Series) -> NDArray[np.int64] | NDArray[np.float64]:
    if values.name == "event_type":
        return pd.Index(EVENT_TYPES).get_indexer(pd.Index(values))
    if isinstance(values.dtype, pd.StringDtype):
        # Sorting the few distinct strings is many times faster than sorting all rows.
        codes, names = pd.factorize(values)
        rank = np.empty(len(names) + 1, dtype=np.int64)
        rank[np.argsort(names.to_numpy(dtype=object))] = np.arange(len(names))
        rank[-1] = -1  # where the null's code -1 looks
        return rank[codes]
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return values.to_numpy(dtype="datetime64[us]").astype(np.int64)
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isnan(numbers), -np.inf, numbers)
