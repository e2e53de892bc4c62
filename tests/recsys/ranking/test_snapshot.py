"""Features say what was known at a moment, checked against sums done by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.ids import IdMap
from features.schema import ContractError, NotFittedError
from recsys.candidates import Interactions, Popularity
from recsys.candidates.allowed import Allowed
from recsys.candidates.union import union
from recsys.ranking.features import feature_names, pair_features
from recsys.ranking.snapshot import ITEM_COLUMNS, ItemFeatures, Snapshot, gather

NOW = pd.Timestamp("2024-03-01", tz="UTC")
ITEMS = pd.DataFrame(
    {
        "item_id": ["a", "b", "c", "d"],
        "category": ["hat", "shoe", "hat", ""],
        "price": [10.0, 30.0, np.nan, 50.0],
    }
)


def log() -> pd.DataFrame:
    rows = [
        ("u", "a", 2.0, "impression"),
        ("u", "a", 2.0, "view"),
        ("u", "b", 40.0, "purchase"),
        ("u", "c", 1.0, "impression"),
        ("u", "c", 1.5, "impression"),
        ("v", "a", 10.0, "view"),
    ]
    table = pd.DataFrame(rows, columns=["user_id", "item_id", "days", "event_type"])
    table["timestamp"] = NOW - pd.to_timedelta(table.pop("days"), unit="D")
    return table


def snapshot(tastes: pd.DataFrame | None = None) -> Snapshot:
    table = pd.DataFrame(
        {"user_id": ["u", "u", "v"], "item_id": ["a", "b", "a"], "weight": [1.0, 3.0, 2.0]}
    )
    interactions = Interactions.from_table(table, items=IdMap(["a", "b", "c", "d"]))
    content = np.array([[3, 0], [0, 3], [3, 1]], dtype=np.float32)
    codes = np.random.default_rng(0).normal(size=(3, 100)).astype(np.float32)
    features = ItemFeatures(np.array(["a", "b", "c"], dtype=object), content, codes)
    return gather(log(), interactions, ITEMS, features, tastes, NOW)


def features_of(known: Snapshot) -> pd.DataFrame:
    models = [Popularity().fit(known.interactions)]
    users = np.array([0, 1, -1])
    rows = union(models, users, [4], Allowed.everything(3, 4))
    values = pair_features(known, users, rows)
    table = pd.DataFrame(values, columns=feature_names(["popularity"]))
    table.index = pd.MultiIndex.from_arrays([rows.users, np.array([*"abcd"])[rows.items]])
    return table


def test_item_columns_are_counts_and_ages_up_to_now() -> None:
    columns = dict(zip(ITEM_COLUMNS, snapshot().item_columns.T, strict=True))
    np.testing.assert_allclose(columns["popularity"], [0.5, 0.5, 0, 0])
    np.testing.assert_allclose(columns["recent"], [1, 0, 0, 0])
    np.testing.assert_allclose(columns["last_days"], [2, 40, np.nan, np.nan])
    np.testing.assert_allclose(columns["age_days"], [10, 40, np.nan, np.nan])
    rate = 2 / 3
    expected = [(2 + 20 * rate) / 21, rate, (20 * rate) / 22, rate]
    np.testing.assert_allclose(columns["click_rate"], expected, rtol=1e-6)
    np.testing.assert_allclose(columns["price"], [10, 30, np.nan, 50])


def test_pair_features_are_the_users_own_shares_and_ratios() -> None:
    table = features_of(snapshot())
    u = table.loc[0]
    np.testing.assert_allclose(u["category_affinity"], [0.25, 0.75, 0.25, np.nan])
    np.testing.assert_allclose(u["price_ratio"], np.array([10, 30, np.nan, 50]) / 25)
    np.testing.assert_allclose(u["times_shown"], [1, 0, 2, 0])
    np.testing.assert_allclose(u["user_items"], 2)
    assert u["recent_popularity"].gt(0).tolist() == [True, False, False, False]
    assert np.isnan(u["content_similarity"]["d"])
    assert u["content_similarity"].idxmax() == "b"
    stranger = table.loc[2]
    assert stranger["category_affinity"].isna().all()
    assert stranger["content_similarity"].isna().all()
    assert (stranger["user_items"] == 0).all()


def test_style_similarity_is_the_cosine_with_the_users_embedding_in_one_space() -> None:
    assert features_of(snapshot())["style_similarity"].isna().all()
    rng = np.random.default_rng(1)
    embeddings = rng.normal(size=(3, 100)).astype(np.float32)
    tastes = pd.DataFrame(
        {
            "user_id": ["v", "u", "gone"],
            "style_embedding": list(embeddings),
            "style_strength": [0.2, 0.9, 0.5],
        }
    )
    table = features_of(snapshot(tastes))
    codes = np.random.default_rng(0).normal(size=(3, 100)).astype(np.float32)
    user, item = embeddings[1] - codes.mean(axis=0), codes[2] - codes.mean(axis=0)
    expected = user @ item / np.linalg.norm(user) / np.linalg.norm(item)
    assert table.loc[(0, "c"), "style_similarity"] == pytest.approx(expected, abs=1e-5)
    np.testing.assert_allclose(table.loc[0, "style_strength"], 0.9)
    assert table.loc[2, "style_strength"].isna().all()


def test_events_of_the_future_are_refused() -> None:
    known = snapshot()
    features = ItemFeatures(np.array([], dtype=object), np.zeros((0, 2)), np.zeros((0, 100)))
    with pytest.raises(ContractError, match="expected the past only"):
        gather(log(), known.interactions, ITEMS, features, None, NOW - pd.Timedelta(days=2))


def test_saved_snapshot_gives_the_same_features(tmp_path: Path) -> None:
    known = snapshot()
    known.save(tmp_path)
    pd.testing.assert_frame_equal(features_of(Snapshot.load(tmp_path)), features_of(known))
    with pytest.raises(NotFittedError, match=r"no snapshot\.safetensors"):
        Snapshot.load(tmp_path / "nothing")


def test_item_features_of_different_lengths_are_refused() -> None:
    with pytest.raises(ContractError, match=r"expected \(1, d\) and \(1, 100\)"):
        ItemFeatures(np.array(["a"], dtype=object), np.zeros((2, 4)), np.zeros((1, 100)))
