"""Pictures are cut to a channel's frame with the product inside its safe area."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.schema import InputError
from pipelines.campaigns.framing import Box, box_of, cut, outside, place
from pipelines.campaigns.presets import PRESETS

SIDES = st.integers(120, 900)
SHARES = st.floats(0.02, 0.98)


@given(SIDES, SIDES, SHARES, SHARES, SHARES, SHARES, st.sampled_from(sorted(PRESETS)))
def test_every_product_that_its_photo_shows_whole_is_inside_the_safe_area(w, h, a, b, c, d, name):
    left, right = sorted((a * w, b * w))
    top, bottom = sorted((c * h, d * h))
    box = Box(left, top, right + 1.0, bottom + 1.0)
    preset = PRESETS[name]
    frame = place(w, h, box, preset)
    assert not frame.bleeds
    assert outside(frame, preset) == ()
    assert 0.0 < frame.product_size <= 1.0
    # Where the box is said to be in the frame is where it is.
    assert frame.product.left == pytest.approx(
        (box.left - frame.left) * frame.scale / preset.width_px
    )
    assert frame.product.bottom == pytest.approx(
        (box.bottom - frame.top) * frame.scale / preset.height_px
    )


def test_a_product_of_another_size_takes_as_much_of_the_frame():
    preset = PRESETS["app"]
    small = place(800, 800, Box(380, 380, 420, 420), preset)
    large = place(800, 800, Box(200, 200, 600, 600), preset)
    assert small.product_size == pytest.approx(preset.fill)
    assert large.product_size == pytest.approx(small.product_size)


def test_the_picture_reaches_every_edge_where_the_safe_area_allows_it():
    preset = PRESETS["email"]
    frame = place(600, 600, Box(250, 250, 350, 350), preset)
    assert frame.left >= 0.0
    assert frame.left + preset.width_px / frame.scale <= 600.0 + 1e-6


def test_what_lies_beyond_the_picture_is_its_own_ground_and_shows_no_second_product():
    picture = np.full((100, 100, 3), (10, 200, 10), np.uint8)
    picture[10:98, 10:90] = (250, 0, 0)
    box = box_of((picture[..., 0] > 100).astype(np.float32))
    preset = PRESETS["marketplace"]
    frame = place(100, 100, box, preset)
    assert frame.scale * 100 < preset.width_px + 400
    made = cut(picture, frame, box, preset)
    assert made.shape == (preset.height_px, preset.width_px, 3)
    red = made[..., 0] > 128
    found = box_of(red.astype(np.float32))
    told = frame.product
    sides = (told.left, told.top, told.right, told.bottom)
    seen = np.array([found.left, found.top, found.right, found.bottom]) / preset.width_px
    assert seen == pytest.approx(sides, abs=0.02)
    assert red.mean() == pytest.approx(
        (told.right - told.left) * (told.bottom - told.top), rel=0.04
    )


def test_a_product_that_its_photo_cuts_off_meets_the_frame_there_as_in_the_photo():
    preset = PRESETS["web"]
    frame = place(400, 400, Box(100, 150, 300, 400), preset)
    assert frame.bleeds == ("bottom",)
    assert frame.top + preset.height_px / frame.scale == pytest.approx(400.0)
    assert outside(frame, preset) == ()


def test_one_that_is_cut_off_and_does_not_fit_otherwise_is_refused_in_words():
    with pytest.raises(InputError, match="safe area of email"):
        place(200, 400, Box(0, 10, 200, 390), PRESETS["email"])


def test_a_mask_without_a_product_has_no_box():
    assert box_of(np.zeros((8, 8), np.float32)) is None
