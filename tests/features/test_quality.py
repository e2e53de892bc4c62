"""The quality report finds each planted fault, names it, and fits into JSON."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st

from features.config import QualityConfig
from features.images import decode, encode, resize
from features.quality import effective_number, gini, picture_stats, quality_report
from features.schema import SchemaError
from features.tables import validate_events, validate_items, validate_styles


@pytest.fixture(scope="module")
def item_pictures():
    coffee = resize(skimage.data.coffee(), 200, 300)
    chelsea = resize(skimage.data.chelsea(), 200, 300)
    shown = {
        "good": coffee,
        "copy": decode(encode(coffee, "jpeg", quality=50)),
        "tiny": resize(skimage.data.astronaut(), 60, 90),
        "grey": (chelsea // 16 + 120).astype(np.uint8),
        "soft": cv2.GaussianBlur(resize(skimage.data.rocket(), 200, 300), (0, 0), 8),
    }
    return pd.DataFrame([{"item_id": key, **picture_stats(p)} for key, p in shown.items()])


@pytest.fixture(scope="module")
def tables():
    items = pd.DataFrame(
        {
            "item_id": ["good", "copy", "tiny", "grey", "soft", "broken"],
            "image_path": "a.jpg",
            "title": ["cup", "cup", "", "cat", "rocket", "x"],
            "category": ["home", "home", "home", "pets", "space", ""],
        }
    )
    styles = pd.DataFrame(
        {"style_id": ["s1", "s2", "s3"], "name": "n", "image_path": "b.jpg"},
    )
    rows = [
        ("u1", "good", "2024-01-01T10:00", "impression", "s1"),
        ("u1", "good", "2024-01-01T10:01", "view", "s1"),
        ("u1", "copy", "2024-01-01T12:00", "impression", "s1"),
        ("u1", "copy", "2024-01-05T12:00", "impression", None),
        ("u1", "good", "2024-01-05T12:01", "purchase", None),
        ("u2", "tiny", "2024-01-06T09:00", "impression", "s2"),
        ("u3", "grey", "2024-01-06T10:00", "cart", None),
        ("u3", "grey", "2024-01-06T10:05", "impression", None),
    ]
    events = pd.DataFrame(
        rows, columns=["user_id", "item_id", "timestamp", "event_type", "style_id"]
    )
    events["timestamp"] = pd.to_datetime(events["timestamp"], utc=True)
    return validate_events(events)[0], validate_items(items)[0], validate_styles(styles)[0]


@pytest.fixture(scope="module")
def report(tables, item_pictures):
    config = QualityConfig(min_impressions_per_look=2)
    return quality_report(*tables, item_pictures, bot_users={"b2", "b1"}, config=config)


def test_each_bad_picture_is_counted_and_named(report):
    pictures = report["pictures"]
    assert (pictures["items"], pictures["readable"]) == (6, 5)
    for fault, item in [
        ("broken", "broken"),
        ("too_small", "tiny"),
        ("low_contrast", "grey"),
        ("blurred", "soft"),
    ]:
        assert pictures[fault] == 1, fault
        assert pictures[f"{fault}_examples"] == [item]
    assert pictures["near_duplicates"] == 1
    assert pictures["near_duplicate_examples"] == [["copy", "good"]]
    assert pictures["median_shorter_side_px"] == 200


def test_catalogue_coverage(report):
    catalogue = report["catalogue"]
    assert catalogue["items_by_category"] == {"home": 3, "pets": 1, "space": 1}
    assert catalogue["without_category_examples"] == ["broken"]
    assert catalogue["without_title_examples"] == ["tiny"]
    assert catalogue["without_events_examples"] == ["broken", "soft"]
    assert catalogue["actions_by_category"] == {"home": 2, "pets": 1}
    assert catalogue["effective_categories"] == pytest.approx(
        np.exp(-(0.6 * np.log(0.6) + 0.4 * np.log(0.2)))
    )


def test_look_coverage_counts_the_plain_photo_apart(report):
    looks = report["looks"]
    assert looks["looks"] == 3
    assert looks["impressions_by_look"] == {"original": 2, "s1": 2, "s2": 1, "s3": 0}
    assert looks["never_shown_examples"] == ["s3"]
    assert looks["seldom_shown_examples"] == ["s2"]
    assert looks["original_share"] == pytest.approx(0.4)
    assert looks["actions_by_look"] == {"original": 2, "s1": 1, "s2": 0, "s3": 0}


def test_gaps_in_the_log_are_found(report):
    events = report["events"]
    assert events["events_by_type"] == {
        "impression": 5,
        "cart": 1,
        "purchase": 1,
        "view": 1,
        "click": 0,
    }
    assert (events["days"], events["days_without_events"], events["gaps"]) == (6, 3, 1)
    assert events["longest_gap_hours"] == 96
    assert events["gap_examples"] == [
        {
            "from_utc": "2024-01-01T12:00:00+00:00",
            "to_utc": "2024-01-05T12:00:00+00:00",
            "hours": 96.0,
        }
    ]


def test_shoppers_of_one_event_and_bots_are_found(report):
    shoppers = report["shoppers"]
    assert shoppers["shoppers"] == 3
    assert shoppers["one_event_examples"] == ["u2"]
    assert shoppers["only_impressions_examples"] == ["u2"]
    assert shoppers["bots"] == 2
    assert shoppers["bots_examples"] == ["b1", "b2"]
    assert shoppers["most_events"] == 5


def test_popularity_is_measured_over_the_whole_catalogue(report):
    popularity = report["popularity"]
    assert popularity["actions_gini"] == pytest.approx(gini(np.array([2, 0, 0, 1, 0, 0])))
    assert popularity["actions_share_of_top_tenth"] == pytest.approx(2 / 3)


def test_the_report_fits_into_json_and_repeats(report, tables, item_pictures):
    text = json.dumps(report, allow_nan=False)
    shuffled = item_pictures.sample(frac=1, random_state=0)
    events, items, styles = tables
    again = quality_report(
        events,
        items.iloc[::-1],
        styles.iloc[::-1],
        shuffled,
        bot_users=["b1", "b2"],
        config=QualityConfig(min_impressions_per_look=2),
    )
    assert json.dumps(again, allow_nan=False) == text


def test_a_log_without_rows_is_reported_not_divided_by(tables, item_pictures):
    events, items, styles = tables
    report = quality_report(events.iloc[:0], items, styles, item_pictures.iloc[:0])
    assert report["events"]["events"] == 0
    assert report["pictures"]["broken"] == 6
    assert report["looks"]["never_shown"] == 3
    json.dumps(report, allow_nan=False)


def test_pictures_without_their_statistics_are_refused(tables, item_pictures):
    with pytest.raises(SchemaError, match="pictures: column 'phash' is missing: found item_id"):
        quality_report(*tables, item_pictures.drop(columns="phash"))


def test_statistics_measure_what_they_say():
    halves = np.zeros((100, 200, 3), np.uint8)
    halves[:, 100:] = 200
    stats = picture_stats(halves)
    assert (stats["width_px"], stats["height_px"]) == (200, 100)
    assert stats["brightness"] == pytest.approx(100, abs=0.01)
    assert stats["contrast"] == pytest.approx(200, abs=0.01)
    blurred = picture_stats(cv2.GaussianBlur(halves, (0, 0), 4))
    assert blurred["sharpness"] < stats["sharpness"] / 10
    pale = picture_stats(halves // 4 + 100)
    assert pale["sharpness"] == pytest.approx(stats["sharpness"], rel=0.01)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=30))
def test_gini_is_half_the_relative_mean_difference(amounts):
    values = np.array(amounts, dtype=np.float64)
    differences = np.abs(values[:, None] - values[None]).mean()
    expected = differences / (2 * values.mean()) if values.sum() else 0
    assert gini(values) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(0, 10), st.floats(0.1, 1e6))
def test_equal_parts_are_as_many_as_their_effective_number(n, n_empty, amount):
    amounts = np.array([amount] * n + [0.0] * n_empty)
    assert effective_number(amounts) == pytest.approx(n)
