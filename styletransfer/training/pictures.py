"""Photos taken apart and looks, read when they are needed; masks are kept in a folder."""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.config import DEFAULT_LIMITS, ImageLimits
from features.images import (
    decode,
    decode_file,
    encode,
    read_picture,
    resize,
    resize_longest,
)
from features.matting import product_mask, read_mask
from styletransfer.faithful.plate import take_apart
from styletransfer.training.entries import Entry

_SIZE_PX: Final = 400
_KEPT: Final = 256


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo (h, w, 3) uint8, its plate (the product filled in) and alpha (h, w) float32."""

    picture: NDArray[np.uint8]
    plate: NDArray[np.uint8]
    alpha: NDArray[np.float32]

    @property
    def on_white(self) -> NDArray[np.uint8]:
        """The product on a white ground (h, w, 3) uint8."""
        cover = self.alpha[..., None]
        return np.rint(self.picture * cover + 255.0 * (1 - cover)).astype(np.uint8)


class Pictures:
    """Reads entries; the last few hundred photos stay in memory, all masks in `folder`."""

    def __init__(self, folder: Path, limits: ImageLimits = DEFAULT_LIMITS) -> None:
        self._folder, self._limits = folder, limits
        self._photos: OrderedDict[str, Photo] = OrderedDict()
        self._looks: dict[str, NDArray[np.uint8]] = {}

    def picture(self, entry: Entry) -> NDArray[np.uint8]:
        """The photo of `entry` as it is, its longer side at most 400 px. Raises ImageError."""
        return resize_longest(decode(entry.path, self._limits), _SIZE_PX)

    def photo(self, entry: Entry) -> Photo:
        """The photo of `entry`, its longer side at most 400 px. Raises ImageError."""
        if entry.name not in self._photos:
            picture = self.picture(entry)
            alpha = self._alpha(entry, picture)
            plate = take_apart(picture, alpha).background
            self._photos[entry.name] = Photo(picture, plate, alpha)
            if len(self._photos) > _KEPT:
                self._photos.popitem(last=False)
        self._photos.move_to_end(entry.name)
        return self._photos[entry.name]

    def look(self, entry: Entry) -> NDArray[np.uint8]:
        """The look's picture of `entry`, its longer side at most 800 px. Raises ImageError."""
        if entry.name not in self._looks:
            picture = resize_longest(decode(entry.path, self._limits), 2 * _SIZE_PX)
            self._looks[entry.name] = picture
        return self._looks[entry.name]

    def _alpha(self, entry: Entry, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        stat = entry.path.stat()
        mask = None if entry.mask is None else _digest(read_picture(entry.mask, self._limits))
        key = f"{entry.path.resolve()}|{mask}|{stat.st_size}|{stat.st_mtime_ns}"
        name = _digest(key.encode())
        kept = self._folder / f"{name}.png"
        if not kept.is_file():
            levels = np.rint(255 * self._found(entry, picture)).astype(np.uint8)
            self._folder.mkdir(parents=True, exist_ok=True)
            temporary = kept.with_name(f".writing-{os.getpid()}-{name}")
            temporary.write_bytes(encode(np.dstack([levels] * 3), "png"))
            temporary.replace(kept)
        return decode(kept, self._limits)[..., 0].astype(np.float32) / np.float32(255)

    def _found(self, entry: Entry, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        if entry.mask is None:
            return product_mask(picture).alpha
        photo = decode_file(entry.path, self._limits)
        shape = photo.picture.shape[:2]
        readings = read_mask(entry.mask, (shape[0], shape[1]), photo.turned, self._limits)
        given = [_resized(one, picture) for one in readings]
        alpha = None if photo.alpha is None else _resized(photo.alpha, picture)
        return product_mask(picture, alpha, given).alpha


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=12).hexdigest()


def _resized(plane: NDArray[np.uint8], like: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return resize(np.repeat(plane[..., None], 3, axis=2), *like.shape[:2])[..., 0]
