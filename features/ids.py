"""The one door for ids: text or refused, and external ids <-> 0..n-1."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.schema import ContractError, InputError


def text_ids(ids: Iterable[object], what: str = "ids", nulls: bool = False) -> NDArray[np.object_]:
    """`ids` as an array of strings, object (n,).

    Raises ContractError, headed by `what`, unless every one is text: `7` and `7.0` are not the id
    `"7"`, and an id read as a number has lost its zeros already. With `nulls` a missing id is left
    as it is.
    """
    values = np.empty(0, dtype=object)
    if isinstance(ids, pd.Series | pd.Index):
        values = ids.to_numpy(dtype=object)
    else:
        told = list(ids)
        values = np.empty(len(told), dtype=object)
        values[:] = told
    kind = pd.api.types.infer_dtype(values, skipna=nulls)
    if kind in ("string", "empty"):
        return values
    for place, value in enumerate(values):
        missing = value is None or value is pd.NA or value is pd.NaT or value != value
        if isinstance(value, str) or (missing and nulls):
            continue
        got = "is missing" if missing else f"is {value!r} ({type(value).__name__})"
        raise ContractError(
            f"{what}: id {place} of {len(values)} {got}: expected text in every place: read ids as "
            "text, for example with dtype=str, and pass them so everywhere"
        )
    return values


def check_id_columns(table: pd.DataFrame, columns: Iterable[str], what: str) -> None:
    """Raise ContractError, as `text_ids`, unless these columns of `table` that it has hold text."""
    for column in columns:
        if column in table.columns:
            text_ids(table[column], f"{what}: {column}")


def require_some_known(ids: Iterable[str], known: Iterable[str], what: str) -> None:
    """Raise InputError where there are `ids` and `known` ones, and not one in common.

    `what` says which ids of what: two exports that name the same things differently.
    """
    asked, there = pd.unique(text_ids(ids, what)), set(known)
    if len(asked) and there and not any(name in there for name in asked):
        raise InputError(
            f"{what}: none of {len(asked):,} ids is known: got {asked[0]!r} and the like, expected "
            f"such as {min(there)!r}: use the same ids in both tables"
        )


class IdMap:
    """A frozen two-way map between external string ids and positions 0..n-1.

    Ids are opaque: `007` stays `007`. Built with `IdMap.sorted` the positions follow the ids'
    own order, so equal id sets give equal maps whatever the order of the rows.
    """

    __slots__ = ("_ids", "_index")

    def __init__(self, ids: Sequence[str]) -> None:
        """Map `ids`, unique strings, to their positions.

        Raises InputError on a repeated id, ContractError on one that is no text.
        """
        index = pd.Index(text_ids(ids), dtype=object)
        if not index.is_unique:
            repeated = index[index.duplicated()][0]
            raise InputError(
                f"ids must be unique, got {repeated!r} more than once: drop duplicates"
            )
        self._index = index
        self._ids = np.array(index, dtype=object)
        self._ids.setflags(write=False)

    @classmethod
    def sorted(cls, ids: Iterable[str]) -> IdMap:
        """Map the distinct `ids` in ascending order."""
        return cls(sorted(set(text_ids(ids))))

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, external: object) -> bool:
        return external in self._index

    @property
    def ids(self) -> NDArray[np.object_]:
        """External ids by position, shape (n,), read-only."""
        return self._ids

    def to_index(self, external: Iterable[str]) -> NDArray[np.int64]:
        """Positions of `external`, int64; -1 where an id is unknown or missing.

        Raises ContractError on one that is no text: it could only be unknown.
        """
        values = text_ids(external, nulls=True)
        return np.asarray(self._index.get_indexer(pd.Index(values)), dtype=np.int64)

    def to_ids(self, positions: NDArray[np.integer]) -> NDArray[np.object_]:
        """External ids of `positions` (any shape), each in 0..n-1; ContractError outside it."""
        outside = positions[(positions < 0) | (positions >= len(self))]
        if outside.size:
            raise ContractError(
                f"positions must be in 0..{len(self) - 1}, got {outside.flat[0]}: "
                "drop the rows marked unknown (-1) first"
            )
        return np.asarray(self._ids[positions], dtype=object)
