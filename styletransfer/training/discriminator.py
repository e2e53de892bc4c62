"""The discriminator: are these patches real, and are they of this look?

Markovian patches (Li and Wand 2016, "Precomputed real-time texture synthesis with Markovian
generative adversarial networks") at two scales, spectral normalisation (Miyato et al. 2018) and
the look's code by projection (Miyato and Koyama 2018, "cGANs with projection discriminator").
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from features.schema import STYLE_CODE_SIZE

SCALES: Final = 2
_SLOPE: Final = 0.2


class PatchDiscriminator(nn.Module):
    """One network per scale; each patch of 46 px of its scale gets a logit."""

    def __init__(self, channels: int, centre: Tensor) -> None:
        """`channels` of the first layer; `centre` (100,) is taken off the looks' codes."""
        super().__init__()
        self.scales = nn.ModuleList(_Scale(channels) for _ in range(SCALES))
        self.register_buffer("centre", centre.clone())
        self.centre: Tensor

    def forward(self, pictures: Tensor, codes: Tensor) -> list[Tensor]:
        """Logits (b, 1, h', w') per scale of `pictures` (b, 3, h, w) as looks of `codes`."""
        directions = F.normalize(codes - self.centre, dim=1)
        outs = []
        for scale in self.scales:
            outs.append(scale(pictures, directions))
            pictures = F.avg_pool2d(pictures, 2)
        return outs


class _Scale(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        widths = (3, channels, 2 * channels, 4 * channels)
        self.layers = nn.ModuleList(
            spectral_norm(nn.Conv2d(c_in, c_out, 4, 2, 1)) for c_in, c_out in pairwise(widths)
        )
        self.last = spectral_norm(nn.Conv2d(widths[-1], widths[-1], 3, 1, 1))
        self.real = spectral_norm(nn.Conv2d(widths[-1], 1, 1))
        self.look = spectral_norm(nn.Linear(STYLE_CODE_SIZE, widths[-1], bias=False))

    def forward(self, pictures: Tensor, directions: Tensor) -> Tensor:
        maps = 2 * pictures - 1
        for layer in (*self.layers, self.last):
            maps = F.leaky_relu(layer(maps), _SLOPE)
        fitting = (maps * self.look(directions)[:, :, None, None]).sum(dim=1, keepdim=True)
        logits: Tensor = self.real(maps) + fitting
        return logits


def patch_weights(surroundings: Tensor, logits: list[Tensor]) -> list[Tensor]:
    """How much of each logit's place is `surroundings` (b, 1, h, w) in 0..1, per scale."""
    return [F.adaptive_avg_pool2d(surroundings, (one.shape[2], one.shape[3])) for one in logits]
