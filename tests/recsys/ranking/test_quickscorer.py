"""The forest scored by bit vectors is the forest LightGBM walks."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recsys.config import RankerConfig
from recsys.ranking.lambdarank import Ranker, RankingRows
from recsys.ranking.quickscorer import ForestScorer

VALUES = np.array([np.nan, 0.0, -0.0, 1e-36, -1e-36, np.inf, -np.inf, 1e30, -1.0, 1.0])


def table(seed: int, rows: int, gaps: float) -> NDArray[np.float32]:
    """Values that splits fall on, besides zeros, infinities and a share of NaN."""
    rng = np.random.default_rng(seed)
    features = np.round(rng.normal(size=(rows, 5)), 1).astype(np.float32)
    odd = rng.random(features.shape) < 0.1
    features[odd] = rng.choice(VALUES[1:], odd.sum())
    features[rng.random(features.shape) < gaps] = np.nan
    return features


def grown(leaves: int, gaps: float, seed: int, **parameters: object) -> lgb.Booster:
    features = table(seed, 800, gaps)
    target = np.nan_to_num(features, posinf=3, neginf=-3).clip(-3, 3) @ np.array([1, -2, 1, 0, 3])
    settings_ = {"num_leaves": leaves, "min_data_in_leaf": 3, "num_threads": 1, "verbosity": -1}
    return lgb.train({**settings_, **parameters}, lgb.Dataset(features, target), 20)


@settings(max_examples=12, deadline=None)
@given(
    leaves=st.sampled_from([2, 15, 16, 17, 31, 33, 64]),
    gaps=st.sampled_from([0.0, 0.3]),
    missing=st.booleans(),
    seed=st.integers(0, 1_000),
)
def test_scores_are_those_of_lightgbm(leaves: int, gaps: float, missing: bool, seed: int) -> None:
    booster = grown(leaves, gaps, seed, use_missing=missing)
    assert ForestScorer.is_known(booster)
    asked = np.concatenate([table(seed + 1, 700, 0.2), np.tile(VALUES, (5, 1)).T])
    asked = asked.astype(np.float32)
    got = ForestScorer(booster).score(asked)
    np.testing.assert_allclose(got, booster.predict(asked), rtol=1e-6, atol=1e-9)


def test_a_value_on_a_threshold_and_its_neighbours_fall_as_in_lightgbm() -> None:
    booster = grown(16, 0.3, 5)
    nodes = booster.trees_to_dataframe()
    exact = nodes["threshold"].dropna().to_numpy()
    near = exact[np.abs(exact) < 1e30].astype(np.float32)
    around = [near, np.nextafter(near, np.float32(-9e9)), np.nextafter(near, np.float32(9e9))]
    asked = np.tile(np.concatenate(around), (5, 1)).T
    got = ForestScorer(booster).score(asked)
    np.testing.assert_allclose(got, booster.predict(asked), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("leaves", "parameters"), [(65, {}), (8, {"zero_as_missing": True})])
def test_forests_of_another_kind_are_left_to_lightgbm(
    leaves: int, parameters: dict[str, bool]
) -> None:
    assert not ForestScorer.is_known(grown(leaves, 0.1, 3, **parameters))


@pytest.mark.parametrize("leaves", [15, 100])
def test_the_ranker_scores_as_its_saved_trees_do(leaves: int) -> None:
    features = table(8, 2_000, 0.1)
    labels = (np.nan_to_num(features[:, 0], posinf=0) > 0.7).astype(np.int64)
    rows = RankingRows(features, labels, np.full(100, 20))
    config = RankerConfig(num_leaves=leaves, min_data_in_leaf=2, max_rounds=15)
    ranker = Ranker(config).fit(rows, list("abcde"), None)
    expected = lgb.Booster(model_str=ranker.trees()).predict(features, num_threads=1)
    np.testing.assert_allclose(ranker.score(features), expected, rtol=1e-6, atol=1e-9)


def test_a_row_scores_the_same_alone_and_among_others() -> None:
    scorer, asked = ForestScorer(grown(15, 0.1, 2)), table(9, 1_300, 0.1)
    alone = np.concatenate([scorer.score(asked[n : n + 1]) for n in (0, 511, 512, 1_299)])
    np.testing.assert_array_equal(scorer.score(asked)[[0, 511, 512, 1_299]], alone)
    assert scorer.score(asked[:0]).shape == (0,)
