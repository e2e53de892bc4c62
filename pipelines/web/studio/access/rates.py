"""How often one caller may do one kind of thing: a bucket of tokens for each, in bounded memory."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_MOST_CALLERS: Final = 20_000


@dataclass(frozen=True)
class Rate:
    """At most `burst` at once, and `per_minute` in the long run."""

    per_minute: float
    burst: int


RATES: Final = {
    "login": Rate(10, 10),
    "page": Rate(20_000, 5_000),
    "change": Rate(120, 60),
    "paint": Rate(60, 30),
    "upload": Rate(20, 20),
}


class Rates:
    """What every caller has left, of every kind."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Nobody has called yet; `clock` counts seconds."""
        self._clock = clock
        self._left: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait_s(self, kind: str, caller: str) -> float:
        """Take one of `kind` for `caller`: 0, or where none is left, seconds until one is."""
        rate = RATES[kind]
        with self._lock:
            now = self._clock()
            left, then = self._left.pop((kind, caller), (float(rate.burst), now))
            left = min(left + (now - then) * rate.per_minute / 60.0, float(rate.burst))
            enough = left >= 1.0
            self._left[kind, caller] = (left - 1.0 if enough else left, now)
            if len(self._left) > _MOST_CALLERS:
                self._left.popitem(last=False)
        return 0.0 if enough else (1.0 - left) * 60.0 / rate.per_minute
