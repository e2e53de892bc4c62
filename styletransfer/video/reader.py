"""Reads a clip frame by frame: upright sRGB pictures, their times, and the sound untouched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Self

import av
import cv2
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from features.config import DEFAULT_LIMITS, ImageLimits
from features.schema import InputError
from styletransfer.video.colours import as_seen

# Containers that hold their own pictures and sound: a playlist would lead to other files.
_CONTAINERS: Final = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,ogg,asf,gif,apng,mxf,nut,"
    "ivf,h264,hevc,yuv4mpegpipe,mp3,wav,flac,aac"
)
# What browsers and players call the containers, by FFmpeg's names.
_SUFFIXES: Final = {
    "mov,mp4,m4a,3gp,3g2,mj2": "mp4",
    "matroska,webm": "mkv",
    "avi": "avi",
    "mpegts": "ts",
    "mpeg": "mpg",
    "flv": "flv",
    "ogg": "ogv",
    "asf": "wmv",
    "gif": "gif",
    "apng": "png",
    "mxf": "mxf",
    "nut": "nut",
    "ivf": "ivf",
}
_OF_WEBM: Final = frozenset(("vp8", "vp9", "av1", "vorbis", "opus"))
_LEAST_SIDE_PX: Final = 32
# Transfer functions of high dynamic range: PQ and HLG of BT.2100.
_HDR: Final = {16: "PQ", 18: "HLG"}
_OPAQUE: Final = 255
_MISSING_END: Final = 0.05

OnAudio = Callable[["Packet[Any]"], None]


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame: `picture` uint8 (h, w, 3) sRGB, its time, and its transparency.

    `pts` counts the reader's `time_base`. `alpha` uint8 (h, w), 255 opaque, is None where the clip
    has none; the picture then lies on white.
    """

    picture: NDArray[np.uint8]
    pts: int
    alpha: NDArray[np.uint8] | None = None


class ClipReader:
    """An open clip; a context manager.

    `time_base` is a unit of time in seconds, `rate` frames a second on average, `count` how many
    frames the file says that it has (0: it does not say), `expected` how many there are by that or
    else by its length (0: unknown), `height` and `width` those of the frames given, `tags` the
    file's own words about itself, `audio` its sound, if it has any, `suffix` what files of its kind
    end with, whatever its own name says.
    """

    def __init__(self, path: Path, size_px: int, limits: ImageLimits = DEFAULT_LIMITS) -> None:
        """Open `path`; frames are scaled down to `size_px` on the longer side, never up.

        Sides are even, as the usual way of storing colours needs: an odd one is scaled by a pixel
        or, at full size, loses its last row. Raises InputError for what is missing, is no clip, has
        no video, is high dynamic range, too small, or beyond `limits`.
        """
        self._path = path
        self._container = _open(path)
        try:
            video = _video_stream(self._container, path)
            sounds = self._container.streams.audio
            self.audio: AudioStream | None = sounds[0] if sounds else None
            self.time_base: Fraction = video.time_base or Fraction(1, 90_000)
            self.rate: Fraction = video.average_rate or video.guessed_rate or Fraction(25)
            self.count: int = video.frames
            seconds = Fraction(self._container.duration or 0, av.time_base)
            self.expected: int = self.count or round(seconds * self.rate)
            self.tags: dict[str, str] = dict(self._container.metadata)
            self.suffix: str = _suffix(self._container, self.tags)
            self._check_size(video.codec_context.width, video.codec_context.height, limits)
            first = next(self._decoded(self._container, None), None)
            if first is None:
                raise InputError(f"{path} has a video stream without a frame: export it again")
            self._check_first(first)
            self._stored = (first.width, first.height)
            self._turns = first.rotation // 90 % 4
            shape = video.sample_aspect_ratio or Fraction(1)
            self.height, self.width = self._fit(Fraction(size_px), shape)
        except BaseException:
            self._container.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def frames(self, on_audio: OnAudio | None = None) -> Iterator[Frame]:
        """Every frame in order, at once with the sound's packets, which `on_audio` takes.

        Memory does not grow with the clip. Raises InputError where the file is damaged, lacks its
        end, or changes its size on the way.
        """
        last: int | None = None
        number = 0
        with _open(self._path) as container:
            for frame in self._decoded(container, on_audio):
                pts = frame.pts
                if last is None:
                    pts = pts or 0
                elif pts is None or pts <= last:
                    pts = last + max(round(1 / (self.rate * self.time_base)), 1)
                last = pts
                number += 1
                yield self._frame(frame, pts)
        if number < self.count * (1 - _MISSING_END):
            raise InputError(
                f"{self._path} ends after {number:,} of {self.count:,} frames: the file lacks its "
                "end; copy or export it again"
            )

    def _decoded(self, container: InputContainer, on_audio: OnAudio | None) -> Iterator[VideoFrame]:
        video = _video_stream(container, self._path)
        decoder = _decoder(video)
        wanted: list[VideoStream | AudioStream] = [video]
        if on_audio is not None:
            wanted += container.streams.audio[:1]
        number = 0
        try:
            for packet in container.demux(wanted):
                if packet.stream.index != video.index:
                    if on_audio is not None and packet.dts is not None:
                        on_audio(packet)
                    continue
                if packet.is_corrupt:
                    raise self._damage(number)
                for frame in decoder.decode(packet if packet.size else None):
                    if frame.is_corrupt:
                        raise self._damage(number)
                    number += 1
                    yield frame
        except av.FFmpegError as error:
            raise self._damage(number) from error

    def _damage(self, number: int) -> InputError:
        seconds = float(number / self.rate)
        return InputError(
            f"{self._path} is damaged after {number:,} frames, at about {seconds:.1f} s: copy or "
            "export it again"
        )

    def _check_first(self, first: VideoFrame) -> None:
        if first.color_trc in _HDR:
            raise InputError(
                f"{self._path} is high dynamic range ({_HDR[first.color_trc]}): convert it to "
                "standard dynamic range, BT.709"
            )
        if first.rotation % 90:
            raise InputError(
                f"{self._path} is turned by {first.rotation} degrees: expected a multiple of 90; "
                "export it upright"
            )

    def _fit(self, size_px: Fraction, pixel_shape: Fraction) -> tuple[int, int]:
        """Height and width of the frames given, upright, with square pixels, even."""
        width, height = self._stored[0] * pixel_shape, Fraction(self._stored[1])
        if self._turns % 2:
            height, width = width, height
        scale = min(size_px / max(height, width), Fraction(1))
        if scale == 1 and pixel_shape == 1:
            return int(height) // 2 * 2, int(width) // 2 * 2
        even = [max(2 * round(side * scale / 2), 2) for side in (height, width)]
        return even[0], even[1]

    def _frame(self, frame: VideoFrame, pts: int) -> Frame:
        if (frame.width, frame.height) != self._stored:
            raise InputError(
                f"{self._path} changes its size from {self._stored[0]} x {self._stored[1]} to "
                f"{frame.width} x {frame.height} px: export it in one size"
            )
        planes = self._scaled(np.rot90(as_seen(frame), self._turns))
        if planes.shape[2] == 3 or int(planes[..., 3].min()) == _OPAQUE:
            return Frame(np.ascontiguousarray(planes[..., :3]), pts)
        weight = planes[..., 3:].astype(np.uint16)
        laid = (planes[..., :3] * weight + 255 * (255 - weight) + 127) // 255
        return Frame(laid.astype(np.uint8), pts, np.ascontiguousarray(planes[..., 3]))

    def _scaled(self, planes: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = planes.shape[:2]
        if height - self.height in (0, 1) and width - self.width in (0, 1):
            return np.ascontiguousarray(planes[: self.height, : self.width])
        scaled = cv2.resize(
            np.ascontiguousarray(planes), (self.width, self.height), interpolation=cv2.INTER_AREA
        )
        return np.asarray(scaled, dtype=np.uint8)

    def _check_size(self, width: int, height: int, limits: ImageLimits) -> None:
        if width * height > limits.max_pixels:
            raise InputError(
                f"{self._path} has frames of {width} x {height} px, expected at most "
                f"{limits.max_pixels} pixels: scale it down or raise images.max_pixels"
            )
        if min(width, height) < _LEAST_SIDE_PX:
            raise InputError(
                f"{self._path} has frames of {width} x {height} px, expected both sides to be at "
                f"least {_LEAST_SIDE_PX} px: supply a larger clip"
            )


def read_tags(path: Path) -> dict[str, str]:
    """A clip's words about itself, names in lower case; none of a file that is no clip."""
    try:
        with _open(path) as container:
            return {name.lower(): text for name, text in container.metadata.items()}
    except InputError:
        return {}


def _open(path: Path) -> InputContainer:
    # The whitelists keep to this file: neither playlists nor addresses lead elsewhere.
    options = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"}
    if not path.is_file():
        raise InputError(f"clip {path} is missing: expected a file of video")
    try:
        return av.open(f"file:{path}", "r", options=options)
    except (av.FFmpegError, ValueError) as error:
        raise InputError(
            f"{path} is no clip that can be read ({getattr(error, 'strerror', error)}): expected "
            "MP4, MOV, WebM, MKV, AVI or another container of video"
        ) from error


def _suffix(container: InputContainer, tags: dict[str, str]) -> str:
    named = _SUFFIXES.get(container.format.name, "bin")
    if named == "mkv":
        codecs = {one.codec_context.name for one in container.streams if one.type != "subtitle"}
        return (
            "webm"
            if all(name.removeprefix("lib").split("-")[0] in _OF_WEBM for name in codecs)
            else named
        )
    return "mov" if tags.get("major_brand", "").strip() == "qt" else named


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The first video stream that is no cover picture."""
    for stream in container.streams.video:
        if not stream.disposition & type(stream.disposition).attached_pic:
            return stream
    found = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
    raise InputError(f"{path} has no video: got {found}; expected a file with a video stream")


def _decoder(stream: VideoStream) -> av.VideoCodecContext:
    """What decodes a stream, on one thread; damage is told, not painted over."""
    decoder = stream.codec_context
    clear = {"vp8": "libvpx", "vp9": "libvpx-vp9"}.get(decoder.codec.canonical_name)
    if clear is not None and stream.metadata.get("alpha_mode", stream.metadata.get("ALPHA_MODE")):
        # The usual decoder of VP8 and VP9 leaves transparency out.
        created = av.CodecContext.create(clear, "r")
        assert isinstance(created, av.VideoCodecContext)
        decoder = created
    decoder.thread_count = 1
    decoder.options = {"err_detect": "explode"}
    return decoder
