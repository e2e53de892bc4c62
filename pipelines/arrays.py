"""List columns of tables <-> matrices."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def stack_vectors(column: pd.Series) -> NDArray[np.float32]:
    """A column of equally long vectors as one matrix, float32 (rows, size)."""
    return np.stack(column.to_list()).astype(np.float32)
