"""Plots as inline SVG: their text is text, and their colours follow the page's light or dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from pipelines.report import formatting

# User units are about one CSS pixel at the width a panel has on the page.
WIDTH = 380.0
_ROW = 26.0
_LETTER = 6.4
_VALUE = 52.0


@dataclass(frozen=True)
class Interval:
    """One row of an interval plot; `low` and `high` bound the value where they are known."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers within [low, high], roughly `about` of them, steps of 1, 2 or 5 x 10^n."""
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return [low]
    rough = span / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = min((m * power for m in (1, 2, 5, 10)), key=lambda s: abs(span / s - about))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(i * step, 10) for i in range(first, last + 1)]


def interval_plot(title: str, rows: Sequence[Interval]) -> Markup:
    """A dot per row on a common scale from zero, with a whisker where an interval is known."""
    edges = [v for r in rows for v in (r.value, r.low, r.high) if v is not None]
    low, high = min(0.0, *edges), max(*edges, 0.0)
    if high <= low:
        high = low + 1.0
    names = [_shorten(row.name, 20) for row in rows]
    left, right = 18.0 + _LETTER * max(map(len, names)), WIDTH - _VALUE
    height = _ROW * len(rows) + 26.0

    def x(value: float) -> float:
        return left + (value - low) / (high - low) * (right - left)

    parts = []
    for tick in ticks(low, high, 4):
        parts.append(_line(x(tick), 4, x(tick), height - 22, "grid"))
        parts.append(_text(x(tick), height - 6, _tick_label(tick), "tick middle"))
    for i, (name, row) in enumerate(zip(names, rows, strict=True)):
        y = 6 + _ROW * (i + 0.5)
        parts.append(_text(left - 10, y + 4, name, "name end"))
        if row.low is not None and row.high is not None:
            parts.append(_line(x(row.low), y, x(row.high), y, "whisker mark"))
        parts.append(f'<circle cx="{x(row.value):.1f}" cy="{y:.1f}" r="4.5" class="dot mark"/>')
        parts.append(_text(right + 10, y + 4, formatting.number(float(row.value)), "value mark"))
    described = "; ".join(f"{row.name} {formatting.number(float(row.value))}" for row in rows)
    return _svg(height, f"{title}: {described}", parts)


def histogram(
    title: str, values: NDArray[np.floating], low: float, high: float, bins: int = 20
) -> Markup:
    """Columns of the counts of `values` (n,) in `bins` equal bins of [low, high], median marked."""
    finite = np.asarray(values, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    counts, edges = np.histogram(np.clip(finite, low, high), bins=bins, range=(low, high))
    parts = _columns(counts.astype(np.float64))
    for tick in ticks(low, high, 5):
        at = _across((tick - low) / (high - low))
        parts.append(_text(at, _BOTTOM + 18, _tick_label(tick), "tick middle"))
    described = f"{title}: {len(finite):,} values"
    if len(finite):
        median = float(np.median(finite))
        at = _across((min(max(median, low), high) - low) / (high - low))
        anchor, offset = ("end", -6) if at > WIDTH * 0.6 else ("start", 6)
        parts.append(_line(at, 6, at, _BOTTOM, "median"))
        parts.append(_text(at + offset, 14, f"median {median:.3g}", f"note {anchor}"))
        described += f", median {median:.3g}, most in the bin from {edges[counts.argmax()]:.2f}"
    return _svg(_BOTTOM + 26, described, parts)


def timeline(title: str, counts: NDArray[np.floating], first: str, last: str) -> Markup:
    """Columns of `counts` (n,), one per step of time, between the labels `first` and `last`."""
    parts = _columns(np.asarray(counts, dtype=np.float64))
    parts.append(_text(_across(0.0), _BOTTOM + 18, first, "tick start"))
    parts.append(_text(_across(1.0), _BOTTOM + 18, last, "tick end"))
    described = f"{title}: from {first} to {last}, at most {formatting.number(float(counts.max()))}"
    return _svg(_BOTTOM + 26, described, parts)


def scatter(
    title: str, across: NDArray[np.floating], up: NDArray[np.floating], classes: Sequence[str]
) -> Markup:
    """A dot per point (n,), of the CSS class `point` and its own of `classes`."""
    spans = []
    for values in (across, up):
        low, high = float(np.min(values)), float(np.max(values))
        spare = 0.05 * (high - low) or 0.5
        spans.append((low - spare, high + spare))
    (left, right), (bottom, top) = spans

    def x(value: float) -> float:
        return _across((value - left) / (right - left))

    def y(value: float) -> float:
        return _BOTTOM - (value - bottom) / (top - bottom) * (_BOTTOM - _TOP)

    parts = []
    for tick in ticks(left, right, 4):
        parts.append(_text(x(tick), _BOTTOM + 18, _tick_label(tick), "tick middle"))
    for tick in ticks(bottom, top, 3):
        parts.append(_line(_across(0.0), y(tick), _across(1.0), y(tick), "grid"))
        parts.append(_text(_SIDE - 8, y(tick) + 4, _tick_label(tick), "tick end"))
    for first, second, css in zip(across, up, classes, strict=True):
        at = f'cx="{x(float(first)):.1f}" cy="{y(float(second)):.1f}"'
        parts.append(f'<circle {at} r="4" class="point {css}"/>')
    return _svg(_BOTTOM + 26, f"{title}: {len(across)} points", parts)


_BOTTOM = 150.0
_TOP = 24.0
_SIDE = 44.0


def _across(share: float) -> float:
    return _SIDE + share * (WIDTH - _SIDE - 12)


def _columns(counts: NDArray[np.float64]) -> list[str]:
    most = float(counts.max()) if len(counts) and counts.max() > 0 else 1.0
    parts = []
    for tick in ticks(0.0, most, 3):
        y = _BOTTOM - tick / most * (_BOTTOM - _TOP)
        parts.append(_line(_across(0.0), y, _across(1.0), y, "grid"))
        parts.append(_text(_SIDE - 8, y + 4, _tick_label(tick), "tick end"))
    step = _across(1 / max(len(counts), 1)) - _across(0.0)
    gap = 0.0 if step < 4 else 1.5
    for i, count in enumerate(counts):
        tall = count / most * (_BOTTOM - _TOP)
        parts.append(
            f'<rect x="{_across(i / len(counts)):.2f}" y="{_BOTTOM - tall:.1f}" '
            f'width="{max(step - gap, 0.5):.2f}" height="{tall:.1f}" class="column"/>'
        )
    return parts


def _tick_label(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value / 1000:g}k"
    return f"{value:g}"


def _shorten(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def _line(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{css}"/>'


def _text(x: float, y: float, text: str, css: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{css}">{escape(text)}</text>'


def _svg(height: float, described: str, parts: list[str]) -> Markup:
    # Every text went through `escape`; the rest are numbers and class names made here.
    return Markup(
        f'<svg class="plot" viewBox="0 0 {WIDTH:g} {height:g}" role="img" '
        f'aria-label="{escape(described)}">{"".join(parts)}</svg>'
    )
