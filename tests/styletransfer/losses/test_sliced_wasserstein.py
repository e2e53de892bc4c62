"""Sliced Wasserstein distances against exact transport and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from features.schema import ContractError, InputError
from styletransfer.losses.sliced_wasserstein import (
    patch_sliced_wasserstein,
    random_directions,
    sliced_wasserstein,
    transport_cost_1d,
)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def stripes(period_px: float, side: int = 64, slant: float = 0.0) -> Tensor:
    """Coloured stripes, float32 (1, 3, side, side) in 0..1."""
    down, across = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    phase = 2 * torch.pi * (across + slant * down) / period_px
    return torch.stack([0.5 + 0.5 * torch.sin(phase + shift) for shift in (0.0, 0.7, 1.9)])[None]


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 9), m=st.integers(1, 9), seed=st.integers(0, 1000))
def test_transport_on_a_line_is_the_cheapest_assignment(n: int, m: int, seed: int) -> None:
    first, second = (torch.randn(size, generator=seeded(seed + size)) for size in (n, m))
    # m copies of each of n points against n copies of each of m points: equal weights.
    left, right = np.repeat(first.numpy(), m), np.repeat(second.numpy(), n)
    costs = (left[:, None] - right[None]) ** 2
    rows, columns = linear_sum_assignment(costs)
    expected = costs[rows, columns].mean()
    assert float(transport_cost_1d(first, second)) == pytest.approx(expected, abs=1e-5)


def test_directions_are_unit_vectors_drawn_from_the_given_seed() -> None:
    directions = random_directions(5, 400, seeded(3))
    torch.testing.assert_close(directions.norm(dim=1), torch.ones(400))
    assert float(directions.mean(dim=0).abs().max()) < 0.1
    assert torch.equal(directions, random_directions(5, 400, seeded(3)))


def test_a_shifted_cloud_is_its_shift_squared_by_dimension_away() -> None:
    cloud = torch.randn(1, 300, 4, generator=seeded(0))
    shift = torch.tensor([3.0, 0.0, -4.0, 0.0])
    distance = sliced_wasserstein(cloud, cloud + shift, seeded(1), projections=4000)
    assert float(distance) == pytest.approx(25 / 4, rel=0.05)


def test_a_cloud_is_nowhere_from_itself_in_another_order() -> None:
    cloud = torch.randn(2, 50, 3, generator=seeded(0))
    shuffled = cloud[:, torch.randperm(50, generator=seeded(1))]
    assert float(sliced_wasserstein(cloud, shuffled, seeded(2)).max()) < 1e-10


def test_patches_tell_textures_apart_that_have_the_same_colours() -> None:
    picture, same, other = stripes(8), stripes(8, side=96), stripes(8, slant=1.0)
    near = patch_sliced_wasserstein(picture, same, seeded(0))
    far = patch_sliced_wasserstein(picture, other, seeded(0))
    assert float(near) * 5 < float(far)


def test_fresh_projections_are_drawn_at_every_call_and_repeat_with_the_seed() -> None:
    picture, look, rng = stripes(8), stripes(11), seeded(0)
    first, second = (float(patch_sliced_wasserstein(picture, look, rng)) for _ in range(2))
    assert first != second
    assert first == float(patch_sliced_wasserstein(picture, look, seeded(0)))


def test_each_picture_of_a_batch_gets_its_own_value() -> None:
    pictures, look = torch.cat((stripes(8), stripes(13))), stripes(8)
    values = patch_sliced_wasserstein(pictures, look, seeded(0))
    assert values.shape == (2,)
    assert float(values[0]) < 1e-10
    assert float(values[1]) > 1e-3


def test_descending_it_carries_the_look_over() -> None:
    look = stripes(10)
    canvas = torch.full((1, 3, 64, 64), 0.5) + 0.05 * torch.randn(1, 3, 64, 64, generator=seeded(0))
    canvas.requires_grad_()
    optimiser, rng = torch.optim.Adam([canvas], lr=0.08), seeded(1)
    start = float(patch_sliced_wasserstein(canvas.detach(), look, seeded(9)))
    for _ in range(25):
        optimiser.zero_grad()
        patch_sliced_wasserstein(canvas, look, rng, projections=16).sum().backward()
        optimiser.step()
    assert float(patch_sliced_wasserstein(canvas.detach(), look, seeded(9))) < start / 3


def test_unusable_shapes_are_refused() -> None:
    with pytest.raises(InputError, match="need 56 px on each side for 4 scales"):
        patch_sliced_wasserstein(stripes(8), stripes(8, side=50), seeded(0))
    with pytest.raises(ContractError, match="of equal c"):
        patch_sliced_wasserstein(stripes(8), stripes(8)[:, :1], seeded(0))
    with pytest.raises(ContractError, match=r"got \(1, 3, 2\) and \(1, 3, 4\)"):
        sliced_wasserstein(torch.zeros(1, 3, 2), torch.zeros(1, 3, 4), seeded(0))
