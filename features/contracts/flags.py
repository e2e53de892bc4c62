"""Flags: words for yes and no, and stock counts."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from pandas.api import types

from features.contracts.strings import Parsed

_YES: Final = (
    *("true", "t", "yes", "y", "on", "1"),
    *("available", "instock", "inventory", "limitedavailability", "preorder", "backorder"),
    *("availablefororder", "onlineonly", "active", "enabled"),
)
_NO: Final = (
    *("false", "f", "no", "n", "off", "0"),
    *("unavailable", "notavailable", "outofstock", "soldout", "discontinued", "instoreonly"),
    *("nostock", "inactive", "disabled"),
)
_WORDS: Final = dict.fromkeys(_YES, True) | dict.fromkeys(_NO, False)


def read_flags(values: pd.Series) -> Parsed:
    """Flags as bool, True where there is none, and the rows that hold no flag.

    Words for yes and no, those of product feeds (`in_stock`, `sold out`,
    `https://schema.org/InStock`), and counts of stock: a number above 0 is True.
    """
    parsed, wrong = _flags(values, counts=True)
    return parsed.isna() | (parsed == True), wrong  # noqa: E712


def read_permissions(values: pd.Series) -> Parsed:
    """As `read_flags`, but False where there is none, and a number is a flag only if 0 or 1."""
    parsed, wrong = _flags(values, counts=False)
    return parsed == True, wrong  # noqa: E712


def _flags(values: pd.Series, counts: bool) -> Parsed:
    given = values.notna().to_numpy()
    if types.is_bool_dtype(values.dtype) and not types.is_object_dtype(values.dtype):
        return values.astype(object), np.zeros(len(values), dtype=bool)
    codes, kinds = pd.factorize(values.astype(object))
    flags = np.array([*(_flag(kind, counts) for kind in kinds), None], dtype=object)[codes]
    parsed = pd.Series(flags, index=values.index, dtype=object)
    return parsed, given & parsed.isna().to_numpy()


def _flag(value: object, counts: bool) -> bool | None:
    word = str(value).strip().lower().rpartition("/")[2]
    word = "".join(letter for letter in word if letter not in " _-")
    if word in _WORDS and not str(value).strip().startswith("-"):
        return _WORDS[word]
    try:
        number = float(str(value))
    except ValueError:
        return None
    if not counts:
        return bool(number) if number in (0.0, 1.0) else None
    return number > 0.0 if np.isfinite(number) else None
