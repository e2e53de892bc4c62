"""Painters that read the look's own picture: by optimisation, and by optimal transport alone."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.schema import ContractError
from styletransfer.config import GatysConfig, Transport
from styletransfer.look import Look
from styletransfer.painters.gatys import paint_gatys, reference_network
from styletransfer.painters.generator.network import check_size
from styletransfer.painters.generator.painter import Painted
from styletransfer.painters.transport import paint_transport

# Raised whenever the pixels of the method change: it has no weights whose hash could tell.
_TRANSPORT_VERSION: Final = "transport-1"


class GatysPainter:
    """Optimisation over VGG16; at strength s the paint is mixed with 1 - s parts of the canvas."""

    def __init__(self, config: GatysConfig) -> None:
        """Open the network: WeightsError when its weights are not installed."""
        self._config = config
        digest = hashlib.blake2b(repr(config).encode(), digest_size=6)
        for values in reference_network().state_dict().values():
            digest.update(values.contiguous().numpy().tobytes())
        self.version = f"gatys-{digest.hexdigest()}"

    def paint(
        self,
        canvas: NDArray[np.uint8],
        looks: Sequence[Look],
        own_code: NDArray[np.float32] | None,
    ) -> Iterator[Painted]:
        """See `Painter.paint`. A picture that several looks share is painted once.

        Raises ContractError also for a look that has no picture.
        """
        pictures = _pictures(canvas, looks, "gatys")
        full: dict[int, NDArray[np.uint8]] = {}
        for look, picture in zip(looks, pictures, strict=True):
            began = time.perf_counter()
            if id(picture) not in full:
                full[id(picture)] = paint_gatys(canvas, picture, self._config)
            paint = full[id(picture)]
            if look.strength < 1.0:
                change = look.strength * (paint.astype(np.float32) - canvas)
                paint = (canvas + change + np.float32(0.5)).astype(np.uint8)
            yield paint, time.perf_counter() - began


class TransportPainter:
    """Transport of colours and a fine texture; strength as in `paint_transport`."""

    def __init__(self, transport: Transport = "sliced") -> None:
        self._transport = transport
        self.version = f"{_TRANSPORT_VERSION}-{transport}"

    def paint(
        self,
        canvas: NDArray[np.uint8],
        looks: Sequence[Look],
        own_code: NDArray[np.float32] | None,
    ) -> Iterator[Painted]:
        """See `Painter.paint`. Raises ContractError also for a look that has no picture."""
        pictures = _pictures(canvas, looks, "transport")
        for look, picture in zip(looks, pictures, strict=True):
            began = time.perf_counter()
            paint = paint_transport(canvas, picture, look.strength, transport=self._transport)
            yield paint, time.perf_counter() - began


def _pictures(
    canvas: NDArray[np.uint8], looks: Sequence[Look], method: str
) -> list[NDArray[np.uint8]]:
    """The looks' pictures, once it is known that all can be painted."""
    check_size(*canvas.shape[:2])
    pictures = []
    for look in looks:
        if look.picture is None:
            raise ContractError(
                f"look {look.style_id!r} has no picture, which method {method!r} paints from: give "
                "Look(picture=...), or paint it with method 'generator', which needs a code only"
            )
        pictures.append(look.picture)
    return pictures
