"""People in photos: found, told from things, and kept as foreground."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from features.matting import product_mask
from features.matting.confidence import missed_foreground
from features.matting.people import (
    face_score,
    foreground_alpha,
    shows_face,
    shows_skin,
    skin,
)


@pytest.fixture(scope="module")
def astronaut() -> NDArray[np.uint8]:
    """A woman in an orange suit before a flag (512 x 512), from NASA, public domain."""
    picture: NDArray[np.uint8] = skimage.data.astronaut()
    return picture


def test_a_person_is_found_from_hair_to_suit(astronaut: NDArray[np.uint8]) -> None:
    foreground = foreground_alpha(astronaut)
    assert foreground.shape == astronaut.shape[:2]
    assert foreground.dtype == np.float32
    assert foreground[60:200, 190:260].mean() > 0.95  # face and hair
    assert foreground[300:480, 150:260].mean() > 0.9  # the suit
    assert foreground[:130, 300:400].mean() < 0.2  # the wall


def test_a_face_scores_higher_than_any_thing(astronaut: NDArray[np.uint8]) -> None:
    assert face_score(astronaut) > 0.85
    assert face_score(skimage.data.coffee()) < 0.7


def test_a_face_and_skin_show_a_person_and_a_cup_has_neither(
    astronaut: NDArray[np.uint8],
) -> None:
    assert shows_face(astronaut)
    coffee: NDArray[np.uint8] = skimage.data.coffee()
    assert not shows_face(coffee)
    nothing = np.zeros(coffee.shape[:2], dtype=bool)
    assert not shows_skin(coffee, nothing, foreground_alpha(coffee))


def test_skin_beside_the_product_shows_a_person_unless_the_ground_has_its_colour() -> None:
    picture = np.full((100, 100, 3), (70, 100, 160), dtype=np.uint8)
    picture[30:60, 30:70] = (30, 120, 60)
    picture[60:90, 40:60] = (215, 160, 120)
    product = np.zeros((100, 100), dtype=bool)
    product[30:60, 30:70] = True
    foreground = product.astype(np.float32)
    foreground[60:90, 40:60] = 1.0
    assert shows_skin(picture, product, foreground)
    picture[foreground < 0.5] = (205, 150, 110)
    assert not shows_skin(picture, product, foreground)


def test_the_mask_of_a_worn_product_covers_the_person(astronaut: NDArray[np.uint8]) -> None:
    mask = product_mask(astronaut)
    assert mask.source == "worn"
    assert mask.alpha[70:190, 195:255].min() > 0.9
    assert mask.alpha[320:480, 150:260].mean() > 0.9


def test_skin_is_skin_light_or_dark_and_a_blue_wall_is_not() -> None:
    for colour in ((224, 172, 105), (141, 85, 36), (255, 205, 180)):
        assert skin(np.full((8, 8, 3), colour, dtype=np.uint8)).all()
    assert not skin(np.full((8, 8, 3), (60, 90, 160), dtype=np.uint8)).any()


def test_foreground_outside_the_mask_is_missed_but_for_a_rim() -> None:
    product = np.zeros((100, 100), dtype=bool)
    product[30:70, 30:70] = True
    wide = cv2.dilate(product.astype(np.float32), np.ones((3, 3)))
    assert missed_foreground(product, wide) == 0.0
    wide[30:70, 75:95] = 1.0
    assert missed_foreground(product, wide) == pytest.approx(0.5)
    assert missed_foreground(np.zeros((100, 100), dtype=bool), wide) == 1.0
