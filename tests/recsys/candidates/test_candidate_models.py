"""Every candidate model keeps the promises of the protocol."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.ids import IdMap
from features.schema import ContractError, NotFittedError
from recsys.candidates import (
    ALS,
    BPR,
    EASE,
    CandidateModel,
    CategoryPopularity,
    Content,
    History,
    Interactions,
    ItemKNN,
    Popularity,
    RecentPopularity,
)
from recsys.config import ALSConfig, BPRConfig

MODELS = [
    *("popularity", "recent", "category", "history", "content"),
    *("als", "bpr", "itemknn", "ease"),
]


def make(name: str, n_items: int = 25) -> CandidateModel:
    """A fresh model; content and categories tell even items from odd ones."""
    odd = np.arange(n_items) % 2
    models: dict[str, CandidateModel] = {
        "popularity": Popularity(),
        "recent": RecentPopularity(),
        "category": CategoryPopularity(odd),
        "history": History(),
        "content": Content(np.eye(2, dtype=np.float32)[odd]),
        "als": ALS(ALSConfig(factors=8, iterations=5), seed=1),
        "bpr": BPR(BPRConfig(factors=8, iterations=40, learning_rate=0.05), seed=1),
        "itemknn": ItemKNN(),
        "ease": EASE(),
    }
    return models[name]


def tribes(users: int = 60, items: int = 24) -> Interactions:
    """Even users touch even items, odd users odd items; the last user and item stay untouched."""
    rng = np.random.default_rng(7)
    rows = [
        (f"u{user:03d}", f"i{item:03d}", 1.0)
        for user in range(users)
        for item in range(items)
        if user % 2 == item % 2 and rng.random() < 0.6
    ]
    table = pd.DataFrame(rows, columns=["user_id", "item_id", "weight"])
    user_ids = IdMap([f"u{user:03d}" for user in range(users + 1)])
    return Interactions.from_table(table, user_ids, IdMap([f"i{i:03d}" for i in range(items + 1)]))


def from_dense(matrix: np.ndarray) -> Interactions:
    row, column = np.nonzero(matrix)
    table = pd.DataFrame(
        {
            "user_id": [f"u{r}" for r in row],
            "item_id": [f"i{c}" for c in column],
            "weight": matrix[row, column].astype(float),
        }
    )
    users = IdMap([f"u{n}" for n in range(matrix.shape[0])])
    items = IdMap([f"i{n}" for n in range(matrix.shape[1])])
    return Interactions.from_table(table, users, items)


@pytest.mark.parametrize("name", MODELS)
def test_recommends_k_unseen_items_best_first(name: str) -> None:
    interactions = tribes()
    users = np.arange(61)
    items, scores = make(name).fit(interactions).recommend(users, 6)
    assert items.shape == scores.shape == (61, 6)
    assert items.dtype == np.int64
    assert scores.dtype == np.float32
    assert (items >= 0).all()
    assert (np.diff(scores, axis=1) <= 0).all()
    seen = interactions.matrix.toarray() > 0
    assert not seen[users[:, None], items].any()
    assert all(len(set(row)) == 6 for row in items)


@pytest.mark.parametrize("name", ["als", "bpr", "category", "content", "itemknn", "ease"])
def test_learns_the_users_own_kind_of_items(name: str) -> None:
    interactions = tribes()
    users = np.flatnonzero(interactions.n_seen < 11)[:-1]
    items, _ = make(name).fit(interactions).recommend(users, 2)
    assert (items % 2 == users[:, None] % 2).mean() > 0.9


@pytest.mark.parametrize("name", MODELS)
def test_cold_and_unknown_users_get_what_is_popular(name: str) -> None:
    interactions = tribes()
    cold = np.array([60, -1])
    items, _ = make(name).fit(interactions).recommend(cold, 25)
    expected = np.lexsort((np.arange(25), -interactions.popularity))
    np.testing.assert_array_equal(items, [expected, expected])


@pytest.mark.parametrize("name", MODELS)
def test_a_short_catalogue_is_padded_and_seen_items_come_back_on_request(name: str) -> None:
    interactions = tribes()
    model = make(name).fit(interactions)
    user = np.array([3])
    items, scores = model.recommend(user, 30)
    left = 25 - interactions.n_seen[3]
    assert (items[0, :left] >= 0).all()
    assert (items[0, left:] == -1).all()
    assert (scores[0, left:] == -np.inf).all()
    items, _ = model.recommend(user, 30, exclude_seen=False)
    assert sorted(items[0, :25]) == list(range(25))


@pytest.mark.parametrize("name", MODELS)
def test_a_saved_model_recommends_the_same(name: str, tmp_path: Path) -> None:
    model = make(name).fit(tribes())
    model.save(tmp_path / name)
    loaded = type(model).load(tmp_path / name)
    users = np.arange(-1, 61)
    for got, expected in zip(loaded.recommend(users, 9), model.recommend(users, 9), strict=True):
        np.testing.assert_array_equal(got, expected)
    assert not list(tmp_path.rglob("*.pkl"))


@pytest.mark.parametrize("name", MODELS)
def test_the_same_seed_gives_the_same_scores(name: str) -> None:
    users = np.arange(61)
    first, second = (make(name).fit(tribes()).score(users) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (3, 1), (2, 3)])
def test_tiny_and_empty_logs_do_not_crash(name: str, shape: tuple[int, int]) -> None:
    for matrix in (np.zeros(shape), np.eye(*shape), np.ones(shape)):
        interactions = from_dense(matrix)
        users = np.arange(-1, shape[0])
        model = make(name, shape[1])
        items, scores = model.fit(interactions).recommend(users, 3, exclude_seen=False)
        assert np.isfinite(scores[items >= 0]).all()
        assert ((items >= 0).sum(axis=1) == min(3, shape[1])).all()


@pytest.mark.parametrize("name", MODELS)
def test_asking_before_fit_or_loading_nothing_says_so(name: str, tmp_path: Path) -> None:
    with pytest.raises(NotFittedError, match="before fit or load"):
        make(name).recommend(np.array([0]), 3)
    with pytest.raises(NotFittedError, match=r"no model\.json in"):
        type(make(name)).load(tmp_path)


def test_history_brings_back_the_users_own_items_heaviest_first() -> None:
    table = pd.DataFrame(
        {"user_id": ["u", "u", "v"], "item_id": ["a", "b", "c"], "weight": [1.0, 2.0, 9.0]}
    )
    items, _ = (
        History()
        .fit(Interactions.from_table(table))
        .recommend(np.array([0]), 3, exclude_seen=False)
    )
    assert items.tolist() == [[1, 0, 2]]


def test_content_finds_items_nobody_touched() -> None:
    vectors = np.eye(3, dtype=np.float32)[[0, 1, 0, 2]]
    table = pd.DataFrame({"user_id": ["u", "v"], "item_id": ["a", "b"], "weight": 1.0})
    log = Interactions.from_table(table, items=IdMap([*"abcd"]))
    items, _ = Content(vectors).fit(log).recommend(np.array([0]), 1)
    assert log.items.to_ids(items.ravel()).tolist() == ["c"]


@pytest.mark.parametrize(
    "model", [Content(np.zeros((3, 2), np.float32)), CategoryPopularity(np.zeros(3, np.int64))]
)
def test_item_knowledge_of_another_catalogue_is_refused(model: CandidateModel) -> None:
    with pytest.raises(ContractError, match="for 25"):
        model.fit(tribes())


def test_loading_another_kind_of_model_is_refused(tmp_path: Path) -> None:
    ItemKNN().fit(tribes()).save(tmp_path)
    with pytest.raises(NotFittedError, match="holds a itemknn model: expected ease"):
        EASE.load(tmp_path)


def test_positions_off_the_matrix_are_refused() -> None:
    model = Popularity().fit(tribes())
    with pytest.raises(ContractError, match=r"reach from 0 to 99: expected -1 \(unknown\) to 60"):
        model.recommend(np.array([0, 99]), 3)
