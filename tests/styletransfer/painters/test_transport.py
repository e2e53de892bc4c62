"""Painting by transport: colours and grain arrive, shapes stay."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import get_args

import numpy as np
import ot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.schema import ContractError
from styletransfer.colour import to_lab
from styletransfer.config import Transport
from styletransfer.painters.transport import paint_transport, recolour
from styletransfer.transport.texture import micro_texture

MakePicture = Callable[..., NDArray[np.uint8]]


def colour_distance(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    clouds = [to_lab(picture).reshape(-1, 3)[::7].astype(np.float64) for picture in (first, second)]
    return float(ot.sliced_wasserstein_distance(*clouds, n_projections=40, seed=0))


def stripes(height: int, width: int, period_px: float) -> NDArray[np.float32]:
    """Vertical stripes, float32 (height, width), -10 to 10."""
    across = 10 * np.sin(2 * np.pi * np.arange(width) / period_px)
    return np.tile(across.astype(np.float32), (height, 1))


@pytest.mark.parametrize(
    "paint",
    [recolour, *(partial(paint_transport, transport=one) for one in get_args(Transport))],
)
def test_the_looks_colours_arrive(
    paint: Callable[..., NDArray[np.uint8]], make_picture: MakePicture
) -> None:
    picture, look = make_picture(96, 72, 0), make_picture(80, 80, 3)
    painted = paint(picture, look, seed=0)
    assert painted.shape == picture.shape
    assert painted.dtype == np.uint8
    assert colour_distance(painted, look) < 0.3 * colour_distance(picture, look)


def test_no_strength_is_the_picture_and_half_of_it_is_between(make_picture: MakePicture) -> None:
    picture, look = make_picture(96, 72, 0), make_picture(80, 80, 3)
    np.testing.assert_array_equal(paint_transport(picture, look, 0.0), picture)
    far = colour_distance(picture, look)
    half = colour_distance(paint_transport(picture, look, 0.5), look)
    assert 0.3 * far < half < 0.7 * far


def test_a_picture_is_left_nearly_alone_by_its_own_colours(make_picture: MakePicture) -> None:
    picture = make_picture(96, 72)
    shift = np.abs(recolour(picture, picture, seed=0).astype(int) - picture)
    assert shift.mean() < 2.0


def test_edges_stay_where_they_are(make_picture: MakePicture) -> None:
    picture, look = make_picture(96, 96, 0), make_picture(80, 80, 3)
    before, after = (
        np.abs(np.diff(to_lab(one).mean(axis=2), axis=1)).ravel()
        for one in (picture, recolour(picture, look, seed=0))
    )
    edges = before > np.quantile(before, 0.98)
    assert after[edges].mean() > 3 * after[~edges].mean()


def test_the_seed_decides_and_repeats(make_picture: MakePicture) -> None:
    picture, look = make_picture(64, 80, 0), make_picture(70, 64, 3)
    first, second, other = (paint_transport(picture, look, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


@settings(max_examples=15, deadline=None)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    look_height=st.integers(1, 40),
    seed=st.integers(0, 1000),
)
def test_any_size_is_painted(height: int, width: int, look_height: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    look = rng.integers(0, 256, (look_height, 7, 3), dtype=np.uint8)
    assert paint_transport(picture, look).shape == picture.shape


def test_texture_has_the_direction_and_the_depth_of_the_sample() -> None:
    texture = micro_texture(stripes(60, 60, 6.0), 80, 50, coarsest_px=6.0, seed=0)
    assert texture.shape == (80, 50)
    across, down = (np.abs(np.diff(texture, axis=axis)).mean() for axis in (1, 0))
    assert across > 5 * down
    assert texture.std() == pytest.approx(10.0, rel=0.3)
    assert abs(float(texture.mean())) < 1e-4


def test_hard_edges_on_smooth_ground_make_no_grain() -> None:
    ground = np.random.default_rng(0).normal(0.0, 0.1, (80, 80)).astype(np.float32)
    ground[:, 40:] += 60.0
    assert micro_texture(ground, 80, 80, coarsest_px=4.0, seed=0).std() < 1.0
    flat = np.full((20, 20), 50.0, dtype=np.float32)
    assert np.abs(micro_texture(flat, 8, 9, 2.0, seed=0)).max() < 1e-4


def test_unusable_input_is_refused(make_picture: MakePicture) -> None:
    picture = make_picture(64, 64)
    with pytest.raises(ContractError, match=r"strength is 1\.5: expected 0 to 1"):
        paint_transport(picture, picture, 1.5)
    with pytest.raises(ContractError, match="must be uint8"):
        paint_transport(picture, picture[..., 0])
