"""EfficientNet-Lite0 up to its pooled features as an ONNX graph, for inference engines."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from features.networks.efficientnet import (
    HEAD_CHANNELS,
    Block,
    EfficientNetLite0,
    SameConv2d,
    fold_batch_norm,
    same_padding,
)

_OPSET: Final = 17


def content_graph(network: EfficientNetLite0, side_px: int) -> onnx.ModelProto:
    """What `network.pooled` computes, as a checked ONNX model that carries its weights.

    Input `picture` uint8 (side_px, side_px, 3) sRGB, output `pooled` float32 (1, 1280). Folds the
    batch norms of `network` in place.
    """
    graph = _Graph()
    maps = graph.add("Cast", "picture", to=TensorProto.FLOAT)
    maps = graph.add("Unsqueeze", graph.add("Transpose", maps, perm=[2, 0, 1]), graph.of([0]))
    centred = graph.add("Sub", maps, graph.of(np.float32(127)))
    maps, side = graph.add("Mul", centred, graph.of(np.float32(1 / 128))), side_px
    fold_batch_norm(network)
    maps, side = graph.layers(network.stem, maps, side)
    for block in (block for stage in network.stages for block in stage.children()):
        assert isinstance(block, Block)
        out, side = graph.layers(block.layers, maps, side)
        maps = graph.add("Add", maps, out) if block.adds_input else out
    maps, _ = graph.layers(network.head, maps, side)
    graph.add("Flatten", graph.add("GlobalAveragePool", maps), output="pooled")
    return graph.model(side_px)


class _Graph:
    """Nodes and constants of a graph under construction; every value gets a number for a name."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def of(self, values: Any) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def add(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        name = output or f"value_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def layers(self, parts: nn.Module, maps: str, side: int) -> tuple[str, int]:
        """A chain of convolutions, their norms folded, and activations; with the new side."""
        for part in parts.children():
            if isinstance(part, SameConv2d):
                maps, side = self._conv(part, maps, side)
            elif isinstance(part, nn.ReLU6):
                maps = self.add("Clip", maps, self.of(np.float32(0)), self.of(np.float32(6)))
        return maps, side

    def _conv(self, part: SameConv2d, maps: str, side: int) -> tuple[str, int]:
        kernel, stride = part.kernel_size[0], part.stride[0]
        before, after = same_padding(side, kernel, stride)
        weight, bias = (self.of(_array(part, name)) for name in ("weight", "bias"))
        convolved = self.add(
            "Conv",
            maps,
            weight,
            bias,
            strides=[stride, stride],
            pads=[before, before, after, after],
            group=part.groups,
        )
        return convolved, -(-side // stride)

    def model(self, side_px: int) -> onnx.ModelProto:
        picture = helper.make_tensor_value_info("picture", TensorProto.UINT8, [side_px, side_px, 3])
        pooled = helper.make_tensor_value_info("pooled", TensorProto.FLOAT, [1, HEAD_CHANNELS])
        graph = helper.make_graph(self._nodes, "content", [picture], [pooled], self._constants)
        # IR version 8 is the oldest that knows this opset: older engines can read the file.
        opset = [helper.make_opsetid("", _OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=8)
        onnx.checker.check_model(model)
        return model


def _array(part: nn.Module, name: str) -> NDArray[np.float32]:
    return np.asarray(part.get_parameter(name).detach().numpy(), dtype=np.float32)
