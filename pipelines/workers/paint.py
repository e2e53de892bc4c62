"""The worker that paints: one item's photo in, its pictures in many looks out, as files."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from features.images import (
    ImageLimits,
    decode,
    decode_file,
    encode,
    read_picture,
    resize,
    resize_longest,
)
from features.matting import Mask, product_mask, read_mask
from features.networks.encoders import ContentEncoder
from features.schema import ORIGINAL, ConfigError, InputError
from pipelines.limits import end_of
from pipelines.stores import storage
from pipelines.stores.render_store import RENDER_COLUMNS
from styletransfer.config import RenderConfig
from styletransfer.faithful.enhance import enhance_within
from styletransfer.faithful.gate import ReadAlike, Recognise, look_anchor
from styletransfer.fidelity import TextReader, identity, plain_views, text_similarity
from styletransfer.look import Look
from styletransfer.provenance import watermark
from styletransfer.provenance.record import Provenance, embed_provenance, lost_tags
from styletransfer.provenance.signing import SigningCredentials, sign_picture
from styletransfer.renderer import Rendered, Renderer
from styletransfer.sets.shelf import SetShelf
from styletransfer.sets.store import SetStore

LOOK_SIDE_PX = 384
SETS = "sets"
PAST_DEADLINE = "left out: the deadline came first; the next run paints it"

Row = dict[str, Any]


@dataclass(frozen=True)
class LookSource:
    """Where a worker finds a look: its code, the file of its picture, whether it may be shown."""

    style_code: NDArray[np.float32]
    path: str
    verbatim: bool = False


@dataclass(frozen=True)
class ItemWork:
    """One item's photo and what it is to be painted in.

    `rivals` float32 (k, d) holds the item's own content embedding, then those of the catalogue's
    items most like it. `wanted` is (render_key, style_id, strength) per render.
    """

    item_id: str
    path: str
    mask_path: str | None
    style_code: NDArray[np.float32]
    rivals: NDArray[np.float32]
    wanted: tuple[tuple[str, str, float], ...]


def item_painter(
    config: RenderConfig,
    limits: ImageLimits,
    folder: Path,
    sources: Mapping[str, LookSource],
    enhance: bool = False,
    deadline_s: float | None = None,
) -> Callable[[list[ItemWork]], tuple[list[Row], list[Row]]]:
    """Make the worker: paints each item in its looks and writes the files below `folder`.

    With `enhance` photos are repaired before they are painted. No item is begun from `deadline_s`
    on, in seconds since 1970: its rows say that it was left out. It returns (rows of
    `renders.parquet`, rejects: items that have no rows).
    """
    end_s = end_of(deadline_s)
    # One worker per core: threads inside a worker would only wait for each other.
    torch.set_num_threads(1)
    threadpool_limits(1)
    with storage.naming_write_errors(folder / SETS):
        renderer = Renderer(config, sets=SetShelf(SetStore(folder / SETS, config.sets)))
    encoder = ContentEncoder()
    reader = TextReader() if config.read_text else None
    credentials = None
    if config.signing_chain:
        credentials = SigningCredentials.load(Path(config.signing_chain), Path(config.signing_key))

    @cache
    def look(style_id: str) -> Look:
        source = sources[style_id]
        full = decode(Path(source.path), limits)
        anchor = look_anchor(resize_longest(full, LOOK_SIDE_PX))
        picture = resize_longest(full, config.set_side_px)
        return Look(style_id, source.style_code, 1.0, anchor, picture, source.verbatim)

    def work(batch: list[ItemWork]) -> tuple[list[Row], list[Row]]:
        rows: list[Row] = []
        rejects: list[Row] = []
        for item in batch:
            if time.monotonic() >= end_s:
                rows += [untried(*wanted, item.item_id, PAST_DEADLINE) for wanted in item.wanted]
                continue
            try:
                photo = read_photo(item.path, item.mask_path, config.size_px, limits)
                mask = photo.mask
                if mask is None and config.mode != "artistic":
                    mask = product_mask(photo.picture)
                shown = photo.picture
                if enhance:
                    alpha = np.zeros(shown.shape[:2], np.float32) if mask is None else mask.alpha
                    shown = enhance_within(shown, alpha).picture
                looks = [replace(look(style), strength=s) for _, style, s in item.wanted]
                with storage.naming_write_errors(folder / SETS):
                    renders = renderer.render(
                        shown,
                        looks,
                        item.style_code,
                        mask,
                        _recogniser(encoder, item.rivals, photo.picture, mask),
                        [partial(publish, key=key, config=config) for key, _, _ in item.wanted],
                        None if reader is None else _legibility(reader, photo.picture),
                        photo.picture,
                    )
                problems = _problems(item, photo)
            except ConfigError:
                # The settings are wrong for every item alike.
                raise
            except InputError as error:
                rejects.append({"key": item.item_id, "reason": str(error), "got": item.path})
                continue
            for (key, _, strength), render in zip(item.wanted, renders, strict=True):
                uri, digest = None, None
                if render.encoded is not None:
                    uri = f"renders/{key[:2]}/{key}.{config.format}"
                    told = Provenance(
                        render.served_mode,
                        item.item_id,
                        render.style_id,
                        round(render.strength, 4),
                        renderer.model_version,
                    )
                    data = embed_provenance(render.encoded, config.format, told, photo.data)
                    if credentials is not None:
                        data = sign_picture(data, config.format, told, credentials, photo.data)
                    # Its digest tells after a power cut whether it reached the disk.
                    storage.write_bytes(folder / uri, data, durable=False)
                    digest = storage.digest_content(data)
                row = _row(key, item.item_id, strength, uri, render)
                rows.append({**row, "image_digest": digest, "problems": problems})
        return rows, rejects

    return work


@dataclass(frozen=True)
class Photo:
    """A photo at the renders' size, its mask if one came with it, its file, and what was wrong."""

    picture: NDArray[np.uint8]
    mask: Mask | None
    data: bytes
    problem: str


def _problems(item: ItemWork, photo: Photo) -> str:
    """JSON list of what of the item was set aside although it is painted: reason, got."""
    problems = []
    if photo.problem:
        problems.append({"reason": photo.problem, "got": item.mask_path})
    lost = lost_tags(photo.data)
    if lost:
        problems.append({"reason": lost, "got": item.path})
    return json.dumps(problems, ensure_ascii=False) if problems else ""


def read_photo(path: str, mask_path: str | None, size_px: int, limits: ImageLimits) -> Photo:
    """An item's photo, its longer side at most `size_px`; a mask that cannot be read is noted.

    Raises ImageError where the photo cannot be read.
    """
    data = read_picture(Path(path), limits)
    photo = decode_file(data, limits)
    picture = resize_longest(photo.picture, size_px)
    height, width = picture.shape[:2]
    given, problem = None, ""
    if mask_path is not None:
        try:
            shape = photo.picture.shape[:2]
            found = read_mask(Path(mask_path), (shape[0], shape[1]), photo.turned, limits)
            given = [_resize_plane(one, height, width) for one in found]
        except InputError as error:
            problem = f"mask: {error}; estimated instead"
    alpha = None if photo.alpha is None else _resize_plane(photo.alpha, height, width)
    mask = None
    if given is not None or alpha is not None:
        mask = product_mask(picture, alpha, given)
        problem = f"mask: {mask.note}" if mask.note else problem
    return Photo(picture, mask, data, problem)


def _resize_plane(plane: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    return resize(np.repeat(plane[..., None], 3, axis=2), height, width)[..., 0]


def _recogniser(
    encoder: ContentEncoder,
    rivals: NDArray[np.float32],
    photo: NDArray[np.uint8],
    mask: Mask | None,
) -> Recognise:
    @cache
    def views() -> NDArray[np.float32] | None:
        # Encoded only when the photo itself does not tell: most renders need no more.
        plain = [] if mask is None else plain_views(photo, mask.alpha)
        return encoder.encode(plain) if plain else None

    def rank(render: NDArray[np.uint8]) -> int:
        embedding = encoder.encode([render])[0]
        found = identity(embedding, rivals, 0)
        return found.rank if found.rank == 1 else identity(embedding, rivals, 0, views()).rank

    return rank


def _legibility(reader: TextReader, photo: NDArray[np.uint8]) -> ReadAlike:
    before = reader.read(photo)

    def read_alike(render: NDArray[np.uint8]) -> float | None:
        # Reading is slow, and most products have no words on them.
        return text_similarity(before, reader.read(render)) if before else None

    return read_alike


def publish(picture: NDArray[np.uint8], key: str, config: RenderConfig) -> bytes:
    """The file of a render, invisibly marked with what leads back to its row."""
    return encode(marked(picture, key, config), config.format)


def marked(picture: NDArray[np.uint8], key: str, config: RenderConfig) -> NDArray[np.uint8]:
    """A picture, or a clip's frame, with the watermark of its key; a tiny one as it is."""
    if min(picture.shape[:2]) < watermark.MIN_SIDE_PX:
        return picture
    return watermark.embed(picture, watermark.payload_of(key), config.watermark_key)


def untried(key: str, style_id: str, strength: float, item_id: str, why: str) -> Row:
    """The row of a render that nobody tried to paint: the plain photo is served."""
    return {
        **dict.fromkeys(RENDER_COLUMNS),
        "render_key": key,
        "item_id": item_id,
        "style_id": style_id,
        "requested_mode": "",
        "served_mode": ORIGINAL,
        "strength": strength,
        "served_strength": 0.0,
        "reason": why,
        "seconds": 0.0,
    }


def _row(key: str, item_id: str, strength: float, uri: str | None, render: Rendered) -> Row:
    measured = {} if render.report is None else render.report.to_dict()
    return {
        "render_key": key,
        "item_id": item_id,
        "style_id": render.style_id,
        "requested_mode": render.requested_mode,
        "served_mode": render.served_mode,
        "strength": strength,
        "served_strength": render.strength,
        "image_uri": uri,
        "mask_confidence": render.mask_confidence,
        **measured,
        "reason": render.reason,
        "seconds": render.seconds,
    }
