"""The two-stage recommender on a year of real purchases, beside tuned single models.

UCI Online Retail II, year 1 (a gift shop; no pictures, titles only). Global time split: the last 28
days are the test, the 28 days before them the validation on which every model was given the same
number of trials by Optuna; then each learns from everything before the test. All items of the
catalogue are ranked. Two questions: everything a customer buys (items bought before may come back),
and only what the customer had never bought. Paired bootstrap over users, p values by Holm over the
comparisons of a table. The candidate models inside the two-stage recommender keep the settings
found for them alone; its own trials set the ranker.

    python -m benchmarks.online_retail
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
from numpy.typing import NDArray

from benchmarks.machine import describe
from features.adapters.online_retail import load_online_retail
from features.events import EventWeights, event_weights, interactions, split_at
from features.ids import IdMap
from features.schema import STYLE_CODE_SIZE
from features.titles import TitleEncoder
from recsys.candidates import (
    ALS,
    BPR,
    EASE,
    ALSConfig,
    BPRConfig,
    CandidateModel,
    EASEConfig,
    History,
    Interactions,
    ItemKNN,
    ItemKNNConfig,
    Popularity,
)
from recsys.comparison import compare
from recsys.knowledge import ItemFeatures
from recsys.metrics import per_user_accuracy
from recsys.ranking import RankerConfig, RankingRows
from recsys.ranking_training import fit_ranker, learn, training_lists
from recsys.ranking_windows import labelled_rows
from recsys.two_stage import TwoStageConfig, TwoStageRecommender

DATA = Path("../shared/data/logs_online_retail/year1_2009-12_2010-12.parquet")
HORIZON = pd.Timedelta(days=28)
K, TRIALS, SEED = 10, 10, 0
PEERS = ("popularity", "history", "itemknn", "bpr", "als", "ease")

Settings = dict[str, Any]


@dataclass(frozen=True)
class Shop:
    """The log and the catalogue, and whether items bought before are asked for again."""

    events: pd.DataFrame
    items: pd.DataFrame
    features: ItemFeatures
    repeats: bool

    def truth(self, cut: pd.Timestamp) -> pd.DataFrame:
        """What was bought in the 28 days from `cut` on: user_id, item_id."""
        before, after = split_at(self.events, cut)
        bought = after.loc[after["timestamp"] < cut + HORIZON, ["user_id", "item_id"]]
        bought = bought.drop_duplicates()
        if self.repeats:
            return bought
        known = before[["user_id", "item_id"]].drop_duplicates()
        marked = bought.merge(known, how="left", indicator=True)
        return marked.loc[marked["_merge"] == "left_only", ["user_id", "item_id"]]


def suggested(name: str, trial: optuna.Trial) -> Settings:
    """The settings of one trial; every model may also choose how fast the log is forgotten."""
    settings: Settings = {"half_life": trial.suggest_float("half_life", 5.0, 400.0, log=True)}
    if name == "itemknn":
        settings["neighbours"] = trial.suggest_int("neighbours", 20, 400, log=True)
        settings["shrink"] = trial.suggest_float("shrink", 1.0, 100.0, log=True)
    if name == "ease":
        settings["l2"] = trial.suggest_float("l2", 20.0, 2000.0, log=True)
    if name in ("als", "bpr"):
        settings["factors"] = trial.suggest_int("factors", 16, 96, log=True)
        settings["regularization"] = trial.suggest_float("regularization", 0.003, 50.0, log=True)
    if name == "als":
        settings["alpha"] = trial.suggest_float("alpha", 0.3, 30.0, log=True)
    if name == "bpr":
        settings["learning_rate"] = trial.suggest_float("learning_rate", 0.005, 0.1, log=True)
    return settings


def made(name: str, settings: Settings) -> CandidateModel:
    """A fresh model of these settings."""
    own = {key: value for key, value in settings.items() if key != "half_life"}
    models: dict[str, Callable[[], CandidateModel]] = {
        "popularity": Popularity,
        "history": History,
        "itemknn": lambda: ItemKNN(ItemKNNConfig(**own)),
        "ease": lambda: EASE(EASEConfig(**own)),
        "als": lambda: ALS(ALSConfig(**own), SEED),
        "bpr": lambda: BPR(BPRConfig(**own), SEED),
    }
    return models[name]()


def single_lists(
    shop: Shop, name: str, settings: Settings, cut: pd.Timestamp, users: list[str]
) -> pd.DataFrame:
    """Lists of one tuned model that knows what happened before `cut`."""
    past, _ = split_at(shop.events, cut)
    weights = EventWeights(half_life_days=settings["half_life"])
    log = Interactions.from_table(
        interactions(past, event_weights(past, weights, cut)),
        items=IdMap.sorted(shop.items["item_id"]),
    )
    model = made(name, settings).fit(log)
    found, _ = model.recommend(log.users.to_index(users), K, exclude_seen=not shop.repeats)
    row, column = np.nonzero(found >= 0)
    return pd.DataFrame(
        {
            "user_id": np.array(users, dtype=object)[row],
            "item_id": log.items.to_ids(found[row, column]),
            "rank": column + 1,
        }
    )


def two_stage_config(
    shop: Shop, chosen: dict[str, Settings], ranker: RankerConfig
) -> TwoStageConfig:
    """Candidate models as they were tuned alone."""

    def own(name: str) -> Settings:
        return {key: value for key, value in chosen[name].items() if key != "half_life"}

    return TwoStageConfig(
        exclude_seen=not shop.repeats,
        als=ALSConfig(**own("als")),
        itemknn=ItemKNNConfig(**own("itemknn")),
        ease=EASEConfig(**own("ease")),
        ranker=ranker,
    )


def ranker_search(
    shop: Shop, chosen: dict[str, Settings], cut: pd.Timestamp
) -> Callable[[optuna.Trial], float]:
    """The objective of the ranker's trials; candidates and features are made once."""
    past, later = split_at(shop.events, cut)
    later = later[later["timestamp"] < cut + HORIZON]
    config = two_stage_config(shop, chosen, RankerConfig())
    weights = EventWeights(half_life_days=chosen["als"]["half_life"])
    lists = training_lists(past, shop.items, shop.features, None, config, weights, SEED)
    assert lists is not None
    models, known = learn(past, shop.items, shop.features, None, cut, config, weights, SEED)
    truth = shop.truth(cut)
    n_bought = truth.groupby("user_id").size()
    quotas = [config.quota(model.name, K) for model in models]
    served = labelled_rows(
        later,
        list(n_bought.index),
        models,
        known,
        np.ones(len(shop.items), dtype=bool),
        quotas,
        config.exclude_seen,
    )

    def objective(trial: optuna.Trial) -> float:
        settings = ranker_settings(trial)
        ranker, _ = fit_ranker(lists, RankerConfig(**settings), SEED)
        return list_ndcg(served, ranker.score(served.features), n_bought.to_numpy())

    return objective


def ranker_settings(trial: optuna.Trial) -> Settings:
    """What the two-stage recommender's trials may choose."""
    return {
        "num_leaves": trial.suggest_int("num_leaves", 7, 31, log=True),
        "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 50, 500, log=True),
        "learning_rate": trial.suggest_float("learning_rate", 0.05, 0.15, log=True),
        "truncation": trial.suggest_int("truncation", 10, 50, log=True),
    }


def list_ndcg(
    rows: RankingRows, scores: NDArray[np.float32], n_relevant: NDArray[np.int64]
) -> float:
    """NDCG@K of ranking lists whose users have `n_relevant` items to find, candidates or not."""
    group = np.repeat(np.arange(len(rows.groups)), rows.groups)
    order = np.lexsort((-scores, group))
    start = np.cumsum(rows.groups) - rows.groups
    place = np.arange(len(order)) - start[group]
    hit = (rows.labels[order] > 0) & (place < K)
    gain = np.bincount(group[hit], 1.0 / np.log2(place[hit] + 2.0), minlength=len(rows.groups))
    ideal = np.cumsum(1.0 / np.log2(np.arange(2, K + 2)))
    return float((gain / ideal[np.minimum(n_relevant, K) - 1]).mean())


def searched(name: str, objective: Callable[[optuna.Trial], float]) -> optuna.trial.FrozenTrial:
    """The best of TRIALS trials."""
    sampler = optuna.samplers.TPESampler(seed=SEED, n_startup_trials=5)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    start = time.perf_counter()
    study.optimize(objective, n_trials=TRIALS)
    seconds = time.perf_counter() - start
    print(f"{name}: {study.best_params} {study.best_value:.4f}, {seconds:.0f} s", file=sys.stderr)
    return study.best_trial


def judged(shop: Shop, test: pd.Timestamp) -> tuple[dict[str, pd.DataFrame], str]:
    """The lists of every model for the users of the test, and the single model best before it."""
    validation = test - HORIZON
    wanted = shop.truth(validation)
    users = sorted(set(wanted["user_id"]))
    chosen: dict[str, Settings] = {}
    values: dict[str, float] = {}
    for name in PEERS if shop.repeats else [peer for peer in PEERS if peer != "history"]:

        def objective(trial: optuna.Trial, name: str = name) -> float:
            lists = single_lists(shop, name, suggested(name, trial), validation, users)
            return float(per_user_accuracy(lists, wanted, K)["ndcg"].mean())

        best = searched(name, objective)
        chosen[name], values[name] = best.params, float(best.value or 0.0)
    best = searched("two-stage", ranker_search(shop, chosen, validation))

    users = sorted(set(shop.truth(test)["user_id"]))
    lists = {
        name: single_lists(shop, name, settings, test, users) for name, settings in chosen.items()
    }
    config = two_stage_config(shop, chosen, RankerConfig(**best.params))
    weights = EventWeights(half_life_days=chosen["als"]["half_life"])
    past, _ = split_at(shop.events, test)
    model = TwoStageRecommender(config, SEED, weights)
    model.fit(past, shop.items, shop.features, now=test)
    lists["two-stage"] = model.recommend(users, K)
    print(model.importance().head(8).to_string(), file=sys.stderr)
    return lists, max(values, key=lambda name: values[name])


def slices(shop: Shop, test: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """Parts of what was bought in the test, by who bought and what."""
    truth = shop.truth(test)
    past, _ = split_at(shop.events, test)
    known_user = truth["user_id"].isin(past["user_id"])
    known_item = truth["item_id"].isin(past["item_id"])
    return {
        "all": truth,
        "users with purchases before": truth[known_user],
        "users without": truth[~known_user],
        "items never sold before": truth[~known_item],
    }


def printed(title: str, scores: pd.DataFrame, reference: str) -> None:
    """One markdown table of `compare`."""
    print(f"\n{title}: {len(scores)} users, against {reference}, best single model on validation\n")
    if not scores.to_numpy().any():
        print("Every model scores 0.")
        return
    print("| model | NDCG@10 | 95 % | relative gain | 95 % | p (Holm) |")
    print("|---|---|---|---|---|---|")
    for row in compare(scores, reference, seed=SEED).itertuples(index=False):
        if row.model == reference:
            print(f"| {row.model} | {row.mean:.4f} | {row.low:.4f} to {row.high:.4f} | | | |")
            continue
        print(
            f"| {row.model} | {row.mean:.4f} | {row.low:.4f} to {row.high:.4f} | "
            f"{row.relative:+.1%} | {row.relative_low:+.1%} to {row.relative_high:+.1%} | "
            f"{row.p_holm:.4f} |"
        )
    sys.stdout.flush()


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    tables = load_online_retail(DATA)
    titles = tables.items["title"].fillna("").tolist()
    test = tables.events["timestamp"].max().normalize() + pd.Timedelta(days=1) - HORIZON
    sold = tables.items["item_id"].isin(split_at(tables.events, test)[0]["item_id"])
    encoder = TitleEncoder(128).fit([t for t, known in zip(titles, sold, strict=True) if known])
    features = ItemFeatures(
        tables.items["item_id"].to_numpy(dtype=object),
        encoder.encode(titles),
        np.zeros((len(titles), STYLE_CODE_SIZE), dtype=np.float32),
    )
    # Prices are medians over the whole year: what will be charged later is not known before.
    items = tables.items.drop(columns="price")
    shop = Shop(tables.events, items, features, repeats=True)
    print(describe("lightgbm", "implicit", "optuna"))
    print(
        f"\nTest from {test:%Y-%m-%d}; {len(items)} items; {TRIALS} Optuna trials for every model"
    )
    for repeats, title in ((True, "All purchases"), (False, "Items new to the customer")):
        asked = replace(shop, repeats=repeats)
        lists, reference = judged(asked, test)
        for part, truth in slices(asked, test).items():
            scores = {
                name: per_user_accuracy(table, truth, K)["ndcg"] for name, table in lists.items()
            }
            printed(f"{title}, {part}", pd.DataFrame(scores), reference)


if __name__ == "__main__":
    main()
