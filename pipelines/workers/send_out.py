"""The worker that makes an item's pictures for channels: its renders cut, marked and written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from features.config import LOW_CONFIDENCE
from features.images import ImageLimits, decode, read_picture
from features.matting import Mask, product_mask
from features.networks.encoders import StyleEncoder
from features.schema import ConfigError, InputError
from pipelines.campaigns.consistency import palette_distances
from pipelines.campaigns.framing import Box, Frame, box_of, cut, place
from pipelines.campaigns.names import file_name
from pipelines.campaigns.presets import ChannelPreset
from pipelines.campaigns.publishing import Published, publish_photo, publish_render
from pipelines.stores import storage
from pipelines.workers.paint import Row, read_photo
from styletransfer.config import RenderConfig
from styletransfer.faithful.plate import take_apart
from styletransfer.provenance import watermark
from styletransfer.provenance.record import read_digital_source_type, read_provenance
from styletransfer.provenance.signing import SigningCredentials

PHOTO_SIDE_PX: Final = 1280
MAIN: Final = ""
"""The look of a product's main picture: none."""


Render = tuple[str, str, str]
"""(render_key, style_id, file)."""


@dataclass(frozen=True)
class ChannelWork:
    """One item: its photo, its mask, and its renders."""

    item_id: str
    path: str
    mask_path: str | None
    renders: tuple[Render, ...]


@dataclass(frozen=True, eq=False)
class _Product:
    """A photo, the product's mask and its box."""

    picture: NDArray[np.uint8]
    data: bytes
    mask: Mask
    box: Box


def channel_maker(
    presets: tuple[ChannelPreset, ...], config: RenderConfig, limits: ImageLimits, out: Path
) -> Callable[[list[ChannelWork]], tuple[list[Row], list[Row]]]:
    """Make the worker: writes each item's pictures for `presets` below `out`.

    It returns (a row per file; those in a look have their style code, and the palette distance
    between the channels of their look; rejects: what could not be made, with channel and reason).
    """
    torch.set_num_threads(1)
    threadpool_limits(1)
    credentials = None
    if config.signing_chain:
        credentials = SigningCredentials.load(Path(config.signing_chain), Path(config.signing_key))
    maker = _Maker(presets, config, limits, out, credentials, StyleEncoder())

    def work(batch: list[ChannelWork]) -> tuple[list[Row], list[Row]]:
        rows: list[Row] = []
        rejects: list[Row] = []
        for item in batch:
            rows += maker.make(item, rejects)
        return rows, rejects

    return work


@dataclass(frozen=True, eq=False)
class _Maker:
    """Makes an item's pictures for channels."""

    presets: tuple[ChannelPreset, ...]
    config: RenderConfig
    limits: ImageLimits
    out: Path
    credentials: SigningCredentials | None
    encoder: StyleEncoder

    def make(self, item: ChannelWork, rejects: list[Row]) -> list[Row]:
        """Write the pictures of `item`; what cannot be made is added to `rejects`."""
        rows: list[Row] = []
        with _setting_aside(rejects, item, "photo"):
            product = _read_product(item, self.limits)
            (photo_code,) = self.encoder.encode([product.picture])
            for preset in self.presets:
                if preset.main_on_white:
                    with _setting_aside(rejects, item, f"{preset.name}, main picture"):
                        rows.append(self._on_white(item, product, preset))
            for render in item.renders:
                made = self._in_look(item, product, render, rejects)
                distances = palette_distances([picture for _, picture in made])
                pairs = np.triu_indices(len(made), 1)
                mean = float(distances[pairs].mean()) if len(made) > 1 else None
                for row, _ in made:
                    more = {"palette_distance": mean, "photo_code": photo_code.tolist()}
                    rows.append({**row, **more})
        return rows

    def _in_look(
        self, item: ChannelWork, product: _Product, render: Render, rejects: list[Row]
    ) -> list[tuple[Row, NDArray[np.uint8]]]:
        """(row, picture) of one render in every channel."""
        key, style_id, file = render
        made: list[tuple[Row, NDArray[np.uint8]]] = []
        with _setting_aside(rejects, item, style_id):
            data = read_picture(Path(file), self.limits)
            picture = decode(data, self.limits)
            told = read_provenance(data)
            if told is None:
                raise InputError("its file does not say how it was made: paint it again")
            height, width = picture.shape[:2]
            box = product.box.scaled(width / product.picture.shape[1])
            for preset in self.presets:
                with _setting_aside(rejects, item, f"{preset.name}, {style_id}"):
                    frame = place(width, height, box, preset)
                    framed = cut(picture, frame, box, preset)
                    sent = publish_render(
                        framed, preset, key, told, data, self.config, self.credentials
                    )
                    shown = decode(sent.data, self.limits)
                    mark = watermark.detect(shown, self.config.watermark_key)
                    row = self._row(item, style_id, preset, frame, sent, key)
                    more = {
                        "render_key": key,
                        "mode": told.mode,
                        "model_version": told.model_version,
                        "digital_source_type": read_digital_source_type(sent.data),
                        "watermark_found": mark.payload == watermark.payload_of(key),
                        "style_code": self.encoder.encode([shown])[0].tolist(),
                    }
                    made.append(({**row, **more}, shown))
        return made

    def _on_white(self, item: ChannelWork, product: _Product, preset: ChannelPreset) -> Row:
        """The row of the product's main picture."""
        mask = product.mask
        if mask.source == "worn":
            raise InputError("a person shows the product: give a photo of the product alone")
        if mask.confidence < LOW_CONFIDENCE:
            raise InputError(
                f"the mask is in doubt (confidence {mask.confidence:.2f}, expected "
                f"{LOW_CONFIDENCE:g}): give one in mask_path"
            )
        plate = take_apart(product.picture, mask.alpha)
        alpha = plate.alpha[..., None]
        white = np.rint(255.0 * (plate.foreground * alpha + (1.0 - alpha))).astype(np.uint8)
        height, width = white.shape[:2]
        frame = place(width, height, product.box, preset, preset.main_fill)
        if frame.bleeds:
            raise InputError("the photo cuts the product off: give a photo of all of it")
        sent = publish_photo(cut(white, frame, product.box, preset), preset, product.data)
        version = storage.digest_content(product.data)
        return self._row(item, MAIN, preset, frame, sent, version)

    def _row(
        self,
        item: ChannelWork,
        style_id: str,
        preset: ChannelPreset,
        frame: Frame,
        sent: Published,
        version: str,
    ) -> Row:
        """Write a file; returns what the manifest says of it."""
        name = f"{preset.name}/{file_name(item.item_id, style_id, version)}.{preset.suffix}"
        storage.write_bytes(self.out / name, sent.data, durable=False)
        box = frame.product
        return {
            "channel": preset.name,
            "item_id": item.item_id,
            "style_id": style_id,
            "file": name,
            "bytes": len(sent.data),
            "quality": sent.quality,
            "digest": storage.digest_content(sent.data),
            "product_box": [round(side, 5) for side in (box.left, box.top, box.right, box.bottom)],
            "product_size": frame.product_size,
            "bleeds": " ".join(frame.bleeds),
            "enlarged": frame.scale,
        }


@contextmanager
def _setting_aside(rejects: list[Row], item: ChannelWork, what: str) -> Iterator[None]:
    """Add to `rejects` why the block could not make `what` of `item`, and go on."""
    try:
        yield
    except ConfigError:
        # The settings are wrong for every item alike.
        raise
    except InputError as error:
        told = {"reason": f"{what}: {error}", "got": item.path}
        rejects.append({"table": "items", "key": item.item_id, **told})


def _read_product(item: ChannelWork, limits: ImageLimits) -> _Product:
    photo = read_photo(item.path, item.mask_path, PHOTO_SIDE_PX, limits)
    mask = photo.mask if photo.mask is not None else product_mask(photo.picture)
    height, width = photo.picture.shape[:2]
    # Where the mask is in doubt the whole photo is what has to be seen.
    box = box_of(mask.alpha) if mask.confidence >= LOW_CONFIDENCE else None
    return _Product(photo.picture, photo.data, mask, box or Box(0.0, 0.0, width, height))
