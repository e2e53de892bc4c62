"""Losses against worked examples, scikit-image and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage.metrics import structural_similarity
from skimage.transform import downscale_local_mean
from torch import Tensor

from features.schema import ContractError
from styletransfer.losses import (
    gram_loss,
    gram_matrix,
    mean_squared_error,
    mean_std_loss,
    ms_ssim,
    perceptual_loss,
    ssim,
    ssim_of_moments,
    total_variation,
)
from styletransfer.losses.ssim import MS_SSIM_WEIGHTS


def pair(side: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """A smooth picture and a noisy, darker copy of it, each float64 (1, 3, side, side + 7)."""
    rng = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 9, 9, generator=rng, dtype=torch.float64)
    picture = torch.nn.functional.interpolate(coarse, (side, side + 7), mode="bilinear")
    noise = torch.randn(picture.shape, generator=rng, dtype=torch.float64)
    return picture, (0.9 * picture + 0.05 * noise).clamp(0, 1)


def as_array(picture: Tensor) -> NDArray[np.float64]:
    return np.asarray(picture[0].permute(1, 2, 0).numpy())


def skimage_ssim(first: NDArray[np.float64], second: NDArray[np.float64], k1: float) -> float:
    return float(
        structural_similarity(
            first,
            second,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=1.0,
            channel_axis=None if first.ndim == 2 else 2,
            K1=k1,
        )
    )


def test_mse_of_the_worked_example_is_0_055() -> None:
    truth = torch.arange(1.0, 11.0)[None]
    guess = torch.tensor([[1.5, 2.2, 3.1, 4, 5, 6, 7, 8, 9, 10.5]])
    assert float(mean_squared_error(guess, truth)) == pytest.approx(0.055, abs=1e-6)


def test_ssim_of_the_worked_example_is_0_724() -> None:
    means = torch.tensor(50.0), torch.tensor(55.0)
    variances = torch.tensor(10.0), torch.tensor(12.0)
    value, _ = ssim_of_moments(means, variances, torch.tensor(8.0), 0.01, 0.03)
    assert float(value) == pytest.approx(0.724, abs=5e-4)


def test_ssim_is_scikit_images() -> None:
    picture, copy = pair(40)
    expected = skimage_ssim(as_array(picture), as_array(copy), k1=0.01)
    assert float(ssim(picture, copy)) == pytest.approx(expected, abs=1e-9)
    assert expected < 0.95


def test_ms_ssim_is_the_weighted_product_of_scikit_images_scales() -> None:
    picture, copy = pair(180)
    by_channel = []
    for channel in range(3):
        first, second = as_array(picture)[..., channel], as_array(copy)[..., channel]
        product = 1.0
        for scale, weight in enumerate(MS_SSIM_WEIGHTS):
            # A vast K1 makes the light term 1 and leaves contrast and structure.
            k1 = 0.01 if scale == len(MS_SSIM_WEIGHTS) - 1 else 1e8
            product *= skimage_ssim(first, second, k1) ** weight
            rows, columns = (side // 2 * 2 for side in first.shape)
            first = downscale_local_mean(first[:rows, :columns], (2, 2))
            second = downscale_local_mean(second[:rows, :columns], (2, 2))
        by_channel.append(product)
    assert float(ms_ssim(picture, copy)) == pytest.approx(np.mean(by_channel), abs=1e-6)


def test_equal_pictures_are_wholly_similar_and_the_order_does_not_matter() -> None:
    picture, copy = pair(176)
    assert float(ssim(picture, picture)) == pytest.approx(1.0)
    assert float(ms_ssim(picture, picture)) == pytest.approx(1.0)
    assert float(ssim(picture, copy)) == pytest.approx(float(ssim(copy, picture)))


def test_each_picture_of_a_batch_gets_its_own_value() -> None:
    picture, copy = pair(30)
    values = ssim(torch.cat((picture, copy)), picture)
    assert values.shape == (2,)
    assert float(values[0]) == pytest.approx(1.0)
    assert float(values[1]) == pytest.approx(float(ssim(copy, picture)))


def test_gram_matrices_are_mean_products_whatever_the_size() -> None:
    maps = torch.randn(2, 4, 6, 5, generator=torch.Generator().manual_seed(0))
    expected = torch.einsum("bchw,bdhw->bcd", maps, maps) / 30
    torch.testing.assert_close(gram_matrix(maps), expected)
    tiled = maps.repeat(1, 1, 2, 3)
    assert float(gram_loss(maps, tiled).max()) < 1e-10
    assert float(mean_std_loss(maps, tiled).max()) < 1e-10


def test_gram_sees_channels_that_vary_together_and_mean_std_does_not() -> None:
    wave = torch.linspace(-1, 1, 16).reshape(1, 1, 4, 4)
    together, opposed = torch.cat((wave, wave), 1), torch.cat((wave, -wave), 1)
    assert float(gram_loss(together, opposed)) > 0.01
    assert float(mean_std_loss(together, opposed)) < 1e-10
    assert float(mean_std_loss(together, 2 * together + 1)) > 0.5


def test_total_variation_of_a_ramp_is_its_slopes() -> None:
    down, across = torch.meshgrid(torch.arange(5.0), torch.arange(7.0), indexing="ij")
    ramp = (0.5 * down + 2.0 * across)[None, None]
    assert float(total_variation(ramp)) == pytest.approx(2.5)
    assert float(total_variation(torch.ones(1, 3, 4, 4))) == 0.0


@pytest.mark.parametrize("loss", [mean_squared_error, ssim, gram_loss, mean_std_loss])
def test_gradients_are_right(loss: object) -> None:
    assert callable(loss)
    picture, copy = pair(12)
    picture, copy = picture[..., :13].clone().requires_grad_(), copy[..., :13].clone()
    assert torch.autograd.gradcheck(lambda moving: loss(moving, copy), (picture,), fast_mode=True)


def test_ms_ssim_has_finite_gradients_even_for_opposed_pictures() -> None:
    picture, _ = pair(176)
    moving = (1 - picture).requires_grad_()
    ms_ssim(moving, picture).sum().backward()
    assert moving.grad is not None
    assert bool(torch.isfinite(moving.grad).all())


def test_a_constant_channel_has_a_finite_gradient() -> None:
    flat = torch.full((1, 2, 4, 4), 0.5, requires_grad=True)
    mean_std_loss(
        flat, torch.rand(1, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    ).backward()
    assert flat.grad is not None
    assert bool(torch.isfinite(flat.grad).all())


def test_pictures_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(ContractError, match=r"got \(1, 3, 20, 20\) and \(1, 3, 20, 21\): scale"):
        ssim(torch.zeros(1, 3, 20, 20), torch.zeros(1, 3, 20, 21))
    with pytest.raises(ContractError, match="are 20x10 px: expected at least 11 px"):
        ssim(torch.zeros(1, 3, 10, 20), torch.zeros(1, 3, 10, 20))
    with pytest.raises(ContractError, match="expected at least 176 px"):
        ms_ssim(torch.zeros(1, 3, 175, 200), torch.zeros(1, 3, 175, 200))


def test_perceptual_loss_is_relative_and_averaged_over_layers() -> None:
    first = [torch.ones(2, 3, 4, 4), 100 * torch.ones(2, 5, 2, 2)]
    second = [torch.zeros(2, 3, 4, 4), 50 * torch.ones(2, 5, 2, 2)]
    assert perceptual_loss(first, first).tolist() == [0.0, 0.0]
    assert perceptual_loss(first, second).tolist() == pytest.approx([(1 + 0.25) / 2] * 2)
    with pytest.raises(ContractError, match="feature maps to compare differ"):
        perceptual_loss(first, second[:1])
