"""Ground that a mask holds goes; products, also those of the ground's colour, stay."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from features.matting.stray_ground import without_stray_ground

GREEN, WHITE, PAPER = (20, 110, 80), (250, 250, 250), (236, 236, 234)


def _arch(product: tuple[int, int, int] = GREEN, behind: tuple[int, int, int] = PAPER):
    """A photo of an arch, its true mask, and one that holds the upper half of its opening."""
    truth = np.zeros((300, 260), np.uint8)
    cv2.rectangle(truth, (50, 40), (210, 260), 1, -1)
    cv2.rectangle(truth, (100, 120), (160, 260), 0, -1)
    held = truth.copy()
    cv2.rectangle(held, (100, 120), (160, 190), 1, -1)
    picture = np.where(truth[..., None] > 0, np.uint8(product), np.uint8(behind))
    noisy = picture + np.random.default_rng(2).normal(0, 1.0, picture.shape)
    soft = cv2.GaussianBlur(noisy, (0, 0), 0.8).clip(0, 255).astype(np.uint8)
    return soft, truth.astype(np.float32), held.astype(np.float32)


def _ground(colour: tuple[int, int, int], shape: tuple[int, int]):
    return np.broadcast_to(np.float32(colour) / np.float32(255), (*shape, 3)).copy()


def _clean(picture, alpha, colour=PAPER):
    return without_stray_ground(picture, alpha, _ground(colour, alpha.shape), 0.4)


def test_ground_in_a_gap_goes_and_the_product_stays():
    picture, truth, held = _arch()
    cleaned = _clean(picture, held)
    assert cleaned.dtype == np.float32
    assert ((cleaned >= 0.5) != (truth >= 0.5)).mean() < 0.004


def test_ground_in_a_soft_shadow_goes_too():
    picture, truth, held = _arch()
    shade = np.linspace(1.0, 0.75, 300)[:, None, None]
    shaded = np.where(truth[..., None] > 0, picture, picture * shade).astype(np.uint8)
    assert ((_clean(shaded, held) >= 0.5) != (truth >= 0.5)).mean() < 0.004


def test_a_right_mask_is_left_as_it_is():
    picture, truth, _ = _arch()
    assert np.array_equal(_clean(picture, truth), truth)


def test_a_part_of_the_grounds_colour_behind_an_edge_stays():
    picture, truth, _ = _arch()
    picture[60:100, 70:190] = PAPER
    picture[96:100, 70:190] = picture[60:64, 70:190] = GREEN
    assert np.array_equal(_clean(picture, truth), truth)


@pytest.mark.parametrize("product", [WHITE, (228, 228, 226)])
def test_a_product_near_the_grounds_colour_is_left_as_it_is(product):
    picture, _, held = _arch(product)
    assert np.array_equal(_clean(picture, held), held)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_mask_without_an_outline_is_left_as_it_is(value):
    picture, truth, _ = _arch()
    assert np.array_equal(_clean(picture, np.full_like(truth, value)), np.full_like(truth, value))
