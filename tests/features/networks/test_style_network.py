"""The differentiable style predictor codes pictures as the encoder does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from features.networks.encoders import StyleEncoder
from features.networks.style_network import StyleNetwork


@pytest.fixture(scope="module")
def network() -> StyleNetwork:
    return StyleNetwork()


def pattern(seed: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return np.kron(coarse, np.ones((32, 32, 1), np.uint8)).astype(np.uint8)


def test_codes_are_the_encoders_up_to_its_rounding(network: StyleNetwork) -> None:
    pictures = [pattern(seed) for seed in range(4)]
    expected = StyleEncoder().encode(pictures)
    stacked = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        codes = network(stacked).numpy()
    ours, theirs = (part - expected.mean(axis=0) for part in (codes, expected))
    norms = np.outer(np.linalg.norm(ours, axis=1), np.linalg.norm(theirs, axis=1))
    cosines = ours @ theirs.T / norms
    assert float(np.diag(cosines).min()) > 0.8
    assert cosines.argmax(axis=1).tolist() == list(range(4))


def test_codes_have_gradients_and_no_weight_moves(network: StyleNetwork) -> None:
    picture = torch.full((1, 3, 64, 64), 0.5, requires_grad=True)
    network(picture).sum().backward()
    assert picture.grad is not None
    assert float(picture.grad.abs().sum()) > 0
    assert not list(network.parameters())
