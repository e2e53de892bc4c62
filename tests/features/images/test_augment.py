"""Training views are repeatable, stay within their settings and keep what the picture shows."""

import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st

from features.images import AugmentConfig, augment, crop_square, resize
from features.schema import ConfigError

STILL = AugmentConfig(
    size_px=64, min_area=1, flip=False, brightness=0, contrast=0, saturation=0, hue_degrees=0
)


@pytest.fixture(scope="module")
def photo():
    return resize(skimage.data.astronaut(), 96, 128)


def test_the_same_seed_gives_the_same_view_and_another_seed_another(photo):
    views = [augment(photo, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(views[0], views[1])
    assert np.abs(views[0].astype(int) - views[2]).mean() > 1


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 48), st.integers(0, 10**6))
def test_views_are_squares_of_the_size_asked(height, width, size_px, seed):
    picture = np.full((height, width, 3), 90, np.uint8)
    view = augment(picture, np.random.default_rng(seed), AugmentConfig(size_px=size_px))
    assert view.shape == (size_px, size_px, 3)
    assert view.dtype == np.uint8


def test_without_jitter_a_view_of_a_square_is_the_square(photo):
    square = crop_square(photo)
    view = augment(square, np.random.default_rng(0), STILL)
    np.testing.assert_array_equal(view, resize(square, 64, 64))


def test_flipping_mirrors_half_of_the_views(photo):
    square = crop_square(photo)
    config = AugmentConfig(**{**vars(STILL), "flip": True})
    plain = resize(square, 64, 64)
    rng = np.random.default_rng(0)
    views = [augment(square, rng, config) for _ in range(200)]
    mirrored = [np.array_equal(view, plain[:, ::-1]) for view in views]
    assert all(np.array_equal(v, plain) or m for v, m in zip(views, mirrored, strict=True))
    assert 70 < sum(mirrored) < 130


@pytest.mark.parametrize(
    ("setting", "value"),
    [("brightness", 0.2), ("contrast", 0.2), ("saturation", 0.3), ("hue_degrees", 10)],
)
def test_each_jitter_changes_colours_within_its_bound(setting, value):
    grey_and_red = np.full((32, 32, 3), 100, np.uint8)
    grey_and_red[:16] = (150, 90, 80)
    config = AugmentConfig(**{**vars(STILL), "size_px": 32, setting: value})
    rng = np.random.default_rng(0)
    views = np.stack([augment(grey_and_red, rng, config) for _ in range(30)]).astype(int)
    moved = np.abs(views - grey_and_red).max()
    assert 2 < moved <= 45
    if setting in ("saturation", "hue_degrees"):
        np.testing.assert_array_equal(views[:, 16:], 100)


def test_settings_out_of_range_are_refused():
    with pytest.raises(ConfigError, match=r"min_area must be in \(0, 1\], got 0"):
        AugmentConfig(min_area=0)
    with pytest.raises(ConfigError, match=r"jitters must be in \[0, 1\)"):
        AugmentConfig(brightness=1.5)
