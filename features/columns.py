"""Parsing of one column: any dtype a reader may give -> the canonical one, and its bad rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from features.schema import SchemaError

Kind = Literal["id", "text", "time", "number", "whole", "flag", "permission"]
Mask: TypeAlias = NDArray[np.bool_]
Parsed: TypeAlias = tuple[pd.Series, Mask]

_FLAGS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_EXPECTED: Final[dict[Kind, str]] = {
    "id": "a string",
    "text": "a string",
    "time": "a timestamp (ISO 8601, UTC)",
    "number": "a number",
    "whole": "a whole number",
    "flag": "true or false",
    "permission": "true or false",
}


def parse(values: pd.Series, kind: Kind, where: str) -> tuple[pd.Series, Mask, str]:
    """Bring one column to the dtype of its kind.

    id, text -> str (an empty id is null, a null text is ''); time -> datetime64[us, UTC];
    number and whole -> float64; flag -> bool (null is True), permission -> bool (null is
    False). Whole-number ids are taken as their digits; any other non-string id column is refused,
    since its digits may be lost. Returns the column, the mask of rows that hold something of a
    wrong type, and the words for what was expected. Raises SchemaError, headed by `where`, when
    the whole column is wrong.
    """
    if isinstance(values.dtype, pd.StringDtype):
        values = values.mask(values == "")  # an empty cell of a CSV file
    parsed, wrong = _PARSERS[kind](values)
    given = values.notna().to_numpy()
    if given.any() and bool(wrong[given].all()):
        raise SchemaError(
            f"{where} is of a wrong type: got {values.dtype}, for example "
            f"{values[given].iloc[0]!r}; expected {_EXPECTED[kind]} in every row: "
            "convert the column"
        )
    return parsed, wrong, _EXPECTED[kind]


def _strings(values: pd.Series) -> Parsed:
    given = values.notna().to_numpy()
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    if isinstance(values.dtype, pd.StringDtype):
        return values.astype("str"), np.zeros_like(given)
    if types.is_integer_dtype(values.dtype):
        return values.astype("string").astype("str"), np.zeros_like(given)
    if types.is_object_dtype(values.dtype):
        right = np.fromiter((isinstance(value, str) for value in values), bool, len(values))
        return values.where(right).astype("str"), given & ~right
    return pd.Series([None] * len(values), dtype="str"), given


def _ids(values: pd.Series) -> Parsed:
    parsed, wrong = _strings(values)
    return parsed.mask(parsed == ""), wrong  # object columns keep empty strings until here


def _texts(values: pd.Series) -> Parsed:
    parsed, wrong = _strings(values)
    return parsed.fillna(""), wrong


def _times(values: pd.Series) -> Parsed:
    given = values.notna().to_numpy()
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        times = values.dt.tz_convert("UTC")
    elif types.is_datetime64_dtype(values.dtype):
        times = values.dt.tz_localize("UTC")
    elif types.is_numeric_dtype(values.dtype):
        return pd.Series(pd.NaT, index=values.index, dtype="datetime64[us, UTC]"), given
    else:
        # A number among strings would be read as nanoseconds since 1970.
        if types.is_object_dtype(values.dtype):
            values = values.mask(values.map(types.is_number).astype(bool))
        times = pd.to_datetime(values, utc=True, format="ISO8601", errors="coerce")
    return times.astype("datetime64[us, UTC]"), given & times.isna().to_numpy()


def _numbers(values: pd.Series) -> Parsed:
    given = values.notna().to_numpy()
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    if types.is_bool_dtype(values.dtype) or types.is_datetime64_any_dtype(values.dtype):
        return pd.Series(np.full(len(values), np.nan)), given
    numbers = pd.to_numeric(values, errors="coerce").astype("Float64")
    parsed = pd.Series(numbers.to_numpy(dtype=np.float64, na_value=np.nan))
    return parsed, given & parsed.isna().to_numpy()


def _whole_numbers(values: pd.Series) -> Parsed:
    numbers, wrong = _numbers(values)
    fractional = (numbers != numbers.round()) & numbers.notna()
    return numbers.mask(fractional), wrong | fractional.to_numpy()


def _flags(values: pd.Series) -> Parsed:
    if types.is_bool_dtype(values.dtype) and not types.is_object_dtype(values.dtype):
        return values.fillna(True).astype(bool), np.zeros(len(values), dtype=bool)
    words = values.astype(object).map(_flag_word, na_action="ignore")
    parsed = words.map(_FLAGS)
    wrong = values.notna().to_numpy() & parsed.isna().to_numpy()
    return parsed.isna() | (parsed == True), wrong  # noqa: E712


def _permissions(values: pd.Series) -> Parsed:
    given = values.notna().to_numpy()
    parsed, wrong = _flags(values)
    return parsed & given, wrong


def _flag_word(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip().lower()


_PARSERS: Final[dict[Kind, Callable[[pd.Series], Parsed]]] = {
    "id": _ids,
    "text": _texts,
    "time": _times,
    "number": _numbers,
    "whole": _whole_numbers,
    "flag": _flags,
    "permission": _permissions,
}
