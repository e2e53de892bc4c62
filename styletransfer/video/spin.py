"""Reads a spin: pictures of a product from all around, in one folder, ordered by name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from features.config import DEFAULT_LIMITS, ImageLimits
from features.images import resize, resize_longest
from features.images.decode import decode_with_alpha
from features.schema import InputError
from styletransfer.video.reader import Frame

_NUMBERS: Final = re.compile(r"(\d+)")


def spin_files(folder: Path) -> list[Path]:
    """The pictures of a spin in order: `2.jpg` comes before `10.jpg`.

    Hidden files are passed over. Raises InputError where there are none.
    """
    files = [path for path in folder.iterdir() if path.is_file() and path.name[0] != "."]
    if not files:
        raise InputError(f"{folder} holds no pictures: expected a spin's, one file each")
    return sorted(files, key=_order)


def read_spin(folder: Path, size_px: int, limits: ImageLimits = DEFAULT_LIMITS) -> Iterator[Frame]:
    """The frames of a spin, each picture scaled down to `size_px` on the longer side.

    `pts` counts them from 0. Raises InputError where there are none or their sizes differ,
    ImageError for one that cannot be decoded.
    """
    shape = None
    for number, path in enumerate(spin_files(folder)):
        whole, alpha = decode_with_alpha(path, limits)
        if shape is None:
            shape = whole.shape
        if whole.shape != shape:
            raise InputError(
                f"{path} is {whole.shape[1]} x {whole.shape[0]} px, expected {shape[1]} x "
                f"{shape[0]} px like the frames before: export the spin in one size"
            )
        picture = resize_longest(whole, size_px)
        if alpha is not None:
            planes = alpha[..., None].repeat(3, axis=2)
            alpha = resize(planes, *picture.shape[:2])[..., 0]
        yield Frame(picture, number, alpha)


def _order(path: Path) -> tuple[list[str | int], str]:
    parts: list[str | int] = list(_NUMBERS.split(path.stem))
    parts[1::2] = [int(part) for part in parts[1::2]]
    return parts, path.suffix
