"""Exposures: every impression, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.order import sorted_by
from features.schema import ORIGINAL

ATTRIBUTION_WINDOW: Final = pd.Timedelta(hours=24)
"""How long after an impression an outcome that names no session may still be its outcome."""

EXPOSURE_ORDER: Final = ("timestamp", "user_id", "session_id", "position", "item_id", "style_id")


def exposures(events: pd.DataFrame) -> pd.DataFrame:
    """One row per impression of a clean log, with the outcomes that followed it.

    An outcome (view, click, cart, purchase) that logs a session and a position belongs to the
    latest impression of the same user, item, look, session and position before it. Any other, and
    one for which there is none, belongs to the latest impression of the same user, item and look at
    most 24 hours before it; event types that never name a look are matched by user and item
    alone. Outcomes with no impression are left out.

    Returns, sorted by (timestamp, user_id, session_id, position, item_id, style_id): user_id,
    item_id, style_id (`original` for the plain photo), style_drawn (the look that was drawn with
    the propensity: another one where its render fell back to the original), timestamp, position
    and propensity float32 (NaN unknown), session_id, clicked (any outcome), dwell_s float32 (sum
    over its outcomes, 0 if none), carted, purchased.
    """
    shown = events["event_type"] == "impression"
    impressions = sorted_by(events[shown], EXPOSURE_ORDER)
    outcomes = events[~shown].reset_index(drop=True)
    owner = _owners(impressions, outcomes)

    owned = owner >= 0
    owner, outcomes = owner[owned], outcomes[owned]
    count = len(impressions)
    dwell_s = outcomes["dwell_s"].fillna(0.0).to_numpy(dtype=np.float64)
    order = np.argsort(dwell_s, kind="stable")  # makes the sums independent of the rows' order
    dwelt = np.bincount(owner[order], weights=dwell_s[order], minlength=count)

    def happened(mask: pd.Series) -> NDArray[np.bool_]:
        return np.bincount(owner[mask.to_numpy()], minlength=count) > 0

    types = outcomes["event_type"]
    return pd.DataFrame(
        {
            "user_id": impressions["user_id"],
            "item_id": impressions["item_id"],
            "style_id": impressions["style_id"].fillna(ORIGINAL),
            "style_drawn": _drawn(impressions),
            "timestamp": impressions["timestamp"],
            "position": impressions["position"]
            .astype("Float32")
            .to_numpy(np.float32, na_value=np.nan),
            "propensity": impressions["propensity"].astype(np.float32),
            "session_id": impressions["session_id"],
            "clicked": happened(types.notna()),
            "dwell_s": dwelt.astype(np.float32),
            "carted": happened(types == "cart"),
            "purchased": happened(types == "purchase"),
        }
    )


def _drawn(impressions: pd.DataFrame) -> pd.Series:
    served = impressions["style_id"].fillna(ORIGINAL)
    if "style_drawn" not in impressions:
        return served
    return impressions["style_drawn"].fillna(served)


def _owners(impressions: pd.DataFrame, outcomes: pd.DataFrame) -> NDArray[np.int64]:
    """Position of the impression each outcome belongs to, -1 for none."""
    exact = ("user_id", "item_id", "style_id", "session_id", "position")
    owner = _latest_before(impressions, outcomes, exact)
    placed = outcomes["session_id"].notna() & outcomes["position"].notna()
    owner[~placed.to_numpy()] = -1

    names_look = outcomes["style_id"].notna().groupby(outcomes["event_type"]).transform("any")
    shown_at = impressions["timestamp"].to_numpy(dtype="datetime64[us]")
    done_at = outcomes["timestamp"].to_numpy(dtype="datetime64[us]")
    for keys, applies in (
        (("user_id", "item_id", "style_id"), names_look),
        (("user_id", "item_id"), ~names_look),
    ):
        open_rows = np.flatnonzero((owner < 0) & applies.to_numpy(dtype=bool))
        found = _latest_before(impressions, outcomes.iloc[open_rows], keys)
        seen = found >= 0
        recent = done_at[open_rows[seen]] - shown_at[found[seen]]
        within = recent <= ATTRIBUTION_WINDOW.to_timedelta64()
        owner[open_rows[seen][within]] = found[seen][within]
    return owner


def _latest_before(
    impressions: pd.DataFrame, outcomes: pd.DataFrame, keys: Sequence[str]
) -> NDArray[np.int64]:
    """Position of the latest impression with equal `keys` at or before each outcome, -1 if none."""
    shown = len(impressions)
    both = pd.concat([impressions[["timestamp", *keys]], outcomes[["timestamp", *keys]]])
    group = np.zeros(len(both), dtype=np.int64)
    for name in keys:
        codes = pd.factorize(both[name], use_na_sentinel=False)[0]
        # Renumbered at every step, so that the product cannot overflow.
        group = pd.factorize(group * (codes.max(initial=0) + 1) + codes)[0]
    moment = np.unique(both["timestamp"].to_numpy(dtype="datetime64[us]"), return_inverse=True)[1]
    when = group * (moment.max(initial=0) + 1) + moment
    order = np.argsort(when[:shown], kind="stable")
    before = np.searchsorted(when[:shown][order], when[shown:], side="right") - 1
    found = np.append(order, -1)[before]
    same = (found >= 0) & (group[found] == group[shown:])
    return np.where(same, found, -1).astype(np.int64)
