"""Makes the ONNX files of features/matting/people.py from mediapipe's TFLite files.

    pip download --no-deps mediapipe==0.10.14 -d downloads
    unzip downloads/mediapipe-0.10.14-*.whl 'mediapipe/modules/*.tflite' -d downloads
    pip install --no-deps --target downloads/tflite tflite==2.18.0 flatbuffers
    PYTHONPATH=downloads/tflite python -m benchmarks.convert_person_networks

Weights stay the float16 of the originals; pictures are (1, h, w, 3) as there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import tflite
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

SOURCE: Final = Path("downloads/mediapipe/modules")
TARGET: Final = Path("features/matting")
NETWORKS: Final = {
    "selfie_segmentation/selfie_segmentation.tflite": "person_segmenter.onnx",
    "face_detection/face_detection_short_range.tflite": "face_detector.onnx",
}
_NAMES: Final = {v: k for k, v in vars(tflite.BuiltinOperator).items() if isinstance(v, int)}
_TO_NCHW: Final = [0, 3, 1, 2]
_TO_NHWC: Final = [0, 2, 3, 1]


class Converter:
    """Turns one TFLite graph into ONNX nodes; every activation is kept as (b, h, w, c)."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.graph = model.Subgraphs(0)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.constants: dict[int, NDArray[Any]] = {}

    def convert(self) -> onnx.ModelProto:
        """The whole graph as a model of opset 17."""
        graph = self.graph
        for index in range(graph.OperatorsLength()):
            self._operator(graph.Operators(index))
        inputs = [self._value(int(i)) for i in graph.InputsAsNumpy()]
        outputs = [self._value(int(i)) for i in graph.OutputsAsNumpy()]
        made = helper.make_graph(self.nodes, "network", inputs, outputs, self.weights)
        model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        return model

    def _value(self, index: int) -> onnx.ValueInfoProto:
        shape = self.graph.Tensors(index).ShapeAsNumpy().tolist()
        return helper.make_tensor_value_info(f"t{index}", TensorProto.FLOAT, shape)

    def _constant(self, index: int) -> NDArray[Any]:
        if index in self.constants:
            return self.constants[index]
        tensor = self.graph.Tensors(index)
        data = self.model.Buffers(tensor.Buffer()).DataAsNumpy()
        kinds = {
            tflite.TensorType.FLOAT32: np.float32,
            tflite.TensorType.FLOAT16: np.float16,
            tflite.TensorType.INT32: np.int32,
        }
        values: NDArray[Any] = np.frombuffer(data.tobytes(), kinds[tensor.Type()])
        return values.reshape(tensor.ShapeAsNumpy() if tensor.ShapeLength() else ())

    def _weight(self, name: str, values: NDArray[Any]) -> str:
        """A constant, stored as float16 where it is one, read as float32."""
        if values.dtype == np.float16:
            self.weights.append(numpy_helper.from_array(values, name + "_half"))
            return self._add("Cast", [name + "_half"], name, to=TensorProto.FLOAT)
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def _add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def _name(self, index: int) -> str:
        if index in self.constants:
            name = f"c{index}"
            if not any(node.output[0] == name for node in self.nodes):
                self._weight(name, self.constants[index])
            return name
        return f"t{index}"

    def _operator(self, operator: Any) -> None:
        code = self.model.OperatorCodes(operator.OpcodeIndex())
        kind = _NAMES[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        inputs = [int(i) for i in operator.InputsAsNumpy() if i >= 0]
        output = int(operator.OutputsAsNumpy()[0])
        name = f"t{output}"
        if kind == "DEQUANTIZE":
            self.constants[output] = self._constant(inputs[0])
        elif kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            self._convolution(operator, kind, inputs, output)
        elif kind == "CUSTOM":
            self._transposed(inputs, output)
        elif kind in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
            self._pool(operator, kind, inputs[0], output)
        elif kind == "RESIZE_BILINEAR":
            options = self._options(operator, tflite.ResizeBilinearOptions())
            corners = options.AlignCorners()
            mode = (
                "align_corners"
                if corners
                else ("half_pixel" if options.HalfPixelCenters() else "asymmetric")
            )
            sizes = self.graph.Tensors(output).ShapeAsNumpy().astype(np.int64)[_TO_NCHW]
            source = self._add("Transpose", [self._name(inputs[0])], name + "_in", perm=_TO_NCHW)
            self.weights.append(numpy_helper.from_array(sizes, name + "_size"))
            scaled = self._add(
                "Resize",
                [source, "", "", name + "_size"],
                name + "_out",
                mode="linear",
                coordinate_transformation_mode=mode,
            )
            self._add("Transpose", [scaled], name, perm=_TO_NHWC)
        elif kind == "PAD":
            pads = self._constant(inputs[1]).T.ravel().astype(np.int64)
            self.weights.append(numpy_helper.from_array(pads, name + "_pads"))
            self._add("Pad", [self._name(inputs[0]), name + "_pads"], name)
        elif kind == "RESHAPE":
            shape = self.graph.Tensors(output).ShapeAsNumpy().astype(np.int64)
            self.weights.append(numpy_helper.from_array(shape, name + "_shape"))
            self._add("Reshape", [self._name(inputs[0]), name + "_shape"], name)
        elif kind == "CONCATENATION":
            axis = self._options(operator, tflite.ConcatenationOptions()).Axis()
            self._add("Concat", [self._name(i) for i in inputs], name, axis=axis)
        elif kind in ("ADD", "MUL"):
            options = self._options(
                operator, tflite.AddOptions() if kind == "ADD" else tflite.MulOptions()
            )
            names = [self._name(i) for i in inputs]
            self._activate(kind.capitalize(), names, name, options.FusedActivationFunction())
        else:
            simple = {"RELU": "Relu", "HARD_SWISH": "HardSwish", "LOGISTIC": "Sigmoid"}
            self._add(simple[kind], [self._name(inputs[0])], name)

    def _options(self, operator: Any, options: Any) -> Any:
        table = operator.BuiltinOptions()
        options.Init(table.Bytes, table.Pos)
        return options

    def _activate(self, kind: str, inputs: list[str], name: str, function: int) -> None:
        if function == tflite.ActivationFunctionType.NONE:
            self._add(kind, inputs, name)
        elif function == tflite.ActivationFunctionType.RELU:
            self._add("Relu", [self._add(kind, inputs, name + "_linear")], name)
        else:
            raise ValueError(f"{name}: activation {function} is not known")

    def _convolution(self, operator: Any, kind: str, inputs: list[int], output: int) -> None:
        name = f"t{output}"
        deep = kind == "CONV_2D"
        options = self._options(
            operator, tflite.Conv2DOptions() if deep else tflite.DepthwiseConv2DOptions()
        )
        # (out, h, w, in) or (1, h, w, channels) -> (out, in, h, w).
        kernel = self._constant(inputs[1]).transpose(0, 3, 1, 2)
        kernel = kernel if deep else kernel.transpose(1, 0, 2, 3)
        attributes: dict[str, Any] = {
            "strides": [options.StrideH(), options.StrideW()],
            "group": 1 if deep else int(kernel.shape[0]),
            "auto_pad": "SAME_UPPER" if options.Padding() == tflite.Padding.SAME else "VALID",
        }
        source = self._add("Transpose", [self._name(inputs[0])], name + "_in", perm=_TO_NCHW)
        names = [
            source,
            self._weight(name + "_kernel", np.ascontiguousarray(kernel)),
            self._weight(name + "_bias", self._constant(inputs[2])),
        ]
        result = self._add("Conv", names, name + "_conv", **attributes)
        function = options.FusedActivationFunction()
        if function == tflite.ActivationFunctionType.RELU:
            result = self._add("Relu", [result], name + "_relu")
        elif function != tflite.ActivationFunctionType.NONE:
            raise ValueError(f"{name}: activation {function} is not known")
        self._add("Transpose", [result], name, perm=_TO_NHWC)

    def _transposed(self, inputs: list[int], output: int) -> None:
        """mediapipe's Convolution2DTransposeBias with a kernel and stride of 2."""
        name = f"t{output}"
        kernel = self._constant(inputs[1]).transpose(3, 0, 1, 2)
        source = self._add("Transpose", [self._name(inputs[0])], name + "_in", perm=_TO_NCHW)
        names = [
            source,
            self._weight(name + "_kernel", np.ascontiguousarray(kernel)),
            self._weight(name + "_bias", self._constant(inputs[2])),
        ]
        result = self._add("ConvTranspose", names, name + "_conv", strides=[2, 2])
        self._add("Transpose", [result], name, perm=_TO_NHWC)

    def _pool(self, operator: Any, kind: str, source: int, output: int) -> None:
        name = f"t{output}"
        options = self._options(operator, tflite.Pool2DOptions())
        turned = self._add("Transpose", [self._name(source)], name + "_in", perm=_TO_NCHW)
        result = self._add(
            "AveragePool" if kind.startswith("AVERAGE") else "MaxPool",
            [turned],
            name + "_pool",
            kernel_shape=[options.FilterHeight(), options.FilterWidth()],
            strides=[options.StrideH(), options.StrideW()],
            auto_pad="SAME_UPPER" if options.Padding() == tflite.Padding.SAME else "VALID",
        )
        self._add("Transpose", [result], name, perm=_TO_NHWC)


def main() -> None:
    """Convert both networks and say how large they are."""
    for source, target in NETWORKS.items():
        model = tflite.Model.GetRootAsModel((SOURCE / source).read_bytes(), 0)
        onnx.save(Converter(model).convert(), TARGET / target)
        print(f"{TARGET / target}: {(TARGET / target).stat().st_size} bytes")


if __name__ == "__main__":
    main()
