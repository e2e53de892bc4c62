"""Sliced transport, judged by POT's sliced distance."""

from __future__ import annotations

import numpy as np
import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.schema import ContractError
from styletransfer.losses.sliced_wasserstein import random_directions, sliced_wasserstein
from styletransfer.transport import sliced_map
from styletransfer.transport.sliced import orthonormal_bases

seeds = st.integers(0, 10_000)


def blobs(seed: int, n: int, d: int = 3) -> NDArray[np.float64]:
    """Three clusters and a tail, float64 (n, d)."""
    rng = np.random.default_rng(seed)
    centres = 10 * rng.standard_normal((3, d))
    return centres[rng.integers(0, 3, n)] + rng.standard_normal((n, d)) ** 3


def test_the_torch_distance_is_pots_on_the_same_lines() -> None:
    first, second = blobs(0, 50), blobs(1, 70)
    lines = random_directions(3, 64, torch.Generator().manual_seed(4)).double()
    mine = sliced_wasserstein(
        torch.from_numpy(first)[None],
        torch.from_numpy(second)[None],
        torch.Generator().manual_seed(4),
        projections=64,
    )
    expected = ot.sliced_wasserstein_distance(first, second, projections=lines.T.numpy()) ** 2
    assert float(mine) == pytest.approx(expected, rel=1e-6)


@settings(max_examples=15, deadline=None)
@given(first=seeds, second=seeds)
def test_the_cloud_arrives_at_the_target(first: int, second: int) -> None:
    source, target = blobs(first, 400), blobs(second + 1, 300)
    moved = sliced_map(source, target, seed=0, iterations=24)(source)
    before = ot.sliced_wasserstein_distance(source, target, seed=1)
    after = ot.sliced_wasserstein_distance(moved, target, seed=1)
    # Two samples of one cloud are apart as well, if they are small.
    assert after < 0.2 * before + 0.5


@settings(max_examples=15, deadline=None)
@given(seed=seeds, d=st.integers(1, 4))
def test_a_cloud_stays_where_it_is_when_it_is_the_target(seed: int, d: int) -> None:
    points = blobs(seed, 100, d)
    np.testing.assert_allclose(sliced_map(points, points, seed)(points), points, atol=1e-9)


def test_on_a_line_it_is_sorting() -> None:
    source, target = blobs(0, 64, 1), blobs(1, 64, 1)
    moved = sliced_map(source, target, seed=0, iterations=1, quantiles=64)(source)
    order = source[:, 0].argsort()
    np.testing.assert_allclose(moved[order, 0], np.sort(target[:, 0]), atol=1e-9)


def test_a_flat_ground_moves_to_the_middle_of_its_share() -> None:
    # Seven tenths white paper, three tenths dark: paper goes to the mean of the brightest 70 %.
    source = np.concatenate((np.zeros(300), np.full(700, 100.0)))[:, None]
    target = np.linspace(0.0, 1.0, 1000)[:, None]
    moved = sliced_map(source, target, seed=0, iterations=1)(source)
    assert moved[0, 0] == pytest.approx(0.15, abs=0.01)
    assert moved[-1, 0] == pytest.approx(0.65, abs=0.01)


def test_a_point_beyond_the_cloud_moves_as_its_edge_does() -> None:
    move = sliced_map(np.array([[0.0], [1.0]]), np.array([[5.0], [8.0]]), seed=0, iterations=1)
    np.testing.assert_allclose(move(np.array([[-3.0], [4.0]])), [[2.0], [11.0]])


def test_the_same_seed_gives_the_same_map_and_points_keep_their_shape() -> None:
    source, target = blobs(0, 90), blobs(1, 80)
    grid = blobs(2, 24).reshape(4, 6, 3).astype(np.float32)
    first, second = (sliced_map(source, target, seed=5)(grid) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.shape == (4, 6, 3)
    assert not np.array_equal(first, sliced_map(source, target, seed=6)(grid))


def test_bases_are_orthonormal_and_the_first_is_the_axes() -> None:
    bases = orthonormal_bases(4, 7, seed=1)
    np.testing.assert_array_equal(bases[0], np.eye(4))
    products = bases @ bases.transpose(0, 2, 1)
    np.testing.assert_allclose(products, np.tile(np.eye(4), (7, 1, 1)), atol=1e-12)


def test_unusable_input_is_refused() -> None:
    with pytest.raises(ContractError, match="of one dimension, got 3 and 2"):
        sliced_map(blobs(0, 5), blobs(0, 5, 2), seed=0)
    with pytest.raises(ContractError, match="at least 1 iteration and 2 quantiles, got 0 and 128"):
        sliced_map(blobs(0, 5), blobs(0, 5), seed=0, iterations=0)
    with pytest.raises(ContractError, match="target points must be finite"):
        sliced_map(blobs(0, 5), np.full((5, 3), np.inf), seed=0)
