"""The parts of set making: tiles, seams, patches, guides, margins, people, copies."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from features.schema import ContractError
from styletransfer.sets.copying import (
    BLOCK_PX,
    LONGEST_PX,
    NEAR_COPY,
    STEP_PX,
    copied_share,
    find_copies,
)
from styletransfer.sets.figures import find_figures
from styletransfer.sets.guides import HORIZON, SetLayout, guide, layout_light
from styletransfer.sets.margins import within_margins
from styletransfer.sets.patch_neighbours import Bar, level_sides, rebuild
from styletransfer.sets.quilting import cheapest_path, close_columns
from styletransfer.sets.repetition import find_tile

Picture = NDArray[np.uint8]


def _gingham(side_px: int, period_px: float) -> Picture:
    stripes = (np.arange(side_px) % period_px < period_px / 2).astype(float)
    weave = (stripes[:, None] + stripes[None, :]) / 2
    return np.stack([np.full_like(weave, 250), 250 - 220 * weave, 250 - 220 * weave], 2).astype(
        np.uint8
    )


def _copied_as_defined(picture: Picture, look: Picture) -> float:
    """Every block against every place, as the definition says."""

    def grey(image: Picture, longest: int) -> Picture:
        plane = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        scale = longest / max(plane.shape)
        height, width = (max(BLOCK_PX, round(length * scale)) for length in plane.shape)
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(plane, (width, height), interpolation=method))

    plane = grey(picture, LONGEST_PX)
    places = [grey(look, side) for side in (256, 320, 384, 480, 576)]
    places += [np.ascontiguousarray(place[:, ::-1]) for place in places]
    shares = []
    for y in range(0, plane.shape[0] - BLOCK_PX + 1, STEP_PX):
        for x in range(0, plane.shape[1] - BLOCK_PX + 1, STEP_PX):
            block = np.ascontiguousarray(plane[y : y + BLOCK_PX, x : x + BLOCK_PX])
            if block.std() >= 8:
                likeness = [
                    cv2.matchTemplate(place, block, cv2.TM_CCOEFF_NORMED).max() for place in places
                ]
                shares.append(max(likeness) >= NEAR_COPY)
    return float(np.mean(shares)) if shares else 0.0


def test_copies_are_found_as_the_definition_says() -> None:
    cat = np.asarray(skimage.data.chelsea())
    coffee = np.asarray(cv2.resize(skimage.data.coffee(), (384, 384)))
    collage = np.ascontiguousarray(coffee[:256])
    collage[:130] = cv2.resize(cat, (384, 255))[30:160, ::-1]

    assert copied_share(collage, cat) == pytest.approx(_copied_as_defined(collage, cat), abs=0.01)
    assert copied_share(collage, cat) > 0.1


def test_a_copy_is_found_where_it_comes_from() -> None:
    cat = np.asarray(cv2.resize(skimage.data.chelsea(), (384, 256)))
    collage = np.random.default_rng(0).integers(0, 255, (384, 384, 3), dtype=np.uint8)
    collage[96:224, 64:192] = cat[100:228, 150:278]

    copies, _ = find_copies(collage, cat)

    assert copies
    for copy in copies:
        assert not copy.mirrored
        assert copy.size == 1
        assert (copy.look_y - copy.y) * 384 == pytest.approx(4, abs=1)
        assert (copy.look_x - copy.x) * 384 == pytest.approx(86, abs=1)


def test_a_plain_picture_has_no_blocks_to_copy() -> None:
    plain = np.full((100, 100, 3), 90, np.uint8)

    assert find_copies(plain, plain) == ([], 0)


@pytest.mark.parametrize("period_px", [20, 32, 45])
def test_a_gingham_cut_anywhere_gives_a_tile_that_joins(period_px: float) -> None:
    look = _gingham(150, period_px)

    tile = find_tile(look)

    assert tile is not None
    for side in tile.picture.shape[:2]:
        periods = side / tile.scale / period_px
        assert periods == pytest.approx(round(periods), abs=0.06)


def test_photos_are_no_tiles() -> None:
    assert find_tile(np.asarray(skimage.data.astronaut())) is None
    assert find_tile(np.asarray(skimage.data.coffee())) is None


def test_a_drawing_on_white_paper_is_no_tile() -> None:
    paper = np.full((160, 160, 3), 255, np.uint8)
    cv2.circle(paper, (80, 80), 50, (0, 0, 0), 6)

    assert find_tile(paper) is None


@given(arrays(np.float64, (7, 6), elements=st.floats(0, 10)))
def test_the_cheapest_path_moves_a_column_a_row_and_none_straight_is_cheaper(
    cost: NDArray[np.float64],
) -> None:
    path = cheapest_path(cost)

    assert np.abs(np.diff(path)).max() <= 1
    assert cost[np.arange(7), path].sum() <= cost.sum(axis=0).min() + 1e-9


def test_closed_columns_join_themselves() -> None:
    grass = np.repeat(skimage.data.grass()[:96, :120, None], 3, axis=2).astype(np.float32)

    closed = close_columns(grass, 96)

    assert closed.shape == (96, 96, 3)
    across = np.abs(closed[:, 0] - closed[:, -1]).mean()
    assert across <= 1.5 * np.abs(np.diff(closed, axis=1)).mean()
    with pytest.raises(ContractError, match="columns to close"):
        close_columns(grass, 120)


@settings(max_examples=20)
@given(st.integers(16, 64), st.integers(96, 800))
def test_levels_lead_from_the_coarsest_to_the_set_in_small_steps(start: int, side: int) -> None:
    sides = level_sides(start, side, 4 / 3)

    assert (sides[0], sides[-1]) == (start, side)
    assert all(a < b <= 4 / 3 * a + 1 for a, b in zip(sides, sides[1:], strict=False))


def test_what_is_left_out_never_comes_back() -> None:
    look = np.full((64, 64, 3), 0.5, np.float32)
    look += np.random.default_rng(0).normal(0, 0.05, look.shape).astype(np.float32)
    look[20:40, 24:44] = (1.0, 0.0, 0.0)
    usable = np.ones((64, 64), dtype=bool)
    usable[18:42, 22:46] = False
    start = np.full((16, 16, 3), 0.5, np.float32)
    start[4:8, 4:8] = (1.0, 0.0, 0.0)

    made = rebuild(look, usable, start, 64)

    assert (made[..., 0] - made[..., 1]).max() < 0.4


def test_a_barred_place_is_not_taken() -> None:
    rng = np.random.default_rng(1)
    look = cv2.GaussianBlur(rng.random((64, 64, 3), dtype=np.float32), (0, 0), 1.5)
    everywhere = (0.0, 0.0, 64.0, 64.0)
    usable = np.ones((64, 64), dtype=bool)
    left = Bar(everywhere, (0.0, 0.0, 64.0, 32.0))

    # Without a bar a look is its own nearest picture; barred on the left it is so on the right.
    free, barred = (rebuild(look, usable, look, 64, bars=bars) for bars in ((), (left,)))

    assert np.abs(free - look).mean() < 0.01
    assert np.abs(barred - look)[:, :28].mean() > 3 * np.abs(barred - look)[:, 36:].mean()


@pytest.mark.parametrize("layout", ["wall", "wall_and_floor", "flat_lay"])
def test_light_is_soft_and_one_on_average(layout: SetLayout) -> None:
    light = layout_light(layout, 200)

    assert light.mean() == pytest.approx(1, abs=1e-4)
    assert np.abs(np.diff(light, axis=0)).max() < 0.03
    assert 0.7 < light.min() <= light.max() < 1.3


def test_the_floor_s_line_lies_where_placement_expects_it() -> None:
    rows = layout_light("wall_and_floor", 200).mean(axis=1)

    assert abs(int(np.diff(rows).argmin()) - HORIZON * 200) <= 2


def test_a_guide_has_just_the_colours_of_the_look() -> None:
    look = np.asarray(skimage.data.coffee(), dtype=np.float32) / 255
    usable = np.ones(look.shape[:2], dtype=bool)

    made = guide(look, usable, "wall", 28, 0)

    assert made.shape == (28, 28, 3)
    assert np.abs(made.mean(axis=(0, 1)) - look.mean(axis=(0, 1))).max() < 0.02
    assert not np.array_equal(made, guide(look, usable, "wall", 28, 1))


def test_paper_around_a_picture_is_cut_off_and_a_sky_is_not() -> None:
    coffee = np.asarray(skimage.data.coffee())
    framed = np.full((480, 680, 3), 245, np.uint8)
    framed[40:440, 40:640] = coffee
    rows, columns = within_margins(framed)

    assert (rows.start, columns.start) == pytest.approx((48, 50), abs=8)
    assert (rows.stop, columns.stop) == pytest.approx((432, 630), abs=8)

    ramp = np.linspace(120, 240, 200).astype(np.uint8)
    sky = np.repeat(np.repeat(ramp[:, None, None], 200, axis=1), 3, axis=2)
    assert within_margins(sky) == (slice(3, 197), slice(3, 197))


def test_a_person_is_left_out_and_a_cup_is_not() -> None:
    astronaut = np.asarray(skimage.data.astronaut())

    left_out = find_figures(astronaut)

    assert left_out[80:180, 180:270].mean() > 0.95
    assert left_out.mean() < 0.7
    assert not find_figures(np.full((80, 80, 3), 200, np.uint8)).any()
