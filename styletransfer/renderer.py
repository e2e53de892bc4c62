"""The package's front door: one picture, many looks, painted in as few passes as memory allows."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from features.encoders import StyleEncoder
from features.images import PictureFormat, require_picture
from features.schema import ORIGINAL, STYLE_CODE_SIZE, ConfigError, InputError
from styletransfer.generator import MAX_SIDE_PX, MIN_SIDE_PX, check_size
from styletransfer.runtime import Backend, make_backend

ARTISTIC: Final = "artistic"
"""The mode in which the whole picture is painted."""


@dataclass(frozen=True)
class RenderConfig:
    """How pictures are painted and stored.

    `size_px` is the longer side of a render. `pixels_per_pass` bounds the memory of one pass of the
    generator, about 300 bytes a pixel: several looks share a pass while they fit.
    """

    size_px: int = 384
    format: PictureFormat = "jpeg"
    backend: Literal["torch", "onnxruntime", "openvino"] = "onnxruntime"
    threads: int = 1
    pixels_per_pass: int = 1_200_000

    def __post_init__(self) -> None:
        if not MIN_SIDE_PX <= self.size_px <= MAX_SIDE_PX:
            raise ConfigError(
                f"render.size_px is {self.size_px}: expected {MIN_SIDE_PX} to {MAX_SIDE_PX}"
            )
        if self.threads < 1 or self.pixels_per_pass < 1:
            raise ConfigError(
                "render.threads and render.pixels_per_pass must be at least 1, got "
                f"{self.threads} and {self.pixels_per_pass}"
            )


@dataclass(frozen=True, eq=False)
class Look:
    """A look to paint in: its id, its raw style code float32 (100,) and a strength in 0..1.

    The null look (`style_id` "original") and any look at strength 0 stand for the picture itself.
    Raises InputError on a code of another shape or not finite, or a strength out of range.
    """

    style_id: str
    code: NDArray[np.float32]
    strength: float = 1.0

    def __post_init__(self) -> None:
        if np.shape(self.code) != (STYLE_CODE_SIZE,) or not np.all(np.isfinite(self.code)):
            raise InputError(
                f"look {self.style_id!r} has an unusable style code: got shape "
                f"{np.shape(self.code)}, expected {STYLE_CODE_SIZE} finite numbers: encode its "
                "picture with features.encoders.StyleEncoder"
            )
        if not 0.0 <= self.strength <= 1.0:
            raise InputError(
                f"look {self.style_id!r} has strength {self.strength}: expected 0 to 1"
            )

    @property
    def is_null(self) -> bool:
        """Whether this look leaves the picture as it is."""
        return self.style_id == ORIGINAL or self.strength == 0.0


@dataclass(frozen=True, eq=False)
class Rendered:
    """A picture in a look: uint8 (h, w, 3) sRGB, the mode asked for and served, seconds taken."""

    style_id: str
    picture: NDArray[np.uint8]
    requested_mode: str
    served_mode: str
    strength: float
    seconds: float


class Renderer:
    """Paints one picture in many looks.

    Painting (`_paint`) is apart from serving (`render`): what else may happen to the paint, such as
    laying the product back over it, takes the picture and the paint and comes between the two.
    """

    def __init__(self, config: RenderConfig | None = None, backend: Backend | None = None) -> None:
        """Use `backend`, else open the one `config` names: ConfigError, WeightsError."""
        self._config = config or RenderConfig()
        self._backend = backend or make_backend(self._config.backend, self._config.threads)
        self._encoder: StyleEncoder | None = None

    @property
    def model_version(self) -> str:
        """Short hash of the weights that paint."""
        return self._backend.model_version

    def render(
        self,
        picture: NDArray[np.uint8],
        looks: Sequence[Look],
        own_code: NDArray[np.float32] | None = None,
    ) -> list[Rendered]:
        """Paint `picture` in each of `looks`, at the picture's own size.

        Args:
            picture: uint8 (h, w, 3) sRGB, h and w each 64..1536 px.
            looks: any number of looks; strength s paints at own + s (look - own) in style space.
            own_code: the picture's own style code, float32 (100,); encoded here when it is needed
                and not given.

        Returns:
            One `Rendered` per look, in order. A null look gets `picture` itself, and no generator
            runs for it.

        Raises:
            InputError: `picture` is no such array, or its size is out of range.
        """
        require_picture(picture)
        painted_looks = [look for look in looks if not look.is_null]
        painted = iter(self._paint(picture, painted_looks, own_code) if painted_looks else ())
        renders: list[Rendered] = []
        for look in looks:
            if look.is_null:
                renders.append(Rendered(look.style_id, picture, ARTISTIC, ORIGINAL, 0.0, 0.0))
            else:
                paint, seconds = next(painted)
                renders.append(
                    Rendered(look.style_id, paint, ARTISTIC, ARTISTIC, look.strength, seconds)
                )
        return renders

    def _paint(
        self,
        picture: NDArray[np.uint8],
        looks: Sequence[Look],
        own_code: NDArray[np.float32] | None,
    ) -> list[tuple[NDArray[np.uint8], float]]:
        """The whole picture in each look, with the seconds each took; `looks` is not empty."""
        height, width = picture.shape[:2]
        check_size(height, width)
        codes = np.stack([look.code for look in looks]).astype(np.float32)
        strengths = np.asarray([look.strength for look in looks], dtype=np.float32)[:, None]
        if (strengths < 1.0).any():
            own = self._own_code(picture) if own_code is None else own_code
            codes = np.where(strengths < 1.0, own + strengths * (codes - own), codes)
        planes = np.ascontiguousarray(picture.transpose(2, 0, 1)[None], dtype=np.float32) / 255.0
        looks_per_pass = max(1, self._config.pixels_per_pass // (height * width))
        painted: list[tuple[NDArray[np.uint8], float]] = []
        for start in range(0, len(codes), looks_per_pass):
            began = time.perf_counter()
            some = codes[start : start + looks_per_pass]
            pixels = _to_uint8(self._backend.paint(planes, some))
            seconds = (time.perf_counter() - began) / len(some)
            painted += [(one, seconds) for one in pixels]
        return painted

    def _own_code(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        if self._encoder is None:
            self._encoder = StyleEncoder(self._config.threads)
        own: NDArray[np.float32] = self._encoder.encode([picture])[0]
        return own


def _to_uint8(planes: NDArray[np.float32]) -> list[NDArray[np.uint8]]:
    """Float (b, 3, h, w) in 0..1 -> b pictures uint8 (h, w, 3), rounded to the nearest level."""
    levels = (planes * np.float32(255.0) + np.float32(0.5)).astype(np.uint8)
    return [np.ascontiguousarray(one.transpose(1, 2, 0)) for one in levels]


def mix_codes(codes: NDArray[np.float32], weights: NDArray[np.floating]) -> NDArray[np.float32]:
    """The style code of a blend of looks: the weighted mean of their codes.

    `codes` float32 (k, 100), `weights` (k,) of any non-negative scale; returns float32 (100,).
    Raises InputError on other shapes, a negative weight, or weights that are all zero.
    """
    shares = np.asarray(weights, dtype=np.float64)
    if codes.ndim != 2 or codes.shape[1] != STYLE_CODE_SIZE or shares.shape != codes.shape[:1]:
        raise InputError(
            f"looks cannot be blended: got codes {codes.shape} and weights {shares.shape}, "
            f"expected (k, {STYLE_CODE_SIZE}) and (k,)"
        )
    if not 0.0 < shares.sum() < np.inf or shares.min() < 0:
        raise InputError(
            f"looks cannot be blended by weights {shares.tolist()}: expected finite numbers, "
            "none negative and one at least above zero"
        )
    return np.asarray(shares @ codes / shares.sum(), dtype=np.float32)


def render_key(
    picture_hash: str,
    mask_hash: str | None,
    code: NDArray[np.float32],
    strength: float,
    size_px: int,
    model_version: str,
) -> str:
    """Name of a render by all that decides its pixels: 32 hex digits (BLAKE2b).

    `picture_hash` and `mask_hash` (None: no mask) identify the inputs' contents, `code` is the
    look's raw style code (100,), `model_version` that of the generator.
    """
    digits = np.asarray(code, dtype="<f4").tobytes().hex()
    parts = [picture_hash, mask_hash, digits, float(strength), int(size_px), model_version]
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()
