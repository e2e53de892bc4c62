"""A small network that tells product from ground, shadows and reflections on a plain ground.

It sees how far each pixel lies from the clean ground that the border's colours predict, coarsely
and finely. `benchmarks.train_plain_ground` fitted it to composites with exact truth.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load as load_tensors
from torch import Tensor, nn
from torch.nn import functional

SIZE_PX: Final = 192
_WIDTHS: Final = (20, 28, 40, 64, 64)
_N_INPUTS: Final = 7
_WEIGHTS: Final = "ground_net.safetensors"
_DOWN: Final = 32


class GroundNet(nn.Module):
    """A U-shaped network at half its input's size; its four outputs are each pixel's quarters."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(_N_INPUTS, _WIDTHS[0], 3, stride=2, padding=1)
        steps = list(zip(_WIDTHS[:-1], _WIDTHS[1:], strict=True))
        self.down = nn.ModuleList(
            nn.Conv2d(here, below, 3, stride=2, padding=1) for here, below in steps
        )
        self.along = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for width in _WIDTHS)
        self.deep = nn.Conv2d(_WIDTHS[-1], _WIDTHS[-1], 3, padding=1)
        self.up = nn.ModuleList(nn.Conv2d(below, here, 1) for here, below in steps)
        self.merge = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for width in _WIDTHS[:-1])
        self.out = nn.Conv2d(_WIDTHS[0], 4, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Inputs (b, 7, h, w), sides multiples of 32, -> log-odds of product (b, h, w)."""
        hidden = functional.relu(self.first(inputs))
        levels = []
        for number, along in enumerate(self.along):
            hidden = hidden + functional.relu(along(hidden))
            if number < len(self.down):
                levels.append(hidden)
                hidden = functional.relu(self.down[number](hidden))
        hidden = hidden + functional.relu(self.deep(hidden))
        for number in reversed(range(len(levels))):
            level = levels[number]
            hidden = functional.interpolate(
                self.up[number](hidden), size=level.shape[2:], mode="nearest"
            )
            hidden = functional.relu(hidden + level)
            hidden = hidden + functional.relu(self.merge[number](hidden))
        log_odds: Tensor = functional.pixel_shuffle(self.out(hidden), 2)[:, 0]
        return log_odds


def net_inputs(lab: NDArray[np.float32], clean: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the network sees (7, h, w): `lab` off its `clean` ground, both (h, w, 3), twice."""
    deviation = lab - clean
    coarse = np.tanh(deviation / 30.0)
    fine = np.tanh(deviation / 4.0)
    light = clean[..., :1] / 50.0 - 1.0
    stacked: NDArray[np.float32] = np.dstack([coarse, fine, light]).astype(np.float32)
    return np.ascontiguousarray(stacked.transpose(2, 0, 1))


def net_log_odds(lab: NDArray[np.float32], clean: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log-odds of product (h, w) float32 for `lab` and its `clean` ground, (h, w, 3) in Lab.

    Deterministic; sides are padded to multiples of 32 by reflection.
    """
    height, width = lab.shape[:2]
    inputs = torch.from_numpy(net_inputs(lab, clean))[None]
    padding = (0, -width % _DOWN, 0, -height % _DOWN)
    padded = functional.pad(inputs, padding, mode="replicate")
    with torch.inference_mode():
        log_odds: NDArray[np.float32] = _load()(padded)[0, :height, :width].numpy()
    return log_odds


@lru_cache(maxsize=1)
def _load() -> GroundNet:
    net = GroundNet()
    saved = resources.files("features.matting").joinpath(_WEIGHTS).read_bytes()
    net.load_state_dict(load_tensors(saved))
    return net.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
