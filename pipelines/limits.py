"""How much a stage may set aside before the job stops, and how long work may take."""

from __future__ import annotations

import math
import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from features.schema import ConfigError, InputError
from pipelines.verbosity import warn

WARNING_SHARE: Final = 0.1
_REASONS_TOLD: Final = 3
_REASON_LENGTH: Final = 160
_VARYING: Final = re.compile(r"'[^']*'|\"[^\"]*\"|/\S+|\d+(\.\d+)?")


@dataclass(frozen=True)
class LimitConfig:
    """When a job stops instead of going on; none of these changes a result.

    `max_reject_share` in [0, 1): where a stage sets aside a larger share of a table's rows or
    pictures, or all of them, it fails. `batch_seconds` over 0: a worker that is longer at one batch
    of pictures is replaced. `deadline` is an ISO 8601 date and time, UTC where it names no zone:
    from then on no picture is begun, those left out are served as plain photos, and the next run
    paints them; it holds for the call that names it only.
    """

    max_reject_share: float = 0.5
    batch_seconds: float = 3600.0
    deadline: str = ""

    def __post_init__(self) -> None:
        if not 0.0 <= self.max_reject_share < 1.0:
            raise ConfigError(
                f"limits.max_reject_share is {self.max_reject_share}: expected 0 to below 1"
            )
        if not self.batch_seconds > 0.0:
            raise ConfigError(f"limits.batch_seconds is {self.batch_seconds}: expected above 0")
        self.deadline_s()

    def deadline_s(self) -> float | None:
        """The deadline in seconds since 1970; None without one. Raises ConfigError on no time."""
        if not self.deadline:
            return None
        try:
            moment = datetime.fromisoformat(self.deadline)
        except ValueError:
            raise ConfigError(
                f"limits.deadline is {self.deadline!r}: expected a date and time such as "
                "2026-11-28T05:30 (UTC) or 2026-11-28T05:30+01:00"
            ) from None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def end_of(deadline_s: float | None) -> float:
    """What `time.monotonic()` says at `deadline_s`, in seconds since 1970; infinite without one.

    The clock is asked once, here, how long that is: one that is set later neither ends nor extends
    what is left.
    """
    return math.inf if deadline_s is None else time.monotonic() + deadline_s - time.time()


def reason_kind(reason: str) -> str:
    """`reason` with `_` for the names, paths and numbers in it."""
    return _VARYING.sub("_", reason)


def set_aside(what: str, of: int, reasons: Iterable[str]) -> dict[str, Any]:
    """Counts of what a stage could not use, for its record: one of `reasons` per row set aside.

    `of` is how many rows or pictures there were. Reasons that differ in names and numbers only are
    counted together, under the first of them.
    """
    first: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for reason in reasons:
        counts[first.setdefault(reason_kind(reason), reason)] += 1
    return {
        "what": what,
        "of": of,
        "count": sum(counts.values()),
        "reasons": dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))),
    }


def check_set_aside(stage: str, told: Mapping[str, Any], limits: LimitConfig) -> None:
    """Raise InputError, one line, where too much of what `set_aside` counted is gone.

    A share above a tenth that is allowed is a warning on stderr.
    """
    of, count = int(told["of"]), int(told["count"])
    if not of or not count:
        return
    share = count / of
    words = f"{stage}: {count:,} of {of:,} {told['what']} were set aside ({_percent(share)}): "
    words += _in_words(told["reasons"])
    if count >= of or share > limits.max_reject_share:
        raise InputError(
            f"{words}; at most {_percent(limits.max_reject_share)} may be: mend them (rejects/ "
            f"names each one), or raise limits.max_reject_share"
        )
    if share > WARNING_SHARE:
        warn(f"{words}; rejects/ names each one")


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _in_words(reasons: Mapping[str, int]) -> str:
    # A table read back from a record has lost its order.
    ranked = sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    told = [
        f"{count:,} x {' '.join(reason.split())[:_REASON_LENGTH]}"
        for reason, count in ranked[:_REASONS_TOLD]
    ]
    others = sum(count for _, count in ranked[_REASONS_TOLD:])
    return "; ".join([*told, *([f"{others:,} x other reasons"] if others else [])])
