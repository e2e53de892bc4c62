"""The generator's loss: its parts, each by its weight."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from features.images import crop_square, resize
from features.networks.efficientnet import EfficientNetLite0, fold_batch_norm, load_pretrained
from features.networks.style_network import StyleNetwork
from styletransfer.losses import (
    generator_loss,
    mean_squared_error,
    normalised_patch_style,
    perceptual_loss,
    product_colour,
    ssim,
    style_contrast,
    style_descriptors,
    style_gap,
    style_grams,
    total_variation,
)
from styletransfer.losses.sliced_wasserstein import patch_sliced_wasserstein
from styletransfer.training.adversary import Judge
from styletransfer.training.config import TrainingConfig
from styletransfer.training.data import Batch, as_tensor

_LUMA = (0.2126, 0.7152, 0.0722)
_CONTENT_STAGES = (2, 3)
_LATE_STAGES = (4, 6)
_MOST_SHIFT_PX = 8
_PROJECTIONS = 32


class Objective:
    """What a generator is to minimise; frozen networks are loaded when a part needs them."""

    def __init__(
        self, config: TrainingConfig, bank: Sequence[NDArray[np.uint8]], start: nn.Module
    ) -> None:
        """`bank` are the looks trained on, `start` the generator before its first step."""
        self._config, self._bank_pictures = config, bank
        self._start = copy.deepcopy(start).eval().requires_grad_(False)
        self._device = next(start.parameters()).device

    def parts(
        self,
        generator: nn.Module,
        judge: Judge | None,
        batch: Batch,
        painted: Tensor,
        rng: torch.Generator,
    ) -> dict[str, Tensor]:
        """Each part of weight above 0, not yet weighted: name -> scalar.

        `painted` (b, 3, s, s) are the batch's canvases as `generator` paints them.
        """
        weights = self._config.weights
        found: dict[str, Tensor] = {}
        if weights.adversarial and judge is not None:
            told = judge(painted, batch.codes, 1 - batch.masks)
            kind = self._config.adversary
            assert kind != "none"
            losses = [generator_loss(one, kind, weight) for one, weight in zip(*told, strict=True)]
            found["adversarial"] = torch.stack(losses).mean()
        if weights.content:
            top, left = torch.randint(0, _MOST_SHIFT_PX, (2,), generator=rng).tolist()
            shifted = (one[..., top:, left:] for one in (batch.photos, painted))
            maps = (self._features(one, _CONTENT_STAGES) for one in shifted)
            found["content"] = perceptual_loss(*maps).mean()
        if weights.style:
            distance = (
                normalised_patch_style if self._config.normalise_looks else patch_sliced_wasserstein
            )
            found["style"] = distance(painted, batch.views, rng, _PROJECTIONS).mean()
        if weights.gram or weights.contrast:
            with torch.no_grad():
                own = self._describe(batch.views)
            results = self._describe(painted)
            found["gram"] = style_gap(results, own).mean()
            if weights.contrast:
                rivals = style_contrast(results, own, self._bank[0], batch.looks)
                found["contrast"] = rivals.mean()
        if weights.ssim:
            found["ssim"] = (1 - ssim(grey(painted), grey(batch.photos))).mean()
        if weights.structure or weights.likeness:
            found |= self._held(batch, painted)
        if weights.identity:
            same = generator(batch.patches, batch.codes)
            found["identity"] = mean_squared_error(same, batch.patches).mean()
        if weights.product_colour:
            found["product_colour"] = product_colour(painted, batch.photos, batch.masks).mean()
        if weights.total_variation:
            found["total_variation"] = total_variation(painted).mean()
        if weights.picture_mse:
            found["picture_mse"] = mean_squared_error(painted, batch.patches).mean()
        return found

    def _held(self, batch: Batch, painted: Tensor) -> dict[str, Tensor]:
        """What structure and likeness to the photos lose against the start's pictures."""
        weights, found = self._config.weights, {}
        with torch.no_grad():
            first = self._start(batch.canvases, batch.codes)
        if weights.structure:
            floor, kept = (ssim(grey(one), grey(batch.photos)) for one in (first, painted))
            found["structure"] = (floor - kept).mean().clamp(min=0)
        if weights.likeness:
            with torch.no_grad():
                photos, start = (self._features(one, _LATE_STAGES) for one in (batch.photos, first))
                least = perceptual_loss(photos, start)
            gap = perceptual_loss(photos, self._features(painted, _LATE_STAGES))
            found["likeness"] = (gap - least).mean().clamp(min=0)
        return found

    def total(self, parts: dict[str, Tensor]) -> Tensor:
        """The weighted sum of the parts."""
        weighted = [getattr(self._config.weights, name) * value for name, value in parts.items()]
        return torch.stack(weighted).sum()

    def _describe(self, pictures: Tensor) -> Tensor:
        return style_descriptors(self._grams(pictures), self._bank[1])

    def _grams(self, pictures: Tensor) -> list[Tensor]:
        """Of the colours about mid-grey beside a constant, and of the style predictor's maps."""
        colours = torch.cat((pictures, torch.ones_like(pictures[:, :1])), dim=1) - 0.5
        return style_grams([colours, *self._style.features(pictures)])

    @cached_property
    def _bank(self) -> tuple[Tensor, list[Tensor]]:
        """Descriptors (k, d) of all looks and their Gram matrices' means."""
        with torch.no_grad():
            side = self._config.look_px
            squares = (resize(crop_square(look), side, side) for look in self._bank_pictures)
            grams = [self._grams(as_tensor([square]).to(self._device)) for square in squares]
            layers = [torch.cat(layer) for layer in zip(*grams, strict=True)]
            centres = [layer.mean(dim=0) for layer in layers]
            return style_descriptors(layers, centres), centres

    def _features(self, pictures: Tensor, stages: tuple[int, ...]) -> list[Tensor]:
        """EfficientNet's maps after `stages`."""
        maps = self._network.feature_maps(pictures, max(stages) + 1)
        return [maps[stage] for stage in stages]

    @cached_property
    def _network(self) -> EfficientNetLite0:
        return fold_batch_norm(load_pretrained()).to(self._device)

    @cached_property
    def _style(self) -> StyleNetwork:
        return StyleNetwork().to(self._device)


def grey(pictures: Tensor) -> Tensor:
    """Luma (b, 1, h, w) of pictures (b, 3, h, w)."""
    weights = pictures.new_tensor(_LUMA)
    return (pictures * weights[:, None, None]).sum(dim=1, keepdim=True)
