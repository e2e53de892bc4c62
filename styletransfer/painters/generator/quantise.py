"""Static int8 quantisation of an ONNX generator by onnxruntime, calibrated on pictures.

Convolutions compute in int8, weights by channel; norms, the first and the last convolution stay in
float. Jacob et al. 2018, "Quantization and training of neural networks for efficient
integer-arithmetic-only inference".
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)

_KINDS: Final = ("Conv", "ConvTranspose")
# Without this mark the library advises on every call to fold what this graph does not have.
_PREPARED: Final = ("onnx.quant.pre_process", "onnxruntime.quant")

Sample = tuple[NDArray[np.float32], NDArray[np.float32]]


def quantise(model: onnx.ModelProto, samples: Iterable[Sample]) -> onnx.ModelProto:
    """`model`, as `to_onnx` makes it, with int8 convolutions as Q/DQ nodes.

    `samples` are pictures float32 (b, 3, h, w), sides multiples of 4, and codes float32 (b, 100)
    as it will be given; the ranges of its features are taken from them.
    """
    prepared = onnx.ModelProto()
    prepared.CopyFrom(model)
    mark = prepared.metadata_props.add()
    mark.key, mark.value = _PREPARED
    layers = [node.name for node in model.graph.node if node.op_type in _KINDS]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "quantised.onnx"
        quantize_static(
            prepared,
            str(path),
            _Samples(samples),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(_KINDS),
            nodes_to_quantize=layers[1:-1],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        return onnx.load(str(path))


class _Samples(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, samples: Iterable[Sample]) -> None:
        self._left = iter(samples)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        sample = next(self._left, None)
        return None if sample is None else dict(zip(("pictures", "codes"), sample, strict=True))
