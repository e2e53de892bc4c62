"""List columns of tables <-> matrices."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def stack_vectors(column: pd.Series, size: int = 0) -> NDArray[np.float32]:
    """A column of equally long vectors as one matrix, float32 (rows, their size).

    `size` is that of a column without rows.
    """
    if column.empty:
        return np.zeros((0, size), dtype=np.float32)
    return np.stack(column.to_list()).astype(np.float32)
