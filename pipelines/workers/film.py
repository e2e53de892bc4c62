"""The worker that shows clips in looks: one clip in, one clip in one look out, as a file."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Final

import torch
from threadpoolctl import threadpool_limits

from features.images import ImageLimits, decode, resize_longest
from features.schema import ORIGINAL, ConfigError, InputError
from pipelines.limits import end_of
from pipelines.stores import storage
from pipelines.stores.clip_store import CLIP_COLUMNS, Row, State, clip_uri, keep_record
from pipelines.workers.paint import LOOK_SIDE_PX, SETS, LookSource, marked
from styletransfer.config import RenderConfig
from styletransfer.faithful.gate import look_anchor
from styletransfer.look import Look
from styletransfer.painters.generator.painter import Painter
from styletransfer.provenance.record import Provenance, provenance_tags
from styletransfer.renderer import open_painter
from styletransfer.sets.shelf import SetShelf
from styletransfer.sets.store import SetStore
from styletransfer.video.clip import ClipReport, restyle_clip
from styletransfer.video.reader import ClipReader
from styletransfer.video.writer import ClipWriter

KEY: Final = "stylefeed_key"
"""The tag of a file that says which inputs and settings it was made of."""
PAST_DEADLINE: Final = "left out: the deadline came first; the next run makes it"


class ClipRefused(Exception):
    """The clip is not to be shown in the look; `report` says why."""

    def __init__(self, report: ClipReport) -> None:
        super().__init__(report.reason)
        self.report = report


@dataclass(frozen=True)
class ClipWork:
    """One item's clip and the look it is to be shown in.

    `strength` is the one drawn, `served_strength` the one that the item's picture is served at.
    """

    clip_key: str
    item_id: str
    path: str
    suffix: str
    style_id: str
    strength: float
    served_strength: float


def read_look(style_id: str, source: LookSource, config: RenderConfig, limits: ImageLimits) -> Look:
    """The look of a picture file. Raises ImageError where it cannot be read."""
    full = decode(Path(source.path), limits)
    anchor = look_anchor(resize_longest(full, LOOK_SIDE_PX))
    picture = resize_longest(full, config.set_side_px)
    return Look(style_id, source.style_code, 1.0, anchor, picture, source.verbatim)


def film(
    reader: ClipReader,
    out: Path,
    look: Look,
    item_id: str,
    config: RenderConfig,
    painter: Painter,
    shelf: SetShelf,
    key: str,
    on_frame: Callable[[], None] | None = None,
) -> ClipReport:
    """Show an open clip in a look and write it to `out`, whole, with its provenance, `key` and the
    watermark that leads back to it.

    Raises ClipRefused, with nothing written, where it is not to be shown in the look, and
    InputError as `restyle_clip`.
    """
    told = Provenance("faithful", item_id, look.style_id, round(look.strength, 4), painter.version)
    tags = {**reader.tags, **provenance_tags(told), KEY: key}
    size = reader.height, reader.width
    with storage.replace_file(out) as temporary:
        writer = ClipWriter(temporary, *size, reader.time_base, reader.rate, tags, reader.audio)
        with writer:
            report = restyle_clip(
                reader.frames(writer.write_audio),
                writer,
                look,
                config,
                painter,
                shelf,
                reader.expected,
                on_frame=on_frame,
                mark=partial(marked, key=key, config=config),
            )
        if report.served_mode == ORIGINAL:
            raise ClipRefused(report)
    return report


def film_maker(
    config: RenderConfig,
    limits: ImageLimits,
    folder: Path,
    sources: Mapping[str, LookSource],
    deadline_s: float | None = None,
) -> Callable[[list[ClipWork]], list[Row]]:
    """Make the worker: shows each clip in its look and keeps it in the clip store in `folder`.

    No clip is begun from `deadline_s` on, in seconds since 1970. It returns rows of
    `clips.parquet`.
    """
    end_s = end_of(deadline_s)
    # One worker per core: threads inside a worker would only wait for each other.
    torch.set_num_threads(1)
    threadpool_limits(1)
    painter = open_painter(config)
    with storage.naming_write_errors(folder / SETS):
        shelf = SetShelf(SetStore(folder / SETS, config.sets))

    @cache
    def look(style_id: str) -> Look:
        return read_look(style_id, sources[style_id], config, limits)

    def make(work: ClipWork) -> Row:
        try:
            shown = replace(look(work.style_id), strength=work.served_strength)
        except InputError as error:
            return clip_row(work, "left", f"its look cannot be read: {error}")
        uri = clip_uri(work.clip_key, work.suffix)
        out = folder / uri
        try:
            with (
                ClipReader(Path(work.path), config.size_px, limits) as reader,
                storage.naming_write_errors(folder / SETS),
            ):
                report = film(
                    reader, out, shown, work.item_id, config, painter, shelf, work.clip_key
                )
        except ClipRefused as refused:
            row = clip_row(work, "refused", refused.report.reason, refused.report)
        except ConfigError:
            # The settings are wrong for every clip alike.
            raise
        except InputError as error:
            row = clip_row(work, "unreadable", str(error))
        else:
            digest = storage.digest_file(out)
            row = clip_row(work, "made", "", report)
            row |= {"video_uri": uri, "video_digest": digest}
        # Written after its clip, so that a kill leaves a clip that is made again, never a lie.
        keep_record(folder, row)
        return row

    def work(batch: list[ClipWork]) -> list[Row]:
        rows = []
        for one in batch:
            if time.monotonic() >= end_s:
                rows.append(clip_row(one, "left", PAST_DEADLINE))
            else:
                rows.append(make(one))
        return rows

    return work


def clip_row(work: ClipWork, state: State, reason: str, report: ClipReport | None = None) -> Row:
    """The row of `clips.parquet` of one clip, without a file."""
    measured = {} if report is None else report.to_dict()
    return {
        **dict.fromkeys(CLIP_COLUMNS),
        **{name: value for name, value in measured.items() if name in CLIP_COLUMNS},
        "clip_key": work.clip_key,
        "item_id": work.item_id,
        "style_id": work.style_id,
        "strength": work.strength,
        "served_strength": work.served_strength,
        "state": state,
        "reason": reason,
    }
