"""Sets made of looks: whole, of the look, not a copy of it, and plain words where none can be."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from features.schema import ConfigError, ContractError, InputError
from styletransfer.sets import SetConfig, SetLayout, make_set
from styletransfer.sets.copying import copied_share

SIDE_PX = 128

Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def coffee() -> Picture:
    return np.asarray(skimage.data.coffee()[::2, ::2])


@pytest.mark.parametrize("layout", get_args(SetLayout))
def test_a_set_is_a_square_of_the_size_asked_for(coffee: Picture, layout: SetLayout) -> None:
    made = make_set(coffee, layout, SIDE_PX, 0)

    assert made.picture.shape == (SIDE_PX, SIDE_PX, 3)
    assert made.picture.dtype == np.uint8
    assert made.method == "patches"
    assert 0 <= made.copied <= 1


def test_the_same_arguments_give_the_same_set_and_another_seed_another(coffee: Picture) -> None:
    first, again, other = (make_set(coffee, "wall", SIDE_PX, seed).picture for seed in (0, 0, 1))

    assert np.array_equal(first, again)
    assert np.abs(first.astype(int) - other).mean() > 5


def test_a_set_keeps_the_colours_of_its_look(coffee: Picture) -> None:
    made = make_set(coffee, "wall", SIDE_PX, 0).picture

    assert np.abs(made.mean(axis=(0, 1)) - coffee.mean(axis=(0, 1))).max() < 40
    assert made.std() > 0.6 * coffee.std()


def test_a_photo_does_not_stand_in_its_set_as_it_is() -> None:
    cat = np.asarray(skimage.data.chelsea())

    made = make_set(cat, "wall", 256, 0)

    assert made.copied == copied_share(made.picture, cat)
    assert made.copied <= 0.1 < copied_share(cat, cat)


def test_a_pattern_is_laid_as_tiles() -> None:
    checks = np.kron(np.indices((8, 8)).sum(axis=0) % 2, np.ones((16, 16)))
    look = np.repeat((55 + 150 * checks)[..., None], 3, axis=2).astype(np.uint8)

    made = make_set(look, "flat_lay", SIDE_PX, 0)

    assert made.method == "tile"
    # Only two shades, but for their joins and the light.
    assert (np.abs(made.picture.astype(int) - 130) > 50).mean() > 0.6


def test_a_shop_s_own_picture_may_be_shown_as_it_is(coffee: Picture) -> None:
    made = make_set(coffee, "wall", SIDE_PX, 0, verbatim=True)

    assert made.method == "picture"
    assert made.copied > 0.5


def test_a_floor_is_told_from_its_wall_by_its_light() -> None:
    plain = np.full((64, 64, 3), (180, 140, 120), np.uint8)

    floor = make_set(plain, "wall_and_floor", SIDE_PX, 0).picture.astype(int)
    rows = floor.mean(axis=(1, 2))

    line = round(0.66 * SIDE_PX)
    assert rows[line - 8] - rows[line + 8] > 4
    # Softly lit: no hard edge anywhere.
    assert np.abs(np.diff(rows)).max() < 8


def test_one_colour_gives_a_plain_set_of_that_colour() -> None:
    plain = np.full((100, 140, 3), (40, 90, 160), np.uint8)

    made = make_set(plain, "wall", SIDE_PX, 0)

    assert made.copied == 0
    assert np.abs(made.picture.astype(int) - (40, 90, 160)).max() < 25


@pytest.mark.parametrize("shape", [(5000, 600, 3), (48, 48, 3), (60, 900, 3)])
def test_very_large_small_and_long_looks_give_sets(
    make_picture: Callable[..., Picture], shape: tuple[int, ...]
) -> None:
    look = make_picture(shape[0], shape[1])

    assert make_set(look, "wall", SIDE_PX, 0).picture.shape == (SIDE_PX, SIDE_PX, 3)


def test_a_page_of_text_gives_a_set() -> None:
    page = np.repeat(skimage.data.page()[..., None], 3, axis=2)

    assert make_set(page, "flat_lay", SIDE_PX, 0).picture.std() > 5


@pytest.mark.parametrize(
    ("look", "error", "words"),
    [
        (np.zeros((16, 16, 3), np.uint8), InputError, "at least 48 px"),
        (np.zeros((64, 64, 4), np.uint8), ContractError, r"\(h, w, 3\)"),
        (np.zeros((64, 64, 3), np.float32), ContractError, "uint8"),
    ],
)
def test_a_look_that_is_no_picture_or_too_small_is_refused_in_words(
    look: Picture, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        make_set(look, "wall", SIDE_PX, 0)


def test_settings_out_of_range_are_refused(coffee: Picture) -> None:
    with pytest.raises(ContractError, match="at least 96 px"):
        make_set(coffee, "wall", 32, 0)
    with pytest.raises(ConfigError, match="start_px"):
        SetConfig(start_px=4)
