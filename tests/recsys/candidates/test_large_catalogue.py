"""Candidates of a large catalogue are those that scoring all of it would find."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from features.ids import IdMap
from recsys.candidates import (
    ALS,
    EASE,
    CandidateModel,
    CategoryPopularity,
    Content,
    History,
    Interactions,
    ItemKNN,
    Popularity,
)
from recsys.candidates import union as unions
from recsys.candidates.allowed import Allowed
from recsys.candidates.als import fold_in
from recsys.candidates.selection import top_k
from recsys.candidates.sparse_selection import most_popular
from recsys.config import ALSConfig

N_USERS, N_ITEMS = 30, 60


def log(seed: int) -> Interactions:
    rng = np.random.default_rng(seed)
    popular = rng.permutation(N_ITEMS) ** 2 // N_ITEMS
    table = pd.DataFrame(
        {
            "user_id": [f"u{n:02d}" for n in rng.integers(0, N_USERS - 2, 150)],
            "item_id": [f"i{n:02d}" for n in popular[rng.integers(0, N_ITEMS, 150)]],
            "weight": rng.integers(1, 4, 150).astype(float),
        }
    )
    users = IdMap([f"u{n:02d}" for n in range(N_USERS)])
    return Interactions.from_table(table, users, IdMap([f"i{n:02d}" for n in range(N_ITEMS)]))


def models(interactions: Interactions, seed: int) -> list[CandidateModel]:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(N_ITEMS, 6)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[rng.random(N_ITEMS) < 0.2] = 0.0
    made = [
        Popularity(),
        CategoryPopularity(rng.integers(-1, 5, N_ITEMS)),
        History(),
        Content(vectors),
        ALS(ALSConfig(factors=4, iterations=3)),
        ItemKNN(),
        EASE(),
    ]
    return [model.fit(interactions) for model in made]


@pytest.fixture(scope="module")
def fitted() -> list[CandidateModel]:
    return models(log(0), 0)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.floats(0.0, 0.9), st.integers(1, 70))
def test_every_model_proposes_what_it_scores_highest(fitted, seed, hidden, k) -> None:
    rng = np.random.default_rng(seed)
    users = np.append(rng.integers(0, N_USERS, 7), -1)
    shop = rng.random(N_ITEMS) < 0.8
    kept = sparse.csr_matrix((rng.random((8, N_ITEMS)) < hidden).astype(np.float32))
    allowed = Allowed(shop, kept)
    row, column = np.nonzero(np.ones((8, N_ITEMS)))
    for model in fitted:
        scores = model.score(users)
        pairs = model.score_pairs(users, row, column).reshape(8, N_ITEMS)
        np.testing.assert_allclose(pairs, scores, rtol=1e-4, atol=1e-5)
        found = model.propose(users, k, allowed)
        best, value = top_k(np.where(allowed.mask(), pairs, -np.inf).astype(np.float32), k)
        assert ((found >= 0) == (best >= 0)).all()
        got = np.where(found >= 0, np.take_along_axis(pairs, np.maximum(found, 0), 1), -np.inf)
        np.testing.assert_allclose(got, value, rtol=1e-4, atol=1e-5, err_msg=model.name)
        assert allowed.at(*(part.astype(np.int64) for part in _pairs(found))).all()


def _pairs(found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    user, column = np.nonzero(found >= 0)
    return user, found[user, column]


def test_the_rows_of_a_large_catalogue_are_those_of_a_small_one(fitted, monkeypatch) -> None:
    interactions, some = log(0), fitted
    users = np.array([4, -1, 0, 9, N_USERS - 1])
    allowed = Allowed(np.arange(N_ITEMS) % 7 > 0, interactions.rows(users))
    quotas = [5, 5, 0, 5, 5, 5, 5]
    outright = unions.union(some, users, quotas, allowed)
    monkeypatch.setattr(unions, "LARGE_FROM", 1)
    found = unions.union(some, users, quotas, allowed)
    np.testing.assert_array_equal(found.users, outright.users)
    np.testing.assert_array_equal(found.items, outright.items)
    np.testing.assert_array_equal(found.ranks, outright.ranks)
    np.testing.assert_allclose(found.scores, outright.scores, rtol=1e-4, atol=1e-5)


def test_nobody_is_proposed_a_popular_item_that_is_hidden() -> None:
    interactions = log(1)
    everything = sparse.csr_matrix(np.ones((1, N_ITEMS), dtype=np.float32))
    assert (most_popular(interactions, Allowed(np.ones(N_ITEMS, bool), everything), 5) == -1).all()


def test_a_user_folded_in_is_where_implicit_puts_them() -> None:
    interactions = log(2)
    config = ALSConfig(factors=4, iterations=10, alpha=2.0, regularization=0.5)
    model = ALS(config).fit(interactions)
    implicit = pytest.importorskip("implicit.cpu.als").AlternatingLeastSquares(
        factors=4, alpha=2.0, regularization=0.5, num_threads=1
    )
    implicit.item_factors = model._known().items
    implicit.user_factors = model._known().users
    rows = interactions.matrix[:6]
    expected = implicit.recalculate_user(np.arange(6), rows)
    np.testing.assert_allclose(
        fold_in(rows * config.alpha, model._known().items, 0.5), expected, rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("size", [1, 7])
def test_a_user_gets_the_same_whoever_else_is_in_the_batch(fitted, size) -> None:
    interactions = log(5)
    everyone = np.arange(N_USERS)
    row, column = (part.astype(np.int64) for part in np.nonzero(np.ones((N_USERS, N_ITEMS))))
    for model in fitted:
        theirs = interactions.matrix.tocoo()
        table = pd.DataFrame({
            "user_id": interactions.users.to_ids(theirs.row),
            "item_id": interactions.items.to_ids(theirs.col),
            "weight": theirs.data.astype(float),
        })  # fmt: skip
        table["user_id"] = "new " + table["user_id"]
        names = [f"new u{n:02d}" for n in everyone]
        whole = model.for_users(model._fitted().of_others(table, IdMap(names)))
        scores = whole.score_pairs(everyone, row, column).reshape(N_USERS, N_ITEMS)
        for start in range(0, N_USERS, size):
            some = IdMap(names[start : start + size])
            part = model.for_users(model._fitted().of_others(table, some))
            n = len(some)
            cells = (part.astype(np.int64) for part in np.nonzero(np.ones((n, N_ITEMS))))
            got = part.score_pairs(np.arange(n), *cells).reshape(n, N_ITEMS)
            np.testing.assert_allclose(got, scores[start : start + n], rtol=1e-5, atol=1e-6)
