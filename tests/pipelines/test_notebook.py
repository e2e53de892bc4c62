"""Results show themselves in a notebook, whatever their texts hold."""

import numpy as np
import pandas as pd
import pytest

from features.images import encode, img_tag
from features.schema import InputError
from pipelines.feed import Feed
from recsys.offpolicy import Verdict
from recsys.preference import BrowsingPreferenceModel, StylePreferenceModel
from recsys.preference.taste_model import taste_html
from styletransfer.renderer import Rendered

PICTURE = np.full((20, 30, 3), 200, np.uint8)
EVIL = "<script>alert('a')</script>"


def test_a_picture_is_held_by_its_tag_and_its_text_is_escaped():
    tag = img_tag(PICTURE, EVIL, 8)
    assert tag.startswith('<img alt="&lt;script&gt;')
    assert "data:image/jpeg;base64," in tag
    assert EVIL not in tag


def test_a_render_shows_its_picture_its_mode_and_its_reason():
    shown = Rendered("grain", PICTURE, "faithful", "accent", 0.7, 1.0, reason=EVIL)._repr_html_()
    assert "<img " in shown
    assert "grain; accent at 0.7; &lt;script&gt;" in shown


def test_a_verdict_shows_its_sentence_and_why_it_refuses():
    refused = Verdict("refused", "too few rows", ("12 rewarded rows & 3",), None, 0.1)
    shown = refused._repr_html_()
    assert "<b>refused</b>: too few rows" in shown
    assert "<li>12 rewarded rows &amp; 3</li>" in shown


class TwoLooks:
    style_ids = ("grain", EVIL)

    def users(self):
        return pd.DataFrame({"user_id": ["u", "v"], "style_strength": [0.9, 0.1]})

    def affinity_matrix(self, user_ids):
        return np.array([[0.2, 0.5, 0.0], [-0.1, -0.2, 0.0]], np.float32)


def test_a_taste_shows_the_looks_that_are_liked_best_first():
    shown = taste_html(TwoLooks())
    first, second = shown.split("<tr>")[2:]
    assert first.index("+0.50") < first.index("grain +0.20") < first.index("original +0.00")
    assert "original +0.00, grain -0.10" in second
    assert EVIL not in shown


@pytest.mark.parametrize("model", [StylePreferenceModel(), BrowsingPreferenceModel()])
def test_a_model_before_its_fit_shows_nothing_and_is_no_error(model):
    assert model._repr_html_() is None


@pytest.fixture
def feed(tmp_path):
    (tmp_path / "renders").mkdir()
    (tmp_path / "renders" / "a.jpeg").write_bytes(encode(PICTURE, "jpeg"))
    rows = pd.DataFrame(
        {
            "user_id": ["u", "u", EVIL],
            "rank": [1, 2, 1],
            "item_id": ["007", "008", "009"],
            "style_id": ["grain", "original", "original"],
            "image_uri": ["renders/a.jpeg", "renders/gone.jpeg", None],
            "reason": "popular",
        }
    )
    return Feed(tmp_path, rows)


def test_a_feed_shows_what_its_first_shoppers_see(feed):
    shown = feed._repr_html_()
    assert "2 shoppers, 3 rows" in shown
    assert shown.count("<img ") == 1
    assert "picture missing" in shown
    assert "no picture" in shown
    assert EVIL not in shown


def test_a_feed_gives_the_rows_of_one_user(feed):
    assert feed.of("u")["item_id"].tolist() == ["007", "008"]
    with pytest.raises(InputError, match="no row for user 'w'"):
        feed.of("w")


def test_a_folder_without_a_feed_is_told_in_one_line(tmp_path):
    with pytest.raises(InputError, match="has no feed"):
        Feed.read(tmp_path)
