"""Small clips for the tests of this package, made from a seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray


@pytest.fixture(scope="session")
def make_frames() -> Callable[..., list[NDArray[np.uint8]]]:
    """A window that moves over soft spots, uint8 (height, width, 3) each."""

    def make(count: int, height: int, width: int, step: tuple[int, int] = (0, 2), blur=5.0):
        rng = np.random.default_rng(0)
        tall, wide = height + abs(step[0]) * count, width + abs(step[1]) * count
        spots = rng.uniform(0, 1, (tall, wide, 3)).astype(np.float32)
        ground = cv2.GaussianBlur(spots, (0, 0), blur)
        ground = 60 + 140 * (ground - ground.min()) / (ground.max() - ground.min())
        return [
            ground[i * step[0] : i * step[0] + height, i * step[1] : i * step[1] + width]
            .round()
            .astype(np.uint8)
            for i in range(count)
        ]

    return make


@pytest.fixture(scope="session")
def write_clip() -> Callable[..., Path]:
    """A clip file of frames (h, w, 3) or (h, w, 4), as a shop's own tools may write it."""

    def write(
        path: Path,
        frames: Sequence[NDArray[np.uint8]],
        codec: str = "libx264",
        pix_fmt: str = "yuv420p",
        rotation: int = 0,
        times: Sequence[int] | None = None,
        with_sound: bool = False,
        transfer: int = 1,
        options: dict[str, str] | None = None,
    ) -> Path:
        with av.open(str(path), "w") as container:
            container.metadata["title"] = "A mug"
            video = container.add_stream(codec, rate=Fraction(24), options=options or {"crf": "10"})
            video.height, video.width = frames[0].shape[:2]
            video.pix_fmt = pix_fmt
            video.codec_context.time_base = Fraction(1, 24)
            video.codec_context.color_trc = transfer
            video.codec_context.colorspace = 1
            if rotation:
                video.set_display_rotation(rotation)
            sound = container.add_stream("aac", rate=16_000) if with_sound else None
            for number, picture in enumerate(frames):
                form = "rgba" if picture.shape[2] == 4 else "rgb24"
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=form)
                if pix_fmt.startswith("yuv"):
                    frame = frame.reformat(
                        format=pix_fmt,
                        dst_colorspace=Colorspace.ITU709,
                        dst_color_range=ColorRange.MPEG,
                    )
                frame.pts = number if times is None else times[number]
                frame.time_base = Fraction(1, 24)
                container.mux(video.encode(frame))
            container.mux(video.encode(None))
            if sound is not None:
                wave = np.sin(np.arange(16_000 * len(frames) // 24) / 20)[None].astype(np.float32)
                tone = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
                tone.sample_rate = 16_000
                container.mux(sound.encode(tone))
                container.mux(sound.encode(None))
        return path

    return write
