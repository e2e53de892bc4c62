"""The student: what it starts from, and that engines paint what it paints."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from styletransfer.painters.generator.export import to_onnx
from styletransfer.painters.generator.network import Generator
from styletransfer.painters.generator.runtime import make_backend, open_graph, open_teacher
from styletransfer.painters.generator.student import HEAD_CHANNELS, Student, prune

MakePicture = Callable[..., NDArray[np.uint8]]
MakeCodes = Callable[..., NDArray[np.float32]]


def planes(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(picture.transpose(2, 0, 1)[None] / 255.0, dtype=np.float32)


@pytest.fixture(scope="module")
def pruned(generator: Generator) -> Student:
    torch.manual_seed(0)
    return prune(generator).eval().requires_grad_(False)


def test_the_head_starts_from_the_strongest_phases_of_the_generators_first_doubling(
    generator: Generator, pruned: Student
) -> None:
    features = torch.randn(1, 32, 12, 10, generator=torch.Generator().manual_seed(0))
    doubled = generator.expand[0].conv(F.interpolate(features, scale_factor=2.0))
    # The four places in each doubled pixel, as channels of the small size.
    phases = F.pixel_unshuffle(doubled, 2)[..., 1:-1, 1:-1]
    kept = F.conv2d(features, pruned.expand[0].conv.weight)
    gaps = (kept[0][:, None] - phases[0][None]).abs().amax(dim=(2, 3))
    stands_for = gaps.argmin(dim=1).tolist()
    assert gaps.amin(dim=1).max() < 1e-4
    assert len(set(stands_for)) == HEAD_CHANNELS
    gammas = generator.expand[0].gamma.weight[torch.tensor(stands_for) // 4]
    assert torch.equal(pruned.expand[0].gamma.weight, gammas)
    left_out = set(range(phases.shape[1])) - set(stands_for)
    strength = phases[0].abs().mean(dim=(1, 2))
    assert strength[list(left_out)].mean() < strength[stands_for].mean()


def test_all_before_the_head_is_the_generators(
    generator: Generator, pruned: Student, make_picture: MakePicture, make_codes: MakeCodes
) -> None:
    picture = torch.from_numpy(planes(make_picture(96, 72)))
    codes = torch.from_numpy(make_codes(2))
    teach = open_teacher(generator)
    painted, stream = teach(picture, codes)
    assert stream.shape == (2, 32, 24, 18)
    torch.testing.assert_close(painted, generator(picture, codes), atol=1e-3, rtol=0)
    finished = pruned.finish(stream, codes)
    torch.testing.assert_close(finished, pruned(picture, codes), atol=1e-3, rtol=0)


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
