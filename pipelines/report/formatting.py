"""How the page says numbers, names and times."""

from __future__ import annotations

import math
import re
from typing import Any

import pandas as pd

_SHORT = ("auc", "map", "mrr", "ndcg", "utc")


def number(value: Any) -> str:
    """A number as people read it: `1,200`, `0.479`, `12.3`, `–` for none."""
    if value is None or isinstance(value, str):
        return value or "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not math.isfinite(value):
        return "–"
    if float(value).is_integer() and (isinstance(value, int) or abs(value) >= 10):
        text = f"{int(value):,}"
    elif abs(value) >= 1000:
        text = f"{value:,.0f}"
    elif abs(value) >= 10:
        text = f"{value:.1f}"
    else:
        text = f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}"
    return text.replace("-", "−")


def decimal(value: float) -> str:
    """A number with two decimals and a true minus sign."""
    return f"{value:.2f}".replace("-", "−") if math.isfinite(value) else "–"


def percent(share: float) -> str:
    """A share in [0, 1] as a percentage; small shares keep a digit."""
    if not math.isfinite(share):
        return "–"
    scaled = 100.0 * share
    return f"{scaled:.1f} %" if 0.0 < scaled < 10.0 else f"{scaled:.0f} %"


def gain(share: float) -> str:
    """A relative change with its sign, as a percentage: `+12.8 %`, `−3.0 %`."""
    return f"{100.0 * share:+.1f} %".replace("-", "−") if math.isfinite(share) else "–"


def seconds(value: float) -> str:
    """A duration: `0.4 s`, `12 s`, `3 min 5 s`."""
    if value < 9.95:
        return f"{value:.1f} s"
    whole = round(value)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


def day(value: Any) -> str:
    """A point in time as a day: `3 May 2010`."""
    moment = pd.Timestamp(value)
    return "–" if pd.isna(moment) else f"{moment.day} {moment:%b %Y}"


def short_day(value: Any) -> str:
    """A point in time as a day without its year: `3 May`."""
    return day(value).rsplit(" ", 1)[0]


def moment(value: Any) -> str:
    """A point in time to the minute, UTC: `3 May 2010, 14:05 UTC`."""
    return f"{day(value)}, {pd.Timestamp(value):%H:%M} UTC"


def title(text: str) -> str:
    """A text with its first letter raised."""
    return text[:1].upper() + text[1:]


def look_name(name: str) -> str:
    """A look's name as a title: a slug such as `stained-glass` becomes `Stained glass`."""
    text = name.strip()
    if " " not in text:
        text = re.sub(r"[-_]+", " ", text).strip() or name
    return title(text)


def label(key: str) -> str:
    """A key of a report as words: `hit_rate` becomes `hit rate`, `auc` becomes `AUC`."""
    return " ".join(w.upper() if w in _SHORT else w for w in key.split("_"))


def plural(count: int, noun: str) -> str:
    """`1 event`, `1,200 events`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
