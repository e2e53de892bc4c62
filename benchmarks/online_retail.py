"""The two-stage recommender on a year of real purchases, beside tuned single models.

UCI Online Retail II, year 1 (a gift shop; no pictures, titles only). Global time split with rolling
windows of 28 days: on the first of the last three every model was given the same number of trials
by Optuna; the two after it are tests, for each of which all learn from everything before it. All
items of the catalogue are ranked. Two questions: everything a customer buys (items bought before
may come back), and only what the customer had never bought. The last 28 days are reported as a
whole and by slice: warm, customers without purchases before, items nobody bought before; then both
windows pooled, one row per customer. Paired bootstrap over users, p values by Holm over the
comparisons of a table. The candidate models inside the two-stage recommender keep the settings
found for them alone; its own trials set the ranker. "Two-stage by slice" serves customers without
purchases by popularity where that was better for them on the validation window.

    python -m benchmarks.online_retail
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
from numpy.typing import NDArray

from benchmarks.machine import describe
from benchmarks.retail_models import (
    HORIZON,
    PEERS,
    SEED,
    K,
    Settings,
    Shop,
    as_table,
    fitted_single,
    single_lists,
    suggested,
)
from features.adapters.online_retail import load_online_retail
from features.config import EventWeights
from features.events import split_at
from features.schema import STYLE_CODE_SIZE
from features.titles import TitleEncoder
from recsys.candidates.selection import top_k
from recsys.config import ALSConfig, EASEConfig, ItemKNNConfig, RankerConfig
from recsys.evaluation.comparison import compare
from recsys.evaluation.metrics import per_user_accuracy
from recsys.evaluation.slices import SLICES, label_slices, pool_windows, rolling_cuts
from recsys.ranking.item_representation import BlockWeights, ItemRepresentation
from recsys.ranking.lambdarank import RankingRows
from recsys.ranking.snapshot import ItemFeatures
from recsys.ranking.training import fit_ranker, learn, training_lists
from recsys.ranking.two_stage import TwoStageConfig, TwoStageRecommender
from recsys.ranking.windows import label_lists

DATA = Path("../shared/data/logs_online_retail/year1_2009-12_2010-12.parquet")
TRIALS, TESTS = 10, 2


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
    shop: Shop, chosen: dict[str, Settings], cut: pd.Timestamp, found: dict[int, pd.Series]
) -> Callable[[optuna.Trial], float]:
    """The objective of the ranker's trials; candidates and features are made once.

    Each trial leaves the NDCG of every user in `found`, by its number.
    """
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
    served = label_lists(
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
        values = list_ndcg(
            served, ranker.score(served.features), np.asarray(n_bought, dtype=np.int64)
        )
        found[trial.number] = pd.Series(values, index=n_bought.index)
        return float(values.mean())

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
) -> NDArray[np.float64]:
    """NDCG@K of each list; its user has `n_relevant` items to find, candidates or not."""
    group = np.repeat(np.arange(len(rows.groups)), rows.groups)
    order = np.lexsort((-scores, group))
    start = np.cumsum(rows.groups) - rows.groups
    place = np.arange(len(order)) - start[group]
    hit = (rows.labels[order] > 0) & (place < K)
    gain = np.bincount(group[hit], 1.0 / np.log2(place[hit] + 2.0), minlength=len(rows.groups))
    ideal = np.cumsum(1.0 / np.log2(np.arange(2, K + 2)))
    return np.asarray(gain / ideal[np.minimum(n_relevant, K) - 1], dtype=np.float64)


def searched(name: str, objective: Callable[[optuna.Trial], float]) -> optuna.trial.FrozenTrial:
    """The best of TRIALS trials."""
    sampler = optuna.samplers.TPESampler(seed=SEED, n_startup_trials=5)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    start = time.perf_counter()
    study.optimize(objective, n_trials=TRIALS)
    seconds = time.perf_counter() - start
    print(f"{name}: {study.best_params} {study.best_value:.4f}, {seconds:.0f} s", file=sys.stderr)
    return study.best_trial


@dataclass(frozen=True)
class Chosen:
    """By validation: settings, the best single model, and what serves customers unknown."""

    singles: dict[str, Settings]
    ranker: Settings
    reference: str
    newcomers: str


def choose(shop: Shop, cut: pd.Timestamp) -> Chosen:
    """Settings that are best for the 28 days from `cut` on; nothing later is looked at."""
    wanted = shop.truth(cut)
    users = sorted(set(wanted["user_id"]))
    chosen: dict[str, Settings] = {}
    values: dict[str, float] = {}
    for name in PEERS if shop.repeats else [peer for peer in PEERS if peer != "history"]:

        def objective(trial: optuna.Trial, name: str = name) -> float:
            lists = single_lists(shop, name, suggested(name, trial), cut, users)
            return float(per_user_accuracy(lists, wanted, K)["ndcg"].mean())

        best = searched(name, objective)
        chosen[name], values[name] = best.params, float(best.value or 0.0)
    found: dict[int, pd.Series] = {}
    best = searched("two-stage", ranker_search(shop, chosen, cut, found))

    new = sorted(set(users) - set(split_at(shop.events, cut)[0]["user_id"]))
    theirs = wanted[wanted["user_id"].isin(new)]
    popular = single_lists(shop, "popularity", chosen["popularity"], cut, new)
    popular_ndcg = float(per_user_accuracy(popular, theirs, K)["ndcg"].mean())
    ranked_ndcg = float(found[best.number].loc[new].mean())
    print(
        f"\nChosen on the 28 days from {cut:%Y-%m-%d}: for its {len(new)} customers without "
        f"purchases popularity has {popular_ndcg:.4f}, two-stage {ranked_ndcg:.4f}",
        flush=True,
    )
    newcomers = "popularity" if popular_ndcg > ranked_ndcg else "two-stage"
    reference = max(values, key=lambda name: values[name])
    return Chosen(chosen, best.params, reference, newcomers)


def tested(shop: Shop, chosen: Chosen, cut: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """The lists of every model for the users of the 28 days from `cut` on."""
    users = sorted(set(shop.truth(cut)["user_id"]))
    lists = {
        name: single_lists(shop, name, settings, cut, users)
        for name, settings in chosen.singles.items()
    }
    config = two_stage_config(shop, chosen.singles, RankerConfig(**chosen.ranker))
    weights = EventWeights(half_life_days=chosen.singles["als"]["half_life"])
    past, _ = split_at(shop.events, cut)
    model = TwoStageRecommender(config, SEED, weights)
    model.fit(past, shop.items, shop.features, now=cut)
    lists["two-stage"] = model.recommend(users, K)[["user_id", "item_id", "rank"]]
    print(model.importance().head(8).to_string(), file=sys.stderr)
    new = set(users) - set(past["user_id"])
    known_part, new_part = lists["two-stage"], lists[chosen.newcomers]
    lists["two-stage by slice"] = pd.concat(
        [
            known_part[~known_part["user_id"].isin(new)],
            new_part[new_part["user_id"].isin(new)],
        ]
    )
    return lists


def scored(lists: dict[str, pd.DataFrame], truth: pd.DataFrame) -> pd.DataFrame:
    """NDCG@K of every user of `truth`, a column per model."""
    return pd.DataFrame(
        {name: per_user_accuracy(table, truth, K)["ndcg"] for name, table in lists.items()}
    )


def cold_items_alone(shop: Shop, chosen: Chosen, cut: pd.Timestamp) -> None:
    """Do titles order items that nobody bought before? Only those are ranked here."""
    past, _ = split_at(shop.events, cut)
    truth = shop.truth(cut)
    truth = truth[(label_slices(truth, past) == "cold_item")]
    truth = truth[truth["user_id"].isin(past["user_id"])]
    users = sorted(set(truth["user_id"]))
    model, log = fitted_single(shop, "content", chosen.singles["content"], cut)
    never = ~np.isin(log.items.ids, past["item_id"].unique())
    by_title = np.where(never, model.score(log.users.to_index(users)), -np.inf)
    chance = np.where(never, np.random.default_rng(SEED).random(by_title.shape), -np.inf)
    lists = {
        name: as_table(users, top_k(scores.astype(np.float32), K)[0], log.items)
        for name, scores in (("random order", chance), ("content", by_title))
    }
    title = f"The {never.sum()} items never sold ranked among themselves, customers with purchases"
    printed(title, scored(lists, truth), "random order")


def printed(title: str, scores: pd.DataFrame, reference: str) -> None:
    """One markdown table of `compare`."""
    print(f"\n{title}: {len(scores)} users, against {reference}\n")
    if not scores.to_numpy().any():
        print("Every model scores 0.")
        return
    print("| model | NDCG@10 | 95 % | relative gain | 95 % | p (Holm) |")
    print("|---|---|---|---|---|---|")
    for row in compare(scores, reference, seed=SEED).itertuples(index=False):
        name = str(row.model)
        if name == reference:
            print(f"| {name} | {row.mean:.4f} | {row.low:.4f} to {row.high:.4f} | | | |")
            continue
        print(
            f"| {name} | {row.mean:.4f} | {row.low:.4f} to {row.high:.4f} | "
            f"{row.relative:+.1%} | {row.relative_low:+.1%} to {row.relative_high:+.1%} | "
            f"{row.p_holm:.4f} |"
        )
    sys.stdout.flush()


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    tables = load_online_retail(DATA)
    titles = tables.items["title"].fillna("").tolist()
    validation, *tests = rolling_cuts(tables.events, HORIZON, 1 + TESTS)
    sold = tables.items["item_id"].isin(split_at(tables.events, validation)[0]["item_id"])
    # What titles are made of is learned before the first test, from what had been sold by then.
    encoder = TitleEncoder(128).fit([t for t, known in zip(titles, sold, strict=True) if known])
    features = ItemFeatures(
        tables.items["item_id"].to_numpy(dtype=object),
        encoder.encode(titles),
        np.zeros((len(titles), STYLE_CODE_SIZE), dtype=np.float32),
    )
    # Prices are medians over the whole year: what will be charged later is not known before.
    items = tables.items.drop(columns="price")
    titles_only = BlockWeights(content=0.0, style=0.0, price=0.0, category=0.0)
    representation = ItemRepresentation(weights=titles_only, seed=SEED).fit(items[sold], features)
    by_id = items.sort_values("item_id", ignore_index=True)
    vectors = representation.encode(by_id, features)
    shop = Shop(tables.events, items, features, vectors, repeats=True)
    print(describe("lightgbm", "implicit", "optuna"))
    starts = ", ".join(cut.date().isoformat() for cut in tests)
    print(
        f"\nTests from {starts}; {len(items)} items; {TRIALS} Optuna trials for every model",
        flush=True,
    )
    for repeats, title in ((True, "All purchases"), (False, "Items new to the customer")):
        asked = replace(shop, repeats=repeats)
        chosen = choose(asked, validation)
        windows: list[pd.DataFrame] = []
        # The last window first: its tables are the figure asked for.
        for cut in reversed(tests):
            lists, truth = tested(asked, chosen, cut), asked.truth(cut)
            windows.append(scored(lists, truth))
            if cut != tests[-1]:
                continue
            printed(f"{title}, last 28 days", windows[-1], chosen.reference)
            labels = label_slices(truth, split_at(asked.events, cut)[0])
            for part in SLICES:
                scores = scored(lists, truth[labels == part])
                printed(f"{title}, last 28 days, {part}", scores, chosen.reference)
            cold_items_alone(asked, chosen, cut)
        printed(f"{title}, {len(tests)} windows pooled", pool_windows(windows), chosen.reference)


if __name__ == "__main__":
    main()
