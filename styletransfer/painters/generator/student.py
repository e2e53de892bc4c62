"""A smaller generator that learns from the larger one: the same residual stream, cheaper around it.

Over half of the larger generator's time goes into its layers at full and half resolution. The
student computes nothing there: a convolution of stride 4 takes the picture apart (space-to-depth
and a 3x3 convolution in one), and a pixel shuffle puts it together again (Shi et al. 2016,
"Real-time single image and video super-resolution using an efficient sub-pixel convolutional
neural network"). In each residual block half of the filters are left out, those of least L1 norm
(Li et al. 2017, "Pruning filters for efficient ConvNets"), and what remains is fitted anew by least
squares (He et al. 2017, "Channel pruning for accelerating very deep neural networks").
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from styletransfer.painters.generator.network import (
    STRIDE_PX,
    Generator,
    ResidualBlock,
    StyledConv,
    check_batch,
    hash_weights,
)

CHANNELS: Final = 32
INNER_CHANNELS: Final = 16
_BLOCKS: Final = 5
_STEM_PX: Final = 12
_RIDGE: Final = 1e-4


class Student(nn.Module):
    """Picture and style code in, painted picture out, as `Generator`, at two fifths of its time.

    Its residual stream stands for the generator's: same size, same channels after each block.
    """

    def __init__(self) -> None:
        super().__init__()
        border = (_STEM_PX - STRIDE_PX) // 2
        self.contract = nn.ModuleList(
            (
                nn.Conv2d(3, CHANNELS, _STEM_PX, STRIDE_PX, border, padding_mode="reflect"),
                nn.Conv2d(CHANNELS, CHANNELS, 3, 1, 1, padding_mode="reflect"),
            )
        )
        self.residual = nn.ModuleList(
            ResidualBlock(CHANNELS, INNER_CHANNELS) for _ in range(_BLOCKS)
        )
        self.expand = nn.ModuleList(
            (StyledConv(CHANNELS, CHANNELS, 3), StyledConv(CHANNELS, 3, 3, shuffle=STRIDE_PX))
        )

    @property
    def model_version(self) -> str:
        """Short hash of the weights: 12 hex digits that change whenever any weight does."""
        return hash_weights(self)

    def forward(self, pictures: Tensor, codes: Tensor) -> Tensor:
        """Paint `pictures` in the looks of `codes`: arguments, result and errors as `Generator`."""
        check_batch(tuple(pictures.shape), tuple(codes.shape))
        height, width = pictures.shape[-2:]
        padded = F.pad(pictures, (0, -width % STRIDE_PX, 0, -height % STRIDE_PX), mode="reflect")
        painted, _ = self.with_features(padded, codes)
        return painted[..., :height, :width]

    def with_features(self, pictures: Tensor, codes: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The painted pictures, and the residual stream before the blocks and after each.

        Sides of `pictures` are multiples of 4; features are (b, 32, h / 4, w / 4).
        """
        stream = pictures
        for layer in self.contract:
            stream = F.relu(layer(stream))
        features = [stream]
        for block in self.residual:
            stream = block(stream, codes)
            features.append(stream)
        for layer in list(self.expand)[:-1]:
            stream = F.relu(layer(stream, codes))
        painted: Tensor = torch.sigmoid(self.expand[-1](stream, codes))
        return painted, features


def prune(generator: Generator, pictures: Tensor, codes: Tensor) -> Student:
    """A student that starts from the generator's weights, fitted on some pictures it is given.

    `pictures` (b, 3, h, w) with sides that are multiples of 4 and `codes` (b, 100) are what the
    layers are fitted on, by ridge regression in the order of the layers. The head is new, but for
    the style of its last norm; its first layer is drawn from torch's global generator.
    """
    student = Student()
    with torch.no_grad():
        _fit_stem(student, generator, pictures)
        stream, target = _contracted(student, pictures), _contracted(generator, pictures)
        for block, larger in zip(_blocks(student), _blocks(generator), strict=True):
            _prune_first(block.first, larger.first)
            _copy_style(block.second, larger.second)
            wanted = larger.second.conv(F.relu(larger.first(target, codes)))
            columns = _patches(F.relu(block.first(stream, codes)), 3)
            solved = _solved(columns, wanted)
            block.second.conv.weight.copy_(solved.T.reshape(block.second.conv.weight.shape))
            stream, target = block(stream, codes), larger(target, codes)
        last, theirs = student.expand[-1], generator.expand[-1]
        assert isinstance(last, StyledConv)
        assert isinstance(theirs, StyledConv)
        _copy_style(last, theirs)
    return student


def _prune_first(first: StyledConv, larger: StyledConv) -> None:
    """Keep the filters of largest L1 norm, and their styles."""
    norms = larger.conv.weight.abs().sum(dim=(1, 2, 3))
    kept = norms.topk(len(first.conv.weight)).indices.sort().values
    first.conv.weight.copy_(larger.conv.weight[kept])
    for mine, theirs in ((first.gamma, larger.gamma), (first.beta, larger.beta)):
        mine.weight.copy_(theirs.weight[kept])
        mine.bias.copy_(theirs.bias[kept])


def _copy_style(styled: StyledConv, larger: StyledConv) -> None:
    styled.gamma.load_state_dict(larger.gamma.state_dict())
    styled.beta.load_state_dict(larger.beta.state_dict())


def _fit_stem(student: Student, generator: Generator, pictures: Tensor) -> None:
    """Both layers of the stem, in turn, to what the generator's three give before their last ReLU.

    One more column of ones fits the bias.
    """
    *before, last = _layers(generator)
    features = pictures
    for layer in before:
        features = F.relu(layer(features))
    wanted, known = last(features), pictures
    for layer in _layers(student):
        columns = _patches(known, layer.kernel_size[0], layer.stride[0], int(layer.padding[0]))
        columns = torch.cat((columns, torch.ones_like(columns[:, :1])), dim=1)
        solved = _solved(columns, wanted)
        layer.weight.copy_(solved[:-1].T.reshape(layer.weight.shape))
        layer.get_parameter("bias").copy_(solved[-1])
        known = F.relu(layer(known))


def _layers(network: Generator | Student) -> list[nn.Conv2d]:
    return [layer for layer in network.contract if isinstance(layer, nn.Conv2d)]


def _blocks(network: Generator | Student) -> list[ResidualBlock]:
    return [block for block in network.residual if isinstance(block, ResidualBlock)]


def _contracted(network: Generator | Student, pictures: Tensor) -> Tensor:
    for layer in _layers(network):
        pictures = F.relu(layer(pictures))
    return pictures


def _patches(features: Tensor, size: int, stride: int = 1, border: int = 1) -> Tensor:
    """What a reflect-padded convolution sees: (b, c, h, w) -> (b, c size size, positions)."""
    padded = F.pad(features, (border,) * 4, mode="reflect")
    return F.unfold(padded, size, stride=stride)


def _solved(columns: Tensor, wanted: Tensor) -> Tensor:
    """Ridge regression of `wanted` (b, c, h, w) on `columns` (b, d, h w) -> (d, c)."""
    known = columns.transpose(1, 2).flatten(0, 1).double()
    aim = wanted.flatten(2).transpose(1, 2).flatten(0, 1).double()
    square = known.T @ known
    ridge = _RIDGE * square.diagonal().mean() * torch.eye(len(square), dtype=square.dtype)
    solved: Tensor = torch.linalg.solve(square + ridge, known.T @ aim)
    return solved.float()
