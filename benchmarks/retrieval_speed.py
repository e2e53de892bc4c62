"""Users served per second by inner product, exactly and approximately.

    OMP_NUM_THREADS=1 python -m benchmarks.retrieval_speed

Factors are drawn, Gaussian, all of like length: no search can leave items out by their length.
Every user has 20 seen items; "filtered" methods leave them out. Recall is against the exact list
of the same task.
"""

from __future__ import annotations

import resource
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
from recsys.candidates.retrieval import InnerProductIndex

MILLION, MANY_ITEMS, SAMPLE = 1_000_000, 100_000, 50_000
FACTORS = 64
K = 50
SEEN = 20
RUNS = 2
JUDGED = 2_000

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
    n_users = len(users)
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
    """Ours for all users once; implicit for the first of them, before and after."""
    items, users, seen = drawn(MANY_ITEMS, 0), drawn(MILLION, 3), seen_items(MILLION, MANY_ITEMS)
    peer = AlternatingLeastSquares(FACTORS, num_threads=1)
    peer.user_factors, peer.item_factors = users, items
    first = np.arange(SAMPLE)

    def implicit() -> float:
        start = time.perf_counter()
        peer.recommend(first, seen[:SAMPLE], N=K)
        return SAMPLE / (time.perf_counter() - start)

    rates = [implicit()]
    start = time.perf_counter()
    found, _ = InnerProductIndex(items).search(users, K, seen)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    rates.append(implicit())
    exact = peer.recommend(np.arange(JUDGED), seen[:JUDGED], N=K)[0]
    judged = recall(found, exact)
    ours, theirs = MILLION / seconds, float(np.mean(rates))
    print(f"\n{MILLION:,} users x {MANY_ITEMS:,} items x {FACTORS} factors, filtered, one thread\n")
    print("| method | users | users per second | recall | peak memory of the process, GiB |")
    print("|---|---|---|---|---|")
    print(f"| implicit.recommend | {SAMPLE:,}, twice | {rates[0]:,.0f}, {rates[1]:,.0f} | 1 | |")
    print(f"| ours | {MILLION:,} in {seconds:.1f} s | {ours:,.0f} | {judged:.4f} | {peak:.2f} |")
    print(f"\nOurs serves {ours / theirs:.2f} times the users per second of implicit.")


def main() -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)
    print(describe("implicit", "faiss-cpu", "torch"))
    with threadpool_limits(1):
        million()
        retrieval(20_000, 100_000)


if __name__ == "__main__":
    main()
