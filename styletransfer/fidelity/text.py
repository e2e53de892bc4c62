"""Whether words on the product can still be read: OCR before and after."""

from __future__ import annotations

import importlib
from difflib import SequenceMatcher
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.schema import ConfigError


class TextReader:
    """Reads the words in pictures with `rapidocr-onnxruntime`, whose models come with the package.

    Raises ConfigError when it is not installed.
    """

    def __init__(self, threads: int = 1) -> None:
        try:
            package: Any = importlib.import_module("rapidocr_onnxruntime")
        except ImportError as error:
            raise ConfigError(
                "text legibility needs OCR, which is not installed: "
                "pip install 'stylefeed[text]' and pip install --no-deps rapidocr-onnxruntime, "
                "or set render.read_text to false"
            ) from error
        self._reader: Any = package.RapidOCR(intra_op_num_threads=threads, inter_op_num_threads=1)

    def read(self, picture: NDArray[np.uint8]) -> str:
        """All words of a picture (h, w, 3) uint8 sRGB, in reading order; empty when it has none."""
        found, _ = self._reader(np.ascontiguousarray(picture[..., ::-1]))
        return " ".join(str(line[1]) for line in found or ())


def text_similarity(before: str, after: str) -> float | None:
    """Share of characters read alike in both, in 0..1; None when there was nothing to read.

    Twice the matching characters over all characters (Ratcliff and Metzener 1988, "Pattern
    matching: the gestalt approach"), cases and spaces aside.
    """
    first, second = ("".join(text.casefold().split()) for text in (before, after))
    if not first:
        return None
    return SequenceMatcher(None, first, second, autojunk=False).ratio()
