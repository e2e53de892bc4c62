"""Engines that run the generator: torch, onnxruntime and OpenVINO behind one protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor

from features.schema import ConfigError
from styletransfer.painters.generator.export import to_onnx
from styletransfer.painters.generator.network import (
    STRIDE_PX,
    Generator,
    check_batch,
    load_pretrained,
)
from styletransfer.painters.generator.student import Student

BACKENDS: Final = ("torch", "onnxruntime", "openvino")
ENGINES: Final = ("onnxruntime", "openvino", "openvino-f32")


class Backend(Protocol):
    """An engine that paints pictures with one fixed set of weights."""

    name: str
    model_version: str

    def paint(
        self, pictures: NDArray[np.float32], codes: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Paint `pictures` in the looks of `codes`.

        `pictures` float32 (b, 3, h, w) sRGB in 0..1, or (1, 3, h, w) for one picture in b looks;
        `codes` float32 (b, 100). Returns float32 (b, 3, h, w) in 0..1. Raises ContractError on
        shapes that do not fit or sides outside 64..1536 px.
        """
        ...


def make_backend(
    name: str, threads: int = 1, generator: Generator | Student | None = None
) -> Backend:
    """The engine called `name`, on `threads` CPU threads, with the pretrained weights by default.

    `torch` is the reference. `onnxruntime` agrees with it to float32 rounding and is about three
    times as fast. `openvino` (extra `openvino`) computes in bfloat16 where the processor can:
    faster still, about 0.002 mean absolute from the reference.

    Raises ConfigError on another name, on threads below 1, or when the engine is not installed.
    """
    if threads < 1:
        raise ConfigError(f"threads must be at least 1, got {threads}")
    if name not in BACKENDS:
        raise ConfigError(f"backend {name!r} is unknown: expected one of {', '.join(BACKENDS)}")
    painter = generator if generator is not None else load_pretrained()
    if name == "torch":
        return TorchBackend(painter, threads)
    graph = to_onnx(painter).SerializeToString()
    return open_graph(name, graph, painter.model_version, threads)


def open_graph(name: str, graph: bytes, model_version: str, threads: int = 1) -> Backend:
    """The engine called `name` (of `ENGINES`) with an ONNX model as `to_onnx` makes it.

    `openvino-f32` computes in float32. Raises ConfigError when the engine is not installed.
    """
    if name == "onnxruntime":
        return OnnxRuntimeBackend(graph, model_version, threads)
    return OpenVinoBackend(graph, model_version, threads, "f32" if name.endswith("f32") else "bf16")


def open_teacher(
    generator: Generator, threads: int = 1
) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """What `generator` paints, and its features after the last block, on onnxruntime.

    Takes pictures float32 (b, 3, h, w), sides multiples of 4, and codes (b, 100); returns painted
    (b, 3, h, w) and features (b, 32, h / 4, w / 4).
    """
    session = _session(to_onnx(generator, with_stream=True).SerializeToString(), threads)

    def teach(pictures: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
        fed = {"pictures": pictures.numpy(), "codes": codes.numpy()}
        painted, stream = (torch.from_numpy(one) for one in session.run(None, fed))
        return painted, stream

    return teach


class TorchBackend:
    """The torch module itself, without gradients."""

    name = "torch"

    def __init__(self, generator: Generator | Student, threads: int) -> None:
        self.model_version = generator.model_version
        self._generator = generator
        self._threads = threads

    def paint(
        self, pictures: NDArray[np.float32], codes: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """See `Backend.paint`."""
        # torch counts its threads per process: leave the caller's setting as it was.
        callers_threads = torch.get_num_threads()
        torch.set_num_threads(self._threads)
        try:
            with torch.inference_mode():
                painted = self._generator(torch.tensor(pictures), torch.tensor(codes))
            return np.asarray(painted.numpy(), dtype=np.float32)
        finally:
            torch.set_num_threads(callers_threads)


class OnnxRuntimeBackend:
    """An ONNX graph on onnxruntime's CPU provider."""

    name = "onnxruntime"

    def __init__(self, graph: bytes, model_version: str, threads: int) -> None:
        self.model_version = model_version
        self._session = _session(graph, threads)

    def paint(
        self, pictures: NDArray[np.float32], codes: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """See `Backend.paint`."""
        padded = _padded(pictures, codes)
        painted = self._session.run(["painted"], {"pictures": padded, "codes": codes})[0]
        return _cropped(painted, pictures)


class OpenVinoBackend:
    """An ONNX graph on OpenVINO's CPU plugin, in float32 or, where there is hardware, bfloat16."""

    name = "openvino"

    def __init__(self, graph: bytes, model_version: str, threads: int, precision: str) -> None:
        try:
            import openvino
        except ImportError as error:
            raise ConfigError(
                "backend 'openvino' is not installed: pip install 'stylefeed[openvino]', "
                "or choose backend 'onnxruntime'"
            ) from error
        self.model_version = model_version
        core = openvino.Core()
        settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads}
        model = core.read_model(graph)
        self._request: Any = core.compile_model(model, "CPU", settings).create_infer_request()

    def paint(
        self, pictures: NDArray[np.float32], codes: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """See `Backend.paint`."""
        padded = _padded(pictures, codes)
        painted = self._request.infer({"pictures": padded, "codes": codes})["painted"]
        # The request owns its output and overwrites it at the next call.
        return np.array(_cropped(painted, pictures))


def _session(graph: bytes, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A memory plan is kept for every picture size ever seen, and saves no time here.
    options.enable_mem_pattern = False
    # Idle threads that spin would take the cores from the job's other workers.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _padded(pictures: NDArray[np.float32], codes: NDArray[np.float32]) -> NDArray[np.float32]:
    """`pictures`, shapes checked, with both sides reflected up to multiples of the stride."""
    check_batch(pictures.shape, codes.shape)
    below, right = (-side % STRIDE_PX for side in pictures.shape[2:])
    if below == right == 0:
        return pictures
    return np.pad(pictures, ((0, 0), (0, 0), (0, below), (0, right)), mode="reflect")


def _cropped(painted: Any, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = pictures.shape[2:]
    return np.asarray(painted[:, :, :height, :width], dtype=np.float32)
