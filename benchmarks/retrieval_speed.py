"""Users served per second by inner product, exactly and approximately, and one user's ranking.

    OMP_NUM_THREADS=1 python -m benchmarks.retrieval_speed

Factors are drawn, Gaussian, all of like length: no search can leave items out by their length.
Every user has 20 seen items; "filtered" methods leave them out. Recall is against the exact list
of the same task. The last table scores 1,000 candidates whose features are given.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import faiss
import numpy as np
import torch
from implicit.cpu.als import AlternatingLeastSquares
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from benchmarks.machine import describe
from recsys.ranking import Ranker, RankerConfig, RankingRows
from recsys.retrieval import InnerProductIndex

SIZES = ((20_000, 100_000), (100_000, 20_000))
MILLION = 1_000_000
FACTORS = 64
K = 50
SEEN = 20
RUNS = 3
JUDGED = 2_000
FEATURES = 30

Floats = NDArray[np.float32]


def drawn(n: int, seed: int) -> Floats:
    return np.random.default_rng(seed).normal(size=(n, FACTORS)).astype(np.float32)


def seen_items(n: int, n_items: int) -> sparse.csr_matrix:
    columns = np.random.default_rng(2).integers(0, n_items, (n, SEEN))
    rows = np.repeat(np.arange(n), SEEN)
    data = np.ones(n * SEEN, np.float32)
    return sparse.csr_matrix((data, (rows, columns.ravel())), shape=(n, n_items))


def recall(found: NDArray[np.int64], exact: NDArray[np.int64]) -> float:
    hits = [len(np.intersect1d(a, b)) for a, b in zip(found[:JUDGED], exact[:JUDGED], strict=True)]
    return float(np.mean(hits)) / K


def methods(
    items: Floats, users: Floats, seen: sparse.csr_matrix
) -> dict[str, Callable[[], NDArray[np.int64]]]:
    """Each serves all users once and returns positions (n, K)."""
    n_users, n_items = len(users), len(items)
    peer = AlternatingLeastSquares(FACTORS, num_threads=1)
    peer.user_factors, peer.item_factors = users, items
    everyone = np.arange(n_users)
    index = InnerProductIndex(items)
    in_float32 = InnerProductIndex(items, bfloat16=False)
    flat: Any = faiss.IndexFlatIP(FACTORS)
    flat.add(items)
    ivf: Any = faiss.IndexIVFFlat(
        faiss.IndexFlatIP(FACTORS), FACTORS, 128, faiss.METRIC_INNER_PRODUCT
    )
    ivf.train(items[:20_000])
    ivf.add(items)
    ivf.nprobe = 32
    found: dict[str, Callable[[], NDArray[np.int64]]] = {
        "implicit.recommend, filtered": lambda: peer.recommend(everyone, seen, N=K)[0],
        "ours, filtered": lambda: index.search(users, K, seen)[0],
        "implicit.recommend": lambda: peer.recommend(
            everyone, seen, N=K, filter_already_liked_items=False
        )[0],
        "ours": lambda: index.search(users, K)[0],
        "ours, scan in float32": lambda: in_float32.search(users, K)[0],
        "FAISS flat": lambda: flat.search(users, K)[1],
        "FAISS IVF, 32 of 128 cells": lambda: ivf.search(users, K)[1],
    }
    if n_items <= 20_000:
        graph: Any = faiss.IndexHNSWFlat(FACTORS, 32, faiss.METRIC_INNER_PRODUCT)
        graph.add(items)
        graph.hnsw.efSearch = 400
        found["FAISS HNSW, efSearch 400"] = lambda: graph.search(users[:10_000], K)[1]
    return found


def retrieval(n_items: int, n_users: int) -> None:
    items, users, seen = drawn(n_items, 0), drawn(n_users, 1), seen_items(n_users, n_items)
    print(f"\n{n_users:,} users x {n_items:,} items x {FACTORS} factors, top {K}, one thread\n")
    print("| method | users per second, mean (lowest-highest) | recall |\n|---|---|---|")
    exact: dict[bool, NDArray[np.int64]] = {}
    for name, serve in methods(items, users, seen).items():
        rates = []
        for _ in range(RUNS if "FAISS" not in name else 1):
            start = time.perf_counter()
            got = serve()
            rates.append(len(got) / (time.perf_counter() - start))
        truth = exact.setdefault("filtered" in name, got)
        print(
            f"| {name} | {np.mean(rates):,.0f} ({min(rates):,.0f}-{max(rates):,.0f}) "
            f"| {recall(got, truth):.4f} |",
            flush=True,
        )


def million() -> None:
    n_items = SIZES[0][0]
    users, seen = drawn(MILLION, 3), seen_items(MILLION, n_items)
    index = InnerProductIndex(drawn(n_items, 0))
    start = time.perf_counter()
    index.search(users, K, seen)
    seconds = time.perf_counter() - start
    print(f"\nOurs, filtered, {MILLION:,} users x {n_items:,} items once: {seconds:.1f} s")


def ranker() -> None:
    rng = np.random.default_rng(4)
    features = rng.normal(size=(20_000, FEATURES)).astype(np.float32)
    appeal = features[:, :10].sum(axis=1) + rng.normal(size=20_000)
    labels = (appeal > 3).astype(np.int64) + (appeal > 6)
    rows = RankingRows(features, labels, np.full(200, 100))
    names = [f"f{number}" for number in range(FEATURES)]
    model = Ranker(RankerConfig()).fit(rows, names, None)
    took = []
    for _ in range(500):
        candidates = rng.normal(size=(1_000, FEATURES)).astype(np.float32)
        start = time.perf_counter()
        np.argsort(-model.score(candidates), kind="stable")
        took.append(1e3 * (time.perf_counter() - start))
    middle, high = np.percentile(took, [50, 99])
    print(f"\nRanker, {model.rounds} trees, {FEATURES} features given, 1,000 candidates, ms:")
    print(f"\n| p50 | p99 |\n|---|---|\n| {middle:.2f} | {high:.2f} |")


def main() -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)
    print(describe("implicit", "faiss-cpu", "torch", "lightgbm"))
    with threadpool_limits(1):
        for n_items, n_users in SIZES:
            retrieval(n_items, n_users)
        million()
    ranker()


if __name__ == "__main__":
    main()
