"""Colour spaces and CIEDE2000 beside scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from styletransfer.colour import (
    delta_e_2000,
    lightness,
    luminance,
    to_lab,
    to_levels,
    to_srgb,
)


def all_kinds_of_colours(n: int = 4000) -> np.ndarray:
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 256, (n, 3)).astype(np.uint8)
    levels[:256] = np.arange(256, dtype=np.uint8)[:, None]
    return levels.reshape(-1, 40, 3)


def test_lab_and_lightness_are_scikit_images() -> None:
    picture = all_kinds_of_colours()
    expected = rgb2lab(picture)
    np.testing.assert_allclose(to_lab(picture), expected, atol=2e-3)
    np.testing.assert_allclose(lightness(picture), expected[..., 0], atol=1e-3)
    # OpenCV's own conversion of floats interpolates in a table.
    floats = to_lab(picture.astype(np.float32) / np.float32(255))
    np.testing.assert_allclose(floats, expected, atol=0.6)


def test_levels_survive_lab_and_back() -> None:
    picture = all_kinds_of_colours()
    back = to_levels(to_srgb(to_lab(picture)))
    assert np.abs(back.astype(int) - picture).max() <= 1


def test_luminance_of_white_is_one() -> None:
    assert luminance(np.full((1, 1, 3), 255, np.uint8)) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("scale", [0.5, 5.0, 40.0])
def test_delta_e_is_scikit_images(scale: float) -> None:
    rng = np.random.default_rng(1)
    first = rng.uniform([0, -90, -90], [100, 90, 90], (5000, 3))
    second = first + rng.normal(0, scale, first.shape)
    first[:50, 1:] = 0  # greys have no hue
    second[25:75, 1:] = 0
    expected = deltaE_ciede2000(first, second)
    got = delta_e_2000(first.astype(np.float32), second.astype(np.float32))
    # In float32 a hue near the half turn can fall on the other side.
    assert np.mean(np.abs(got - expected) > 1e-3 * scale) < 1e-3
    assert got.mean() == pytest.approx(expected.mean(), rel=1e-4)


def test_delta_e_of_the_published_pairs() -> None:
    # Sharma, Wu and Dalal 2005, table 1, pairs 1, 7, 13, 17, 25 and 31.
    first = np.array(
        [
            [50.0, 2.6772, -79.7751],
            [50.0, 0.0, 0.0],
            [50.0, -0.001, 2.49],
            [50.0, 2.5, 0.0],
            [60.2574, -34.0099, 36.2677],
            [22.7233, 20.0904, -46.694],
        ]
    )
    second = np.array(
        [
            [50.0, 0.0, -82.7485],
            [50.0, -1.0, 2.0],
            [50.0, 0.0011, -2.49],
            [73.0, 25.0, -18.0],
            [60.4626, -34.1751, 39.4387],
            [23.0331, 14.973, -42.5619],
        ]
    )
    expected = [2.0425, 2.3669, 4.7461, 27.1492, 1.2644, 2.0373]
    got = delta_e_2000(first.astype(np.float32), second.astype(np.float32))
    np.testing.assert_allclose(got, expected, atol=2e-3)
