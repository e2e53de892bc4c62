"""Where style codes are centred, judged by the two-stage ranking of the shop.

    python -m benchmarks.style_space

Items are compared with shoppers in style space. Centred on: each kind's own mean (items on the
items', shoppers on the shoppers'), or one point for all: the mean of the photos, of the looks, or
between them (what `stylefeed run` does). NDCG@10 on the last fifth of the log, new items, and the
paired difference to the last with its standard error over shoppers.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.machine import describe
from benchmarks.ranking_shop import K, read_shop, unseen
from benchmarks.shop import encode_styles, read_styles
from features.events import split_at, time_split
from features.exposures import exposures
from features.style_space import StyleSpace
from recsys.evaluation.metrics import per_user_accuracy
from recsys.preference import StylePreferenceModel
from recsys.ranking.snapshot import ItemFeatures
from recsys.ranking.two_stage import TwoStageConfig, TwoStageRecommender


def main() -> None:
    """Print the table."""
    events, items, pictures = read_shop()
    styles = read_styles()
    looks, photos = encode_styles(styles), pictures.style_codes
    cut = time_split(events)
    past, later = split_at(events, cut)
    truth = unseen(later, past)
    users = sorted(set(truth["user_id"]))
    learned: dict[tuple[int, pd.Timestamp], pd.DataFrame] = {}

    def tastes(log: pd.DataFrame) -> pd.DataFrame:
        window = (len(log), log["timestamp"].max())
        if window not in learned:
            model = StylePreferenceModel(seed=0)
            model.fit(exposures(log), styles["style_id"].tolist(), looks)
            table = model.users()
            best = model.affinity_matrix(table["user_id"]).max(axis=1)
            learned[window] = table.assign(look_affinity=best)
        return learned[window]

    def moved(log: pd.DataFrame) -> pd.DataFrame:
        """Tastes whose mean lies on the photos', so that each kind has its own centre."""
        table = tastes(log)
        codes = np.stack(table["style_embedding"].to_list())
        codes = codes - codes.mean(axis=0) + photos.mean(axis=0)
        return table.assign(style_embedding=list(codes.astype(np.float32)))

    spaces = {
        "each kind's own mean": (StyleSpace.fit(photos), moved),
        "the photos' mean": (StyleSpace.fit(photos), tastes),
        "the looks' mean": (StyleSpace.fit(looks), tastes),
        "between photos and looks": (StyleSpace.fit(photos, looks), tastes),
    }
    found = {}
    for name, (space, told) in spaces.items():
        features = ItemFeatures(pictures.item_ids, pictures.content, photos, space)
        model = TwoStageRecommender(TwoStageConfig(), 0).fit(past, items, features, told, cut)
        lists = model.serving("two-stage").recommend(users, K)
        found[name] = per_user_accuracy(lists, truth, K)["ndcg"].to_numpy()
    print(describe("lightgbm", "implicit", "torch"))
    print(f"\n| centre | NDCG@{K} | minus the last |\n|---|---|---|")
    for name, values in found.items():
        gap = values - found["between photos and looks"]
        error = gap.std() / np.sqrt(len(gap))
        print(f"| {name} | {values.mean():.4f} | {gap.mean():+.4f} +- {error:.4f} |")


if __name__ == "__main__":
    main()
