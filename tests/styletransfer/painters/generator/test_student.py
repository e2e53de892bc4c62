"""The student: what it starts from, and that engines paint what it paints."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from styletransfer.painters.generator.export import to_onnx
from styletransfer.painters.generator.network import Generator
from styletransfer.painters.generator.runtime import make_backend, open_graph, open_teacher
from styletransfer.painters.generator.student import INNER_CHANNELS, Student, prune

MakePicture = Callable[..., NDArray[np.uint8]]
MakeCodes = Callable[..., NDArray[np.float32]]


def planes(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(picture.transpose(2, 0, 1)[None] / 255.0, dtype=np.float32)


@pytest.fixture(scope="module")
def seen(make_picture: MakePicture, make_codes: MakeCodes) -> tuple[Tensor, Tensor]:
    pictures = np.concatenate([planes(make_picture(96, 96, seed)) for seed in range(6)])
    return torch.from_numpy(pictures), torch.from_numpy(make_codes(6))


@pytest.fixture(scope="module")
def pruned(generator: Generator, seen: tuple[Tensor, Tensor]) -> Student:
    torch.manual_seed(0)
    return prune(generator, *seen)


def test_pruning_keeps_the_filters_of_largest_l1_norm(
    generator: Generator, pruned: Student
) -> None:
    for block, larger in zip(pruned.residual, generator.residual, strict=True):
        norms = larger.first.conv.weight.abs().sum(dim=(1, 2, 3)).numpy()
        kept = block.first.conv.weight.abs().sum(dim=(1, 2, 3)).detach().numpy()
        np.testing.assert_allclose(np.sort(kept), np.sort(norms)[-INNER_CHANNELS:], rtol=1e-6)


def test_a_pruned_student_stays_nearer_to_the_stream_than_the_filters_alone(
    generator: Generator, pruned: Student, seen: tuple[Tensor, Tensor]
) -> None:
    teach = open_teacher(generator)
    _, wanted = teach(*seen)
    refitted = {name: value.clone() for name, value in pruned.state_dict().items()}
    for position, larger in enumerate(generator.residual):
        norms = larger.first.conv.weight.abs().sum(dim=(1, 2, 3))
        kept = norms.topk(INNER_CHANNELS).indices.sort().values
        refitted[f"residual.{position}.second.conv.weight"] = larger.second.conv.weight[:, kept]
    plain = Student()
    plain.load_state_dict(refitted)
    with torch.no_grad():
        gaps = [
            [
                float((mine - theirs).square().mean() / theirs.square().mean())
                for mine, theirs in zip(one.with_features(*seen)[1], wanted, strict=True)
            ]
            for one in (pruned, plain)
        ]
    assert gaps[0][0] < 0.2, "the stem is fitted"
    assert gaps[0][-1] < gaps[1][-1], "and so is each second convolution"


@pytest.mark.parametrize("size", [(64, 64), (97, 130), (66, 99)])
def test_onnxruntime_paints_what_the_student_paints(
    pruned: Student, size: tuple[int, int], make_picture: MakePicture, make_codes: MakeCodes
) -> None:
    pictures = np.concatenate([planes(make_picture(*size, seed)) for seed in range(2)])
    engines = [make_backend(name, generator=pruned) for name in ("torch", "onnxruntime")]
    expected, got = (engine.paint(pictures, make_codes(2)) for engine in engines)
    assert got.shape == (2, 3, *size)
    assert np.abs(got - expected).max() < 1e-3
    one = engines[1].paint(pictures[:1], make_codes(2))
    np.testing.assert_allclose(one[:1], got[:1], atol=1e-5)
    assert np.abs(one[0] - one[1]).mean() > 1e-3, "looks differ"


@pytest.mark.parametrize("kind", ["generator", "student"])
def test_the_graph_tells_the_residual_stream_of_torch(
    kind: str, generator: Generator, pruned: Student, seen: tuple[Tensor, Tensor]
) -> None:
    network = generator if kind == "generator" else pruned
    pictures, codes = (part[:2] for part in seen)
    graph = to_onnx(network, with_features=True)
    names = [entry.name for entry in graph.graph.output]
    assert names == ["painted", *(f"features_{number}" for number in range(6))]
    painted, features = open_teacher(network)(pictures, codes)
    with torch.no_grad():
        torch.testing.assert_close(painted, network(pictures, codes), atol=1e-3, rtol=0)
        if kind == "student":
            _, expected = pruned.with_features(pictures, codes)
            for mine, theirs in zip(features, expected, strict=True):
                torch.testing.assert_close(mine, theirs, atol=1e-3, rtol=1e-3)


def test_openvino_paints_nearly_what_the_student_paints(
    pruned: Student, make_picture: MakePicture, make_codes: MakeCodes
) -> None:
    pytest.importorskip("openvino")
    graph = to_onnx(pruned).SerializeToString()
    picture, codes = planes(make_picture(97, 130)), make_codes(2)
    expected = make_backend("torch", generator=pruned).paint(picture, codes)
    exact, quick = (
        open_graph(name, graph, "v").paint(picture, codes) for name in ("openvino-f32", "openvino")
    )
    assert np.abs(exact - expected).mean() < 1e-3
    assert np.abs(quick - expected).mean() < 0.02
