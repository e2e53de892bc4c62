"""Shows one photo in one look or blend, quickly: what the studio's previews are painted by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.config import ImageLimits
from features.images import decode, decode_file, encode, read_picture, resize, resize_longest
from features.matting import Mask, product_mask, read_mask
from features.networks.encoders import StyleEncoder
from features.schema import InputError
from styletransfer.config import FidelityBudget, RenderConfig
from styletransfer.preview import Controls, LookPart, PreviewRenderer
from styletransfer.sets.store import SetStore

_QUALITY: Final = 90
_LOOK_PX: Final = 384
_PHOTOS_KEPT: Final = 32
_LOOKS_KEPT: Final = 128


class PreviewPart(NamedTuple):
    """A look's share: the file of its picture or its bytes, its raw style code (100,) where it is
    known, its weight and whether its picture may be shown as it is."""

    source: str | bytes
    code: NDArray[np.float32] | None
    weight: float = 1.0
    verbatim: bool = False


class PreviewWork(NamedTuple):
    """What to show: the photo's file, its mask's, the parts of the look, and how.

    `code` (100,) is painted in place of the parts' own; `unjudged` shows what the gate refuses.
    `stamp` is another where a file of the same name has changed.
    """

    photo: str
    mask: str | None
    parts: tuple[PreviewPart, ...]
    controls: Controls
    code: NDArray[np.float32] | None = None
    unjudged: bool = False
    stamp: int = 0


class Preview(NamedTuple):
    """A preview's JPEG file and size, how it is served, why it is less than asked for, and the
    seconds that painting took."""

    data: bytes
    width: int
    height: int
    mode: str
    strength: float
    reason: str
    seconds: float


class MaskWork(NamedTuple):
    """Whose mask to show: the photo's file and, where there is one, its mask's, with its stamp."""

    photo: str
    mask: str | None
    stamp: int = 0


class ShownMask(NamedTuple):
    """A product's mask as a grey PNG of the photo at the renders' size; `kind` says where it is
    from, `confidence` in 0..1 how far it is trusted."""

    data: bytes
    width: int
    height: int
    kind: str
    confidence: float


def preview_painter(
    config: RenderConfig, limits: ImageLimits, sets: Path
) -> Callable[[PreviewWork | MaskWork], Preview | ShownMask]:
    """Make the worker; `sets` is the folder of the job's sets. Its work raises InputError where a
    picture cannot be read."""
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    threadpool_limits(1)
    store = SetStore(sets, config.sets) if sets.is_dir() else None
    renderer = PreviewRenderer(config, store)
    allowing = FidelityBudget(
        max_delta_e=1e3, max_delta_e_p95=1e3, min_ssim=0.0, min_edge_f1=0.0,
        max_silhouette_loss=1.0, max_identity_rank=10**6, min_text=0.0, min_mask_confidence=0.0,
        min_surroundings=0.0, least_arrival=-1e3, least_set_share=0.0,
    )  # fmt: skip
    encoder = StyleEncoder()

    @lru_cache(maxsize=1)
    def unjudging() -> PreviewRenderer:
        return PreviewRenderer(replace(config, budget=allowing), store)

    @lru_cache(maxsize=_PHOTOS_KEPT)
    def photo(path: str, mask_path: str | None, stamp: int) -> tuple[NDArray[np.uint8], Mask]:
        return _read_photo(Path(path), mask_path, config.size_px, limits)

    @lru_cache(maxsize=_LOOKS_KEPT)
    def look(source: str | bytes) -> NDArray[np.uint8]:
        return resize_longest(_read_look(source, limits), max(_LOOK_PX, config.set_side_px))

    @lru_cache(maxsize=_LOOKS_KEPT)
    def code_of(source: str | bytes) -> NDArray[np.float32]:
        code: NDArray[np.float32] = encoder.encode([_read_look(source, limits)])[0]
        return code

    def work(asked: PreviewWork | MaskWork) -> Preview | ShownMask:
        picture, mask = photo(asked.photo, asked.mask, asked.stamp)
        height, width = picture.shape[:2]
        if isinstance(asked, MaskWork):
            grey = np.repeat((mask.alpha * 255.0 + 0.5).astype(np.uint8)[..., None], 3, axis=2)
            data = encode(grey, "png")
            return ShownMask(data, width, height, mask.source, mask.confidence)
        parts = []
        for part in asked.parts:
            code = code_of(part.source) if part.code is None else part.code
            parts.append(LookPart(look(part.source), code, part.weight, part.verbatim))
        painter = unjudging() if asked.unjudged else renderer
        made = painter.render(picture, parts, asked.controls, mask, asked.code)
        return Preview(
            encode(made.picture, "jpeg", _QUALITY), width, height, made.served_mode,
            made.strength, made.reason, made.seconds,
        )  # fmt: skip

    return work


def _read_look(source: str | bytes, limits: ImageLimits) -> NDArray[np.uint8]:
    return decode(source if isinstance(source, bytes) else Path(source), limits)


def _read_photo(
    path: Path, mask_path: str | None, size_px: int, limits: ImageLimits
) -> tuple[NDArray[np.uint8], Mask]:
    """A photo at the renders' size, and its product's mask: given, of its alpha, or estimated."""
    decoded = decode_file(read_picture(path, limits), limits)
    picture = resize_longest(decoded.picture, size_px)
    height, width = picture.shape[:2]

    def plane(one: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return resize(np.repeat(one[..., None], 3, axis=2), height, width)[..., 0]

    given = None
    if mask_path is not None:
        shape = (decoded.picture.shape[0], decoded.picture.shape[1])
        try:
            found = read_mask(Path(mask_path), shape, decoded.turned, limits)
            given = [plane(one) for one in found]
        except InputError:
            # The run told of it, and estimated the mask too.
            given = None
    alpha = None if decoded.alpha is None else plane(decoded.alpha)
    return picture, product_mask(picture, alpha, given)
