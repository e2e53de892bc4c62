"""Feed rows show what was really drawn, or say why they do not."""

import numpy as np
import pandas as pd
import pytest

from features.schema import ORIGINAL
from pipelines.jobs.feed import FEED_COLUMNS, feed_rows, user_bucket


def _chosen():
    return pd.DataFrame(
        {
            "user_id": ["u1", "u1", "u2"],
            "rank": [1, 2, 1],
            "item_id": ["007", "a", "a"],
            "score": [0.9, 0.5, 0.7],
            "probability": [0.2, 0.1, np.nan],
            "item_propensity": [1.0, 0.01, 1.0],
            "reason": ["popular", "near your taste", "popular"],
            "style_id": ["s1", ORIGINAL, "s2"],
            "style_propensity": [0.9, 0.1, 0.5],
            "strength": [1.0, 0.0, 0.5],
            "look_reason": ["in a look you like", "", "in a look to learn what you like"],
        }
    )


def _renders(*rows):
    """Renders served as asked for, but those without a URI, which were refused."""
    table = pd.DataFrame(
        rows, columns=["item_id", "style_id", "strength", "render_key", "image_uri"]
    )
    served = table["image_uri"].notna()
    table["served_mode"] = np.where(served, "faithful", ORIGINAL)
    table["served_strength"] = np.where(served, 0.7 * table["strength"], 0.0)
    table["reason"] = np.where(served, "", "faithful: SSIM inside 0.80, at least 0.95 allowed")
    return table.assign(
        mask_confidence=0.9, delta_e=1.5, ssim=0.97, edge_f1=0.9, identity_rank=1.0, arrival=np.nan
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
    assert feed["item_propensity"].tolist() == [1.0, 0.01, 1.0]
    assert feed["strength"].tolist() == pytest.approx([0.7, 0.0, 0.35])
    assert feed["style_drawn"].tolist() == ["s1", ORIGINAL, "s2"]
    assert feed["reason"].tolist() == [
        "popular, in a look you like",
        "near your taste",
        "popular, in a look to learn what you like",
    ]
    assert feed["render_note"].tolist() == ["", "", ""]
    assert feed["fidelity"].iloc[0] == {
        "mode": "faithful",
        "mask_confidence": 0.9,
        "delta_e": 1.5,
        "ssim": 0.97,
        "edge_f1": 0.9,
        "identity_rank": 1.0,
        "arrival": None,
    }
    assert feed["fidelity"].iloc[1]["mode"] == ORIGINAL


def test_a_render_refused_for_the_products_sake_is_the_original_and_the_row_says_why():
    renders = _renders(("007", "s1", 1.0, "k1", None), ("a", "s2", 0.5, "k2", "renders/k2.jpg"))
    feed, failed = feed_rows(_chosen(), renders, ORIGINALS, "run")
    row = feed.iloc[0]
    assert failed == 1
    assert (row["style_id"], row["strength"], row["image_uri"]) == (
        ORIGINAL,
        0.0,
        "originals/7.jpg",
    )
    assert "SSIM inside 0.80" in row["render_note"]
    assert row["reason"] == "popular"
    assert (row["style_drawn"], row["style_propensity"]) == ("s1", 0.9)


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
    assert (row["style_drawn"], row["style_propensity"]) == ("s2", 0.5)
    assert row["render_note"] == "its render failed"


def test_a_shopper_stays_in_one_bucket():
    users = pd.Series(["007", "7", "ü", "007"])
    buckets = user_bucket(users)
    assert buckets[0] == buckets[3]
    assert ((buckets >= 0) & (buckets < 16)).all()
