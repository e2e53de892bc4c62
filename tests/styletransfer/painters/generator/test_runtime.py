"""Engines: all paint the same picture, at any size, in any company."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray

from features.schema import ConfigError, InputError
from styletransfer.painters.generator.export import to_onnx
from styletransfer.painters.generator.network import Generator, StyledConv, load_pretrained
from styletransfer.painters.generator.runtime import Backend, make_backend

MakePicture = Callable[..., NDArray[np.uint8]]
MakeCodes = Callable[..., NDArray[np.float32]]


@pytest.fixture(scope="module")
def reference(generator: Generator) -> Backend:
    return make_backend("torch", generator=generator)


@pytest.fixture(scope="module")
def fast(generator: Generator) -> Backend:
    return make_backend("onnxruntime", generator=generator)


def planes(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(picture.transpose(2, 0, 1)[None] / 255.0, dtype=np.float32)


@pytest.mark.parametrize("size", [(64, 64), (97, 130), (128, 67), (66, 99)])
def test_onnxruntime_paints_what_torch_paints(
    reference: Backend,
    fast: Backend,
    size: tuple[int, int],
    make_picture: MakePicture,
    make_codes: MakeCodes,
) -> None:
    pictures = np.concatenate([planes(make_picture(*size, seed)) for seed in range(3)])
    expected, got = (engine.paint(pictures, make_codes(3)) for engine in (reference, fast))
    assert got.shape == (3, 3, *size)
    assert got.dtype == np.float32
    assert np.abs(got - expected).mean() < 1e-5
    # No border is treated differently: the largest difference anywhere is rounding too.
    assert np.abs(got - expected).max() < 1e-3


def test_openvino_paints_nearly_what_torch_paints(
    reference: Backend, generator: Generator, make_picture: MakePicture, make_codes: MakeCodes
) -> None:
    pytest.importorskip("openvino")
    engine = make_backend("openvino", generator=generator)
    picture = planes(make_picture(97, 130))
    expected, got = (one.paint(picture, make_codes(2)) for one in (reference, engine))
    assert np.abs(got - expected).mean() < 0.01
    again = engine.paint(planes(make_picture(97, 130, seed=1)), make_codes(2))
    assert np.abs(again - got).mean() > 0.01, "an earlier result must not be overwritten"


@pytest.mark.parametrize("name", ["torch", "onnxruntime"])
def test_one_picture_in_many_looks_equals_each_look_alone(
    name: str, generator: Generator, make_picture: MakePicture, make_codes: MakeCodes
) -> None:
    engine = make_backend(name, generator=generator)
    picture, codes = planes(make_picture(96, 72)), make_codes(5)
    together = engine.paint(picture, codes)
    for position in range(5):
        alone = engine.paint(picture, codes[position : position + 1])
        np.testing.assert_allclose(together[position], alone[0], atol=1e-5)


def test_onnxruntime_gives_the_same_bytes_whatever_else_is_in_the_batch(
    fast: Backend, make_picture: MakePicture, make_codes: MakeCodes
) -> None:
    picture, codes = planes(make_picture(96, 72)), make_codes(5)
    together = fast.paint(picture, codes)
    for position in range(5):
        alone = fast.paint(picture, codes[position : position + 1])
        assert np.array_equal(together[position], alone[0])


def test_two_threads_give_the_same_bytes_as_one(
    fast: Backend, generator: Generator, make_picture: MakePicture, make_codes: MakeCodes
) -> None:
    two = make_backend("onnxruntime", threads=2, generator=generator)
    picture, codes = planes(make_picture(120, 96)), make_codes(2)
    assert np.array_equal(fast.paint(picture, codes), two.paint(picture, codes))


def test_the_graph_follows_the_weights_it_is_given(
    make_picture: MakePicture, make_codes: MakeCodes
) -> None:
    trained = load_pretrained()
    with torch.no_grad():
        for layer in trained.modules():
            if isinstance(layer, StyledConv):
                layer.conv.weight.mul_(1 + 0.2 * torch.randn_like(layer.conv.weight))
    picture, codes = planes(make_picture(64, 80)), make_codes(2)
    expected = make_backend("torch", generator=trained).paint(picture, codes)
    got = make_backend("onnxruntime", generator=trained).paint(picture, codes)
    assert np.abs(got - expected).mean() < 1e-5


def test_the_graph_holds_its_weights_and_takes_any_batch_and_size(generator: Generator) -> None:
    model = to_onnx(generator)
    assert [entry.name for entry in model.graph.input] == ["pictures", "codes"]
    dimensions = model.graph.input[0].type.tensor_type.shape.dim
    assert [d.dim_param or d.dim_value for d in dimensions] == ["p", 3, "height", "width"]
    assert not any(
        entry.data_location == onnx.TensorProto.EXTERNAL for entry in model.graph.initializer
    )


def test_torch_keeps_the_callers_thread_count(
    generator: Generator, make_picture: MakePicture, make_codes: MakeCodes
) -> None:
    before = torch.get_num_threads()
    make_backend("torch", threads=before + 1, generator=generator).paint(
        planes(make_picture(64, 64)), make_codes(1)
    )
    assert torch.get_num_threads() == before


def test_backends_say_which_weights_they_carry(fast: Backend, generator: Generator) -> None:
    assert fast.model_version == generator.model_version


@pytest.mark.parametrize("name", ["torch", "onnxruntime"])
def test_sizes_out_of_range_are_refused_by_every_backend(
    name: str, generator: Generator, make_codes: MakeCodes
) -> None:
    engine = make_backend(name, generator=generator)
    with pytest.raises(InputError, match="got 40x64 px, expected 64 to 1536"):
        engine.paint(np.zeros((1, 3, 64, 40), np.float32), make_codes(1))


def test_unknown_backends_and_thread_counts_are_refused() -> None:
    with pytest.raises(ConfigError, match="'tensorrt' is unknown: expected one of torch"):
        make_backend("tensorrt")
    with pytest.raises(ConfigError, match="at least 1, got 0"):
        make_backend("torch", threads=0)
