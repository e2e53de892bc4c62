"""Digests of events that do not depend on their order: what tells a longer log from another one."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.events import EVENT_ORDER


def row_digests(events: pd.DataFrame) -> NDArray[np.uint64]:
    """A number for each event of a clean log, by all that it says, uint64 (n,)."""
    if events.empty:
        return np.zeros(0, dtype=np.uint64)
    total = np.zeros(len(events), dtype=np.uint64)
    for place, name in enumerate(EVENT_ORDER):
        if name in events.columns:
            # Odd multipliers keep columns apart: the same word in two of them is not the same.
            total += _hashed(events[name]) * np.uint64(2 * place + 3)
    return _mixed(total)


def _hashed(column: pd.Series) -> NDArray[np.uint64]:
    if column.dtype.kind == "M":
        times = column.to_numpy(dtype="datetime64[us]").astype(np.int64)
        return np.asarray(pd.util.hash_array(times), dtype=np.uint64)
    codes, words = pd.factorize(column, use_na_sentinel=False)
    texts = pd.Series(words).astype("str").fillna("").to_numpy(dtype=object)
    return np.asarray(pd.util.hash_array(texts)[codes], dtype=np.uint64)


def log_digest(events: pd.DataFrame) -> int:
    """The digest of a log or of a part of it; those of the parts add up, modulo 2**64."""
    return int(row_digests(events).sum(dtype=np.uint64))


def shopper_digests(events: pd.DataFrame) -> pd.Series:
    """Digest of what each shopper did, uint64, by user_id ascending."""
    codes, names = pd.factorize(events["user_id"], sort=True)
    sums = np.zeros(len(names), dtype=np.uint64)
    np.add.at(sums, codes, row_digests(events))
    return pd.Series(sums, index=pd.Index(names, dtype="str", name="user_id"), name="digest")


_MIX: Final = np.uint64(0xBF58476D1CE4E5B9)


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Bits spread (splitmix64, Steele et al. 2014), so that sums of rows do not cancel out."""
    mixed = (values ^ (values >> np.uint64(30))) * _MIX
    return np.asarray(mixed ^ (mixed >> np.uint64(31)), dtype=np.uint64)
