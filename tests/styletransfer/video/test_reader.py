"""Whatever a shop hands in as a clip is read right, or refused in one line."""

import subprocess
import sys
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from features.config import ImageLimits
from features.schema import InputError
from styletransfer.video.reader import ClipReader
from styletransfer.video.writer import SUFFIXES, ClipWriter


def read(path, size_px=512):
    with ClipReader(path, size_px) as reader:
        return list(reader.frames())


def far(first, second):
    return np.abs(first.astype(int) - second).mean()


def test_frames_come_in_order_with_their_colours_and_times(tmp_path, make_frames, write_clip):
    frames = make_frames(8, 96, 128)
    for name, codec in (("a.mp4", "libx264"), ("a.mkv", "ffv1"), ("a.avi", "mpeg4")):
        options = {"qscale": "1"} if codec == "mpeg4" else None
        got = read(write_clip(tmp_path / name, frames, codec, options=options))
        assert len(got) == 8
        assert max(far(one.picture, was) for one, was in zip(got, frames, strict=True)) < 6
        steps = np.diff([one.pts for one in got])
        assert (steps > 0).all()


def test_a_variable_rate_keeps_its_times(tmp_path, make_frames, write_clip):
    times = [0, 1, 2, 7, 9, 20]
    path = write_clip(tmp_path / "a.mp4", make_frames(6, 64, 64), times=times)
    with ClipReader(path, 512) as reader:
        got = [frame.pts * reader.time_base for frame in reader.frames()]
    assert got == [Fraction(time, 24) for time in times]


@pytest.mark.parametrize(("rotation", "turns"), [(90, 1), (180, 2), (-90, 3)])
def test_a_rotation_flag_is_applied(tmp_path, make_frames, write_clip, rotation, turns):
    (frame,) = make_frames(1, 64, 96)
    (got,) = read(write_clip(tmp_path / "a.mp4", [frame], rotation=rotation))
    assert far(got.picture, np.rot90(frame, turns)) < 4


def test_odd_sides_lose_their_last_row(tmp_path, make_frames, write_clip):
    (frame,) = make_frames(1, 65, 97)
    path = write_clip(tmp_path / "a.mkv", [frame], "ffv1", "bgr0")
    assert np.array_equal(read(path)[0].picture, frame[:64, :96])


def test_larger_frames_are_scaled_down_to_even_sides(tmp_path, make_frames, write_clip):
    path = write_clip(tmp_path / "a.mp4", make_frames(1, 90, 160))
    assert read(path, 66)[0].picture.shape == (38, 66, 3)


def test_one_frame_is_a_clip(tmp_path, make_frames, write_clip):
    assert len(read(write_clip(tmp_path / "a.mp4", make_frames(1, 64, 64)))) == 1


def test_ten_bits_are_read_as_eight(tmp_path, make_frames, write_clip):
    frames = make_frames(2, 64, 96)
    got = read(write_clip(tmp_path / "a.mkv", frames, "libx265", "yuv420p10le"))
    assert got[0].picture.dtype == np.uint8
    assert far(got[0].picture, frames[0]) < 6


def test_high_dynamic_range_is_refused(tmp_path, make_frames, write_clip):
    path = write_clip(tmp_path / "a.mkv", make_frames(1, 64, 64), transfer=16)
    with pytest.raises(InputError, match=r"high dynamic range \(PQ\): convert it"):
        read(path)


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [("a.mov", "qtrle", "argb"), ("a.webm", "libvpx-vp9", "yuva420p")],
)
def test_transparency_is_given_and_laid_on_white(tmp_path, name, codec, pix_fmt, write_clip):
    picture = np.zeros((64, 96, 4), np.uint8)
    picture[16:48, 20:60] = (200, 40, 40, 255)
    path = write_clip(tmp_path / name, [picture] * 2, codec, pix_fmt, options={})
    for got in read(path):
        assert got.alpha is not None
        assert (got.alpha[20:44, 24:56] > 250).all()
        assert (got.alpha[:10] < 5).all()
        assert (got.picture[:10] > 250).all()


def test_sound_is_handed_on_as_it_is(tmp_path, make_frames, write_clip):
    path = write_clip(tmp_path / "a.mp4", make_frames(24, 64, 64), with_sound=True)
    packets = []
    with ClipReader(path, 512) as reader:
        assert reader.audio is not None
        assert len(list(reader.frames(packets.append))) == 24
    with av.open(str(path)) as container:
        there = [bytes(one) for one in container.demux(audio=0) if one.dts is not None]
    assert [bytes(one) for one in packets] == there


def test_a_file_without_video_is_refused(tmp_path, make_frames, write_clip):
    path = tmp_path / "a.m4a"
    with av.open(str(path), "w") as container:
        sound = container.add_stream("aac", rate=16_000)
        tone = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), "fltp", "mono")
        tone.sample_rate = 16_000
        container.mux(sound.encode(tone))
        container.mux(sound.encode(None))
    with pytest.raises(InputError, match="has no video: got audio"):
        read(path)


def test_what_is_no_clip_is_refused(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"a letter" * 400)
    with pytest.raises(InputError, match="is no clip that can be read"):
        read(tmp_path / "a.mp4")
    with pytest.raises(InputError, match="is missing: expected a file of video"):
        read(tmp_path / "none.mp4")
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="is no clip that can be read"):
        read(tmp_path / "a.png")


def test_a_playlist_leads_to_no_other_file(tmp_path, make_frames, write_clip):
    write_clip(tmp_path / "secret.ts", make_frames(4, 64, 64))
    lists = {
        "a.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.ts\n#EXT-X-ENDLIST\n",
        "a.ffconcat": f"ffconcat version 1.0\nfile {tmp_path}/secret.ts\n",
    }
    for name, text in lists.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(InputError, match="is no clip that can be read"):
            read(tmp_path / name)


def test_damage_in_the_middle_is_told_with_its_time(tmp_path, make_frames, write_clip):
    path = write_clip(tmp_path / "a.mp4", make_frames(48, 96, 128), options={"g": "12", "crf": "5"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = np.random.default_rng(0).bytes(3000)
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"is damaged after \d+ frames, at about [01]\.\d s"):
        read(path)


def test_a_file_that_lacks_its_end_is_refused(tmp_path, make_frames, write_clip):
    frames = make_frames(48, 96, 128)
    whole = tmp_path / "whole.mp4"
    with av.open(str(whole), "w", options={"movflags": "faststart"}) as container:
        video = container.add_stream("libx264", rate=24, options={"crf": "5"})
        video.height, video.width, video.pix_fmt = 96, 128, "yuv420p"
        for picture in frames:
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))
    (tmp_path / "cut.mp4").write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    with pytest.raises(InputError, match=r"lacks its end|is damaged after"):
        read(tmp_path / "cut.mp4")


def test_too_many_pixels_are_refused_before_they_are_decoded(tmp_path, make_frames, write_clip):
    path = write_clip(tmp_path / "a.mp4", make_frames(1, 64, 96))
    with pytest.raises(InputError, match="expected at most 6000 pixels"):
        ClipReader(path, 512, ImageLimits(max_pixels=6000))


def test_without_pyav_the_package_says_what_to_install():
    code = (
        "import sys; sys.modules['av'] = None\n"
        "try:\n    import styletransfer.video\n"
        "except Exception as error:\n    print(type(error).__name__, error)\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.startswith("ConfigError clips need PyAV")
    assert "pip install 'stylefeed[video]'" in told.stdout


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_how_many_frames_are_to_come_is_known_of_every_kind(tmp_path, make_frames, suffix):
    path = tmp_path / f"a{suffix}"
    with ClipWriter(path, 64, 96, Fraction(1, 24), Fraction(24), {}) as writer:
        for number, picture in enumerate(make_frames(10, 64, 96)):
            writer.write(picture, number)
        writer.finish()
    with ClipReader(path, 96) as reader:
        assert reader.expected == len(list(reader.frames())) == 10
