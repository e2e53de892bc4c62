"""Numbers in messages: with as many digits as it takes to tell a figure from its limit."""

from __future__ import annotations

import math
from typing import Final

_MOST_DIGITS: Final = 17


def compare_figures(got: float, limit: float, digits: int = 2) -> tuple[str, str]:
    """A figure and the limit it is held against, as texts that differ where the numbers do.

    Whole numbers have no decimals; other figures at least `digits`, and as many more as tell
    `got` from `limit`, whose own zeros at the end are left out.
    """
    whole = all(math.isfinite(one) and float(one).is_integer() for one in (got, limit))
    for places in range(0 if whole else digits, _MOST_DIGITS):
        texts = f"{got:.{places}f}", f"{limit:.{places}f}"
        if got == limit or float(texts[0]) != float(texts[1]):
            return texts[0], _without_zeros(texts[1], 0 if whole else digits)
    return repr(float(got)), repr(float(limit))


def _without_zeros(text: str, digits: int) -> str:
    """`text` without zeros at its end, `digits` decimals at least."""
    if "." not in text:
        return text
    head, decimals = text.split(".")
    kept = max(len(decimals.rstrip("0")), digits)
    return f"{head}.{decimals[:kept]}" if kept else head
