"""Style arrival between anchors, in colours, texture and features."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from styletransfer.colour import to_lab, to_levels, to_srgb
from styletransfer.fidelity import (
    FeatureEncoder,
    FidelityMeter,
    LookColours,
    LookFeatures,
    LookTexture,
    arrival,
)

Distance = Callable[..., float]
MEASURES = ["colours", "texture", "features"]


@pytest.fixture(scope="module")
def look() -> np.ndarray:
    """Slanted stripes, red and teal."""
    down, right = np.mgrid[0:128, 0:128]
    stripes = ((down + 2 * right) // 9 % 2).astype(bool)
    return np.where(stripes[..., None], (190, 40, 50), (20, 120, 130)).astype(np.uint8)


@pytest.fixture(scope="module")
def encoder() -> FeatureEncoder:
    return FeatureEncoder()


@pytest.fixture(scope="module")
def measures(look: np.ndarray, encoder: FeatureEncoder) -> dict[str, Distance]:
    return {
        "colours": LookColours(look).distance,
        "texture": LookTexture(look).distance,
        "features": LookFeatures(look, encoder).distance,
    }


def test_the_anchors_are_zero_and_one() -> None:
    assert arrival(8.0, 8.0) == 0.0
    assert arrival(8.0, 0.0) == 1.0
    assert arrival(8.0, 2.0) == 0.75
    assert arrival(8.0, 12.0) == -0.5
    assert arrival(0.0, 0.0) == 1.0
    assert arrival(0.0, 1.0) == 0.0


@pytest.mark.parametrize("name", MEASURES)
def test_the_look_is_at_itself_and_a_photo_is_not(name, measures, look, make_picture) -> None:
    assert measures[name](look) == pytest.approx(0.0, abs=1e-3)
    assert measures[name](make_picture(128, 96)) > 0.05


@pytest.mark.parametrize("name", MEASURES)
def test_a_picture_on_its_way_is_between(name, measures, look, make_picture) -> None:
    photo = make_picture(128, 128)
    half = cv2.addWeighted(photo, 0.4, look, 0.6, 0)
    score = arrival(measures[name](photo), measures[name](half))
    assert 0.1 < score < 0.95


@pytest.mark.parametrize("name", MEASURES)
def test_what_is_masked_out_hardly_counts(name, measures, look, make_picture) -> None:
    render = look.copy()
    render[40:90, 40:90] = make_picture(128, 128)[40:90, 40:90]
    around = np.ones((128, 128), bool)
    around[36:94, 36:94] = False
    whole, outside = measures[name](render), measures[name](render, around)
    assert outside < 0.4 * whole


@pytest.mark.parametrize("name", MEASURES)
def test_distances_are_deterministic(name, measures, make_picture) -> None:
    photo = make_picture(100, 90)
    assert measures[name](photo) == measures[name](photo)


def test_colour_distance_is_scipys_on_the_same_lines(look, make_picture) -> None:
    photo = make_picture(64, 64)
    lines = np.random.default_rng(0).standard_normal((32, 3))
    lines /= np.linalg.norm(lines, axis=1, keepdims=True)
    first, second = (to_lab(one).reshape(-1, 3) @ lines.T for one in (photo, look))
    expected = np.mean(
        [wasserstein_distance(*pair) for pair in zip(first.T, second.T, strict=True)]
    )
    assert LookColours(look, seed=0).distance(photo) == pytest.approx(expected, rel=0.02)


def test_the_size_of_the_picture_does_not_matter_to_colours(look) -> None:
    large = look.repeat(2, 0).repeat(2, 1)
    assert LookColours(look).distance(large) < 1.0


def test_texture_tells_direction_and_scale_but_not_colour(look) -> None:
    texture = LookTexture(look)
    flipped = np.ascontiguousarray(look[:, ::-1])
    finer = np.tile(look[::2, ::2], (2, 2, 1))
    grey = to_levels(to_srgb(to_lab(look) * np.array([1, 0, 0], np.float32)))
    assert texture.distance(flipped) > 3 * texture.distance(grey)
    assert texture.distance(finer) > 3 * texture.distance(np.roll(look, 18, axis=1))


def test_the_meter_reports_arrival_outside_the_mask(look, make_picture) -> None:
    photo = make_picture(128, 128)
    alpha = np.zeros((128, 128), np.float32)
    alpha[40:90, 40:90] = 1
    render = np.where(alpha[..., None] > 0, photo, look)
    meter = FidelityMeter(photo, alpha)
    colours = LookColours(look)
    assert meter.measure(photo, colours).arrival == 0.0
    arrived = meter.measure(render, colours).arrival
    assert arrived is not None
    assert arrived > 0.9
    assert meter.measure(render).arrival is None
