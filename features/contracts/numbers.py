"""Numbers: plain, with a decimal comma, with thousands apart, with a currency beside them."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from pandas.api import types

from features.contracts.strings import Parsed

_SPACES: Final = r"(?<=\d)[\s   '’_](?=\d)"
_CURRENCY: Final = r"^(?:[A-Za-z]{1,3}\.?|[€$£¥₹₽₩₺₴฿₫])?\s*([-+]?)\s*(?:[A-Za-z]{3}|[€$£¥₹₽₩₺₴฿₫])?\s*(\d[\d.,]*|[.,]\d+)\s*(?:[A-Za-z]{1,3}\.?|[€$£¥₹₽₩₺₴฿₫]|,-)?$"  # noqa: E501
_GROUPS: Final = r"\d{1,3}(?:,\d{3})+"


def read_numbers(values: pd.Series) -> Parsed:
    """Numbers as float64, NaN where there is none, and the rows that hold no number.

    Text may have a currency beside the number and thousands apart. Whether a comma parts decimals
    or thousands is decided by the whole column; where every comma could be either (`1,299`) the
    values are wrong rather than guessed.
    """
    given = values.notna().to_numpy()
    if types.is_bool_dtype(values.dtype) or types.is_datetime64_any_dtype(values.dtype):
        return pd.Series(np.full(len(values), np.nan), index=values.index), given
    if types.is_numeric_dtype(values.dtype):
        plain = values.to_numpy(dtype=np.float64, na_value=np.nan)
        return pd.Series(plain, index=values.index), given & np.isnan(plain)
    if types.is_object_dtype(values.dtype):
        values = values.mask(values.map(types.is_bool).astype(bool))
    parsed = _floats(values)
    odd = values.notna().to_numpy() & parsed.isna().to_numpy()
    if odd.any():
        parsed[odd] = _written(values[odd].astype("str"), values[given & ~odd].astype("str"))
    return parsed, given & parsed.isna().to_numpy()


def read_whole_numbers(values: pd.Series) -> Parsed:
    """As `read_numbers`, where a number that is not whole is wrong."""
    numbers, wrong = read_numbers(values)
    fractional = (numbers != numbers.round()) & numbers.notna()
    return numbers.mask(fractional), wrong | fractional.to_numpy()


def _floats(values: pd.Series) -> pd.Series:
    """What float() reads, to the last bit, which pandas' own reader of text misses."""
    numbers = pd.to_numeric(values, errors="coerce").astype("Float64")
    floats = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    finite = np.flatnonzero(np.isfinite(floats))
    floats[finite] = values.to_numpy(dtype=object)[finite].astype(np.float64)
    return pd.Series(floats, index=values.index)


def _written(odd: pd.Series, plain: pd.Series) -> pd.Series:
    """Numbers that float() does not read; `plain` are the column's others."""
    text = odd.str.replace("−", "-").str.strip().str.replace(_SPACES, "", regex=True)
    parts = text.str.extract(_CURRENCY)
    sign, digits = parts[0].fillna(""), parts[1]
    comma, dot = digits.str.rfind(","), digits.str.rfind(".")
    both = (comma >= 0) & (dot >= 0)
    decimal = _decimal_mark(digits, both & (comma > dot), both & (dot > comma), plain)
    if decimal is None:
        digits = digits.mask(digits.str.contains(",", regex=False).fillna(False).astype(bool))
        decimal = "."
    thousands = "," if decimal == "." else "."
    # A mark for thousands must have three digits after it each time.
    grouped = rf"\d{{1,3}}(?:\{thousands}\d{{3}})+(?:\{decimal}\d*)?|\d*(?:\{decimal}\d*)?"
    digits = digits.where(digits.str.fullmatch(grouped).fillna(False).astype(bool))
    digits = digits.str.replace(thousands, "", regex=False).str.replace(decimal, ".", regex=False)
    return _floats(sign + digits)


def _decimal_mark(
    digits: pd.Series, comma_last: pd.Series, dot_last: pd.Series, plain: pd.Series
) -> str | None:
    """The mark that parts the decimals of the column; None where it could be either."""
    if comma_last.any() != dot_last.any():
        return "," if comma_last.any() else "."
    if comma_last.any():
        return None
    commas = digits[digits.str.contains(",", regex=False).fillna(False).astype(bool)]
    if commas.empty:
        dots = digits[digits.str.count(r"\.").fillna(0) > 1]
        return "," if len(dots) else "."
    grouped = commas.str.fullmatch(_GROUPS) & ~commas.str.startswith("0")
    if not grouped.all():
        return ","
    several = (commas.str.count(",") > 1).any()
    return "." if several or plain.str.contains(".", regex=False).any() else None
