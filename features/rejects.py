"""Rejects: input rows set aside with their reason, so that the rest can be served."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def rejected(
    table: str, rows: NDArray[np.int64], keys: pd.Series, reason: str, got: pd.Series
) -> pd.DataFrame:
    """Set rows of one table aside for one reason.

    `rows` are 0-based input rows, shape (n,); `keys` and `got`, of the same length, name each row
    and show the value at fault. Returns columns table, row, key, reason, got.
    """
    count = len(rows)
    return pd.DataFrame(
        {
            "table": pd.Series([table] * count, dtype="str"),
            "row": np.asarray(rows, dtype=np.int64),
            "key": pd.Series(["" if pd.isna(key) else str(key) for key in keys], dtype="str"),
            "reason": pd.Series([reason] * count, dtype="str"),
            "got": pd.Series([repr(value) for value in got.astype(object)], dtype="str"),
        }
    )


def join_rejects(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Join tables of rejects, ordered by table and row; no parts give an empty table."""
    filled = [part for part in parts if len(part)]
    if not filled:
        nothing = pd.Series(dtype="str")
        return rejected("", np.empty(0, dtype=np.int64), nothing, "", nothing)
    joined = pd.concat(filled, ignore_index=True)
    return joined.sort_values(["table", "row"], kind="stable", ignore_index=True)
