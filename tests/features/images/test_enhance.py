"""Repairs bring damaged photos nearer to the good one, and leave good photos nearly alone."""

import cv2
import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from features.images import (
    EnhanceConfig,
    auto_contrast,
    auto_white_balance,
    denoise,
    enhance,
    luma,
    noise_sigma,
    resize,
    sharpen,
)

SMALL_PICTURES = hnp.arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(3)))


@pytest.fixture(scope="module")
def photo():
    return resize(skimage.data.coffee(), 160, 240)


def colour_error(picture, reference):
    return float(np.abs(picture.astype(float) - reference).mean())


@pytest.mark.parametrize("cast", [(1.0, 0.93, 0.78), (0.82, 0.95, 1.0)])
def test_white_balance_removes_a_cast(photo, cast):
    balanced = auto_white_balance(photo, max_gain=2)
    tinted = np.rint(balanced * np.array(cast)).astype(np.uint8)
    repaired = auto_white_balance(tinted, max_gain=2)
    ratio = repaired.mean(axis=(0, 1)) / balanced.mean(axis=(0, 1))
    # What matters is the balance between the channels, not the overall level.
    assert np.ptp(ratio) < 0.35 * np.ptp(cast)


def test_white_balance_leaves_greys_alone():
    grey = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
    np.testing.assert_array_equal(auto_white_balance(grey), grey)


def test_white_balance_does_not_wash_out_a_red_product():
    red = np.full((32, 32, 3), (200, 30, 40), np.uint8)
    red[:4] = 128
    assert np.abs(auto_white_balance(red).astype(int) - red).max() <= 16


def test_contrast_uses_the_whole_range_and_keeps_greys_grey(photo):
    flat = (photo // 2 + 60).astype(np.uint8)
    stretched = luma(auto_contrast(flat, max_gain=3))
    low, high = np.percentile(stretched, [0.5, 99.5])
    assert low < 12
    assert high > 243
    grey = np.repeat(luma(flat).astype(np.uint8)[..., None], 3, axis=2)
    assert np.ptp(auto_contrast(grey).astype(int), axis=2).max() == 0


def test_contrast_of_a_picture_with_the_full_range_stays():
    ramp = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
    assert colour_error(auto_contrast(ramp), ramp) < 1.5


def test_contrast_gain_is_limited_on_plain_pictures():
    plain = np.full((20, 20, 3), 100, np.uint8)
    plain[10:] = 104
    stretched = auto_contrast(plain).astype(int)
    assert stretched[10, 0, 0] - stretched[0, 0, 0] == 6
    assert abs(stretched.mean() - plain.mean()) < 5


def test_denoising_brings_a_noisy_photo_nearer_to_the_clean_one(photo):
    clean = cv2.GaussianBlur(photo, (0, 0), 1.0)
    noise = np.random.default_rng(0).normal(0, 12, photo.shape)
    noisy = np.clip(np.rint(clean + noise), 0, 255).astype(np.uint8)
    assert colour_error(denoise(noisy), clean) < 0.6 * colour_error(noisy, clean)


def test_a_clean_picture_is_not_denoised(photo):
    clean = cv2.GaussianBlur(photo, (0, 0), 1.0)
    assert denoise(clean) is clean


@pytest.mark.parametrize("sigma", [4.0, 12.0, 25.0])
def test_the_noise_estimate_is_right(sigma):
    rng = np.random.default_rng(0)
    noise = np.repeat(rng.normal(0, sigma, (200, 200, 1)), 3, axis=2)
    steps = np.repeat(np.repeat([[90], [160]], 100, axis=0), 200, axis=1)[..., None]
    noisy = np.clip(np.rint(steps + noise), 0, 255).astype(np.uint8)
    assert noise_sigma(noisy) == pytest.approx(sigma, rel=0.1)


def test_sharpening_steepens_edges_without_ringing(photo):
    step = np.full((20, 40, 3), 60, np.uint8)
    step[:, 20:] = 180
    soft = cv2.GaussianBlur(step, (0, 0), 1.5)
    sharper = sharpen(soft, amount=1.5)
    steepest = [np.diff(luma(picture), axis=1).max() for picture in (soft, sharper)]
    assert steepest[1] > 1.2 * steepest[0]
    assert sharper.min() >= soft.min()
    assert sharper.max() <= soft.max()
    assert np.array_equal(sharpen(photo, amount=0), photo)


@settings(max_examples=60, deadline=None)
@given(SMALL_PICTURES)
def test_any_picture_keeps_its_shape_and_type(picture):
    for repair in (auto_white_balance, auto_contrast, denoise, sharpen, enhance):
        repaired = repair(picture)
        assert repaired.shape == picture.shape
        assert repaired.dtype == np.uint8


def test_enhance_makes_only_the_repairs_asked_for(photo):
    before = photo.copy()
    nothing = EnhanceConfig(denoise=False, white_balance=False, contrast=False, sharpen=False)
    assert enhance(photo, nothing) is photo
    only_contrast = EnhanceConfig(denoise=False, white_balance=False, sharpen=False)
    np.testing.assert_array_equal(enhance(photo, only_contrast), auto_contrast(photo))
    enhance(photo)
    np.testing.assert_array_equal(photo, before)
