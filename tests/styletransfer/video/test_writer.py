"""A clip is written as viewers see it, with its words and its sound."""

from fractions import Fraction

import av
import numpy as np
import pytest

from features.schema import ConfigError, InputError
from styletransfer.video.reader import ClipReader
from styletransfer.video.writer import ClipWriter

BASE = Fraction(1, 12_800)


def write(path, frames, tags=None, audio=None, packets=()):
    height, width = frames[0].shape[:2]
    with ClipWriter(path, height, width, BASE, Fraction(24), tags or {}, audio) as writer:
        for packet in packets:
            writer.write_audio(packet)
        seen = [one for i, frame in enumerate(frames) for one in writer.write(frame, 533 * i)]
        return seen + writer.finish()


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_what_is_returned_is_what_a_reader_of_the_file_sees(tmp_path, make_frames, suffix):
    frames = make_frames(20, 64, 96)
    seen = write(tmp_path / f"a{suffix}", frames)
    with ClipReader(tmp_path / f"a{suffix}", 512) as reader:
        read = [frame.picture for frame in reader.frames()]
    assert len(seen) == len(read) == 20
    assert all(np.array_equal(one, other) for one, other in zip(seen, read, strict=True))
    assert max(np.abs(s.astype(int) - f).mean() for s, f in zip(seen, frames, strict=True)) < 5


def test_words_about_the_clip_are_kept_in_the_file(tmp_path, make_frames):
    tags = {"title": "A mug", "stylefeed_look": "waves", "encoder": "another"}
    for suffix in (".mp4", ".mkv", ".webm"):
        write(tmp_path / f"a{suffix}", make_frames(2, 64, 64), tags)
        with av.open(str(tmp_path / f"a{suffix}")) as container:
            told = {name.lower(): text for name, text in container.metadata.items()}
        assert (told["title"], told["stylefeed_look"]) == ("A mug", "waves")
        assert told.get("encoder") != "another"


def test_the_same_frames_give_the_same_bytes(tmp_path, make_frames):
    for suffix in (".mp4", ".mkv", ".webm"):
        for name in "ab":
            write(tmp_path / f"{name}{suffix}", make_frames(6, 64, 64))
        first, second = ((tmp_path / f"{name}{suffix}").read_bytes() for name in "ab")
        assert first == second


def test_sound_is_copied_packet_by_packet(tmp_path, make_frames, write_clip):
    source = write_clip(tmp_path / "a.mp4", make_frames(24, 64, 64), with_sound=True)
    packets = []
    with ClipReader(source, 512) as reader:
        frames = [frame.picture for frame in reader.frames(packets.append)]
        wanted = [bytes(packet) for packet in packets]
        write(tmp_path / "b.mp4", frames, audio=reader.audio, packets=packets)
    with av.open(str(tmp_path / "b.mp4")) as container:
        there = [bytes(one) for one in container.demux(audio=0) if one.dts is not None]
    assert there == wanted


def test_sound_that_the_container_cannot_hold_is_refused(tmp_path, make_frames, write_clip):
    source = write_clip(tmp_path / "a.mp4", make_frames(2, 64, 64), with_sound=True)
    with (
        ClipReader(source, 512) as reader,
        pytest.raises(InputError, match=r"sound is aac, which webm cannot hold: write \.mkv"),
    ):
        write(tmp_path / "b.webm", make_frames(2, 64, 64), audio=reader.audio)


def test_another_suffix_is_refused(tmp_path, make_frames):
    with pytest.raises(ConfigError, match=r"expected one of \.mp4, \.mov, \.mkv, \.webm"):
        write(tmp_path / "a.gif", make_frames(1, 64, 64))
