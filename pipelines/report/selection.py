"""Which shoppers the page shows: a handful that differ, the same ones for the same run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.schema import ORIGINAL

HOW_MANY = 6
CERTAIN = 0.8
"""From this style strength on a taste may be called strong."""


@dataclass(frozen=True)
class Portrait:
    """A shopper to show, and what he or she stands for."""

    user_id: str
    kind: str
    why: str


def choose_shoppers(
    users: pd.DataFrame, affinity: pd.DataFrame, members: dict[str, list[str]]
) -> list[Portrait]:
    """Up to `HOW_MANY` shoppers of different kinds.

    `users`: user_id (ascending), style_strength, n_events, cold; `affinity`: one row per user_id,
    one column per look and the original; `members`: looks of each prototype. A kind nobody belongs
    to is left out, and the strongest tastes for looks not shown yet fill its place.
    Ties go to the smaller user_id.
    """
    ids = users["user_id"].to_numpy(dtype=object)
    table = affinity.reindex(ids)
    looks = [str(c) for c in table.columns if c != ORIGINAL]
    look = table[looks].to_numpy(dtype=np.float64)
    plain = table[ORIGINAL].to_numpy(dtype=np.float64)
    strength = users["style_strength"].to_numpy(dtype=np.float64)
    n_events = users["n_events"].to_numpy(dtype=np.float64)
    cold = users["cold"].to_numpy(dtype=bool)
    warm = ~cold
    seen_enough = warm & (n_events >= (np.median(n_events[warm]) if warm.any() else 0.0))
    margin = plain - look.max(axis=1)
    families = _by_family(table, members)
    taken: list[Portrait] = []

    def take(score: NDArray[np.float64], allowed: NDArray[np.bool_], kind: str, why: str) -> None:
        free = allowed & ~np.isin(ids, [p.user_id for p in taken]) & np.isfinite(score)
        if free.any() and len(taken) < HOW_MANY:
            best = int(np.flatnonzero(free)[score[free].argmax()])
            taken.append(Portrait(str(ids[best]), kind, why))

    fond = seen_enough & (margin < 0)
    if (strength[fond] >= CERTAIN).any():
        kind, why = "A strong taste", "The surest taste in looks of all well-known shoppers."
    else:
        kind = "The clearest taste so far"
        why = "The surest taste in looks of all well-known shoppers, which is not sure yet."
    take(strength, fond, kind, why)
    if families.shape[1] >= 3:
        top = -np.sort(-families, axis=1)
        take(
            top[:, 1] - top[:, 2],
            seen_enough & (top[:, 1] > plain),
            "Fond of two families of looks",
            "Looks of two prototypes stand out from all others.",
        )
    take(
        margin,
        seen_enough & (margin > 0),
        "Fond of the plain photo",
        "No look is liked as much as the original photo.",
    )
    take(
        -strength,
        seen_enough,
        "Indifferent to style",
        "The lowest style strength of the well-known shoppers: no taste in looks was found.",
    )
    take(
        -(np.abs(_ranks(strength) - 0.5) + np.abs(_ranks(n_events) - 0.5)),
        warm,
        "A typical shopper",
        "In the middle of all shoppers, by style strength and by number of events.",
    )
    take(
        -n_events,
        cold,
        "New here",
        "Too few events to know a taste: what all shoppers like stands in for it.",
    )
    while len(taken) < HOW_MANY:
        before = len(taken)
        shown = table.loc[[p.user_id for p in taken], looks].idxmax(axis=1)
        fresh = ~np.isin(np.asarray(looks, dtype=object)[look.argmax(axis=1)], shown.to_numpy())
        take(strength, fresh, "Another taste", "The strongest taste for a look not shown above.")
        if len(taken) == before:
            break
    return taken


def _by_family(table: pd.DataFrame, members: dict[str, list[str]]) -> NDArray[np.float64]:
    """Each shopper's affinity for the best-liked look of every prototype, (users, prototypes)."""
    best = [table[known].max(axis=1) for known in _known(table, members) if known]
    if not best:
        return np.zeros((len(table), 0))
    return np.column_stack([column.to_numpy(dtype=np.float64) for column in best])


def _known(table: pd.DataFrame, members: dict[str, list[str]]) -> list[list[str]]:
    return [[look for look in looks if look in table.columns] for looks in members.values()]


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(pd.Series(values).rank(pct=True), dtype=np.float64)
