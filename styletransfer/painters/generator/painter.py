"""Painters: a canvas in, its paint in many looks out; here the one of the conditional generator."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from features.networks.encoders import StyleEncoder
from styletransfer.look import Look
from styletransfer.painters.generator.grain import grain
from styletransfer.painters.generator.network import check_size
from styletransfer.painters.generator.runtime import Backend

Painted = tuple[NDArray[np.uint8], float]


class Painter(Protocol):
    """A way to paint; `version` names its weights and whatever else decides its pixels."""

    version: str

    def paint(
        self,
        canvas: NDArray[np.uint8],
        looks: Sequence[Look],
        own_code: NDArray[np.float32] | None,
    ) -> Iterator[Painted]:
        """Paint `canvas` uint8 (h, w, 3) sRGB in each of `looks`, as strong as it says.

        `own_code` float32 (100,) is the picture's own style code, if known. Yields (paint of the
        canvas's shape, seconds) per look, in order. Raises InputError on a size out of range.
        """


class GeneratorPainter:
    """The conditional generator; at strength s it paints with own + s (look - own).

    The canvas gets `grain`, else plain grounds would stay plain.
    """

    def __init__(self, backend: Backend, pixels_per_pass: int, threads: int) -> None:
        self.version = f"{backend.model_version}-grain"
        self._backend = backend
        self._pixels_per_pass = pixels_per_pass
        self._threads = threads
        self._encoder: StyleEncoder | None = None

    def paint(
        self,
        canvas: NDArray[np.uint8],
        looks: Sequence[Look],
        own_code: NDArray[np.float32] | None,
    ) -> Iterator[Painted]:
        """See `Painter.paint`: in as few passes as memory allows.

        `own_code` is encoded from the canvas when it is needed and not given; `looks` is not empty.
        """
        height, width = canvas.shape[:2]
        check_size(height, width)
        codes = np.stack([look.code for look in looks]).astype(np.float32)
        strengths = np.asarray([look.strength for look in looks], dtype=np.float32)[:, None]
        if (strengths < 1.0).any():
            own = self._own_code(canvas) if own_code is None else own_code
            codes = np.where(strengths < 1.0, own + strengths * (codes - own), codes)
        planes = canvas.transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255.0)
        planes = np.ascontiguousarray(planes + grain(height, width))
        looks_per_pass = max(1, self._pixels_per_pass // (height * width))
        for start in range(0, len(codes), looks_per_pass):
            began = time.perf_counter()
            some = codes[start : start + looks_per_pass]
            pixels = _to_uint8(self._backend.paint(planes, some))
            seconds = (time.perf_counter() - began) / len(some)
            yield from ((one, seconds) for one in pixels)

    def _own_code(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        if self._encoder is None:
            self._encoder = StyleEncoder(self._threads)
        own: NDArray[np.float32] = self._encoder.encode([picture])[0]
        return own


def _to_uint8(planes: NDArray[np.float32]) -> list[NDArray[np.uint8]]:
    """Float (b, 3, h, w) in 0..1 -> b pictures uint8 (h, w, 3), rounded to the nearest level."""
    levels = (planes * np.float32(255.0) + np.float32(0.5)).astype(np.uint8)
    return [np.ascontiguousarray(one.transpose(1, 2, 0)) for one in levels]
