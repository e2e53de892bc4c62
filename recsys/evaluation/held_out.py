"""Models fitted before a cut in time, judged by what users did after it."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, roc_auc_score

from recsys.evaluation.comparison import compare
from recsys.preference.taste_model import TasteModel

BOOTSTRAP_DRAWS: Final = 1000


def new_interactions(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """What users known `before` touched for the first time `after`: user_id, item_id."""
    pair = ["user_id", "item_id"]
    touched = after.loc[after["event_type"] != "impression", pair].drop_duplicates()
    known = before.loc[before["event_type"] != "impression", pair].drop_duplicates()
    touched = touched[touched["user_id"].isin(known["user_id"])]
    marked = touched.merge(known, on=pair, how="left", indicator=True)
    fresh = marked.loc[marked["_merge"] == "left_only", pair]
    return fresh.sort_values(pair, ignore_index=True)


def gains_over(ndcg: pd.DataFrame, served: str, seed: int) -> dict[str, dict[str, float]]:
    """Gain of each other model over `served` in mean NDCG, with its 95 % interval.

    `ndcg` (users, models), paired: the bootstrap resamples users. Empty for under two users.
    """
    if len(ndcg) < 2:
        return {}
    table = compare(ndcg, served, BOOTSTRAP_DRAWS, seed)
    table = table[table["model"] != served].set_index("model")
    return {
        str(model): {name: float(row[name]) for name in ("gain", "gain_low", "gain_high")}
        for model, row in table.iterrows()
    }


def click_quality(model: TasteModel, later: pd.DataFrame) -> dict[str, float | int]:
    """How well clicks on `later` exposures are predicted: AUC and log loss beside a constant's.

    Only the number of exposures where there is nothing to tell apart, or the model's tastes say
    nothing of clicks.
    """
    clicked = later["clicked"].to_numpy(dtype=bool)
    predicted = model.predict_click(later) if len(set(clicked)) == 2 else None
    if predicted is None:
        return {"impressions": len(later)}
    rate = np.full(len(later), clicked.mean())
    return {
        "impressions": len(later),
        "click_rate": float(clicked.mean()),
        "auc": float(roc_auc_score(clicked, predicted)),
        "log_loss": float(log_loss(clicked, predicted)),
        "log_loss_of_mean_rate": float(log_loss(clicked, rate)),
    }
