"""Losses between pictures and between feature maps: torch, differentiable, one value per picture.

Every function takes float tensors of equal batch size b (a batch of 1 stands for all) and returns
float (b,). One loss per file.
"""

from styletransfer.losses.gram import gram_loss, gram_matrix
from styletransfer.losses.mean_std import mean_std_loss
from styletransfer.losses.mse import mean_squared_error
from styletransfer.losses.perceptual import perceptual_loss
from styletransfer.losses.ssim import ms_ssim, ssim, ssim_of_moments
from styletransfer.losses.total_variation import total_variation

__all__ = [
    "gram_loss",
    "gram_matrix",
    "mean_squared_error",
    "mean_std_loss",
    "ms_ssim",
    "perceptual_loss",
    "ssim",
    "ssim_of_moments",
    "total_variation",
]
