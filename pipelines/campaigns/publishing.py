"""A channel's picture as a file inside its weight, marked and described as the renderer's are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.images import encode
from features.schema import InputError
from pipelines.campaigns.presets import ChannelPreset
from styletransfer.config import RenderConfig
from styletransfer.provenance import watermark
from styletransfer.provenance.record import Provenance, embed_provenance, embed_tags
from styletransfer.provenance.signing import SigningCredentials, sign_picture


@dataclass(frozen=True)
class Published:
    """The bytes of a file, and the quality that it was encoded at."""

    data: bytes
    quality: int


def publish_render(
    picture: NDArray[np.uint8],
    preset: ChannelPreset,
    render_key: str,
    told: Provenance,
    source: bytes,
    config: RenderConfig,
    credentials: SigningCredentials | None = None,
) -> Published:
    """The file of a render that was cut to `preset`.

    The mark that leads back to `render_key` is drawn anew, since cutting and scaling wear it off;
    `told` and the tags of the `source`, the render's file, are written into it, and it is signed
    with `credentials`. Raises InputError where no quality of the preset's is inside its weight.
    """
    marked = watermark.embed(picture, watermark.payload_of(render_key), config.watermark_key)

    def finish(encoded: bytes) -> bytes:
        data = embed_provenance(encoded, preset.format, told, source)
        if credentials is not None:
            data = sign_picture(data, preset.format, told, credentials, source)
        return data

    return _within_weight(marked, preset, finish)


def publish_photo(picture: NDArray[np.uint8], preset: ChannelPreset, source: bytes) -> Published:
    """The file of a photo that was cut out for `preset`, with the tags of its file `source`.

    Raises InputError as `publish_render`.
    """
    return _within_weight(
        picture, preset, lambda encoded: embed_tags(encoded, preset.format, source)
    )


def _within_weight(
    picture: NDArray[np.uint8], preset: ChannelPreset, finish: Callable[[bytes], bytes]
) -> Published:
    """The best quality whose finished file has at most the preset's bytes, by bisection."""

    def make(quality: int) -> Published:
        return Published(finish(encode(picture, preset.format, quality)), quality)

    best = make(preset.best_quality)
    if len(best.data) <= preset.most_bytes:
        return best
    low, high = preset.least_quality, preset.best_quality - 1
    found = None
    while low <= high:
        tried = make((low + high) // 2)
        if len(tried.data) <= preset.most_bytes:
            found, low = tried, tried.quality + 1
        else:
            high = tried.quality - 1
    if found is None:
        raise InputError(
            f"the picture takes more than {preset.most_bytes:,} bytes at quality "
            f"{preset.least_quality}, the least of {preset.name}: choose a calmer look for it"
        )
    return found
