"""The ranker puts what is liked first, repeatably, and corrects for where things were shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from features.schema import ConfigError, ContractError, InputError, NotFittedError
from recsys.config import RankerConfig
from recsys.ranking.lambdarank import Ranker, RankingRows

CONFIG = RankerConfig(min_data_in_leaf=20, max_rounds=60)
NAMES = ["good", "noise"]


def lists(seed: int, n_lists: int = 120, size: int = 10) -> RankingRows:
    """Lists whose labels grow with the first feature."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n_lists * size, 2)).astype(np.float32)
    labels = (features[:, 0] > 0.8).astype(np.int64) + (features[:, 0] > 1.6)
    return RankingRows(features, labels, np.full(n_lists, size))


def biased(seed: int, n_lists: int = 600, size: int = 6) -> RankingRows:
    """Lists shown in the order of feature 1; a click needs a look, and looks fade with position."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n_lists, size, 2)).astype(np.float32)
    order = np.argsort(-features[:, :, 1] - 0.8 * rng.normal(size=(n_lists, size)), axis=1)
    place = np.argsort(order, axis=1) + 1
    liked = 1 / (1 + np.exp(1 - 1.5 * features[:, :, 0]))
    clicked = rng.random((n_lists, size)) < liked / place**1.5
    return RankingRows(
        features.reshape(-1, 2),
        clicked.astype(np.int64).ravel(),
        np.full(n_lists, size),
        place.ravel(),
    )


def test_what_is_liked_comes_first_and_the_useful_feature_is_named() -> None:
    ranker = Ranker(CONFIG, seed=1).fit(lists(0), NAMES, lists(1))
    fresh = lists(2)
    score = ranker.score(fresh.features)
    assert score[fresh.labels == 2].mean() > score[fresh.labels == 1].mean()
    assert score[fresh.labels == 1].mean() > score[fresh.labels == 0].mean()
    importance = ranker.importance()
    assert importance["feature"].iloc[0] == "good"
    assert importance["gain"].sum() == pytest.approx(1.0)


def test_positions_keep_the_ranker_from_learning_the_old_order() -> None:
    shown = biased(3)
    corrected = Ranker(CONFIG).fit(shown, NAMES, None)
    naive = Ranker(CONFIG).fit(RankingRows(shown.features, shown.labels, shown.groups), NAMES, None)
    probe = np.zeros((2, 2), dtype=np.float32)
    probe[:, 1] = [-1.5, 1.5]
    lean = [float(np.diff(ranker.score(probe))[0]) for ranker in (naive, corrected)]
    assert lean[0] > 0.0
    assert abs(lean[1]) < 0.5 * lean[0]


def test_the_same_rows_and_seed_give_the_same_scores() -> None:
    first, second = (Ranker(CONFIG, seed=5).fit(lists(0), NAMES, lists(1)) for _ in range(2))
    features = lists(2).features
    np.testing.assert_array_equal(first.score(features), second.score(features))


def test_contributions_add_up_to_the_score() -> None:
    ranker = Ranker(CONFIG).fit(lists(0), NAMES, None)
    features = lists(2, n_lists=5).features
    added = ranker.contributions(features)
    assert added.shape == features.shape
    rest = ranker.score(features) - added.sum(axis=1)
    np.testing.assert_allclose(rest, rest[0], atol=1e-4)


def test_training_stops_when_later_lists_no_longer_gain() -> None:
    noise = lists(4)
    shuffled = RankingRows(
        noise.features, np.random.default_rng(0).permutation(noise.labels), noise.groups
    )
    config = RankerConfig(min_data_in_leaf=5, max_rounds=400, patience_rounds=5)
    stopped = Ranker(config).fit(shuffled, NAMES, lists(1))
    full = Ranker(config).fit(shuffled, NAMES, None)
    assert stopped.importance()["splits"].sum() < 0.5 * full.importance()["splits"].sum()


def test_a_saved_ranker_scores_the_same_and_is_text(tmp_path: Path) -> None:
    ranker = Ranker(CONFIG).fit(lists(0), NAMES, None)
    ranker.save(tmp_path / "models" / "ranker.txt")
    loaded = Ranker.load(tmp_path / "models" / "ranker.txt")
    features = lists(2).features
    np.testing.assert_array_equal(loaded.score(features), ranker.score(features))
    assert (tmp_path / "models" / "ranker.txt").read_text().startswith("tree")
    assert loaded.score(features[:0]).shape == (0,)
    assert loaded.contributions(features[:0]).shape == (0, 2)


def test_bad_input_is_refused_with_what_was_expected(tmp_path: Path) -> None:
    rows = lists(0, n_lists=3)
    with pytest.raises(InputError, match="no ranking list holds two different labels"):
        Ranker().fit(RankingRows(rows.features, rows.labels * 0, rows.groups), NAMES, None)
    labels = np.where(np.arange(30) == 0, 7, 0)
    with pytest.raises(ContractError, match="label 7 has no gain: expected 0 to 3"):
        Ranker().fit(RankingRows(rows.features, labels, rows.groups), NAMES, None)
    with pytest.raises(ContractError, match="30 feature rows, 30 labels and lists of 20 rows"):
        RankingRows(rows.features, rows.labels, rows.groups[:2])
    with pytest.raises(NotFittedError, match="before fit or load"):
        Ranker().score(rows.features)
    with pytest.raises(NotFittedError, match="no ranker at"):
        Ranker.load(tmp_path / "ranker.txt")
    with pytest.raises(ConfigError, match="expected two labels or more"):
        RankerConfig(label_gain=(0.0,))
