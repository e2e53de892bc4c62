"""A photo is repaired as far as its product keeps its colours, and judged as it came."""

from dataclasses import replace

import numpy as np
import pytest

from features.images import noise_sigma
from features.matting import Mask
from styletransfer.colour import delta_e_2000, to_lab
from styletransfer.faithful.enhance import MAX_DELTA_E, enhance_within
from styletransfer.faithful.gate import CATALOGUE, ItemGate, look_anchor


@pytest.fixture
def photo():
    """A flat, noisy photo with a cast, and where its product is."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:96, 0:120]
    alpha = (np.hypot(x - 60, y - 48) < 30).astype(np.float32)
    colours = np.where(alpha[..., None] > 0, [90, 110, 130], [170, 160, 130]) + (x % 7)[..., None]
    noisy = colours + rng.normal(0, 5, (96, 120, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8), alpha


def _moved(one, other, alpha):
    inside = alpha >= 0.5
    return float(delta_e_2000(to_lab(one[inside]), to_lab(other[inside])).mean())


@pytest.mark.parametrize("most", [0.2, MAX_DELTA_E, 3.0])
def test_the_product_moves_no_further_than_allowed(photo, most):
    picture, alpha = photo
    made = enhance_within(picture, alpha, most)
    assert list(made.amounts) == ["noise", "colour cast", "contrast", "sharpness"]
    assert made.delta_e <= most
    assert _moved(picture, made.picture, alpha) == pytest.approx(made.delta_e, abs=0.05)
    assert made.delta_e > 0.6 * most


def test_noise_goes_first_and_a_sound_photo_is_hardly_touched(photo):
    noisy, alpha = photo
    made = enhance_within(noisy, alpha, 6.0)
    assert made.amounts["noise"] > 0.5
    assert noise_sigma(made.picture) < 0.6 * noise_sigma(noisy)
    plain = np.full_like(noisy, 128)
    np.testing.assert_array_equal(enhance_within(plain, alpha).picture, plain)


def test_a_mask_without_product_bounds_the_whole_photo(photo):
    picture, alpha = photo
    made = enhance_within(picture, np.zeros_like(alpha))
    assert _moved(picture, made.picture, np.ones_like(alpha)) <= MAX_DELTA_E + 0.05


def test_a_repaired_photo_is_judged_and_refused_as_the_photo_that_came(photo):
    picture, alpha = photo
    repaired = np.clip(picture * 1.3, 0, 255).astype(np.uint8)
    mask = Mask(alpha, 1.0, "given")
    look = look_anchor(picture[::-1].copy())
    strict = replace(CATALOGUE, max_delta_e=2.0)
    paint = np.full_like(picture, 80)
    served = ItemGate(repaired, mask, strict, original=picture).serve("faithful", paint, look)
    assert served.mode == "original"
    np.testing.assert_array_equal(served.picture, picture)
    assert "delta-E" in served.reasons[0]
