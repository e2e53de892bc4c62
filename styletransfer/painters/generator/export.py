"""The generator as an ONNX graph for inference engines, with its convolutions rearranged for speed.

The graph computes what `Generator` computes, to float32 rounding. Some convolutions are written in
an equal, cheaper form: see `_upsampling_kernel` and `_stacked_kernel`.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from features.schema import STYLE_CODE_SIZE
from styletransfer.painters.generator.network import NORM_EPS, Generator, StyledConv
from styletransfer.painters.generator.student import CHANNELS, Student

OPSET: Final = 17


def to_onnx(network: Generator | Student, with_stream: bool = False) -> onnx.ModelProto:
    """`network` as a checked ONNX model that carries its weights.

    Inputs `pictures` float32 (p, 3, h, w) in 0..1, h and w multiples of 4, p equal to b or 1 (one
    picture in b looks), and `codes` float32 (b, 100); output `painted` float32 (b, 3, h, w).
    `with_stream` adds the features after the last block, float32 (b, 32, h / 4, w / 4), `stream`.
    """
    graph = _Graph()
    if isinstance(network, Student):
        graph.scale_all([layer for layer in network.modules() if isinstance(layer, StyledConv)])
        _add_light_head(graph, _add_stream(graph, network), network)
    else:
        _add_head(graph, _add_stream(graph, network), network)
    return graph.model(with_stream)


def _add_stream(graph: _Graph, network: Generator | Student) -> str:
    features = "pictures"
    for layer in (part for part in network.contract if isinstance(part, nn.Conv2d)):
        kernel, bias = _array(layer.weight), _array(layer.get_parameter("bias"))
        padded = graph.pad(features, kernel.shape[-1] // 2)
        if layer.stride == (1, 1):
            convolved = graph.stacked_conv(padded, kernel, bias, rows=2)
        else:
            convolved = graph.conv(padded, kernel, graph.constant(bias), stride=layer.stride[0])
        features = graph.add("Relu", convolved)
    # A student's norms are all of the spreading form: one layout of memory and one product of the
    # codes for all of them, in which OpenVINO is a quarter faster and onnxruntime no slower.
    later = graph.spreading_norm if isinstance(network, Student) else graph.norm
    blocks = list(network.residual)
    for position, block in enumerate(blocks):
        first, second = (half for half in block.children() if isinstance(half, StyledConv))
        inner = graph.conv(graph.pad(features, 1), _array(first.conv.weight))
        # Up to here one picture may stand for all looks; the first styled norm tells them apart.
        norm = graph.spreading_norm if position == 0 else later
        inner = graph.add("Relu", norm(inner, first))
        inner = graph.conv(graph.pad(inner, 1), _array(second.conv.weight))
        name = "stream" if position == len(blocks) - 1 else None
        features = graph.add("Add", features, later(inner, second), output=name)
    return features


def _add_head(graph: _Graph, features: str, generator: Generator) -> None:
    *upsampling, last = (layer for layer in generator.expand if isinstance(layer, StyledConv))
    for styled in upsampling:
        kernel = _upsampling_kernel(_array(styled.conv.weight))
        padded = graph.pad(features, 1, mode="edge")
        convolved = graph.add(
            "ConvTranspose", padded, graph.constant(kernel), strides=[2, 2], pads=[3, 3, 3, 3]
        )
        features = graph.add("Relu", graph.norm(convolved, styled))
    padded = graph.pad(features, last.conv.kernel_size[0] // 2)
    convolved = graph.stacked_conv(padded, _array(last.conv.weight), rows=4)
    graph.add("Sigmoid", graph.norm(convolved, last), output="painted")


def _add_light_head(graph: _Graph, features: str, student: Student) -> None:
    hidden, last = (layer for layer in student.expand if isinstance(layer, StyledConv))
    inner = graph.conv(graph.pad(features, 1), _array(hidden.conv.weight))
    inner = graph.add("Relu", graph.spreading_norm(inner, hidden))
    phases = graph.conv(inner, _array(last.conv.weight))
    together = graph.add("DepthToSpace", phases, blocksize=last.shuffle, mode="CRD")
    graph.add("Sigmoid", graph.spreading_norm(together, last), output="painted")


def _array(weight: Tensor) -> NDArray[np.float32]:
    return np.asarray(weight.detach().cpu().numpy(), dtype=np.float32)


def _upsampling_kernel(kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """(c_out, c_in, 3, 3) -> (c_in, c_out, 4, 4), for a transposed convolution of stride 2.

    Doubling by nearest neighbour and convolving 3x3 is linear, so it is one transposed convolution
    of the small picture: each small pixel (copies a = 0, 1) reaches the outputs a - k + 2 of its
    4-wide footprint, k = 0..2. That takes 4 products per output instead of 9. A reflected border
    of the doubled picture is a repeated border of the small one.
    """
    c_out, c_in, size, _ = kernel.shape
    spread = np.zeros((c_in, c_out, 4, 4), np.float32)
    for row in range(size):
        for column in range(size):
            for down in range(2):
                for right in range(2):
                    tap = kernel[:, :, row, column].T
                    spread[:, :, down - row + 2, right - column + 2] += tap
    return spread


def _stacked_kernel(kernel: NDArray[np.float32], rows: int) -> NDArray[np.float32]:
    """(c_out, c_in, k, k) -> (c_out rows, c_in, k + rows - 1, k), for `rows` outputs at a time.

    A few output channels leave most lanes of a vector unit idle. Computing `rows` neighbouring rows
    of the picture as if they were channels fills the lanes, for few products more.
    """
    c_out, c_in, size, _ = kernel.shape
    stacked = np.zeros((c_out, rows, c_in, size + rows - 1, size), np.float32)
    for row in range(rows):
        stacked[:, row, :, row : row + size] = kernel
    return stacked.reshape(c_out * rows, c_in, size + rows - 1, size)


class _Graph:
    """Nodes and constants of a graph under construction; every value gets a number for a name."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._styles: dict[StyledConv, tuple[str, str]] = {}

    def constant(self, values: NDArray[Any]) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def integers(self, *values: int) -> str:
        return self.constant(np.asarray(values, dtype=np.int64))

    def add(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        number = len(self._nodes)
        made = output or f"value_{number}"
        self._nodes.append(
            helper.make_node(kind, list(inputs), [made], name=f"node_{number}", **attributes)
        )
        return made

    def pad(self, features: str, border_px: int, mode: str = "reflect") -> str:
        border = self.integers(*(0, 0, border_px, border_px) * 2)
        return self.add("Pad", features, border, mode=mode)

    def conv(self, padded: str, kernel: NDArray[np.float32], *bias: str, stride: int = 1) -> str:
        return self.add("Conv", padded, self.constant(kernel), *bias, strides=[stride, stride])

    def stacked_conv(
        self, padded: str, kernel: NDArray[np.float32], *bias: NDArray[np.float32], rows: int
    ) -> str:
        """What `conv` computes, `rows` rows at a time; they divide the picture's height."""
        repeated = (self.constant(np.repeat(values, rows)) for values in bias)
        weight = self.constant(_stacked_kernel(kernel, rows))
        stacked = self.add("Conv", padded, weight, *repeated, strides=[rows, 1])
        width = self.add("Shape", stacked, start=3)
        apart = self.add("Concat", self.integers(0, len(kernel), rows, -1), width, axis=0)
        blocks = self.add("Reshape", stacked, apart)
        in_order = self.add("Transpose", blocks, perm=[0, 1, 3, 2, 4])
        together = self.add("Concat", self.integers(0, len(kernel), -1), width, axis=0)
        return self.add("Reshape", in_order, together)

    def scale_all(self, styled: list[StyledConv]) -> None:
        """All scales and shifts in one product of the codes, cut into its parts."""
        linear = [part for layer in styled for part in (layer.gamma, layer.beta)]
        weight = np.concatenate([_array(part.weight) for part in linear]).T
        bias = np.concatenate([_array(part.bias) for part in linear])
        every = self.add("Gemm", "codes", self.constant(weight), self.constant(bias))
        ends = np.cumsum([part.out_features for part in linear]).tolist()
        along = self.integers(1)
        parts = [
            self.add("Slice", every, self.integers(start), self.integers(end), along)
            for start, end in zip([0, *ends[:-1]], ends, strict=True)
        ]
        self._styles = dict(zip(styled, zip(parts[::2], parts[1::2], strict=True), strict=True))

    def scale_and_shift(self, styled: StyledConv) -> tuple[str, str]:
        """The norm's scale and shift, each (b, c), linear in the style codes."""
        if styled in self._styles:
            return self._styles[styled]
        scale, shift = (
            self.add(
                "Gemm",
                "codes",
                self.constant(_array(linear.weight)),
                self.constant(_array(linear.bias)),
                transB=1,
            )
            for linear in (styled.gamma, styled.beta)
        )
        return scale, shift

    def norm(self, features: str, styled: StyledConv) -> str:
        """Norm (b, c, h, w), each row by its own style.

        InstanceNormalization takes one scale per channel, so rows and channels become one axis.
        """
        flat = self.integers(-1)
        scale, shift = (self.add("Reshape", part, flat) for part in self.scale_and_shift(styled))
        sides = self.add("Shape", features, start=2)
        merged_shape = self.add("Concat", self.integers(1, -1), sides, axis=0)
        merged = self.add("Reshape", features, merged_shape)
        normed = self.add("InstanceNormalization", merged, scale, shift, epsilon=NORM_EPS)
        return self.add("Reshape", normed, self.add("Shape", features))

    def spreading_norm(self, features: str, styled: StyledConv) -> str:
        """Norm (p, c, h, w), p = 1 or b, by b styles -> (b, c, h, w)."""
        channels = styled.gamma.out_features
        one = self.constant(np.ones(channels, np.float32))
        zero = self.constant(np.zeros(channels, np.float32))
        standard = self.add("InstanceNormalization", features, one, zero, epsilon=NORM_EPS)
        sides = self.integers(2, 3)
        scale, shift = (self.add("Unsqueeze", x, sides) for x in self.scale_and_shift(styled))
        return self.add("Add", self.add("Mul", standard, scale), shift)

    def model(self, with_stream: bool) -> onnx.ModelProto:
        pictures = helper.make_tensor_value_info(
            "pictures", TensorProto.FLOAT, ["p", 3, "height", "width"]
        )
        codes = helper.make_tensor_value_info("codes", TensorProto.FLOAT, ["b", STYLE_CODE_SIZE])
        painted = helper.make_tensor_value_info(
            "painted", TensorProto.FLOAT, ["b", 3, "height", "width"]
        )
        stream = helper.make_tensor_value_info(
            "stream", TensorProto.FLOAT, ["b", CHANNELS, "rows", "columns"]
        )
        outputs = [painted, stream] if with_stream else [painted]
        graph = helper.make_graph(
            self._nodes, "generator", [pictures, codes], outputs, self._constants
        )
        # IR version 8 is the oldest that knows this opset: older engines can read the file.
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8
        )
        onnx.checker.check_model(model)
        return model
