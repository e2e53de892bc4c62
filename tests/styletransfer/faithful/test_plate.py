"""The picture taken apart."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from features.schema import ContractError
from styletransfer.faithful.plate import fill, take_apart


def disc(height: int = 96, width: int = 120, soft_px: float = 1.5) -> np.ndarray:
    down, right = np.mgrid[0:height, 0:width]
    reach = np.hypot(down - height / 2, right - width / 2)
    return np.clip((24 - reach) / soft_px + 0.5, 0, 1).astype(np.float32)


def solid_disc() -> np.ndarray:
    return (disc() > 0.5).astype(np.float32)


def mixed(alpha: np.ndarray, product: tuple[int, ...], ground: tuple[int, ...]) -> np.ndarray:
    share = alpha[..., None]
    return np.round(share * product + (1 - share) * np.array(ground)).astype(np.uint8)


def test_no_trace_of_the_product_is_left_in_the_background() -> None:
    alpha = disc()
    plate = take_apart(mixed(alpha, (200, 30, 20), (60, 120, 180)), alpha)
    np.testing.assert_allclose(plate.background, np.broadcast_to((60, 120, 180), (96, 120, 3)))


def test_a_mask_a_pixel_too_small_leaves_no_rim() -> None:
    alpha = disc(soft_px=0.01)
    picture = mixed(alpha, (200, 30, 20), (60, 120, 180))
    too_small = cv2.erode(alpha, np.ones((3, 3), np.uint8))
    plate = take_apart(picture, too_small)
    assert np.abs(plate.background.astype(int) - (60, 120, 180)).max() <= 1


def test_soft_pixels_get_the_products_own_colour_back() -> None:
    alpha = disc(soft_px=4)
    plate = take_apart(mixed(alpha, (200, 30, 20), (60, 120, 180)), alpha)
    soft = (alpha > 0.05) & (alpha < 0.95)
    assert soft.sum() > 100
    error = np.abs(plate.foreground[soft] * 255 - (200, 30, 20))
    assert error.max() < 6


def test_the_parts_make_up_the_picture_again(make_picture) -> None:
    picture, alpha = make_picture(96, 120), disc()
    plate = take_apart(picture, alpha)
    share = alpha[..., None]
    again = share * plate.foreground * 255 + (1 - share) * plate.background
    sure = (alpha > 0.97) | (cv2.dilate(alpha, np.ones((7, 7))) == 0)
    assert np.abs(again - picture)[sure].max() <= 1


def test_grain_is_filled_with_grain() -> None:
    rng = np.random.default_rng(0)
    grain = np.clip(128 + rng.normal(0, 12, (128, 128, 1)), 0, 255).repeat(3, 2).astype(np.uint8)
    alpha = np.zeros((128, 128), np.float32)
    alpha[40:88, 40:88] = 1
    hole = take_apart(grain, alpha).background[48:80, 48:80].std()
    assert 6 < hole < 18


def test_taking_apart_is_deterministic(make_picture) -> None:
    picture, alpha = make_picture(70, 90), disc(70, 90)
    first, second = take_apart(picture, alpha), take_apart(picture, alpha)
    np.testing.assert_array_equal(first.background, second.background)
    np.testing.assert_array_equal(first.foreground, second.foreground)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_an_empty_or_a_full_mask_is_taken(make_picture, value: float) -> None:
    picture = make_picture(64, 64)
    plate = take_apart(picture, np.full((64, 64), value, np.float32))
    if value == 0.0:
        np.testing.assert_array_equal(plate.background, picture)
    assert np.isfinite(plate.foreground).all()


def test_fill_keeps_what_is_known() -> None:
    rng = np.random.default_rng(0)
    colours = rng.random((40, 50, 3)).astype(np.float32)
    weight = np.ones((40, 50), np.float32)
    weight[10:20, 10:30] = 0
    filled = fill(colours, weight)
    np.testing.assert_allclose(filled[weight == 1], colours[weight == 1], atol=1e-6)
    assert filled.min() >= colours.min() - 0.2
    assert filled.max() <= colours.max() + 0.2


def test_a_mask_of_another_size_is_refused(make_picture) -> None:
    with pytest.raises(ContractError, match=r"the mask is \(32, 32\), expected \(64, 64\)"):
        take_apart(make_picture(64, 64), np.ones((32, 32), np.float32))


def test_a_rim_of_background_inside_the_mask_is_left_out() -> None:
    true = solid_disc()
    picture = mixed(true, (20, 25, 30), (230, 225, 220))
    too_large = cv2.dilate(true, np.ones((3, 3), np.uint8))
    plate = take_apart(picture, too_large)
    rim = (too_large > 0) & (true == 0)
    assert plate.alpha[rim].max() < 0.1
    np.testing.assert_array_equal(plate.alpha[true == 1], 1.0)
    np.testing.assert_array_equal(plate.mask, too_large)


def test_a_trim_of_another_colour_stays_with_the_product() -> None:
    true = solid_disc()
    picture = mixed(true, (20, 25, 30), (230, 225, 220))
    trim = (true == 1) & (cv2.erode(true, np.ones((5, 5), np.uint8)) == 0)
    picture[trim] = (200, 40, 40)
    np.testing.assert_array_equal(take_apart(picture, true).alpha, true)


def test_a_thin_strap_of_the_grounds_colour_is_not_cut() -> None:
    true = solid_disc()
    true[46:49, :] = 1
    picture = mixed(true, (20, 25, 30), (230, 225, 220))
    picture[46:49][solid_disc()[46:49] == 0] = (215, 215, 215)
    strap = take_apart(picture, true).alpha[47, 90:]
    np.testing.assert_array_equal(strap, 1.0)
