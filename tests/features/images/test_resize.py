"""Scaling, cropping and encoding keep what they promise."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from features.images import crop_square, decode, encode, resize, resize_longest
from features.schema import ConfigError, ContractError


@pytest.fixture(scope="module")
def photo():
    rows, columns = np.mgrid[0:90, 0:120]
    return np.stack([rows * 2, columns * 2, (rows + columns)], axis=-1).astype(np.uint8)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 200), st.integers(1, 200), st.integers(1, 200))
def test_the_longest_side_is_the_size_asked(height, width, size_px):
    picture = np.zeros((height, width, 3), np.uint8)
    scaled = resize_longest(picture, size_px)
    assert max(scaled.shape[:2]) == min(size_px, max(height, width))
    assert max(resize_longest(picture, size_px, upscale=True).shape[:2]) == size_px
    assert min(scaled.shape[:2]) >= 1


def test_a_picture_small_enough_is_returned_as_it_is(photo):
    assert resize_longest(photo, 120) is photo
    assert resize_longest(photo, 500) is photo


def test_scaling_down_does_not_alias():
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 255
    scaled = resize(stripes, 60, 60)
    assert np.abs(scaled[2:-2, 2:-2].astype(float) - 127.5).max() < 8


@pytest.mark.parametrize(("shape", "top", "left"), [((90, 120), 0, 15), ((120, 91), 14, 0)])
def test_the_square_is_the_centred_one(shape, top, left):
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    side = min(shape)
    np.testing.assert_array_equal(
        crop_square(picture), picture[top : top + side, left : left + side]
    )


def test_png_is_lossless_and_bytes_are_repeatable(photo):
    data = encode(photo, "png")
    np.testing.assert_array_equal(decode(data), photo)
    assert encode(photo.copy(), "png") == data


@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_lossy_formats_stay_close_and_quality_costs_bytes(photo, format):
    data = encode(photo, format, quality=90)
    assert Image.open(io.BytesIO(data)).format == format.upper()
    assert np.abs(decode(data).astype(int) - photo).mean() < 3
    assert len(encode(photo, format, quality=30)) < len(data)


def test_unknown_formats_and_qualities_are_refused(photo):
    with pytest.raises(ConfigError, match="unknown picture format 'gif': expected one of png"):
        encode(photo, "gif")
    with pytest.raises(ConfigError, match="from 1 to 100, got 0"):
        encode(photo, "jpeg", quality=0)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        [[1]],
    ],
)
def test_other_arrays_are_refused(wrong):
    with pytest.raises(ContractError, match="a picture must be"):
        resize_longest(wrong, 10)


def test_a_size_below_one_is_refused(photo):
    with pytest.raises(ConfigError, match="at least 1 px, got 0"):
        resize_longest(photo, 0)
