"""Feed rows show what was really drawn, or say why they do not."""

import numpy as np
import pandas as pd
import pytest

from features.schema import ORIGINAL
from pipelines.stages.feed import FEED_COLUMNS, Renders, _copy_originals, feed_rows
from pipelines.stores import storage
from pipelines.stores.event_buckets import user_bucket
from pipelines.stores.workspace import Workspace
from recsys.config import GuardRails, PolicyConfig
from recsys.policy.draw import draw, look_probabilities
from recsys.policy.guardrails import apply_guard_rails
from recsys.policy.value import value_probabilities


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
    feed, failed = feed_rows(_chosen(), Renders(renders), ORIGINALS, "run")
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
    feed, failed = feed_rows(_chosen(), Renders(renders), ORIGINALS, "run")
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
    feed, failed = feed_rows(_chosen(), Renders(renders), ORIGINALS, "run")
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
    buckets = user_bucket(users, 16)
    assert buckets[0] == buckets[3]
    assert ((buckets >= 0) & (buckets < 16)).all()


@pytest.mark.parametrize("kind", ["value", "epsilon_greedy", "softmax", "thompson"])
def test_rows_that_fell_back_keep_the_true_propensity_of_what_was_drawn(kind):
    # Two looks and the plain photo; every render of s2 is refused.
    looks, n = ["s1", "s2", ORIGINAL], 6_000
    affinity, spread = np.array([[0.6, 0.55, 0.0]]), np.array([[0.3, 0.3, 0.1]])
    eligible = np.ones((1, 3), dtype=bool)
    if kind == "value":
        odds = value_probabilities(
            affinity, spread, eligible, 2, caution=0.0, temperature=0.1, explore=0.2, seed=1
        ).probabilities
    else:
        policy = PolicyConfig(kind=kind, epsilon=0.3, temperature=0.5)
        odds = look_probabilities(affinity, eligible, policy, spread, 1)
    odds = apply_guard_rails(odds, looks, GuardRails(original_floor=0.1))
    choice, propensity = draw(np.repeat(odds, n, axis=0), [f"u{i}" for i in range(n)], 5)
    drawn = np.asarray(looks, dtype=object)[choice]
    chosen = pd.DataFrame(
        {
            "user_id": [f"u{i}" for i in range(n)],
            "rank": 1,
            "item_id": "a",
            "score": 0.5,
            "probability": np.nan,
            "item_propensity": 1.0,
            "reason": "popular",
            "style_id": drawn,
            "style_propensity": propensity,
            "strength": np.where(choice == 2, 0.0, 1.0),
            "look_reason": "",
        }
    )
    renders = _renders(("a", "s1", 1.0, "k1", "renders/k1.jpg"), ("a", "s2", 1.0, "k2", None))
    feed, failed = feed_rows(chosen, Renders(renders), ORIGINALS, "run")
    feed = feed.set_index("user_id").loc[chosen["user_id"]]
    assert failed == (choice == 1).sum() > 0
    assert (feed["style_drawn"].to_numpy() == drawn).all()
    assert (feed.loc[(choice == 1), "style_id"] == ORIGINAL).all()
    for column, look in enumerate(looks):
        rows = feed["style_drawn"] == look
        expected = odds[0, column]
        error = np.sqrt(expected * (1.0 - expected) / n)
        assert abs(rows.mean() - expected) <= 4.0 * error
        assert feed.loc[rows, "style_propensity"].to_numpy() == pytest.approx(expected)


def test_an_original_gets_the_suffix_of_the_format_decoded(tmp_path):
    page = tmp_path / "product.html"
    page.write_bytes(b"a picture that could be a page")
    digest = storage.digest_bytes(page.read_bytes())
    row = {"item_id": "a", "path": str(page), "picture_digest": digest, "suffix": "jpg"}
    uris = _copy_originals(Workspace(tmp_path / "out"), pd.DataFrame([row]))
    assert uris["a"] == f"originals/{digest[:2]}/{digest}.jpg"
    assert (tmp_path / "out" / uris["a"]).read_bytes() == page.read_bytes()
