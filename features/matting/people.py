"""People in a photo: whoever wears or holds the product is foreground and is never painted.

Two networks of MediaPipe 0.10.14 (Apache-2.0), converted once by
`benchmarks.convert_person_networks`: the selfie segmenter, which in practice finds whatever stands
in front (a jacket laid flat too), and the short-range face detector (Bazarevsky et al.,
"BlazeFace", 2019). Foreground counts as a person where there is a face, or skin beside the product.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Literal

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from features.networks.weights import packaged_file

_SEGMENTER_PX: Final = 256
_FACES_PX: Final = 128
_HASHES: Final = {
    "person_segmenter": "032b95ed62c36d7b4b9c4eb9d7e0575629682d916196c58a2d4f4feb5ba29a64",
    "face_detector": "f2b4073db65123e2424f9da07a671347fbaa8668d633a118110d2f7f00bb2bf8",
}
# Shoes and caps on the floor score up to .81, faces of the size of a portrait from .85.
_FACE: Final = 0.83
# Skin outside the product, as shares of the picture and of the foreground outside the product.
_SKIN_SHARE: Final = 0.012
_SKIN_OF_REST: Final = 0.3
_SKIN_BEHIND: Final = 0.15


def foreground_alpha(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Probability (h, w) float32 of people and of what stands in front like them.

    `picture` (h, w, 3) uint8 sRGB. Deterministic. Raises WeightsError where the network's file is
    missing or is another.
    """
    height, width = picture.shape[:2]
    scaled = cv2.resize(picture, (_SEGMENTER_PX, _SEGMENTER_PX), interpolation=cv2.INTER_AREA)
    found = _run("person_segmenter", scaled.astype(np.float32) / np.float32(255))[0][0, ..., 0]
    alpha: NDArray[np.float32] = cv2.resize(found, (width, height), interpolation=cv2.INTER_LINEAR)
    return alpha.clip(0, 1)


def face_score(picture: NDArray[np.uint8]) -> float:
    """Score in [0, 1] of the clearest face in `picture` (h, w, 3) uint8; raises WeightsError."""
    height, width = picture.shape[:2]
    scale = _FACES_PX / max(height, width)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    top, left = (_FACES_PX - size[1]) // 2, (_FACES_PX - size[0]) // 2
    square = np.zeros((_FACES_PX, _FACES_PX, 3), dtype=np.float32)
    square[top : top + size[1], left : left + size[0]] = (
        cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 127.5 - 1
    )
    scores = next(values for values in _run("face_detector", square) if values.shape[-1] == 1)
    return float(1 / (1 + np.exp(-np.clip(scores.max(), -50, 50))))


def shows_face(picture: NDArray[np.uint8]) -> bool:
    """Whether there is a face of the size of a portrait's in `picture` (h, w, 3) uint8."""
    return face_score(picture) >= _FACE


def shows_skin(
    picture: NDArray[np.uint8],
    product: NDArray[np.bool_],
    foreground: NDArray[np.float32],
) -> bool:
    """Whether much of the foreground beside the product is skin: arms, legs, hands.

    `product` (h, w) bool; `foreground` (h, w) float32 is `foreground_alpha` of `picture`
    (h, w, 3) uint8. Wood, sand and beige walls have the colours of skin: on those it is False.
    """
    bare = skin(picture)
    behind = foreground < 0.1
    if not behind.any() or bare[behind].mean() >= _SKIN_BEHIND:
        return False
    rest = (foreground > 0.9) & ~product
    found = cv2.morphologyEx((bare & rest).astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5)))
    return bool(found.mean() >= _SKIN_SHARE and found.sum() >= _SKIN_OF_REST * rest.sum())


def skin(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Pixels (h, w) bool of the colours of skin, light to dark, in YCrCb.

    Chai and Ngan, "Face segmentation using skin-color map", IEEE TCSVT 1999.
    """
    found = cv2.inRange(
        cv2.cvtColor(cv2.blur(picture, (3, 3)), cv2.COLOR_RGB2YCrCb), (40, 136, 77), (255, 173, 127)
    )
    return np.asarray(found > 0)


def _run(
    name: Literal["person_segmenter", "face_detector"], picture: NDArray[np.float32]
) -> list[NDArray[np.float32]]:
    network = _load(name)
    outputs: list[NDArray[np.float32]] = network.run(
        None, {network.get_inputs()[0].name: picture[None]}
    )
    return outputs


@lru_cache(maxsize=2)
def _load(name: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    path = packaged_file("features", f"matting/{name}.onnx", _HASHES[name])
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
