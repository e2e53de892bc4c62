"""The metrics agree with trec_eval (through ir-measures) and with brute force."""

from __future__ import annotations

from itertools import combinations

import ir_measures
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import AP, RR, P, R, Success, nDCG

from features.schema import ContractError, InputError, SchemaError
from recsys.evaluation.metrics import gini, per_user_accuracy, ranking_metrics


def lists(seed: int, users: int = 12, items: int = 30) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Random recommendations of different lengths and random truth."""
    rng = np.random.default_rng(seed)
    shown, wanted = [], []
    for user in range(users):
        picked = rng.permutation(items)[: rng.integers(1, 16)]
        shown += [(f"u{user:02d}", f"i{item:02d}", rank + 1) for rank, item in enumerate(picked)]
        liked = rng.permutation(items)[: rng.integers(1, 14)]
        wanted += [(f"u{user:02d}", f"i{item:02d}") for item in liked]
    recommendations = pd.DataFrame(shown, columns=["user_id", "item_id", "rank"])
    return recommendations, pd.DataFrame(wanted, columns=["user_id", "item_id"])


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), k=st.sampled_from([1, 3, 10]))
def test_accuracy_is_that_of_trec_eval(seed: int, k: int) -> None:
    recommendations, truth = lists(seed)
    run = recommendations[recommendations["rank"] <= k].rename(
        columns={"user_id": "query_id", "item_id": "doc_id"}
    )
    run = run.assign(score=-run["rank"].astype(float))[["query_id", "doc_id", "score"]]
    qrels = truth.rename(columns={"user_id": "query_id", "item_id": "doc_id"}).assign(relevance=1)
    oracles = {
        "recall": R @ k,
        "precision": P @ k,
        "map": AP @ k,
        "ndcg": nDCG @ k,
        "mrr": RR @ k,
        "hit_rate": Success @ k,
    }
    expected = ir_measures.calc_aggregate(list(oracles.values()), qrels, run)
    got = ranking_metrics(recommendations, truth, k)
    for name, oracle in oracles.items():
        assert got[name] == pytest.approx(expected[oracle], abs=1e-9), name


def test_a_user_without_recommendations_scores_zero_and_one_without_truth_is_left_out() -> None:
    recommendations = pd.DataFrame({"user_id": ["a", "c"], "item_id": ["x", "x"], "rank": [1, 1]})
    truth = pd.DataFrame({"user_id": ["a", "b"], "item_id": ["x", "x"]})
    accuracy = per_user_accuracy(recommendations, truth, 10)
    assert list(accuracy.index) == ["a", "b"]
    assert accuracy.loc["a", "ndcg"] == 1.0
    assert (accuracy.loc["b"] == 0.0).all()


def test_list_metrics_agree_with_brute_force() -> None:
    recommendations, truth = lists(4)
    rng = np.random.default_rng(9)
    recommendations["style_id"] = rng.choice(["s1", "s2", "s3"], len(recommendations))
    item_ids = np.array([f"i{item:02d}" for item in range(30)], dtype=object)
    embeddings = rng.normal(size=(30, 5)).astype(np.float32)
    popularity = pd.Series(rng.uniform(0.05, 1.0, 30), index=item_ids)
    got = ranking_metrics(
        recommendations,
        truth,
        10,
        item_popularity=popularity,
        item_ids=item_ids,
        embeddings=embeddings,
    )
    top = recommendations[recommendations["rank"] <= 10]
    normed = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    unit = dict(zip(item_ids, normed, strict=True))
    distances, differing = [], []
    for _, one in top.groupby("user_id"):
        pairs = list(combinations(range(len(one)), 2))
        if pairs:
            items, looks = one["item_id"].to_list(), one["style_id"].to_list()
            distances.append(np.mean([1 - unit[items[a]] @ unit[items[b]] for a, b in pairs]))
            differing.append(np.mean([looks[a] != looks[b] for a, b in pairs]))
    assert got["intra_list_diversity"] == pytest.approx(np.mean(distances), abs=1e-6)
    assert got["look_diversity"] == pytest.approx(np.mean(differing))
    assert got["coverage"] == pytest.approx(top["item_id"].nunique() / 30)
    assert got["novelty"] == pytest.approx(-np.log2(popularity[top["item_id"]]).mean())


def test_gini_is_half_the_relative_mean_difference() -> None:
    values = np.random.default_rng(2).integers(0, 20, 40).astype(float)
    brute = np.abs(values[:, None] - values[None, :]).mean() / (2 * values.mean())
    assert gini(values) == pytest.approx(brute)
    assert gini(np.ones(7)) == pytest.approx(0.0)
    assert gini(np.zeros(7)) == 0.0


def test_novelty_of_an_item_nobody_touched_is_that_of_the_rarest_known() -> None:
    recommendations = pd.DataFrame({"user_id": ["a"], "item_id": ["new"], "rank": [1]})
    truth = pd.DataFrame({"user_id": ["a"], "item_id": ["x"]})
    popularity = pd.Series({"x": 0.5, "y": 0.25})
    assert ranking_metrics(recommendations, truth, 5, item_popularity=popularity)["novelty"] == 2.0


def test_bad_tables_are_refused_with_what_was_expected() -> None:
    recommendations, truth = lists(0)
    with pytest.raises(SchemaError, match="recommendations has no column 'rank'"):
        ranking_metrics(recommendations.drop(columns="rank"), truth, 5)
    with pytest.raises(SchemaError, match="truth has no column 'item_id'"):
        ranking_metrics(recommendations, truth.drop(columns="item_id"), 5)
    with pytest.raises(ContractError, match="k is 0: expected at least 1"):
        ranking_metrics(recommendations, truth, 0)
    with pytest.raises(ContractError, match=r"has item_id .* twice"):
        ranking_metrics(recommendations.assign(item_id="i00"), truth, 20)
    with pytest.raises(InputError, match="truth has no rows"):
        ranking_metrics(recommendations, truth.iloc[:0], 5)


def test_ids_that_are_no_text_or_of_other_users_are_refused() -> None:
    truth = pd.DataFrame({"user_id": ["1"], "item_id": ["a"]})
    rows = pd.DataFrame({"user_id": ["1"], "item_id": ["a"], "rank": [1]})
    for recommended, wanted in (
        (rows.assign(user_id=1), truth),
        (rows, truth.assign(user_id=1)),
        (rows, truth.assign(item_id=[None])),
    ):
        with pytest.raises(ContractError, match="expected text in every place"):
            per_user_accuracy(recommended, wanted, 1)
    with pytest.raises(InputError, match=r"truth: user_id: none of 1 ids is known: got '1.0'"):
        per_user_accuracy(rows, truth.assign(user_id="1.0"), 1)
