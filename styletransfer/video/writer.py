"""Writes a clip frame by frame, and says what a viewer will see of each frame."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import av
import numpy as np
from av.audio.stream import AudioStream
from av.packet import Packet
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from features.schema import ConfigError, InputError
from styletransfer.video.colours import as_seen, as_stored


class _Kind(NamedTuple):
    """How files of one suffix are written: muxer, its options, codec and its options."""

    muxer: str
    muxing: dict[str, str]
    codec: str
    coding: dict[str, str]


# Quality is what the product's colours need; a short look-ahead keeps few frames in memory.
_H264: Final = {
    "crf": "12",
    "preset": "fast",
    "rc-lookahead": "10",
    "x264-params": "chroma-qp-offset=-4",
}
_VP9: Final = {"crf": "20", "b": "0", "deadline": "good", "cpu-used": "5", "lag-in-frames": "8"}
_TAGGED: Final = {"movflags": "use_metadata_tags+faststart", "fflags": "+bitexact"}
_PLAIN: Final = {"fflags": "+bitexact"}
_KINDS: Final = {
    ".mp4": _Kind("mp4", _TAGGED, "libx264", _H264),
    ".mov": _Kind("mov", _TAGGED, "libx264", _H264),
    ".mkv": _Kind("matroska", _PLAIN, "libx264", _H264),
    ".webm": _Kind("webm", _PLAIN, "libvpx-vp9", _VP9),
}
SUFFIXES: Final = tuple(_KINDS)
_STRUCTURAL: Final = frozenset(("major_brand", "minor_version", "compatible_brands", "encoder"))


class ClipWriter:
    """A clip being written; a context manager.

    Every frame is encoded and decoded again at once: `write` and `finish` return the frames as
    viewers will see them, in order, uint8 (h, w, 3), each some frames after it was written.
    """

    def __init__(
        self,
        path: Path,
        height: int,
        width: int,
        time_base: Fraction,
        rate: Fraction,
        tags: Mapping[str, str],
        audio: AudioStream | None = None,
        suffix: str | None = None,
    ) -> None:
        """Begin a clip of even sides at `path`, of the kind that its suffix, or `suffix`, names.

        `time_base` is the unit of the frames' times, `rate` frames a second for the encoder's
        planning. `tags` are kept in the file; `audio` is a stream whose packets `write_audio`
        copies. Raises ConfigError for another suffix, InputError for sound that the container
        cannot hold.
        """
        kind = kind_of(path if suffix is None else Path(f"x{suffix}"))
        self._container = av.open(str(path), "w", format=kind.muxer, options=kind.muxing)
        try:
            kept = {name: text for name, text in tags.items() if name not in _STRUCTURAL}
            self._container.metadata.update(kept)
            stream = self._container.add_stream(kind.codec, rate=rate, options=kind.coding)
            assert isinstance(stream, av.VideoStream)
            self._stream = stream
            context = stream.codec_context
            context.height, context.width, context.pix_fmt = height, width, "yuv420p"
            context.time_base = time_base
            context.thread_count = 1
            context.color_primaries = context.color_trc = context.colorspace = 1
            context.color_range = ColorRange.MPEG
            self._time_base = time_base
            self._audio = None
            if audio is not None:
                self._audio = self._copied(audio, kind)
            self._container.start_encoding()
            decoder = av.CodecContext.create(context.codec.canonical_name, "r")
            assert isinstance(decoder, av.VideoCodecContext)
            decoder.extradata = context.extradata
            decoder.thread_count = 1
            self._decoder = decoder
        except BaseException:
            self._container.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def write(self, picture: NDArray[np.uint8], pts: int) -> list[NDArray[np.uint8]]:
        """Add a frame uint8 (h, w, 3) sRGB shown at `pts`; the frames that viewers see by now."""
        frame = as_stored(picture)
        frame.pts, frame.time_base = pts, self._time_base
        return self._put(self._stream.encode(frame))

    def write_audio(self, packet: Packet[Any]) -> None:
        """Copy a packet of the sound."""
        packet.stream = self._audio
        self._container.mux(packet)

    def finish(self) -> list[NDArray[np.uint8]]:
        """End the clip; the frames that viewers see and that were not returned before."""
        seen = self._put(self._stream.encode(None))
        seen += [as_seen(frame) for frame in self._decoder.decode(None)]
        self._container.close()
        return seen

    def _put(self, packets: list[Packet[Any]]) -> list[NDArray[np.uint8]]:
        seen = []
        for packet in packets:
            data = Packet(bytes(packet))
            data.pts, data.dts, data.time_base = packet.pts, packet.dts, packet.time_base
            self._container.mux(packet)
            seen += [as_seen(frame) for frame in self._decoder.decode(data)]
        return seen

    def _copied(self, audio: AudioStream, kind: _Kind) -> AudioStream:
        try:
            if audio.codec_context.name not in self._container.supported_codecs:
                raise ValueError
            return self._container.add_stream_from_template(audio)
        except (av.FFmpegError, ValueError) as error:
            raise InputError(
                f"the clip's sound is {audio.codec_context.name}, which {kind.muxer} cannot hold: "
                "write .mkv, or a file of the clip's own kind"
            ) from error


def kind_of(path: Path) -> _Kind:
    """How a file is written; raises ConfigError for a suffix that is not one of `SUFFIXES`."""
    try:
        return _KINDS[path.suffix.lower()]
    except KeyError:
        raise ConfigError(
            f"{path} has the suffix {path.suffix!r}: expected one of {', '.join(SUFFIXES)}"
        ) from None
