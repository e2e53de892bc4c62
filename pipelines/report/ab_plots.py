"""Plots of the comparison page: forest, weights, power and lift over time, as inline SVG."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup, escape
from scipy.stats import norm

from pipelines.report.plots import ticks

_LETTER = 6.6


@dataclass(frozen=True)
class ForestRow:
    """One estimator: its value and interval; `main` is the one the verdict goes by."""

    name: str
    value: float
    low: float
    high: float
    main: bool
    unbiased: bool


def percent(value: float) -> str:
    """A lift as people read it: `+4.2 %`, `−13 %`."""
    scaled = 100.0 * value
    digits = 0 if abs(scaled) >= 100 or scaled == round(scaled) else 1
    return f"{scaled:+.{digits}f} %".replace("-", "−").replace("+0 %", "0 %")


def forest(
    title: str, rows: Sequence[ForestRow], say: Callable[[float], str], width: float = 860.0
) -> Markup:
    """A dot and a whisker per estimator on one scale, with a line at zero; hollow: biased ones."""
    low = min(0.0, *(row.low for row in rows))
    high = max(0.0, *(row.high for row in rows))
    pad = 0.04 * (high - low or 1.0)
    low, high = low - pad, high + pad
    left = 24.0 + _LETTER * max(len(row.name) for row in rows)
    right = width - 250.0
    height = 30.0 * len(rows) + 30.0

    def x(value: float) -> float:
        return left + (value - low) / (high - low) * (right - left)

    parts = []
    for tick in ticks(low, high, 6):
        parts.append(_line(x(tick), 4, x(tick), height - 24, "grid"))
        parts.append(_text(x(tick), height - 6, say(tick), "tick middle"))
    parts.append(_line(x(0.0), 4, x(0.0), height - 24, "zero"))
    for i, row in enumerate(rows):
        y = 6 + 30.0 * (i + 0.5)
        css = "best" if row.main else "mark"
        css += "" if row.unbiased else " hollow"
        parts.append(_text(left - 12, y + 4, row.name, f"name end {css}"))
        parts.append(_line(x(row.low), y, x(row.high), y, f"whisker {css}"))
        parts.append(f'<circle cx="{x(row.value):.1f}" cy="{y:.1f}" r="5" class="dot {css}"/>')
        words = f"{say(row.value)}  ({say(row.low)} to {say(row.high)})"
        parts.append(_text(right + 14, y + 4, words, f"value {css}"))
    described = "; ".join(f"{row.name} {say(row.value)}" for row in rows)
    return _svg(width, height, f"{title}: {described}", parts)


def weight_histogram(title: str, histogram: Mapping[str, Any], width: float = 420.0) -> Markup:
    """Columns of the weights in equal bins of their logarithm, with a line at 1."""
    edges: list[float] = histogram["edges"]
    counts: list[int] = histogram["counts"]
    if not counts:
        return Markup('<p class="quiet">This policy shows nothing that was logged.</p>')
    bottom, top, left, right = 150.0, 16.0, 46.0, width - 12.0
    most = max(counts)

    def x(power: float) -> float:
        return left + (power - edges[0]) / (edges[-1] - edges[0]) * (right - left)

    parts = []
    for tick in ticks(0.0, most, 3):
        y = bottom - tick / most * (bottom - top)
        parts += [
            _line(left, y, right, y, "grid"),
            _text(left - 8, y + 4, _short(tick), "tick end"),
        ]
    for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True):
        tall = count / most * (bottom - top)
        parts.append(
            f'<rect x="{x(low):.1f}" y="{bottom - tall:.1f}" width="{x(high) - x(low) - 1.5:.1f}" '
            f'height="{tall:.1f}" class="column"/>'
        )
    if edges[0] < 0.0 < edges[-1]:
        parts.append(_line(x(0.0), top - 8, x(0.0), bottom, "median"))
    powers = [10.0**p * m for p in range(-6, 7) for m in (1, 2, 5)]
    inside = [v for v in powers if edges[0] <= np.log10(v) <= edges[-1]]
    for value in inside[:: max(len(inside) // 6, 1)]:
        parts.append(_text(x(np.log10(value)), bottom + 18, f"{value:g}", "tick middle"))
    return _svg(width, bottom + 26, f"{title}: {sum(counts):,} weights over 0", parts)


def cumulative(
    title: str,
    points: Sequence[Mapping[str, Any]],
    say: Callable[[float], str],
    ends: tuple[str, str],
) -> Markup:
    """A line with its band over growing numbers of rows, cut where the band is still too wide."""
    width, bottom, top, left = 860.0, 220.0, 14.0, 66.0
    right = width - 14.0
    known = [p for p in points if p["low"] is not None and p["high"] is not None]
    if len(known) < 2:
        return Markup('<p class="quiet">Too few rows to draw.</p>')
    # The first intervals would flatten all that follow.
    reach = 3.0 * max(abs(known[len(known) // 3][edge]) for edge in ("low", "high"))
    low = max(min(0.0, *(p["low"] for p in known)), -reach)
    high = min(max(0.0, *(p["high"] for p in known)), reach)
    span = (high - low) or 1.0
    last = known[-1]["rows"]

    def at(p: Mapping[str, Any], key: str) -> str:
        value = min(max(p[key], low), high)
        across = left + p["rows"] / last * (right - left)
        return f"{across:.1f},{bottom - (value - low) / span * (bottom - top):.1f}"

    parts = []
    for tick in ticks(low, high, 5):
        y = bottom - (tick - low) / span * (bottom - top)
        parts.append(_line(left, y, right, y, "zero" if tick == 0 else "grid"))
        parts.append(_text(left - 8, y + 4, say(tick), "tick end"))
    band = [at(p, "low") for p in known] + [at(p, "high") for p in reversed(known)]
    parts.append(f'<polygon points="{" ".join(band)}" class="band"/>')
    parts.append(f'<polyline points="{" ".join(at(p, "value") for p in known)}" class="line"/>')
    parts.append(_text(left, bottom + 18, ends[0], "tick start"))
    parts.append(_text(right, bottom + 18, ends[1], "tick end"))
    return _svg(width, bottom + 26, f"{title}: ends at {say(known[-1]['value'])}", parts)


def power_curve(
    title: str, error: float, say: Callable[[float], str], level: float, width: float = 420.0
) -> Markup:
    """Chance to tell a true difference, at this traffic (full) and at four times as much."""
    if not error > 0.0:
        return Markup('<p class="quiet">The two policies never differ on this log.</p>')
    bottom, top, left, right = 150.0, 12.0, 46.0, width - 16.0
    z = float(norm.ppf((1.0 + level) / 2))
    most = 5.0 * error
    parts = []
    for share in (0.0, 0.5, 0.8, 1.0):
        y = bottom - share * (bottom - top)
        parts.append(_line(left, y, right, y, "grid"))
        parts.append(_text(left - 8, y + 4, f"{100 * share:.0f} %", "tick end"))
    for tick in ticks(0.0, most, 4):
        parts.append(
            _text(
                left + tick / most * (right - left),
                bottom + 18,
                say(tick).lstrip("+"),
                "tick middle",
            )
        )
    for times, css in ((4.0, "line faint"), (1.0, "line")):
        effects = np.linspace(0.0, most, 80)
        scaled = effects / (error / times**0.5)
        chance = norm.cdf(scaled - z) + norm.cdf(-scaled - z)
        path = " ".join(
            f"{left + e / most * (right - left):.1f},{bottom - c * (bottom - top):.1f}"
            for e, c in zip(effects, chance, strict=True)
        )
        parts.append(f'<polyline points="{path}" class="{css}"/>')
    return _svg(width, bottom + 26, title, parts)


def calibration_plot(
    title: str, predicted: Sequence[float], observed: Sequence[float], width: float = 420.0
) -> Markup:
    """Observed against predicted click rate per bin, with the line where both are equal."""
    bottom, top, left, right = 190.0, 12.0, 52.0, width - 16.0
    most = max(*predicted, *observed, 1e-9) * 1.08

    def spot(p: float, o: float) -> tuple[float, float]:
        return left + p / most * (right - left), bottom - o / most * (bottom - top)

    parts = []
    for tick in ticks(0.0, most, 4):
        x, y = spot(tick, tick)
        parts += [_line(left, y, right, y, "grid")]
        parts += [_text(left - 8, y + 4, f"{100 * tick:g} %", "tick end")]
        parts += [_text(x, bottom + 18, f"{100 * tick:g} %", "tick middle")]
    parts.append(_line(*spot(0.0, 0.0), *spot(most, most), "median"))
    for p, o in zip(predicted, observed, strict=True):
        x, y = spot(p, o)
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" class="dot best"/>')
    return _svg(width, bottom + 26, title, parts)


def _short(value: float) -> str:
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"


def _line(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{css}"/>'


def _text(x: float, y: float, text: str, css: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{css}">{escape(text)}</text>'


def _svg(width: float, height: float, described: str, parts: list[str]) -> Markup:
    # Every text went through `escape`; the rest are numbers and class names made here.
    return Markup(
        f'<svg class="plot" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-label="{escape(described)}">{"".join(parts)}</svg>'
    )
