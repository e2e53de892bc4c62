"""Product prior: where an ImageNet network's features look like a product.

A small head reads EfficientNet-Lite0's maps. It was fitted by `benchmarks.train_product_prior` to
30 masks drawn by hand and, by self-training (each round's masks, sharpened by the colours of their
picture, teach the next), to some 700 photos without masks; all of them CC0 photos of clothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load as load_tensors
from torch import Tensor, nn
from torch.nn import functional

from features.images import resize
from features.networks.efficientnet import EfficientNetLite0, fold_batch_norm, load_pretrained

SIZE_PX: Final = 256
STRIDE: Final = 8
_COARSEST_STRIDE: Final = 32
# The second to the seventh stage of the network.
STAGE_CHANNELS: Final = (24, 40, 80, 112, 192, 320)
_WIDTH: Final = 32
_WEIGHTS: Final = "product_prior.safetensors"


class PriorHead(nn.Module):
    """Features of six stages, and the place in the picture, -> log-odds of product at stride 8."""

    def __init__(self) -> None:
        super().__init__()
        self.reduce = nn.ModuleList(
            nn.Conv2d(channels, _WIDTH, 1, bias=False) for channels in STAGE_CHANNELS
        )
        self.place = nn.Conv2d(4, _WIDTH, 1)
        self.context = nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1, padding_mode="replicate")
        self.out = nn.Conv2d(_WIDTH, 1, 1)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps (b, c, h, w) of the six stages, the first pooled to stride 8, -> (b, h, w)."""
        size = maps[0].shape[2:]
        hidden: Tensor = self.place(_places(size[0], size[1]))
        for reduce, stage in zip(self.reduce, maps, strict=True):
            # Reducing before enlarging is the same, both being linear, and twenty times cheaper.
            small = reduce(stage)
            hidden = hidden + functional.interpolate(
                small, size=size, mode="bilinear", align_corners=False
            )
        hidden = functional.relu(hidden)
        hidden = hidden + functional.relu(self.context(hidden))
        log_odds: Tensor = self.out(hidden)[:, 0]
        return log_odds


def stage_maps(network: EfficientNetLite0, picture: NDArray[np.uint8]) -> list[Tensor]:
    """The head's input for one picture (h, w, 3) uint8: six maps (1, c, h', w').

    The picture is scaled to multiples of 32 pixels, the longer side to 256.
    """
    scale = SIZE_PX / max(picture.shape[:2])
    height, width = (
        max(round(side * scale / _COARSEST_STRIDE), 1) * _COARSEST_STRIDE
        for side in picture.shape[:2]
    )
    scaled = resize(picture, height, width)
    tensor = torch.from_numpy(scaled).permute(2, 0, 1)[None].float() / 255.0
    with torch.inference_mode():
        maps = network.feature_maps(tensor)[1:]
        return [functional.avg_pool2d(maps[0], 2), *maps[1:]]


def product_log_odds(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Log-odds of product on a grid of 8 pixels of the picture scaled to 256, float32 (h', w').

    `picture` (h, w, 3) uint8 sRGB. Deterministic. Raises WeightsError when the package with the
    network's weights is missing.
    """
    network, head = _load()
    maps = stage_maps(network, picture)
    with torch.inference_mode():
        log_odds: NDArray[np.float32] = head(maps)[0].numpy()
    return log_odds


@lru_cache(maxsize=1)
def _load() -> tuple[EfficientNetLite0, PriorHead]:
    head = PriorHead()
    saved = resources.files("features.matting").joinpath(_WEIGHTS).read_bytes()
    head.load_state_dict(load_tensors(saved))
    return fold_batch_norm(load_pretrained()), head.eval().requires_grad_(False)


def _places(height: int, width: int) -> Tensor:
    """x^2, y^2, y and the fourth power of the larger of |x| and |y|, from -1 to 1: (1, 4, h, w)."""
    y = ((torch.arange(height) + 0.5) / height * 2 - 1)[:, None].expand(height, width)
    x = ((torch.arange(width) + 0.5) / width * 2 - 1)[None].expand(height, width)
    return torch.stack([x**2, y**2, y, torch.maximum(x.abs(), y.abs()) ** 4])[None]
