"""Losses between pictures and between feature maps: torch, differentiable, one value per picture.

Every function takes float tensors of equal batch size b (a batch of 1 stands for all) and returns
float (b,). One loss per file.
"""

from styletransfer.losses.adversarial import (
    discriminator_loss,
    generator_loss,
    gradient_penalty,
)
from styletransfer.losses.gram import gram_loss, gram_matrix
from styletransfer.losses.mean_std import mean_std_loss
from styletransfer.losses.mse import mean_squared_error
from styletransfer.losses.normalised_style import normalised_patch_style
from styletransfer.losses.perceptual import perceptual_loss
from styletransfer.losses.product_colour import product_colour
from styletransfer.losses.ssim import ms_ssim, ssim, ssim_of_moments
from styletransfer.losses.style_contrast import (
    style_contrast,
    style_descriptors,
    style_gap,
    style_grams,
)
from styletransfer.losses.total_variation import total_variation

__all__ = [
    "discriminator_loss",
    "generator_loss",
    "gradient_penalty",
    "gram_loss",
    "gram_matrix",
    "mean_squared_error",
    "mean_std_loss",
    "ms_ssim",
    "normalised_patch_style",
    "perceptual_loss",
    "product_colour",
    "ssim",
    "ssim_of_moments",
    "style_contrast",
    "style_descriptors",
    "style_gap",
    "style_grams",
    "total_variation",
]
