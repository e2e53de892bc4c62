"""Words that exports write where a cell is empty."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from pandas.api import types

_WORDS: Final = (
    *("null", "nan", "none", "nil", "nat", "n/a", "undefined"),
    *("<na>", "<null>", "(null)", "[null]", "#n/a"),
)
WORDS: Final = frozenset(
    spelling
    for word in _WORDS
    for spelling in (word, word.upper(), word.capitalize(), word.title())
) | {"", "\\N", "NaN", "NaT"}
"""NULL of SQL, `\\N` of MySQL and Postgres, nan and None of Python, N/A of spreadsheets."""

NA: Final = frozenset({"NA"})
"""R's word: it may be a name among texts, and is none among ids, numbers and times."""


def empty_words(values: pd.Series, words: frozenset[str]) -> pd.Series:
    """`values` with null in place of every text that is one of `words`, spaces around it aside."""
    if isinstance(values.dtype, pd.StringDtype):
        empty = values.str.strip().isin(words).to_numpy(dtype=bool)
    elif types.is_object_dtype(values.dtype):
        cells = [isinstance(cell, str) and cell.strip() in words for cell in values]
        empty = np.array(cells, dtype=bool)
    else:
        return values
    return values.mask(empty) if empty.any() else values
