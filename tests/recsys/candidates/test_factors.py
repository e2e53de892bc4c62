"""ALS and BPR recommend what `implicit` itself does."""

from __future__ import annotations

import numpy as np
import pytest
from implicit.cpu.als import AlternatingLeastSquares
from implicit.cpu.bpr import BayesianPersonalizedRanking
from scipy import sparse
from threadpoolctl import threadpool_limits

from features.ids import IdMap
from recsys.candidates import ALS, BPR, Interactions, selection
from recsys.candidates.factors import Factors
from recsys.config import ALSConfig, BPRConfig


def log() -> Interactions:
    matrix = sparse.random(50, 30, density=0.2, format="csr", dtype=np.float32, rng=3)
    return Interactions(
        matrix, IdMap([f"u{n:02d}" for n in range(50)]), IdMap([f"i{n:02d}" for n in range(30)])
    )


@pytest.mark.parametrize("name", ["als", "bpr"])
def test_recommendations_are_those_of_implicit(name: str) -> None:
    interactions = log()
    with threadpool_limits(1, "blas"):
        if name == "als":
            peer = AlternatingLeastSquares(8, iterations=5, random_state=4, num_threads=1)
            ours: ALS | BPR = ALS(ALSConfig(factors=8, iterations=5), seed=4)
        else:
            peer = BayesianPersonalizedRanking(8, iterations=20, random_state=4, num_threads=1)
            ours = BPR(BPRConfig(factors=8, iterations=20), seed=4)
        peer.fit(interactions.matrix, show_progress=False)
        users = np.arange(50)
        expected, expected_scores = peer.recommend(users, interactions.matrix, N=10)
    items, scores = ours.fit(interactions).recommend(users, 10)
    np.testing.assert_array_equal(items, expected)
    np.testing.assert_allclose(scores, expected_scores, rtol=1e-4, atol=1e-6)


def test_als_is_the_same_for_any_number_of_threads() -> None:
    one, two = (
        ALS(ALSConfig(factors=8, iterations=3, num_threads=threads), seed=2).fit(log())
        for threads in (1, 2)
    )
    np.testing.assert_array_equal(one.score(np.arange(50)), two.score(np.arange(50)))


def test_swapped_factors_are_noticed() -> None:
    interactions = log()
    with pytest.raises(AssertionError, match=r"factors of \(30, 50\) \(users, items\)"):
        Factors(interactions, np.zeros((30, 2), np.float32), np.zeros((50, 2), np.float32))


@pytest.mark.parametrize("exclude_seen", [True, False])
def test_large_catalogues_get_the_items_of_implicit_and_cold_users_popularity(
    exclude_seen: bool,
) -> None:
    matrix = sparse.random(40, 6000, density=0.002, format="lil", dtype=np.float32, rng=3)
    matrix[7] = 0.0
    interactions = Interactions(
        sparse.csr_matrix(matrix),
        IdMap([f"u{n:02d}" for n in range(40)]),
        IdMap([f"i{n:04d}" for n in range(6000)]),
    )
    rng = np.random.default_rng(1)
    users, items = (rng.normal(size=(n, 8)).astype(np.float32) for n in (40, 6000))
    factors = Factors(interactions, users, items)
    asked = np.array([5, -1, 12, 7, 12])
    found, scores = factors.recommend(asked, 15, exclude_seen)
    expected, expected_scores = selection.recommend(
        factors.score, interactions, asked, 15, exclude_seen
    )
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(scores, expected_scores, rtol=1e-5)
    peer = AlternatingLeastSquares(8)
    peer.user_factors, peer.item_factors = users, items
    warm = asked[[0, 2]]
    theirs, _ = peer.recommend(
        warm, interactions.matrix[warm], N=15, filter_already_liked_items=exclude_seen
    )
    np.testing.assert_array_equal(found[[0, 2]], theirs)
