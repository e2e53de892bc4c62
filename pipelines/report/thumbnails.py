"""Small copies of pictures, each put into the page once however often it is shown."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from features.images import ImageLimits, decode, encode, resize_longest
from features.schema import ImageError

PRODUCT_PX = 220
LOOK_PX = 150
JPEG_QUALITY = 80


@dataclass(frozen=True)
class Picture:
    """One picture of the page: its CSS class and its shape (width over height)."""

    css_class: str
    aspect: float


MISSING = Picture("missing", 1.0)
"""Stands for a picture that cannot be read."""


class PictureSource(Protocol):
    """Gives what a page shows for a picture file."""

    def add(self, path: Path, size_px: int) -> Picture:
        """The picture at `path`, its longer side at most `size_px`; `MISSING` if unreadable."""
        ...


@dataclass
class Thumbnails:
    """Collects the page's pictures as CSS classes with data-URI backgrounds.

    A picture is embedded once per content, whatever the number of places that show it.
    """

    limits: ImageLimits
    _by_source: dict[tuple[str, int], Picture] = field(default_factory=dict)
    _by_content: dict[bytes, Picture] = field(default_factory=dict)

    def add(self, path: Path, size_px: int) -> Picture:
        """The picture at `path`, its longer side at most `size_px`; `MISSING` if unreadable."""
        source = (str(path), size_px)
        if source not in self._by_source:
            self._by_source[source] = self._embed(path, size_px)
        return self._by_source[source]

    def _embed(self, path: Path, size_px: int) -> Picture:
        try:
            return self.add_pixels(decode(path, self.limits), size_px)
        except (ImageError, OSError):
            return MISSING

    def add_pixels(self, pixels: NDArray[np.uint8], size_px: int) -> Picture:
        """The picture `pixels` (h, w, 3) uint8, its longer side at most `size_px`."""
        small = resize_longest(pixels, size_px)
        content = encode(small, "jpeg", JPEG_QUALITY)
        fresh = Picture(f"p{len(self._by_content)}", small.shape[1] / small.shape[0])
        return self._by_content.setdefault(content, fresh)

    def __len__(self) -> int:
        return len(self._by_content)

    def css(self) -> Markup:
        """The rules that give each class its picture."""
        rules = []
        for content, picture in self._by_content.items():
            data = base64.b64encode(content).decode("ascii")
            rules.append(
                f".{picture.css_class}{{background-image:url(data:image/jpeg;base64,{data})}}"
            )
        # Base64 and class names made here hold nothing that could end a style element.
        return Markup("\n".join(rules))
