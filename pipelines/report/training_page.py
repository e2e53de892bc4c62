"""The page of a training: curves, health and pictures in one self-contained HTML text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from features.images import DEFAULT_LIMITS
from pipelines.report import formatting
from pipelines.report.plots import ticks
from pipelines.report.templates import open_template
from pipelines.report.thumbnails import Thumbnails

_NOT_CURVES: Final = ("step", "attempt")
_NOT_HEALTH: Final = ("step", "attempt", "wrong", "low")
_WIDTH, _HEIGHT, _LEFT = 380.0, 150.0, 52.0
_PICTURE_PX: Final = 150

Row = Mapping[str, float]


def training_page(
    curves: Sequence[Row],
    validation: Sequence[Row],
    checks: Sequence[Row],
    events: Sequence[Mapping[str, Any]],
    looks: Sequence[NDArray[np.uint8]],
    grid: Sequence[Sequence[NDArray[np.uint8]]],
    best: int = 0,
) -> str:
    """Losses on training and validation pictures, health, what went wrong, and a grid.

    `best` is the step whose weights were kept. `grid` has a row per photo: the photo itself, then
    it in each of `looks`, all (h, w, 3) uint8.
    """
    thumbnails = Thumbnails(DEFAULT_LIMITS)
    head = [thumbnails.add_pixels(one, _PICTURE_PX) for one in looks]
    rows = [[thumbnails.add_pixels(one, _PICTURE_PX) for one in row] for row in grid]
    return str(
        open_template("training.html").render(
            losses=_plots(curves, _NOT_CURVES, validation),
            health=_plots(checks, _NOT_HEALTH),
            events=events,
            steps=formatting.number(int(checks[-1]["step"]) if checks else 0),
            best=formatting.number(best),
            looks=head,
            rows=rows,
            pictures=thumbnails.css(),
        )
    )


def _plots(
    rows: Sequence[Row], left_out: Sequence[str], others: Sequence[Row] = ()
) -> list[tuple[str, Markup]]:
    names = [name for name in (rows[-1] if rows else {}) if name not in left_out]
    return [(name.replace("_", " "), curve(name, rows, others)) for name in names]


def curve(name: str, rows: Sequence[Row], others: Sequence[Row] = ()) -> Markup:
    """One value by step as inline SVG, that of `others` (on validation pictures) dashed.

    Where training went back, the line starts again.
    """
    lines = [_points(name, rows), _points(name, others)]
    points = lines[0] + lines[1]
    values = [value for _, value, _ in points]
    low, high = min(0.0, *values), max(0.0, *values)
    span, last = (high - low) or 1.0, max(step for step, _, _ in points) or 1

    def y(value: float) -> float:
        return _HEIGHT - (value - low) / span * (_HEIGHT - 14)

    parts = []
    for tick in ticks(low, low + span, 3):
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" class="grid"/>'
            f'<text x="{_LEFT - 8}" y="{y(tick) + 4:.1f}" class="tick end">{tick:g}</text>'
        )
    for of_kind, dashes in zip(lines, ("", ' stroke-dasharray="5 4"'), strict=True):
        for attempt in sorted({attempt for _, _, attempt in of_kind}):
            line = " ".join(
                f"{_LEFT + step / last * (_WIDTH - _LEFT):.1f},{y(value):.1f}"
                for step, value, of in of_kind
                if of == attempt
            )
            parts.append(f'<polyline points="{line}" class="line"{dashes}/>')
    parts.append(f'<text x="{_LEFT}" y="{_HEIGHT + 18}" class="tick start">0</text>')
    parts.append(f'<text x="{_WIDTH}" y="{_HEIGHT + 18}" class="tick end">{last:g}</text>')
    ends = [formatting.decimal(of_kind[-1][1]) for of_kind in lines if of_kind]
    told = escape(f"{name} by step, last {', on validation pictures '.join(ends)}")
    return Markup(
        f'<svg class="plot" viewBox="0 0 {_WIDTH:g} {_HEIGHT + 26:g}" role="img" '
        f'aria-label="{told}">{"".join(parts)}</svg>'
    )


def _points(name: str, rows: Sequence[Row]) -> list[tuple[float, float, float]]:
    return [(row["step"], row[name], row["attempt"]) for row in rows if name in row]
