"""Ids and texts: opaque strings, whatever type the reader of the file gave them."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

Parsed = tuple[pd.Series, NDArray[np.bool_]]

_EXACT: Final = 2**53
"""Floats beyond it have lost digits of the whole numbers they came from."""


def read_ids(values: pd.Series) -> Parsed:
    """Ids as str, null where there is none, and the rows that hold no id.

    Whole numbers are taken as their digits, and bytes as UTF-8. Floats are ids only while they
    are whole and below 2**53, and text such as `17850.0` or `1.5e+18` only where a column of
    numbers was printed: the first is read as `17850`, the second has lost its digits and is wrong.
    """
    parsed, wrong = _strings(values)
    parsed = parsed.mask(parsed == "")
    return _printed_numbers(parsed, wrong)


def read_texts(values: pd.Series) -> Parsed:
    """Texts as str, '' where there is none, and the rows that hold something else."""
    parsed, wrong = _strings(values)
    return parsed.fillna(""), wrong


def _strings(values: pd.Series) -> Parsed:
    given = values.notna().to_numpy()
    if isinstance(values.dtype, pd.StringDtype):
        return values.astype("str"), np.zeros_like(given)
    if types.is_integer_dtype(values.dtype):
        return values.astype("string").astype("str"), np.zeros_like(given)
    if types.is_object_dtype(values.dtype) or types.is_float_dtype(values.dtype):
        codes, kinds = pd.factorize(values.astype(object))
        words = np.array([*(_as_text(kind) for kind in kinds), None], dtype=object)
        parsed = pd.Series(words[codes], index=values.index, dtype="str")
        return parsed, given & parsed.isna().to_numpy()
    return pd.Series([None] * len(values), index=values.index, dtype="str"), given


def _as_text(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return None
    if isinstance(value, bool | np.bool_):
        return None
    if isinstance(value, int | np.integer):
        return str(value)
    if isinstance(value, float | np.floating):
        number = float(value)
        return str(int(number)) if abs(number) < _EXACT and number.is_integer() else None
    if isinstance(value, Decimal):
        return str(int(value)) if value.is_finite() and value == int(value) else None
    return str(value) if isinstance(value, uuid.UUID) else None


def _printed_numbers(parsed: pd.Series, wrong: NDArray[np.bool_]) -> Parsed:
    given = parsed.dropna()
    first = str(given.iloc[0]) if len(given) else ""
    if first.endswith(".0") and bool(given.str.fullmatch(r"\d+\.0").all()):
        return parsed.str.removesuffix(".0"), wrong
    if "e+" in first.lower() and bool(given.str.fullmatch(r"\d\.\d+[eE]\+\d+").all()):
        return parsed, wrong | parsed.notna().to_numpy()
    return parsed, wrong
