"""Times: ISO 8601, seconds to nanoseconds since 1970, and dates as people write them.

The form is told from the whole column, never row by row: `03/04/2026` alone could be either of
two days.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from pandas.api import types

from features.contracts.strings import Parsed
from features.schema import SchemaError

_DTYPE: Final = "datetime64[us, UTC]"
# Between 1990 and 2103 in seconds; later units are a thousand times as many.
_EPOCH: Final = (6.3e8, 4.2e9)
_MICROSECONDS_PER: Final = (1e6, 1e3, 1.0, 1e-3)
_LAST_US: Final = 253402300799 * 10**6
"""The end of the year 9999, microseconds since 1970."""
_FIRST_US: Final = -62135596800 * 10**6
_CLOCK: Final = (
    r"(?:(?:,?\s+|T)(\d{1,2})[:.](\d{2})(?:[:.](\d{2})(?:[.,](\d{1,9}))?)?\s*([AaPp]\.?[Mm]\.?)?)?"
)
_WRITTEN: Final = rf"^(\d{{1,2}})([/.\-])(\d{{1,2}})[/.\-](\d{{4}}|\d{{2}}){_CLOCK}$"
_MONTH_NAMES: Final = (
    *("%d-%b-%Y %H:%M:%S", "%d-%b-%Y %H:%M", "%d-%b-%Y", "%d-%b-%y"),
    *("%d %b %Y %H:%M:%S", "%d %b %Y %H:%M", "%d %b %Y", "%d %B %Y"),
    *("%b %d, %Y %H:%M:%S", "%b %d, %Y, %I:%M %p", "%b %d, %Y", "%B %d, %Y"),
    *("%d/%b/%Y:%H:%M:%S %z", "%a, %d %b %Y %H:%M:%S %z", "%a, %d %b %Y %H:%M:%S"),
)
HOW_TO_MEND: Final = "write times as ISO 8601, such as 2026-03-01T12:00:00Z"


class AmbiguousDatesError(SchemaError):
    """Every date of a column could be day or month first."""


def read_times(
    values: pd.Series, where: str = "timestamp", day_first: bool | None = None
) -> Parsed:
    """Times as datetime64[us, UTC], null where there is none, and the rows that hold no time.

    A time without a zone is taken as UTC. `day_first` says whether `03/04/2026` is 3 April; None:
    the column tells. Raises SchemaError, headed by `where`, when the column's dates may be read
    both ways, or some only in one and some only in the other.
    """
    given = values.notna().to_numpy()
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return values.dt.tz_convert("UTC").astype(_DTYPE), np.zeros_like(given)
    if types.is_datetime64_dtype(values.dtype):
        return values.dt.tz_localize("UTC").astype(_DTYPE), np.zeros_like(given)
    if types.is_bool_dtype(values.dtype):
        return pd.Series(pd.NaT, index=values.index, dtype=_DTYPE), given
    if types.is_numeric_dtype(values.dtype):
        times = _numbered(values)
    elif types.is_object_dtype(values.dtype) and not _mostly_text(values):
        numbers = values.map(types.is_number).astype(bool)
        if numbers.sum() > given.sum() / 2:
            times = _numbered(pd.to_numeric(values.where(numbers), errors="coerce"))
        else:
            times = _objects(values.mask(numbers))
    else:
        text = values
        if types.is_object_dtype(values.dtype):
            text = values.where(values.map(lambda cell: isinstance(cell, str)).astype(bool))
        times = _texts(text.astype("str"), where, day_first)
    return times.astype(_DTYPE), given & times.isna().to_numpy()


def _mostly_text(values: pd.Series) -> bool:
    told = values.dropna()
    return sum(isinstance(cell, str) for cell in told) >= len(told) / 2


def _objects(values: pd.Series) -> pd.Series:
    """Dates and times of Python, row by row: they say themselves what they are."""
    return pd.to_datetime(values, utc=True, format="ISO8601", errors="coerce").astype(_DTYPE)


def _texts(values: pd.Series, where: str, day_first: bool | None) -> pd.Series:
    text = values.str.strip()
    given = int(text.notna().sum())
    digits = text.str.fullmatch(r"[-+]?\d+(?:\.\d*)?").fillna(False).astype(bool)
    if digits.sum() > given / 2:
        return _numbered(pd.to_numeric(text.where(digits), errors="coerce"))
    text = text.str.replace(r"\s*(?:UTC|GMT|Etc/UTC|\[UTC\])$", "", regex=True)
    iso = text.where(~digits)
    if text.str.contains("/", regex=False).any():
        iso = iso.str.replace(r"^(\d{4})/(\d{1,2})/(\d{1,2})", r"\1-\2-\3", regex=True)
    if text.str.contains(",", regex=False).any():
        # As Python's logging writes fractions of a second.
        iso = iso.str.replace(r"(:\d{2}),(\d{1,9})", r"\1.\2", regex=True)
    times = pd.to_datetime(iso, utc=True, format="ISO8601", errors="coerce").astype(_DTYPE)
    missed = text.notna() & times.isna()
    if int(missed.sum()) <= given / 2:
        return times
    written = text.str.extract(_WRITTEN)
    if int(written[0].notna().sum()) > given / 2:
        return _dates(written, where, day_first)
    for form in _MONTH_NAMES:
        times = pd.to_datetime(text, utc=True, format=form, errors="coerce").astype(_DTYPE)
        if int(times.notna().sum()) > given / 2:
            return times
    return pd.Series(pd.NaT, index=values.index, dtype=_DTYPE)


def _numbered(values: pd.Series) -> pd.Series:
    """Numbers as times: since 1970 in the one unit that suits the column, or yyyymmdd[HHMMSS]."""
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    told = np.abs(numbers[np.isfinite(numbers) & (numbers != 0.0)])
    nothing = pd.Series(pd.NaT, index=values.index, dtype=_DTYPE)
    if not len(told):
        return nothing
    middle = float(np.median(told))
    for step, factor in enumerate(_MICROSECONDS_PER):
        if _EPOCH[0] * 1000.0**step <= middle <= _EPOCH[1] * 1000.0**step:
            with np.errstate(invalid="ignore"):
                moment = np.round(numbers * factor)
                good = np.isfinite(moment) & (moment >= _FIRST_US) & (moment <= _LAST_US)
            whole = np.where(good, moment, 0.0).astype(np.int64).astype("datetime64[us]")
            times = pd.Series(whole, index=values.index).dt.tz_localize("UTC")
            return times.where(good).astype(_DTYPE)
    for low, high, form in (
        (19000101, 21001231, "%Y%m%d"),
        (190001010000, 210012312359, "%Y%m%d%H%M"),
        (19000101000000, 21001231235959, "%Y%m%d%H%M%S"),
    ):
        if low <= middle <= high:
            whole = np.where(np.isfinite(numbers), numbers, 0.0).astype(np.int64)
            text = pd.Series(whole, index=values.index).astype("str")
            return pd.to_datetime(text, utc=True, format=form, errors="coerce").astype(_DTYPE)
    return nothing


def _dates(parts: pd.DataFrame, where: str, day_first: bool | None) -> pd.Series:
    numbers = {n: pd.to_numeric(parts[n], errors="coerce") for n in (0, 2, 3, 4, 5, 6)}
    if day_first is None:
        day_first = _order(parts, numbers[0], numbers[2], where)
    day, month = (numbers[0], numbers[2]) if day_first else (numbers[2], numbers[0])
    year = numbers[3].mask(numbers[3] < 69, numbers[3] + 2000)
    year = year.mask(year < 100, year + 1900)
    half = parts[8].str[0].str.lower()
    hour = numbers[4].fillna(0)
    hour = hour.mask(half.eq("p") & (hour < 12), hour + 12).mask(half.eq("a") & (hour == 12), 0)
    fields = {"year": year, "month": month, "day": day, "hour": hour}
    fields |= {"minute": numbers[5].fillna(0), "second": numbers[6].fillna(0)}
    times = pd.to_datetime(pd.DataFrame(fields), errors="coerce", utc=True).astype(_DTYPE)
    fraction = pd.to_numeric("0." + parts[7].fillna("0"), errors="coerce")
    return times + pd.to_timedelta((fraction * 1e6).round(), unit="us")


def _order(parts: pd.DataFrame, first: pd.Series, second: pd.Series, where: str) -> bool:
    """Whether the day comes first, as the numbers over 12 tell."""
    day, month = (
        int((first.gt(12) & second.le(12)).sum()),
        int((second.gt(12) & first.le(12)).sum()),
    )
    example = parts.loc[first.notna(), [0, 1, 2, 3]].iloc[0].tolist()
    sample = example[1].join([example[0], example[2], example[3]])
    if not day and not month and bool((parts[1].dropna() == ".").all()):
        return True  # dates with points are day first wherever they are written
    if not day and not month:
        raise AmbiguousDatesError(
            f"{where}: dates such as {sample!r} may be day or month first, and no row tells: "
            f"set day_first to true or false, or {HOW_TO_MEND}"
        )
    if min(day, month) > 0.01 * max(day, month):
        raise SchemaError(
            f"{where}: {day:,} dates can only be day first and {month:,} only month first "
            f"(one is {sample!r}): expected one order in the whole column: {HOW_TO_MEND}"
        )
    return day > month
