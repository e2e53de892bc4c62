"""Feature maps take on another picture's statistics."""

from __future__ import annotations

import numpy as np
import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from features.schema import ContractError
from styletransfer.losses import gram_loss, mean_std_loss
from styletransfer.transport import transport_features


def maps(seed: int, batch: int = 1, channels: int = 6, side: int = 12) -> Tensor:
    """Correlated features, float32 (batch, channels, side, side)."""
    rng = torch.Generator().manual_seed(seed)
    mix = torch.randn(channels, channels, generator=rng)
    drawn = torch.randn(batch, channels, side * side, generator=rng)
    return (mix @ drawn + torch.randn(channels, 1, generator=rng)).reshape(batch, -1, side, side)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_gram_and_deviations_become_the_styles(seed: int) -> None:
    features, style = maps(seed, batch=2), maps(seed + 1, side=15)
    moved = transport_features(features, style, ridge=1e-6)
    assert moved.dtype == torch.float32
    for loss in (gram_loss, mean_std_loss):
        assert float((loss(moved, style) / loss(features, style)).max()) < 0.02


def test_each_picture_of_a_batch_moves_as_pot_says() -> None:
    features, styles = maps(1, batch=2).double(), maps(2, batch=2).double()
    moved = transport_features(features, styles, ridge=0.0)
    for got, before, style in zip(moved, features, styles, strict=True):
        clouds = [m.flatten(1).T.numpy() for m in (before, style)]
        means = [points.mean(axis=0) for points in clouds]
        covariances = [np.cov(points.T, bias=True) for points in clouds]
        matrix, offset = ot.gaussian.bures_wasserstein_mapping(*means, *covariances)
        np.testing.assert_allclose(
            got.flatten(1).T.numpy(), clouds[0] @ matrix + offset, rtol=1e-5, atol=1e-5
        )


def test_features_that_are_the_styles_stay() -> None:
    features = maps(4)
    torch.testing.assert_close(transport_features(features, features), features, atol=1e-4, rtol=0)


def test_fewer_positions_than_channels_are_no_trouble() -> None:
    moved = transport_features(maps(1, side=2), maps(2, side=2))
    assert torch.isfinite(moved).all()


def test_unusable_shapes_are_refused() -> None:
    with pytest.raises(ContractError, match=r"got \(1, 6, 12, 12\) and \(1, 5, 12, 12\)"):
        transport_features(maps(0), maps(0, channels=5))
    with pytest.raises(ContractError, match=r"\(b or 1, c, h', w'\)"):
        transport_features(maps(0, batch=3), maps(0, batch=2))
