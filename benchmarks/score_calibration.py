"""Whether the feed's probabilities come true, on the semi-synthetic shop.

The recommender learns from all but the last window of the log (8 % of the events) and recommends 10
items, with no tastes, to each shopper active in it. An item comes true if its shopper touches it in
that window. "One rate for all" is the share that came true in the window before: what could be said
without calibration. Intervals are 95 % bootstraps over shoppers.

    OMP_NUM_THREADS=1 python -m benchmarks.score_calibration
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.machine import describe
from benchmarks.ranking_shop import K, interval, read_shop
from features.events import split_at, time_split
from recsys.ranking.calibration import calibration_error
from recsys.ranking.snapshot import ItemFeatures
from recsys.ranking.two_stage import TwoStageConfig, TwoStageRecommender
from recsys.ranking.windows import positive_users


def judged(
    events: pd.DataFrame, items: pd.DataFrame, pictures: ItemFeatures, windows_left: int
) -> pd.DataFrame:
    """Feed of the shoppers active in the window that `windows_left` others follow, `came_true`."""
    config = TwoStageConfig()
    share = config.window_share
    cut = time_split(events, 1.0 - share * (windows_left + 1))
    past, later = split_at(events, cut)
    if windows_left:
        later, _ = split_at(later, time_split(events, 1.0 - share * windows_left))
    model = TwoStageRecommender(config).fit(past, items, pictures, None, now=cut)
    feed = model.recommend(positive_users(later), K)
    touched = later.loc[later["event_type"] != "impression", ["user_id", "item_id"]]
    hits = feed.merge(touched.drop_duplicates().assign(came_true=True), how="left")
    return hits.assign(came_true=hits["came_true"].fillna(False).astype(bool))


def log_losses(feed: pd.DataFrame, probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean log loss of each shopper."""
    truth = feed["came_true"].to_numpy()
    loss = -np.log(np.where(truth, probability, 1.0 - probability))
    return np.asarray(pd.Series(loss).groupby(feed["user_id"].to_numpy()).mean())


def main() -> None:
    """Print the tables."""
    events, items, pictures = read_shop()
    feed = judged(events, items, pictures, 0)
    feed = feed[feed["probability"].notna()]
    rate = judged(events, items, pictures, 1)["came_true"].mean()
    probability = feed["probability"].to_numpy(dtype=np.float64)
    truth = feed["came_true"].to_numpy()
    print(describe("lightgbm", "scikit-learn", "numpy"))
    print(f"\n{feed['user_id'].nunique()} shoppers, {len(feed)} items, {truth.sum()} came true\n")
    print(
        "| probabilities | mean | log loss, 95 % | calibration error, 10 bins |\n|---|---|---|---|"
    )
    for name, said in (("one rate for all", np.full(len(feed), rate)), ("calibrated", probability)):
        losses = log_losses(feed, said)
        low, high = interval(losses)
        error = calibration_error(said.astype(np.float32), truth, 10)
        print(
            f"| {name} | {said.mean():.4f} | {losses.mean():.4f} ({low:.4f} to {high:.4f}) "
            f"| {error:.4f} |"
        )
    low, high = interval(log_losses(feed, probability) - log_losses(feed, np.full(len(feed), rate)))
    print(f"\nLog loss, calibrated minus one rate: {low:+.4f} to {high:+.4f}\n")
    print("| fifth of the items | said | came true |\n|---|---|---|")
    parts = np.array_split(np.argsort(probability, kind="stable"), 5)
    for number, part in enumerate(parts, start=1):
        print(f"| {number} | {probability[part].mean():.4f} | {truth[part].mean():.4f} |")


if __name__ == "__main__":
    main()
