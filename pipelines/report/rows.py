"""Rows of a table as dicts, a few at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


class Rows:
    """Reads rows of a table by position, without a frame for each reading."""

    def __init__(self, table: pd.DataFrame) -> None:
        """Read from `table`, which must not change."""
        self._names = [str(name) for name in table.columns]
        # NumPy's own arrays give plain Python values, its wrapper in pandas does not.
        arrays = [table[name].array for name in table.columns]
        self._columns = [
            array.to_numpy() if isinstance(array, pd.arrays.NumpyExtensionArray) else array
            for array in arrays
        ]

    def at(self, positions: NDArray[np.intp]) -> list[dict[str, Any]]:
        """The rows at `positions`, ascending, as `DataFrame.to_dict("records")` gives them."""
        where: NDArray[np.intp] | slice = positions
        if len(positions) and positions[-1] - positions[0] == len(positions) - 1:
            # Neighbours are not copied.
            where = slice(int(positions[0]), int(positions[-1]) + 1)
        values: Sequence[list[Any]] = [column[where].tolist() for column in self._columns]
        return [dict(zip(self._names, row, strict=True)) for row in zip(*values, strict=True)]
