"""What is served won on validation, and a single model serves all that the feed needs."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.schema import ContractError
from recsys.candidates.reason_words import POPULAR, SHOPPERS
from recsys.config import RankerConfig, RerankConfig
from recsys.lists.reasons import UNEXPLAINED, reasons_of_model
from recsys.ranking.lambdarank import RankingRows
from recsys.ranking.served_model import TWO_STAGE, choose_served, list_ndcg, single_scores
from recsys.ranking.training import TrainingLists
from recsys.ranking.two_stage import TwoStageRecommender
from recsys.ranking.windows import join_lists
from tests.recsys.ranking.test_two_stage import CONFIG, catalogue, log, pictures, users

__all__ = ["log"]

NAMES = ["score_ease", "score_popularity", "rank_ease", "rank_popularity", "told"]
RANKER = RankerConfig(min_data_in_leaf=20, max_rounds=20)


def window(seed: int, told: float, ease: float, n_lists: int = 60, size: int = 12) -> RankingRows:
    """Lists whose labels show through the ranker's own feature and EASE's score this clearly."""
    rng = np.random.default_rng(seed)
    rows = n_lists * size
    labels = (rng.random(rows) < 0.15).astype(np.int64)
    noise = rng.normal(size=(rows, 5))
    features = noise.astype(np.float32)
    features[:, 0] += ease * labels
    features[:, 4] += told * labels
    groups = np.full(n_lists, size)
    return RankingRows(features, labels, groups, None, labels.reshape(n_lists, size).sum(axis=1))


def windows(told: float, ease: float, n: int = 5) -> TrainingLists:
    cuts = [pd.Timestamp("2024-01-01", tz="UTC") + pd.Timedelta(days=day) for day in range(n)]
    return TrainingLists([window(seed, told, ease) for seed in range(n)], NAMES, cuts)


def test_two_stages_are_served_when_the_ranker_knows_more() -> None:
    served = choose_served(windows(told=3.0, ease=1.0), 20, RANKER, 0)
    assert served.name == TWO_STAGE
    assert served.validation["ease"]["gain"] < 0
    assert "no single model is better" in served.why
    assert served.n_lists > 100


def test_a_single_model_is_served_when_it_beats_the_ranker_beyond_noise() -> None:
    slow = replace(RANKER, max_rounds=1, num_leaves=2, min_data_in_leaf=300)
    served = choose_served(windows(told=0.0, ease=1.5), 20, slow, 0)
    assert served.name == "ease"
    assert served.validation["ease"]["gain"] > served.validation["ease"]["gain_se"] > 0
    assert served.validation[TWO_STAGE] == {
        "ndcg": served.validation[TWO_STAGE]["ndcg"],
        "gain": 0.0,
        "gain_se": 0.0,
    }
    assert "over one standard error" in served.why


def test_a_personal_model_goes_before_one_list_for_all_that_is_no_better() -> None:
    slow = replace(RANKER, max_rounds=1, num_leaves=2, min_data_in_leaf=300)
    lists = windows(told=0.0, ease=1.5)
    rng = np.random.default_rng(1)
    for rows in lists.windows:
        noise = rng.normal(scale=0.1, size=len(rows.labels))
        rows.features[:, NAMES.index("score_popularity")] = rows.features[:, 0] + noise
    served = choose_served(lists, 20, slow, 0)
    assert served.validation["popularity"]["ndcg"] > served.validation["ease"]["ndcg"]
    assert served.name == "ease"
    for rows in lists.windows:
        rows.features[:, NAMES.index("score_popularity")] += rows.labels
    assert choose_served(lists, 20, slow, 0).name == "popularity"


def test_the_lists_that_set_the_rounds_are_not_the_ones_judged() -> None:
    lists = windows(told=1.0, ease=1.0)
    judged = choose_served(lists, 20, RANKER, 0)
    wanted = join_lists(lists.windows[2:]).wanted
    assert wanted is not None
    assert judged.n_lists == int((wanted > 0).sum())
    assert choose_served(windows(1.0, 1.0, n=2), 20, RANKER, 0).validation == {}


def test_a_model_without_a_quota_is_not_judged() -> None:
    lists = windows(told=1.0, ease=5.0)
    for rows in lists.windows:
        rows.features[:, NAMES.index("rank_ease")] = np.nan
    served = choose_served(lists, 20, RANKER, 0)
    assert set(served.validation) == {TWO_STAGE, "popularity"}


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_ndcg_of_lists_is_in_its_range_and_perfect_for_the_labels_themselves(
    seed: int, k: int
) -> None:
    rows = window(seed, 0.0, 0.0, n_lists=8)
    assert rows.wanted is not None
    drawn: NDArray[np.float32] = np.random.default_rng(seed).random(len(rows.labels), np.float32)
    values = list_ndcg(rows, drawn, k)
    assert len(values) == (rows.wanted > 0).sum()
    assert ((values >= 0) & (values <= 1)).all()
    np.testing.assert_allclose(list_ndcg(rows, rows.labels.astype(np.float32), k), 1.0)


def test_ndcg_counts_items_wanted_that_are_not_in_the_list() -> None:
    rows = RankingRows(
        np.zeros((3, 5), np.float32), np.array([0, 2, 0]), np.array([3]), None, np.array([2])
    )
    found = list_ndcg(rows, np.array([3, 2, 1], np.float32), 10)
    assert found == pytest.approx([(1 / math.log2(3)) / (1 + 1 / math.log2(3))])


def test_a_single_models_scores_are_its_own_column() -> None:
    rows = window(0, 0.0, 0.0)
    np.testing.assert_array_equal(single_scores("ease", rows, NAMES), rows.features[:, 0])


def test_a_single_models_reason_is_claimed_only_where_it_is_true() -> None:
    names = ["score_ease", "rank_ease", "recent_popularity", "user_items"]
    features = np.array(
        [[1, 1, 0.5, 3], [1, 1, 0.5, 0], [1, np.nan, -1.0, 3], [1, 2, -1.0, 2]], np.float32
    )
    expected = [SHOPPERS, POPULAR, UNEXPLAINED, SHOPPERS]
    assert reasons_of_model("ease", features, names).tolist() == expected


@pytest.fixture(scope="module")
def eager(log: pd.DataFrame) -> TwoStageRecommender:
    """A recommender whose ranker learns next to nothing, so that a single model wins."""
    dull = RankerConfig(max_rounds=1, num_leaves=2, min_data_in_leaf=100_000)
    return TwoStageRecommender(replace(CONFIG, ranker=dull), seed=1).fit(
        log, catalogue(), pictures()
    )


def test_a_served_single_model_gives_its_own_list_with_all_that_a_feed_needs(
    eager: TwoStageRecommender, log: pd.DataFrame, tmp_path: Path
) -> None:
    assert eager.served.name not in (TWO_STAGE, "popularity")
    feed = eager.recommend([*users(), "stranger"], 6)
    assert feed.groupby("user_id").size().eq(6).all()
    assert (feed.groupby("user_id")["score"].diff().dropna() <= 0).all()
    known = feed.sort_values("score")["probability"].dropna()
    assert len(known) > 0.9 * len(feed)
    assert (known.diff().dropna() >= 0).all()
    assert feed["item_propensity"].eq(1.0).all()
    assert (feed["reason"].str.len() > 0).all()
    assert feed["reason"].nunique() > 1
    alone = eager.serving(eager.served.name).recommend([*users(), "stranger"], 6)
    pd.testing.assert_frame_equal(
        alone.drop(columns="probability"), feed.drop(columns="probability")
    )
    eager.save(tmp_path)
    loaded = TwoStageRecommender.load(tmp_path)
    assert loaded.served == eager.served
    pd.testing.assert_frame_equal(loaded.recommend([*users(), "stranger"], 6), feed)


def test_bars_caps_and_exploration_hold_for_a_served_single_model(
    eager: TwoStageRecommender, log: pd.DataFrame
) -> None:
    plain = eager.recommend(users(), 6)
    barred = plain.loc[plain["rank"] <= 2, ["user_id", "item_id"]]
    rest = eager.recommend(users(), 6, barred)
    pairs = set(zip(rest["user_id"], rest["item_id"], strict=True))
    assert pairs.isdisjoint(zip(barred["user_id"], barred["item_id"], strict=True))
    rerank = RerankConfig(0.2, 3, exploration_slots=1)
    varied = TwoStageRecommender(replace(eager.config, rerank=rerank), seed=1)
    feed = varied.fit(log, catalogue(), pictures()).recommend(users(), 8)
    assert varied.served.name == eager.served.name
    assert feed.merge(catalogue()).groupby(["user_id", "category"]).size().max() <= 3
    assert feed.loc[feed["item_propensity"] < 1.0, "user_id"].value_counts().eq(1).all()
    assert (feed["item_propensity"] < 1.0).sum() > 0.9 * len(users())


def test_any_candidate_model_can_be_compared_but_no_other(eager: TwoStageRecommender) -> None:
    lists = [
        eager.serving(name).recommend(users(), 5)["item_id"].tolist() for name in eager.servable
    ]
    assert len({tuple(items) for items in lists}) > 3
    assert TWO_STAGE in eager.servable
    with pytest.raises(ContractError, match="no model 'bpr' to serve"):
        eager.serving("bpr")
