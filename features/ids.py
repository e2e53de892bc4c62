"""External string ids <-> 0..n-1."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.schema import ContractError, InputError


class IdMap:
    """A frozen two-way map between external string ids and positions 0..n-1.

    Ids are opaque: `007` stays `007`. Built with `IdMap.sorted` the positions follow the ids'
    own order, so equal id sets give equal maps whatever the order of the rows.
    """

    __slots__ = ("_ids", "_index")

    def __init__(self, ids: Sequence[str]) -> None:
        """Map `ids`, unique strings, to their positions. Raises InputError on a repeated id."""
        index = pd.Index(np.asarray(ids, dtype=object), dtype=object)
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
        return cls(sorted(set(ids)))

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, external: object) -> bool:
        return external in self._index

    @property
    def ids(self) -> NDArray[np.object_]:
        """External ids by position, shape (n,), read-only."""
        return self._ids

    def to_index(self, external: Iterable[str]) -> NDArray[np.int64]:
        """Positions of `external`, int64; -1 where an id is unknown."""
        values = np.asarray(list(external), dtype=object)
        return np.asarray(self._index.get_indexer(values), dtype=np.int64)

    def to_ids(self, positions: NDArray[np.integer]) -> NDArray[np.object_]:
        """External ids of `positions` (any shape), each in 0..n-1; ContractError outside it."""
        outside = positions[(positions < 0) | (positions >= len(self))]
        if outside.size:
            raise ContractError(
                f"positions must be in 0..{len(self) - 1}, got {outside.flat[0]}: "
                "drop the rows marked unknown (-1) first"
            )
        return np.asarray(self._ids[positions], dtype=object)
