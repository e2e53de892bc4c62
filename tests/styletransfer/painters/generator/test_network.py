"""The pretrained generator: right weights, right sizes, right gradients."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from features.networks.weights import packaged_file
from features.schema import ContractError, InputError
from styletransfer.painters.generator.network import (
    _FILE,
    _PACKAGE,
    _SHA256,
    Generator,
    load_pretrained,
)


def picture(height: int, width: int, seed: int = 0) -> Tensor:
    """Smooth blobs of colour with a little grain, (1, 3, height, width) in 0..1."""
    rng = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 6, 6, generator=rng)
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")
    return (smooth + 0.05 * torch.randn(smooth.shape, generator=rng)).clamp(0, 1)


def codes(n: int, seed: int = 1) -> Tensor:
    return 0.3 * torch.randn(n, 100, generator=torch.Generator().manual_seed(seed))


def test_it_has_every_weight_of_the_published_network(generator: Generator) -> None:
    assert sum(weight.numel() for weight in generator.parameters()) == 177_718


def test_it_computes_what_the_packaged_graph_computes_without_its_rounding(
    generator: Generator,
) -> None:
    model = onnx.load(str(packaged_file(_PACKAGE, _FILE, _SHA256)))
    stored = {entry.name for entry in model.graph.initializer}
    for node in model.graph.node:
        rounds = node.op_type == "QuantizeLinear"
        if rounds or (node.op_type == "DequantizeLinear" and node.input[0] not in stored):
            node.op_type = "Identity"
            del node.input[1:], node.attribute[:]
    del model.graph.value_info[:]
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model.SerializeToString(), options)
    given_picture, code = picture(384, 384), codes(1)
    names = [entry.name for entry in session.get_inputs()]
    feeds = {
        names[0]: given_picture.permute(0, 2, 3, 1).numpy(),
        names[1]: code.reshape(1, 1, 1, 100).numpy(),
    }
    expected = session.run(None, feeds)[0].transpose(0, 3, 1, 2)
    got = generator(given_picture, code).numpy()
    assert np.abs(got - expected).max() < 1e-4


@settings(max_examples=12, deadline=None)
@given(height=st.integers(64, 140), width=st.integers(64, 140))
def test_any_size_comes_back_at_its_own_size_in_range(
    generator: Generator, height: int, width: int
) -> None:
    painted = generator(picture(height, width), codes(1))
    assert painted.shape == (1, 3, height, width)
    assert float(painted.min()) >= 0.0
    assert float(painted.max()) <= 1.0


@pytest.mark.parametrize("size", [(63, 200), (200, 1537), (1, 1)])
def test_a_side_out_of_range_is_refused_with_its_size(
    generator: Generator, size: tuple[int, int]
) -> None:
    with pytest.raises(InputError, match=rf"got {size[1]}x{size[0]} px, expected 64 to 1536"):
        generator(torch.zeros(1, 3, *size), codes(1))


def test_shapes_that_do_not_fit_are_refused(generator: Generator) -> None:
    with pytest.raises(ContractError, match=r"got \(2, 3, 64, 64\), expected \(3 or 1, 3, h, w\)"):
        generator(torch.zeros(2, 3, 64, 64), codes(3))
    with pytest.raises(ContractError, match=r"got \(3, 64\), expected \(b, 100\)"):
        generator(torch.zeros(3, 3, 64, 64), torch.zeros(3, 64))


def test_what_else_is_in_the_batch_changes_nothing(generator: Generator) -> None:
    pictures = torch.cat([picture(72, 88, seed) for seed in range(3)])
    looks = codes(3)
    together = generator(pictures, looks)
    for position in range(3):
        alone = generator(pictures[position : position + 1], looks[position : position + 1])
        assert float((together[position] - alone[0]).abs().max()) < 1e-4


def test_one_picture_in_many_looks_equals_that_picture_repeated(generator: Generator) -> None:
    one, looks = picture(68, 64), codes(3)
    shared = generator(one, looks)
    repeated = generator(one.expand(3, -1, -1, -1), looks)
    assert float((shared - repeated).abs().max()) < 1e-4


def test_odd_sizes_are_painted_like_the_even_picture_they_are_cut_from(
    generator: Generator,
) -> None:
    whole, look = picture(128, 128), codes(1)
    painted_whole = generator(whole, look)
    painted_cut = generator(whole[..., :127, :125], look)
    # Only the norm's statistics and the last few columns may differ.
    assert float((painted_cut - painted_whole[..., :127, :125]).abs().mean()) < 0.02


def test_gradients_reach_the_picture_and_the_code(generator: Generator) -> None:
    image = picture(64, 66).requires_grad_()
    look = codes(1).requires_grad_()
    generator(image, look).square().mean().backward()
    assert image.grad is not None
    assert look.grad is not None
    assert float(image.grad.abs().sum()) > 0
    assert float(look.grad.abs().sum()) > 0


def test_the_version_follows_the_weights(generator: Generator) -> None:
    altered = load_pretrained()
    assert altered.model_version == generator.model_version
    with torch.no_grad():
        altered.get_parameter("expand.2.conv.weight")[0, 0, 0, 0] += 1e-3
    assert altered.model_version != generator.model_version
