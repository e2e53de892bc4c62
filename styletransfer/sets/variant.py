"""Which variant of a look's set an item is shown in: fixed by the photo and the look alone."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Variant(NamedTuple):
    """A set's seed, where its window lies (0..1), and whether it is turned left to right."""

    seed: int
    shift: float
    mirrored: bool


def picture_name(picture: NDArray[np.uint8]) -> bytes:
    """What stands for the contents of a photo (h, w, 3) uint8, 16 bytes."""
    pixels = np.ascontiguousarray(picture)
    return hashlib.blake2b(pixels.tobytes() + repr(pixels.shape).encode(), digest_size=16).digest()


def choose_variant(name: bytes, code: NDArray[np.float32], variants: int) -> Variant:
    """The variant for a photo of this `picture_name` in the look of style code (100,).

    One of `variants` sets, evenly spread over photos, and the same on every machine. It does not
    depend on the user, so that users who are shown the same item in the same look share a render.
    """
    state = hashlib.blake2b(name, digest_size=8)
    state.update(np.asarray(code, dtype="<f4").tobytes())
    number = int.from_bytes(state.digest(), "little")
    seed, number = number % variants, number // variants
    return Variant(seed, (number // 2 % 1024) / 1023, bool(number % 2))
