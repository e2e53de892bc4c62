"""How much of one look stays the same from channel to channel, measured on the files sent out."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.images import resize_longest
from features.style_space import StyleSpace
from styletransfer.fidelity import LookColours

MEASURES = ("style_distance", "palette_distance", "size_spread")
_SIDE_PX = 256


def palette_distances(pictures: list[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """Distances in Lab units between the colours of n pictures (h, w, 3) uint8: float (n, n)."""
    small = [resize_longest(picture, _SIDE_PX) for picture in pictures]
    colours = [LookColours(picture) for picture in small]
    found = np.zeros((len(small), len(small)))
    for a, b in combinations(range(len(small)), 2):
        found[a, b] = found[b, a] = colours[a].distance(small[b])
    return found


def consistency(files: pd.DataFrame, space: StyleSpace) -> pd.DataFrame:
    """What differs between the channels' pictures of one item in one look, mean over items.

    `files` has item_id, style_id, channel, product_size (share of the frame), style_code, and the
    palette_distance between channels of its item and look, a row per picture in a look.

    Returns a row per style_id, and one for `all looks`: `items`; `style_distance`, 1 - cosine in
    `space`, mean over pairs of channels; `between_looks`, the same over pairs of looks in one
    channel, to read it by (NaN with one look); `palette_distance` in Lab units; `size_spread`, the
    standard deviation of the product's size over channels.
    """
    units = space.unit(np.stack([np.asarray(code) for code in files["style_code"]]))
    table = files.reset_index(drop=True)
    between = _between_looks(table, units)
    rows = []
    for (style, _), part in table.groupby(["style_id", "item_id"], sort=True):
        if len(part) < 2:
            continue
        rows.append(
            {
                "style_id": str(style),
                "items": 1,
                "style_distance": _mean_distance(units[part.index]),
                "palette_distance": float(part["palette_distance"].iloc[0]),
                "size_spread": float(part["product_size"].std(ddof=0)),
            }
        )
    if not rows:
        columns = ["style_id", "items", *MEASURES, "between_looks"]
        return pd.DataFrame(columns=columns)
    each = pd.DataFrame(rows)
    how = {"items": "sum", **dict.fromkeys(MEASURES, "mean")}
    by_look = each.groupby("style_id", sort=True).agg(how).reset_index()
    whole = each.assign(style_id="all looks").groupby("style_id").agg(how).reset_index()
    told = pd.concat([by_look, whole], ignore_index=True)
    return told.assign(between_looks=[between.get(style, np.nan) for style in told["style_id"]])


def _between_looks(table: pd.DataFrame, units: NDArray[np.float32]) -> dict[str, float]:
    """Mean distance of a look's pictures from those of the other looks, same item and channel."""
    found: dict[str, list[float]] = {}
    for _, part in table.groupby(["item_id", "channel"], sort=True):
        for a, b in combinations(part.index, 2):
            distance = 1.0 - float(units[a] @ units[b])
            for row in (a, b):
                found.setdefault(str(table.at[row, "style_id"]), []).append(distance)
            found.setdefault("all looks", []).append(distance)
    return {style: float(np.mean(distances)) for style, distances in found.items()}


def _mean_distance(units: NDArray[np.float32]) -> float:
    return float(np.mean([1.0 - float(a @ b) for a, b in combinations(units, 2)]))
