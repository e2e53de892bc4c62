"""Weights of a generator or student that was trained here, read from a safetensors file."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from features.networks.weights import packaged_file
from features.schema import InputError
from styletransfer.painters.generator.network import Generator
from styletransfer.painters.generator.student import Student

_HEAD = "expand.0.conv.weight"
RELEASE = "release"
"""In place of a path: the weights that this package carries; see docs/model_card.md."""

_RELEASE_FILE = "painters/generator/release.safetensors"
_RELEASE_SHA256 = "ba9cd80edf4f7b2414eadd6ff4a62df24972e7d45d3d1cd4613bb843209b6a23"
_ADVICE = (
    "expected a generator.safetensors that `stylefeed train-generator` wrote, or a "
    "student.safetensors of `stylefeed export`"
)


def load_trained(path: Path) -> Generator:
    """The generator with the weights in `path`; raises InputError as `load_painter`, and for a
    student's."""
    painter = load_painter(path)
    if isinstance(painter, Student):
        raise InputError(
            f"generator weights {path} are a student's: expected the generator that it stands for"
        )
    return painter


def load_painter(path: Path) -> Generator | Student:
    """The network with the weights in `path`, in evaluation mode, weights frozen.

    Its head tells whether it is a generator or a student. The path `RELEASE` stands for the weights
    that this package carries.

    Raises InputError where there is no such file, it is no safetensors file, its weights are of
    another network, or one of them is NaN or infinite.
    """
    if path == Path(RELEASE):
        path = packaged_file("styletransfer", _RELEASE_FILE, _RELEASE_SHA256)
    if not path.is_file():
        raise InputError(f"generator weights: no file at {path}; {_ADVICE}")
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(f"generator weights {path} cannot be read ({error}); {_ADVICE}") from None
    generator: Generator | Student = Generator()
    if _HEAD in tensors and tensors[_HEAD].shape == Student().state_dict()[_HEAD].shape:
        generator = Student()
    wrong = _difference(tensors, generator.state_dict())
    if wrong:
        raise InputError(f"generator weights {path} are of another network: {wrong}; {_ADVICE}")
    for name, value in tensors.items():
        if not bool(torch.isfinite(value).all()):
            raise InputError(
                f"generator weights {path} hold NaN or infinity in {name}: expected finite "
                "numbers; train again, or take another file"
            )
    generator.load_state_dict(tensors)
    return generator.eval().requires_grad_(False)


def _difference(got: dict[str, Tensor], expected: dict[str, Tensor]) -> str:
    """The first way in which names, kinds or shapes differ, in words; empty where none does."""
    for name in sorted(expected.keys() | got.keys()):
        if name not in got:
            return f"{name} is missing"
        if name not in expected:
            return f"got {name}, which it does not have"
        if not got[name].is_floating_point() or got[name].shape != expected[name].shape:
            shapes = [tuple(one[name].shape) for one in (got, expected)]
            return f"{name} is {got[name].dtype} {shapes[0]}, expected float {shapes[1]}"
    return ""
