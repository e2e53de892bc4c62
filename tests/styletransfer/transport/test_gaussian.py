"""The Gaussian map against POT and against what defines it."""

from __future__ import annotations

import numpy as np
import ot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.schema import ContractError
from styletransfer.transport import gaussian_colour_map, gaussian_map, moments


def cloud(seed: int, n: int = 60, d: int = 3) -> NDArray[np.float64]:
    """A slanted cloud, no two seeds alike, float64 (n, d)."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) + 5 * rng.standard_normal(d)


seeds = st.integers(0, 10_000)


@settings(max_examples=25, deadline=None)
@given(first=seeds, second=seeds, d=st.integers(1, 5))
def test_the_map_is_pots(first: int, second: int, d: int) -> None:
    source, target = moments(cloud(first, d=d)), moments(cloud(second, 45, d))
    mine = gaussian_map(*source, *target)
    matrix, offset = ot.gaussian.bures_wasserstein_mapping(
        source[0], target[0], source[1], target[1]
    )
    points = cloud(3, d=d)
    np.testing.assert_allclose(mine(points), points @ matrix + offset, rtol=1e-5, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(first=seeds, second=seeds)
def test_mean_and_covariance_arrive(first: int, second: int) -> None:
    source, target = cloud(first), cloud(second, 45)
    moved = gaussian_map(*moments(source), *moments(target))(source)
    for got, expected in zip(moments(moved), moments(target), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(seed=seeds, ridge=st.floats(0.0, 10.0))
def test_a_palette_stays_where_it_is_when_it_is_the_target(seed: int, ridge: float) -> None:
    points = cloud(seed)
    moved = gaussian_colour_map(points, points, ridge)(points)
    np.testing.assert_allclose(moved, points, atol=1e-5)


def test_moments_are_numpys_and_weights_count_as_copies() -> None:
    points, copies = cloud(1, n=5), np.array([1, 3, 2, 1, 4])
    mean, covariance = moments(points, copies)
    repeated = np.repeat(points, copies, axis=0)
    np.testing.assert_allclose(mean, repeated.mean(axis=0))
    np.testing.assert_allclose(covariance, np.cov(repeated.T, bias=True))


def test_a_flat_palette_moves_as_one_whatever_the_ridge() -> None:
    flat, target = np.full((30, 3), 7.0), cloud(2)
    for ridge in (0.0, 1.0):
        moved = gaussian_colour_map(flat, target, ridge)(flat)
        np.testing.assert_allclose(moved, np.tile(target.mean(axis=0), (30, 1)))


def test_the_ridge_bounds_how_much_noise_is_stretched() -> None:
    noise = 0.01 * np.random.default_rng(0).standard_normal((500, 3))
    target = 20.0 * np.random.default_rng(1).standard_normal((500, 3))
    stretched = gaussian_colour_map(noise, target, ridge=0.0)(noise)
    bounded = gaussian_colour_map(noise, target, ridge=1.0)(noise)
    assert stretched.std(axis=0).min() > 15.0
    assert bounded.std(axis=0).max() < 0.5


def test_unusable_input_is_refused() -> None:
    mean, covariance = moments(cloud(0))
    with pytest.raises(ContractError, match=r"of equal size.*got means \(3,\) and \(2,\)"):
        gaussian_map(mean, covariance, mean[:2], covariance)
    with pytest.raises(ContractError, match=r"got -1.0, expected >= 0"):
        gaussian_map(mean, covariance, mean, covariance, ridge=-1.0)
    with pytest.raises(ContractError, match=r"array of shape \(n, d\), got shape \(0, 3\)"):
        moments(np.zeros((0, 3)))
    with pytest.raises(ContractError, match="must be finite"):
        moments(np.full((2, 3), np.nan))
    with pytest.raises(ContractError, match=r"one number per point, got \(3,\) for 2 points"):
        moments(np.zeros((2, 3)), np.ones(3))
    with pytest.raises(ContractError, match="none negative"):
        moments(np.zeros((2, 3)), np.zeros(2))
