"""Feed rows show what was really drawn, or say why they do not."""

import pandas as pd

from features.schema import ORIGINAL
from pipelines.jobs.feed import FEED_COLUMNS, feed_rows, user_bucket


def _chosen():
    return pd.DataFrame(
        {
            "user_id": ["u1", "u1", "u2"],
            "rank": [1, 2, 1],
            "item_id": ["007", "a", "a"],
            "score": [0.9, 0.5, 0.7],
            "reason": ["popular", "near your taste", "popular"],
            "style_id": ["s1", ORIGINAL, "s2"],
            "style_propensity": [0.9, 0.1, 0.5],
            "strength": [1.0, 0.0, 0.5],
        }
    )


def _renders(*rows):
    return pd.DataFrame(
        rows, columns=["item_id", "style_id", "strength", "render_key", "image_uri"]
    )


ORIGINALS = pd.Series({"007": "originals/7.jpg", "a": "originals/a.jpg"})


def test_a_row_shows_its_render_or_the_original():
    renders = _renders(
        ("007", "s1", 1.0, "k1", "renders/k1.jpg"), ("a", "s2", 0.5, "k2", "renders/k2.jpg")
    )
    feed, failed = feed_rows(_chosen(), renders, ORIGINALS, "run")
    assert failed == 0
    assert feed.columns.tolist() == FEED_COLUMNS
    assert feed["image_uri"].tolist() == ["renders/k1.jpg", "originals/a.jpg", "renders/k2.jpg"]
    assert feed["item_id"].tolist() == ["007", "a", "a"]
    assert feed["style_propensity"].tolist() == [0.9, 0.1, 0.5]


def test_a_failed_render_falls_back_to_the_original_and_says_so():
    renders = _renders(("007", "s1", 1.0, "k1", "renders/k1.jpg"))
    feed, failed = feed_rows(_chosen(), renders, ORIGINALS, "run")
    row = feed.iloc[2]
    assert failed == 1
    assert (row["style_id"], row["strength"], row["image_uri"]) == (
        ORIGINAL,
        0.0,
        "originals/a.jpg",
    )
    assert pd.isna(row["style_propensity"])
    assert "its render failed" in row["reason"]


def test_a_shopper_stays_in_one_bucket():
    users = pd.Series(["007", "7", "ü", "007"])
    buckets = user_bucket(users)
    assert buckets[0] == buckets[3]
    assert ((buckets >= 0) & (buckets < 16)).all()
