"""A lighter generator: its layers at quarter resolution as they are, and a light head on them.

Nearly half of the generator's time goes into the three layers that bring a look's features back to
full resolution, which no two looks of a photo can share. The student computes nothing above quarter
resolution: its head is one convolution, whose channels stand for the phases of the generator's
first doubling, those of least L1 norm left out (Li et al. 2017, "Pruning filters for efficient
ConvNets"), and one product per pixel, put in place by pixel shuffle (Shi et al. 2016, "Real-time
single image and video super-resolution using an efficient sub-pixel convolutional neural network").
It learns from the generator's pictures: see `styletransfer.training.distil`.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from styletransfer.painters.generator.network import (
    STRIDE_PX,
    Generator,
    StyledConv,
    check_batch,
    hash_weights,
)

CHANNELS: Final = 32
HEAD_CHANNELS: Final = 48


class Student(nn.Module):
    """Picture and style code in, painted picture out, as `Generator`, with a head of its own."""

    def __init__(self) -> None:
        super().__init__()
        larger = Generator()
        self.contract, self.residual = larger.contract, larger.residual
        self.expand = nn.ModuleList(
            (StyledConv(CHANNELS, HEAD_CHANNELS, 3), StyledConv(HEAD_CHANNELS, 3, 1, STRIDE_PX))
        )

    @property
    def model_version(self) -> str:
        """Short hash of the weights: 12 hex digits that change whenever any weight does."""
        return hash_weights(self)

    def forward(self, pictures: Tensor, codes: Tensor) -> Tensor:
        """Paint `pictures` in the looks of `codes`: arguments, result and errors as `Generator`."""
        check_batch(tuple(pictures.shape), tuple(codes.shape))
        height, width = pictures.shape[-2:]
        stream = F.pad(pictures, (0, -width % STRIDE_PX, 0, -height % STRIDE_PX), mode="reflect")
        for layer in self.contract:
            stream = F.relu(layer(stream))
        for block in self.residual:
            stream = block(stream, codes)
        return self.finish(stream, codes)[..., :height, :width]

    def finish(self, stream: Tensor, codes: Tensor) -> Tensor:
        """The head: features (b, 32, h, w) after the last block -> pictures (b, 3, 4 h, 4 w)."""
        hidden, last = self.expand
        painted: Tensor = torch.sigmoid(last(F.relu(hidden(stream, codes)), codes))
        return painted


def prune(generator: Generator) -> Student:
    """A student of `generator`, its head yet to learn; draws from torch's global generator.

    Of the first doubling's 64 phases (16 channels, 2 x 2 places) the 48 of largest L1 norm stay.
    """
    student = Student()
    student.contract.load_state_dict(generator.contract.state_dict())
    student.residual.load_state_dict(generator.residual.state_dict())
    hidden, last = (layer for layer in student.expand if isinstance(layer, StyledConv))
    doubling, *_, colours = (layer for layer in generator.expand if isinstance(layer, StyledConv))
    with torch.no_grad():
        phases = _phases(doubling.conv.weight)
        kept = phases.abs().sum(dim=(1, 2, 3)).topk(HEAD_CHANNELS).indices.sort().values
        hidden.conv.weight.copy_(phases[kept])
        for mine, theirs in ((hidden.gamma, doubling.gamma), (hidden.beta, doubling.beta)):
            mine.weight.copy_(theirs.weight[kept // 4])
            mine.bias.copy_(theirs.bias[kept // 4])
    last.gamma.load_state_dict(colours.gamma.state_dict())
    last.beta.load_state_dict(colours.beta.state_dict())
    return student


def _phases(kernel: Tensor) -> Tensor:
    """Doubling by nearest neighbour and convolving (c_out, c_in, 3, 3) gives four pictures of the
    small size, one for each place in a doubled pixel: their kernels, (c_out 4, c_in, 3, 3)."""
    phases = []
    for down in range(2):
        for right in range(2):
            phase = torch.zeros_like(kernel)
            for row in range(3):
                for column in range(3):
                    place = (down + row - 1) // 2 + 1, (right + column - 1) // 2 + 1
                    phase[:, :, place[0], place[1]] += kernel[:, :, row, column]
            phases.append(phase)
    return torch.stack(phases, dim=1).flatten(0, 1)
