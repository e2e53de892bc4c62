"""What the ranking makes of items without a picture, on the semi-synthetic shop.

A share of the items, drawn once, has its pictures taken away before everything. Same split,
shoppers and measure as `benchmarks.ranking_shop`, without tastes. "Zeros" leaves such items without
a content vector; "one fused vector" replaces all content vectors, of the others too, by those of
`ItemRepresentation` (picture, look, title, price, category); "filled in" is what the recommender
does: `recsys.ranking.item_content`. The last column is of the content candidates alone.
Intervals are 95 % bootstraps over shoppers, paired with zeros.

    OMP_NUM_THREADS=1 python -m benchmarks.item_vectors
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.machine import describe
from benchmarks.ranking_shop import K, candidate_lists, interval, read_shop, unseen
from features.config import EventWeights
from features.events import split_at, time_split
from features.ids import IdMap
from recsys.evaluation.metrics import per_user_accuracy
from recsys.ranking import training as ranking_training
from recsys.ranking.item_content import complete_content
from recsys.ranking.item_representation import ItemRepresentation
from recsys.ranking.snapshot import ItemFeatures
from recsys.ranking.two_stage import TwoStageConfig, TwoStageRecommender

SHARES = (0.0, 0.3, 0.6, 1.0)

Vectors = NDArray[np.float32]
Method = Callable[[Vectors, pd.DataFrame, IdMap, int], Vectors]


def methods(pictures: ItemFeatures) -> dict[str, Method]:
    """Content vectors from those of the pictures, the catalogue, the items' order and a seed."""

    def fused(content: Vectors, items: pd.DataFrame, item_map: IdMap, seed: int) -> Vectors:
        table = items.set_index("item_id").loc[list(item_map.ids)].reset_index()
        return ItemRepresentation(seed=seed).fit(table, pictures).encode(table, pictures)

    return {
        "zeros": lambda content, items, item_map, seed: content,
        "one fused vector": fused,
        "filled in": complete_content,
    }


def content_lists(
    past: pd.DataFrame,
    items: pd.DataFrame,
    pictures: ItemFeatures,
    cut: pd.Timestamp,
    users: list[str],
) -> pd.DataFrame:
    """Lists of the content candidates, no rows if nothing is known of any item."""
    models, known = ranking_training.learn(
        past, items, pictures, None, cut, TwoStageConfig(), EventWeights(), 0
    )
    own = [model for model in models if model.name == "content"]
    return candidate_lists(own[0], known.interactions, users) if own else pd.DataFrame()


def main() -> None:
    """Print the table."""
    events, items, pictures = read_shop()
    cut = time_split(events)
    past, later = split_at(events, cut)
    truth = unseen(later, past)
    users = sorted(set(truth["user_id"]))
    order = np.random.default_rng(0).permutation(len(pictures.item_ids))
    print(describe("lightgbm", "scikit-learn", "numpy"))
    print(f"\n{len(users)} shoppers, {len(items)} items\n")
    print(f"| no picture | vectors | NDCG@{K} | minus zeros, 95 % | their recall | by content |")
    print("|---|---|---|---|---|---|")
    for share in SHARES:
        kept = np.sort(order[round(share * len(order)) :])
        hidden = set(pictures.item_ids) - set(pictures.item_ids[kept])
        left = ItemFeatures(
            pictures.item_ids[kept], pictures.content[kept], pictures.style_codes[kept]
        )
        reference: NDArray[np.float64] | None = None
        for name, method in methods(left).items():
            # The recommender has no switch for this: nobody would want the others.
            ranking_training.complete_content = method
            model = TwoStageRecommender(TwoStageConfig()).fit(past, items, left, None, now=cut)
            feed = model.recommend(users, K)
            ndcg = per_user_accuracy(feed, truth, K)["ndcg"].to_numpy()
            reference = ndcg if reference is None else reference
            low, high = interval(ndcg - reference)
            wanted = truth[truth["item_id"].isin(hidden)]
            alone = content_lists(past, items, left, cut, users)
            recalls = [
                f"{per_user_accuracy(lists, wanted, K)['recall'].mean():.4f}"
                if len(lists) and hidden
                else "-"
                for lists in (feed, alone)
            ]
            print(
                f"| {share:.0%} | {name} | {ndcg.mean():.4f} | {low:+.4f} to {high:+.4f} "
                f"| {recalls[0]} | {recalls[1]} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
