"""Is the model that is served within noise of the best on the test?

On each log the recommender learns from the first 80 % of the events and chooses, on windows inside
that time alone, between two stages and its single candidate models. What each shopper touched for
the first time afterwards is the test, which nothing is chosen on: NDCG@10 of the served model, of
two stages and of the single model that the test itself finds best, all items ranked, those known to
the shopper left out. Intervals are 95 % paired bootstraps over shoppers, of the best model's gain
over the served one; within noise: the interval holds 0, or the served model is the best.

The demo and the shop are semi-synthetic; their item pictures are encoded as the product does it,
shoppers' tastes are left out.
MovieLens-100k may not be redistributed: it is read from the `recbole` wheel, which is downloaded
into the git-ignored `downloads/`; its rows say no category here. Names of logs as arguments run
only those.

    python -m benchmarks.served_model [demo] [online_retail] [movielens] [shop]
"""

from __future__ import annotations

import io
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import ranking_shop
from benchmarks.machine import describe
from benchmarks.movielens import MEMBER, WHEEL, ratings
from features.adapters.movielens import load_movielens
from features.adapters.online_retail import load_online_retail
from features.events import split_at, time_split
from features.images import ImageLimits, decode
from features.networks.encoders import ContentEncoder, StyleEncoder
from features.schema import STYLE_CODE_SIZE
from features.tables import validate_events, validate_items
from recsys.evaluation.comparison import compare
from recsys.evaluation.metrics import per_user_accuracy
from recsys.ranking.snapshot import ItemFeatures
from recsys.ranking.two_stage import TwoStageRecommender

DEMO = Path("data/samples")
RETAIL = Path("../shared/data/logs_online_retail/year1_2009-12_2010-12.parquet")
K, SEED = 10, 0

Log = tuple[pd.DataFrame, pd.DataFrame, ItemFeatures]


def demo() -> Log:
    """The sample log of this repository."""
    events, _ = validate_events(pd.read_parquet(DEMO / "events.parquet"))
    items, _ = validate_items(pd.read_csv(DEMO / "items.csv", dtype=str))
    style, content = StyleEncoder(), ContentEncoder()
    pictures = [decode(DEMO / path, ImageLimits()) for path in items["image_path"]]
    features = ItemFeatures(
        items["item_id"].to_numpy(dtype=object),
        np.concatenate([content.encode([picture]) for picture in pictures]),
        np.concatenate([style.encode([picture]) for picture in pictures]),
    )
    return events, items, features


def online_retail() -> Log:
    """A year of a gift shop's purchases; no pictures."""
    tables = load_online_retail(RETAIL)
    return tables.events, tables.items, unseen_pictures(tables.items)


def movielens() -> Log:
    """MovieLens-100k through the adapter, from the wheel's copy of u.data; no pictures."""
    ratings()
    with zipfile.ZipFile(Path("downloads") / WHEEL) as archive:
        table = pd.read_csv(io.BytesIO(archive.read(MEMBER)), sep="\t", dtype=str)
    films = sorted(table.iloc[:, 1].unique())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table.to_csv(folder / "u.data", sep="\t", header=False, index=False)
        lines = [f"{film}|film {film}|||{'|0' * 19}" for film in films]
        (folder / "u.item").write_text("\n".join(lines), encoding="latin-1")
        tables = load_movielens(folder)
    return tables.events, tables.items, unseen_pictures(tables.items)


def unseen_pictures(items: pd.DataFrame) -> ItemFeatures:
    """What is known of pictures where there are none."""
    n = len(items)
    style_codes = np.zeros((n, STYLE_CODE_SIZE), np.float32)
    ids = items["item_id"].to_numpy(dtype=object)
    return ItemFeatures(ids, np.zeros((n, 1), np.float32), style_codes)


LOGS: dict[str, Callable[[], Log]] = {
    "demo": demo,
    "online_retail": online_retail,
    "movielens": movielens,
    "shop": ranking_shop.read_shop,
}


def judged(log: Log) -> tuple[TwoStageRecommender, pd.DataFrame]:
    """The recommender of the past and the NDCG (shoppers, models) of what came after."""
    events, items, features = log
    cut = time_split(events)
    past, later = split_at(events, cut)
    recommender = TwoStageRecommender(seed=SEED).fit(past, items, features, None, cut)
    truth = ranking_shop.unseen(later, past)
    truth = truth[truth["user_id"].isin(past["user_id"])]
    shoppers = sorted(set(truth["user_id"]))
    lists = {
        name: recommender.serving(name).recommend(shoppers, K) for name in recommender.servable
    }
    return recommender, pd.DataFrame(
        {name: per_user_accuracy(table, truth, K)["ndcg"] for name, table in lists.items()}
    )


def main() -> None:
    print(describe("lightgbm", "implicit", "numpy"))
    print(
        f"\n| log | shoppers | served | NDCG@{K}: served | two-stage | best on the test | "
        "its gain over the served, 95 % | within noise | why it is served |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name in sys.argv[1:] or LOGS:
        recommender, scores = judged(LOGS[name]())
        served = recommender.served
        table = compare(scores, served.name, seed=SEED).set_index("model")
        best = str(table["mean"].idxmax())
        low, high = table.loc[best, ["gain_low", "gain_high"]]
        cells = [
            name,
            f"{len(scores):,}",
            served.name,
            f"{table.loc[served.name, 'mean']:.4f}",
            f"{table.loc['two-stage', 'mean']:.4f}",
            f"{best} {table.loc[best, 'mean']:.4f}",
            "-" if best == served.name else f"{low:+.4f} to {high:+.4f}",
            "yes" if best == served.name or low <= 0.0 else "no",
            served.why,
        ]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
