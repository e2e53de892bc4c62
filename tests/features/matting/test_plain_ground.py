"""Photos on plain grounds taken apart: product, clean ground, shadow."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.matting import LOW_CONFIDENCE, PlainGround, plain_ground, product_mask
from features.matting.ground_surface import fit_border
from features.matting.known_ground import matte
from features.matting.plain_ground import PlainEvidence, confidence
from features.matting.solid import make_solid

Picture = NDArray[np.uint8]
Alpha = NDArray[np.float32]


def _mug(shape: tuple[int, int] = (300, 260), thickness: int = 16) -> Alpha:
    """Alpha of a body with a handle, through which the ground shows, four times oversampled."""
    height, width = shape
    canvas = np.zeros((4 * height, 4 * width), np.uint8)
    left, top = int(1.0 * width), int(1.0 * height)
    cv2.rectangle(canvas, (left, top), (int(2.4 * width), int(3.2 * height)), 255, -1)
    centre, axes = (int(2.4 * width), int(2.1 * height)), (int(0.6 * width), int(0.6 * height))
    cv2.ellipse(canvas, centre, axes, 0, -90, 90, 255, 4 * thickness)
    small = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / np.float32(255)


def _photo(
    alpha: Alpha,
    product: tuple[float, float, float],
    ground: NDArray[np.float32],
    shadow: Alpha | None = None,
    noise: float = 1.0,
) -> Picture:
    """A product of one colour, lit from the left, on a ground with a shadow; JPEG of quality 90."""
    light = np.linspace(1.0, 0.75, alpha.shape[1], dtype=np.float32)[None, :, None]
    behind = ground * (1 if shadow is None else shadow[..., None])
    mixed = behind * (1 - alpha[..., None]) + np.float32(product) * light * alpha[..., None]
    grain = np.random.default_rng(3).normal(0, noise, mixed.shape)
    pixels = (255 * mixed + grain).clip(0, 255).astype(np.uint8)
    _, packed = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    return np.ascontiguousarray(cv2.imdecode(packed, cv2.IMREAD_COLOR)[..., ::-1])


def _flat(alpha: Alpha, value: float) -> NDArray[np.float32]:
    return np.full((*alpha.shape, 3), value, dtype=np.float32)


def _below(alpha: Alpha, depth: float) -> Alpha:
    """A soft shadow on the ground below and to the right of the product."""
    move = np.array([[1, 0, 10], [0, 1, 14]], dtype=np.float64)
    moved = cv2.warpAffine(alpha, move, alpha.shape[::-1])
    soft: Alpha = 1 - depth * cv2.GaussianBlur(moved, (0, 0), 9)
    return soft


def _iou(alpha: Alpha, truth: Alpha) -> float:
    found, true = alpha >= 0.5, truth >= 0.5
    return float((found & true).sum() / (found | true).sum())


def _taken_apart(picture: Picture) -> PlainGround:
    found = plain_ground(picture)
    assert found is not None
    return found


@pytest.mark.parametrize("ground", [1.0, 0.94, 0.6])
def test_a_product_is_found_with_its_handles_hole_and_without_its_shadow(ground: float) -> None:
    alpha = _mug()
    picture = _photo(alpha, (0.15, 0.3, 0.5), _flat(alpha, ground), _below(alpha, 0.35))
    found = _taken_apart(picture)
    assert _iou(found.alpha, alpha) > 0.96
    assert found.confidence >= LOW_CONFIDENCE
    hole = cv2.erode((alpha < 0.01).astype(np.uint8), np.ones((9, 9)))
    assert (found.alpha[hole > 0] == 0).mean() > 0.99


def test_a_white_product_on_white_is_kept_whole() -> None:
    alpha = _mug()
    picture = _photo(alpha, (0.96, 0.95, 0.93), _flat(alpha, 1.0), _below(alpha, 0.15))
    assert _iou(_taken_apart(picture).alpha, alpha) > 0.93


def test_the_edge_is_soft_at_the_photos_own_sharpness_and_leaves_no_rim() -> None:
    alpha = cv2.GaussianBlur(_mug(), (0, 0), 0.7)
    found = _taken_apart(_photo(alpha, (0.1, 0.2, 0.35), _flat(alpha, 1.0), noise=0.5))
    edge = (alpha > 0.02) & (alpha < 0.98)
    assert np.abs(found.alpha - alpha)[edge].mean() < 0.12
    outside = cv2.dilate((alpha > 0.004).astype(np.uint8), np.ones((5, 5))) == 0
    assert found.alpha[outside].max() == 0.0


def test_the_clean_ground_and_the_light_on_it_are_told_apart() -> None:
    alpha = _mug()
    down = np.linspace(0.95, 0.8, alpha.shape[0], dtype=np.float32)
    ground = np.broadcast_to(down[:, None, None], (*alpha.shape, 3)).astype(np.float32)
    shadow = _below(alpha, 0.4)
    found = _taken_apart(_photo(alpha, (0.6, 0.1, 0.1), ground, shadow))
    seen = cv2.dilate((alpha > 0).astype(np.uint8), np.ones((9, 9))) == 0
    assert np.abs(found.ground - ground)[seen].mean() < 0.012
    assert np.abs(found.shadow - shadow)[seen].mean() < 0.025
    assert found.shadow[:20, :20].min() > 0.99
    for values in (found.alpha, found.ground, found.shadow):
        assert values.dtype == np.float32
        assert values.min() >= 0
        assert values.max() <= 1


def test_a_product_cut_by_the_frame_is_found() -> None:
    alpha = _mug()[:230]
    picture = _photo(alpha, (0.2, 0.4, 0.3), _flat(alpha, 0.95))
    assert _iou(_taken_apart(picture).alpha, alpha) > 0.95


def test_a_large_photo_is_taken_apart_at_its_own_size() -> None:
    alpha = _mug((1200, 1000), 60)
    found = _taken_apart(_photo(alpha, (0.5, 0.3, 0.1), _flat(alpha, 0.98)))
    assert found.alpha.shape == alpha.shape
    assert found.ground.shape == (*alpha.shape, 3)
    assert _iou(found.alpha, alpha) > 0.97


def test_a_border_of_many_colours_is_not_plain() -> None:
    rng = np.random.default_rng(0)
    patches = rng.integers(0, 256, (12, 10, 3), dtype=np.uint8)
    assert plain_ground(cv2.resize(patches, (200, 240), interpolation=cv2.INTER_LINEAR)) is None


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (23, 200)])
def test_a_picture_of_a_few_pixels_is_not_plain(shape: tuple[int, int]) -> None:
    assert plain_ground(np.full((*shape, 3), 255, dtype=np.uint8)) is None


def test_a_ground_without_a_product_is_not_trusted() -> None:
    found = plain_ground(np.full((200, 160, 3), 250, dtype=np.uint8))
    assert found is None or found.confidence < LOW_CONFIDENCE


def test_the_plain_grounds_mask_is_the_products_where_it_is_trusted() -> None:
    alpha = _mug()
    picture = _photo(alpha, (0.15, 0.3, 0.5), _flat(alpha, 1.0))
    mask = product_mask(picture)
    assert mask.source == "plain_ground"
    assert np.array_equal(mask.alpha, make_solid(_taken_apart(picture).alpha))
    assert np.array_equal(mask.alpha, product_mask(picture.copy()).alpha)


@settings(deadline=None, max_examples=15)
@given(
    st.integers(24, 90), st.integers(24, 90), st.integers(0, 255), st.floats(0, 40), st.integers(0)
)
def test_any_picture_gives_values_in_range(
    height: int, width: int, level: int, noise: float, seed: int
) -> None:
    rng = np.random.default_rng(seed % 2**32)
    values = level + rng.normal(0, noise, (height, width, 3))
    found = plain_ground(values.clip(0, 255).astype(np.uint8))
    if found is not None:
        assert 0 <= found.confidence <= 1
        for field in (found.alpha, found.ground, found.shadow):
            assert np.isfinite(field).all()
            assert field.min() >= 0
            assert field.max() <= 1


def test_the_surface_follows_the_falloff_of_light_and_passes_over_what_is_cut_by_the_frame() -> (
    None
):
    down, across = np.meshgrid(np.linspace(-1, 1, 80), np.linspace(-1, 1, 100), indexing="ij")
    light = 85 - 8 * down - 5 * across**2
    lab = np.dstack([light, np.full_like(light, 2), np.full_like(light, -3)]).astype(np.float32)
    edge = np.zeros((80, 100), dtype=bool)
    edge[:3] = edge[-3:] = edge[:, :3] = edge[:, -3:] = True
    covered = lab.copy()
    covered[-10:, 20:60] = (30, 20, 10)
    surface, share = fit_border(covered, edge)
    assert 0.8 < share < 0.95
    assert np.abs(surface.colours((80, 100)) - lab)[edge].max() < 1.0


def test_the_matte_is_the_place_between_the_two_colours() -> None:
    ramp = np.zeros((40, 40), dtype=np.float32)
    ramp[:, 20:] = 1.0
    ramp[:, 19] = 0.5
    colours = 255 * (1 - ramp[..., None] * np.float32([0.8, 0.6, 0.2]))
    alpha = matte(colours.astype(np.uint8), cv2.GaussianBlur(ramp, (0, 0), 1.5))
    assert np.abs(alpha[:, 19] - 0.5).max() < 0.08
    assert (alpha[:, :17] == 0).all()
    assert (alpha[:, 23:] == 1).all()


def test_confidence_rises_with_the_networks_certainty_and_falls_with_what_is_cut() -> None:
    good = PlainEvidence(share=1.0, noise=0.5, certainty=5.0, touch=0.0)
    assert confidence(good) >= LOW_CONFIDENCE
    assert confidence(good._replace(certainty=2.0)) < LOW_CONFIDENCE
    assert confidence(good._replace(touch=0.5)) < confidence(good)
