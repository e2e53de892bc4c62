"""The union keeps every model's proposals and every model's opinion of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from recsys.candidates import EASE, Interactions, Popularity
from recsys.candidates.allowed import Allowed
from recsys.candidates.union import union


def test_rows_are_the_models_best_allowed_items_with_scores_and_ranks() -> None:
    rng = np.random.default_rng(5)
    table = pd.DataFrame(
        {
            "user_id": [f"u{n}" for n in rng.integers(0, 9, 80)],
            "item_id": [f"i{n:02d}" for n in rng.integers(0, 20, 80)],
            "weight": 1.0,
        }
    )
    interactions = Interactions.from_table(table)
    models = [Popularity().fit(interactions), EASE().fit(interactions)]
    users = np.array([2, -1, 0])
    allowed = rng.random((3, len(interactions.items))) < 0.7
    hidden = sparse.csr_matrix((~allowed).astype(np.float32))
    may = Allowed(np.ones(len(interactions.items), dtype=bool), hidden)
    rows = union(models, users, [4, 4], may)
    assert allowed[rows.users, rows.items].all()
    for index, model in enumerate(models):
        scores = model.score(users)
        np.testing.assert_array_equal(rows.scores[:, index], scores[rows.users, rows.items])
        for user in range(3):
            mine = rows.users == user
            order = np.argsort(-np.where(allowed[user], scores[user], -np.inf), kind="stable")[:4]
            proposed = mine & np.isfinite(rows.ranks[:, index])
            by_rank = rows.items[proposed][np.argsort(rows.ranks[proposed, index])]
            np.testing.assert_array_equal(by_rank, order)
            assert sorted(rows.ranks[proposed, index]) == [1, 2, 3, 4]
    assert np.isfinite(rows.ranks).any(axis=1).all()
    assert (np.diff(rows.users * 1000 + rows.items) > 0).all()
