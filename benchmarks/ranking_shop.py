"""The two-stage recommender on the semi-synthetic shop, beside its own candidate models.

Global time split: models learn from the first 80 % of the events and are judged on what each
shopper touched afterwards and had not touched before; all items are ranked, those known to the
shopper left out. Intervals are 95 % bootstraps over shoppers; the difference to EASE is paired.

    python -m benchmarks.ranking_shop
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.machine import describe
from benchmarks.shop import SHOP, read_events, read_items, read_styles
from features.config import EventWeights
from features.events import event_weights, interactions, split_at, time_split
from features.exposures import exposures
from features.ids import IdMap
from features.images import ImageLimits, decode
from features.networks.encoders import ContentEncoder, StyleEncoder
from recsys.candidates import ALS, BPR, EASE, CandidateModel, Interactions, ItemKNN, Popularity
from recsys.evaluation.metrics import per_user_accuracy
from recsys.preference import PreferenceConfig, StylePreferenceModel
from recsys.ranking.snapshot import ItemFeatures
from recsys.ranking.two_stage import Tastes, TwoStageConfig, TwoStageRecommender

K = 10
DRAWS = 2000


def encoded(table: pd.DataFrame) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Style codes and content embeddings of the pictures of `table`."""
    style, content = StyleEncoder(), ContentEncoder()
    codes, embeddings = [], []
    for path in table["image_path"]:
        picture = decode(SHOP.parent / path, ImageLimits())
        codes.append(style.encode([picture])[0])
        embeddings.append(content.encode([picture])[0])
    return np.stack(codes), np.stack(embeddings)


def read_shop() -> tuple[pd.DataFrame, pd.DataFrame, ItemFeatures]:
    """Events, items and what the encoders say of the items' pictures."""
    events = read_events()
    items = read_items()
    item_codes, content = encoded(items)
    pictures = ItemFeatures(items["item_id"].to_numpy(dtype=object), content, item_codes)
    return events, items, pictures


def main() -> None:
    events, items, pictures = read_shop()
    styles = read_styles()
    style_codes, _ = encoded(styles)

    def tastes(log: pd.DataFrame) -> pd.DataFrame:
        model = StylePreferenceModel(PreferenceConfig(), seed=0)
        return model.fit(exposures(log), styles["style_id"].tolist(), style_codes).users()

    cut = time_split(events)
    past, later = split_at(events, cut)
    truth = unseen(later, past)
    users = sorted(set(truth["user_id"]))
    log = Interactions.from_table(
        interactions(past, event_weights(past, EventWeights(), cut)),
        items=IdMap.sorted(items["item_id"]),
    )
    config = TwoStageConfig()
    models: list[CandidateModel] = [
        Popularity(),
        ItemKNN(config.itemknn),
        BPR(),
        ALS(config.als),
        EASE(config.ease),
    ]
    runs: dict[str, Callable[[], pd.DataFrame]] = {
        model.name: partial(candidate_lists, model, log, users) for model in models
    }
    for name, learned in (("two-stage, no tastes", None), ("two-stage", tastes)):
        runs[name] = partial(two_stage_lists, config, past, items, pictures, learned, cut, users)

    results, seconds = {}, {}
    for name, make in runs.items():
        start = time.perf_counter()
        results[name] = per_user_accuracy(make(), truth, K)
        seconds[name] = time.perf_counter() - start
    print(describe("lightgbm", "implicit", "numpy"))
    print(
        f"\nSemi-synthetic shop; cut {cut:%Y-%m-%d %H:%M} UTC, {len(users)} shoppers, "
        f"{len(truth)} new (shopper, item) pairs to find among {len(items)} items\n"
    )
    print(f"| model | NDCG@{K} | 95 % | minus EASE, 95 % | recall | MRR | fit and lists, s |")
    print("|---|---|---|---|---|---|---|")
    reference = results["ease"]["ndcg"].to_numpy()
    for name, accuracy in results.items():
        ndcg = accuracy["ndcg"].to_numpy()
        low, high = interval(ndcg)
        less, more = interval(ndcg - reference)
        cells = [
            name,
            f"{ndcg.mean():.4f}",
            f"{low:.4f} to {high:.4f}",
            f"{less:+.4f} to {more:+.4f}",
            f"{accuracy['recall'].mean():.4f}",
            f"{accuracy['mrr'].mean():.4f}",
            f"{seconds[name]:.1f}",
        ]
        print(f"| {' | '.join(cells)} |")


def unseen(later: pd.DataFrame, past: pd.DataFrame) -> pd.DataFrame:
    """(user_id, item_id) touched in `later` and not in `past`."""
    pairs = [
        log.loc[log["event_type"] != "impression", ["user_id", "item_id"]].drop_duplicates()
        for log in (later, past)
    ]
    marked = pairs[0].merge(pairs[1], how="left", indicator=True)
    return marked.loc[marked["_merge"] == "left_only", ["user_id", "item_id"]]


def candidate_lists(model: CandidateModel, log: Interactions, users: list[str]) -> pd.DataFrame:
    """Lists of one candidate model alone."""
    found, _ = model.fit(log).recommend(log.users.to_index(users), K)
    row, column = np.nonzero(found >= 0)
    return pd.DataFrame(
        {
            "user_id": np.array(users, dtype=object)[row],
            "item_id": log.items.to_ids(found[row, column]),
            "rank": column + 1,
        }
    )


def two_stage_lists(
    config: TwoStageConfig,
    past: pd.DataFrame,
    items: pd.DataFrame,
    pictures: ItemFeatures,
    tastes: Tastes | None,
    cut: pd.Timestamp,
    users: list[str],
) -> pd.DataFrame:
    """Lists of the whole recommender."""
    model = TwoStageRecommender(config).fit(past, items, pictures, tastes, now=cut)
    return model.recommend(users, K)


def interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """95 % bootstrap interval of the mean of `values` (n,)."""
    rng = np.random.default_rng(0)
    means = values[rng.integers(0, len(values), (DRAWS, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


if __name__ == "__main__":
    main()
