"""Matrix products of which each row depends on its own row alone, to the last bit."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

ROWS: Final = 64


def steady_product(left: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
    """`left` (n, k) @ `right` (k, m), rows of `left` taken `ROWS` at a time, the last ones padded.

    A library multiplies a few rows another way than many, and rounds otherwise: what one user gets
    would depend on who else is asked for.
    """
    n = len(left)
    product = np.empty((n, right.shape[1]), dtype=np.result_type(left, right))
    for start in range(0, n, ROWS):
        rows = left[start : start + ROWS]
        if len(rows) < ROWS:
            rows = np.concatenate([rows, np.zeros((ROWS - len(rows), left.shape[1]), rows.dtype)])
        product[start : start + ROWS] = (rows @ right)[: n - start]
    return product
