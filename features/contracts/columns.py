"""Parsing of one column: any dtype a reader may give -> the canonical one, and its bad rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from features.contracts.flags import read_flags, read_permissions
from features.contracts.layout import Kind
from features.contracts.nothing import NA, WORDS, empty_words
from features.contracts.numbers import read_numbers, read_whole_numbers
from features.contracts.strings import Parsed, read_ids, read_texts
from features.contracts.times import HOW_TO_MEND, read_times
from features.schema import SchemaError

Mask: TypeAlias = NDArray[np.bool_]

_EXPECTED: Final[dict[Kind, str]] = {
    "id": "a string",
    "text": "a string",
    "time": "a timestamp (ISO 8601 or since 1970, UTC)",
    "number": "a number",
    "whole": "a whole number",
    "flag": "true or false",
    "permission": "true or false",
}
MEND: Final[dict[Kind, str]] = {
    "id": "export ids as text, since an id that was a float has lost its digits",
    "text": "export it as text",
    "time": HOW_TO_MEND,
    "number": "write numbers such as 1299.5, without thousands apart",
    "whole": "write whole numbers such as 3",
    "flag": "write true or false, or the stock as a number",
    "permission": "write true or false",
}
"""How to mend values of each kind."""


def flatten(table: pd.DataFrame) -> pd.DataFrame:
    """`table` with tuples of text in place of lists, arrays and dicts.

    They are values of no kind, and as tuples they can be looked up and told as all others are.
    """
    flat = table.copy(deep=False)
    for at, (_, values) in enumerate(table.items()):
        if values.dtype == object and not values.map(pd.api.types.is_hashable).all():
            cells = [
                cell if pd.api.types.is_hashable(cell) else tuple(map(str, cell)) for cell in values
            ]
            flat.isetitem(at, pd.array(cells, dtype=object))
    return flat


def parse(
    values: pd.Series, kind: Kind, where: str, day_first: bool | None = None
) -> tuple[pd.Series, Mask, str]:
    """Bring one column to the dtype of its kind; words for nothing (`NULL`, `\\N`, nan) are null.

    id, text -> str (a null text is ''); time -> datetime64[us, UTC]; number and whole ->
    float64; flag -> bool (null is True), permission -> bool (null is False). Returns the column,
    the mask of rows that hold something of a wrong type, and the words for what was expected.
    Raises SchemaError, headed by `where`, when the whole column is wrong.
    """
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    if isinstance(values.dtype, pd.ArrowDtype):
        plain = pa.Array.from_pandas(values).to_pandas()
        values = pd.Series(plain.to_numpy(dtype=object), index=values.index).infer_objects()
    values = empty_words(values, WORDS if kind == "text" else WORDS | NA)
    parsed, wrong = (
        read_times(values, where, day_first) if kind == "time" else _READERS[kind](values)
    )
    given = values.notna().to_numpy()
    if given.any() and bool(wrong[given].all()):
        raise SchemaError(
            f"{where} is of a wrong type: got {values.dtype}, for example "
            f"{values[given].iloc[0]!r}; expected {_EXPECTED[kind]} in every row: {MEND[kind]}"
        )
    return parsed, wrong, _EXPECTED[kind]


_READERS: Final[dict[Kind, Callable[[pd.Series], Parsed]]] = {
    "id": read_ids,
    "text": read_texts,
    "number": read_numbers,
    "whole": read_whole_numbers,
    "flag": read_flags,
    "permission": read_permissions,
}
