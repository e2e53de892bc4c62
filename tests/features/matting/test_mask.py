"""Product masks: order of sources, bad masks, determinism, confidence."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from features.matting import product_mask
from features.schema import ContractError, ImageError


def _scene(
    product: tuple[int, int, int],
    ground: tuple[int, int, int],
    noise: float = 6.0,
    shape: tuple[int, int] = (200, 150),
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A T-shirt-like figure on a noisy ground, and where it is."""
    rng = np.random.default_rng(7)
    inside = np.zeros(shape, dtype=bool)
    height, width = shape
    inside[height // 4 : height * 4 // 5, width // 3 : width * 2 // 3] = True
    inside[height // 4 : height * 2 // 5, width // 5 : width * 4 // 5] = True
    colours = np.where(inside[..., None], product, ground) + rng.normal(0, noise, (*shape, 3))
    return np.clip(colours, 0, 255).astype(np.uint8), inside


def _iou(alpha: NDArray[np.float32], inside: NDArray[np.bool_]) -> float:
    found = alpha >= 0.5
    return float((found & inside).sum() / (found | inside).sum())


@pytest.mark.parametrize(
    ("product", "ground"),
    [
        ((30, 60, 150), (225, 220, 210)),
        ((240, 240, 235), (90, 70, 50)),
        ((60, 60, 60), (180, 40, 40)),
    ],
)
def test_a_product_on_a_plain_ground_is_found_and_trusted(
    product: tuple[int, int, int], ground: tuple[int, int, int]
) -> None:
    picture, inside = _scene(product, ground)
    mask = product_mask(picture)
    assert mask.source == "estimated"
    assert mask.alpha.dtype == np.float32
    assert mask.alpha.shape == picture.shape[:2]
    assert mask.alpha.min() >= 0.0
    assert mask.alpha.max() <= 1.0
    assert _iou(mask.alpha, inside) > 0.93
    assert mask.confidence > 0.5


def test_a_product_that_cannot_be_told_from_its_ground_is_not_trusted() -> None:
    picture, _ = _scene((128, 128, 128), (128, 128, 128), noise=25.0)
    assert product_mask(picture).confidence < 0.5


def test_the_same_picture_gives_the_same_mask() -> None:
    picture, _ = _scene((30, 60, 150), (225, 220, 210), noise=40.0)
    one, two = product_mask(picture), product_mask(picture.copy())
    assert np.array_equal(one.alpha, two.alpha)
    assert one.confidence == two.confidence


def test_the_pictures_own_alpha_comes_before_a_given_mask_and_that_before_an_estimate() -> None:
    picture, inside = _scene((30, 60, 150), (225, 220, 210))
    alpha = np.where(inside, 255, 0).astype(np.uint8)
    alpha[0, 0] = 64
    given = np.roll(alpha, 5, axis=0)
    own = product_mask(picture, alpha, given)
    assert own.source == "alpha"
    assert np.array_equal(own.alpha, alpha / np.float32(255))
    assert own.confidence > 0.9
    provided = product_mask(picture, None, given)
    assert provided.source == "given"
    assert np.array_equal(provided.alpha, given / np.float32(255))


@pytest.mark.parametrize("value", [0, 255])
def test_an_alpha_or_mask_of_one_value_is_passed_over(value: int) -> None:
    picture, inside = _scene((30, 60, 150), (225, 220, 210))
    flat = np.full(picture.shape[:2], value, dtype=np.uint8)
    cut_out = np.where(inside, 255, 0).astype(np.uint8)
    assert product_mask(picture, flat, cut_out).source == "given"
    estimated = product_mask(picture, given=flat)
    assert estimated.source == "estimated"
    assert _iou(estimated.alpha, inside) > 0.9


@pytest.mark.parametrize(
    "given",
    [
        np.zeros((150, 200), dtype=np.uint8),
        np.zeros((200, 150, 3), dtype=np.uint8),
        np.zeros((200, 150), dtype=np.float32),
    ],
    ids=["turned", "three channels", "float"],
)
def test_a_mask_that_does_not_fit_its_picture_is_refused_in_one_clear_line(
    given: NDArray[np.uint8],
) -> None:
    picture, _ = _scene((30, 60, 150), (225, 220, 210))
    with pytest.raises(
        ImageError, match=r"the given mask is .* expected uint8 of shape \(200, 150\)"
    ):
        product_mask(picture, given=given)


def test_a_float_picture_is_refused() -> None:
    with pytest.raises(ContractError, match="uint8"):
        product_mask(np.zeros((20, 20, 3), dtype=np.float32))  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 3), (17, 400)])
@pytest.mark.parametrize("value", [0, 128, 255])
def test_tiny_narrow_and_blank_pictures_give_a_mask_that_is_not_trusted(
    shape: tuple[int, int], value: int
) -> None:
    mask = product_mask(np.full((*shape, 3), value, dtype=np.uint8))
    assert mask.alpha.shape == shape
    assert np.isfinite(mask.alpha).all()
    assert mask.confidence < 0.5
