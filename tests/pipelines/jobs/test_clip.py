"""`stylefeed clip`: a clip or a spin in a look, whole or not at all, and never twice."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from features.schema import ConfigError, InputError
from pipelines.cli import app
from pipelines.config import load_config
from pipelines.jobs.clip import make_clip
from pipelines.jobs.doctor import inspect_clip, picture_lines
from styletransfer.provenance.record import provenance_of_tags, read_provenance
from styletransfer.video.reader import ClipReader, read_tags
from styletransfer.video.writer import ClipWriter

LOOK = Path(__file__).parents[3] / "data" / "samples" / "looks" / "wave-mosaic.jpg"


@pytest.fixture(scope="module")
def frames():
    """A patterned square that moves over a white ground."""
    rng = np.random.default_rng(0)
    pattern = cv2.GaussianBlur(rng.uniform(0, 1, (60, 52, 3)).astype(np.float32), (0, 0), 4)
    pattern = (60 + 140 * np.clip((pattern - 0.5) * 6 + 0.5, 0, 1)).astype(np.uint8)
    shown = []
    for number in range(6):
        picture = np.full((128, 112, 3), 248, np.uint8)
        picture[34:94, 20 + number : 72 + number] = pattern
        shown.append(picture)
    return shown


@pytest.fixture
def video(tmp_path, frames):
    path = tmp_path / "mug.mp4"
    tags = {"title": "A mug"}
    with ClipWriter(path, 128, 112, Fraction(1, 24), Fraction(24), tags) as writer:
        for number, picture in enumerate(frames):
            writer.write(picture, number)
        writer.finish()
    return path


@pytest.fixture
def spin(tmp_path, frames):
    folder = tmp_path / "mug-spin"
    folder.mkdir()
    for number, picture in enumerate(frames):
        Image.fromarray(picture).save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def config():
    return load_config(None, render={"size_px": 128})


@pytest.mark.parametrize("name", ["out.mp4", "deeper/out.webm"])
def test_a_clip_in_a_look_is_a_file_that_says_what_it_is(tmp_path, video, config, name):
    out = tmp_path / name
    result = make_clip(video, LOOK, out, config)
    assert (result["served_mode"], result["frames"], result["shots"]) == ("faithful", 6, 1)
    with ClipReader(out, 512) as reader:
        shown = [frame.picture for frame in reader.frames()]
    assert len(shown) == 6
    assert shown[0].shape == (128, 112, 3)
    told = provenance_of_tags(read_tags(out))
    assert told is not None
    assert (told.mode, told.item_id, told.style_id) == ("faithful", "mug", "wave-mosaic")
    assert read_tags(out)["digital_source_type"].endswith("compositeWithTrainedAlgorithmicMedia")
    assert read_tags(out)["title"] == "A mug"
    found = inspect_clip(out)
    assert found["watermark"]["payload"] == read_tags(out)["stylefeed_key"][:8]
    assert not inspect_clip(video)["watermark"]["found"]
    lines = picture_lines(found)
    assert lines[0].startswith(f"clip: {out.suffix[1:]}, 112 x 128 px, ")
    assert "item: mug" in lines
    assert "look: wave-mosaic, strength 1, faithful" in lines


def test_a_second_call_does_no_work_until_something_changes(tmp_path, video, config):
    out = tmp_path / "out.mp4"
    make_clip(video, LOOK, out, config)
    data = out.read_bytes()
    assert make_clip(video, LOOK, out, config)["worked"] is False
    assert out.read_bytes() == data
    out.unlink()
    make_clip(video, LOOK, out, config)
    assert out.read_bytes() == data
    smaller = load_config(None, render={"size_px": 96})
    assert make_clip(video, LOOK, out, smaller)["worked"] is True


def test_a_spin_is_a_folder_of_pictures_under_the_names_of_its_own(tmp_path, spin, config):
    out = tmp_path / "out"
    result = make_clip(spin, LOOK, out, config)
    assert (result["served_mode"], result["shots"]) == ("faithful", 1)
    names = sorted(path.name for path in out.iterdir())
    assert names == [*(f"{number}.jpg" for number in range(6)), "report.json"]
    told = read_provenance((out / "3.jpg").read_bytes())
    assert told is not None
    assert (told.item_id, told.style_id) == ("mug-spin", "wave-mosaic")
    assert make_clip(spin, LOOK, out, config)["worked"] is False
    (out / "3.jpg").unlink()
    assert make_clip(spin, LOOK, out, config)["worked"] is True
    assert (out / "3.jpg").is_file()


def test_a_folder_that_holds_more_than_a_spin_is_not_replaced(tmp_path, spin, config):
    mine = tmp_path / "mine.txt"
    mine.write_text("kept")
    with pytest.raises(ConfigError, match="holds files that no spin has left there"):
        make_clip(spin, LOOK, tmp_path, config)
    out = tmp_path / "out"
    out.mkdir()
    make_clip(spin, LOOK, out, config)
    (out / "notes.txt").write_text("kept")
    smaller = load_config(None, render={"size_px": 96})
    with pytest.raises(ConfigError, match="holds files that no spin has left there"):
        make_clip(spin, LOOK, out, smaller)
    assert mine.is_file()
    assert sorted(spin.iterdir())
    assert (out / "notes.txt").read_text() == "kept"


def test_a_clip_that_may_not_be_shown_leaves_nothing_behind(tmp_path, config):
    rng = np.random.default_rng(0)
    path = tmp_path / "noise.mp4"
    with ClipWriter(path, 96, 96, Fraction(1, 24), Fraction(24), {}) as writer:
        for number in range(3):
            writer.write(rng.integers(0, 256, (96, 96, 3), np.uint8), number)
        writer.finish()
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match="is not to be shown in this look, nothing was written"):
        make_clip(path, LOOK, tmp_path / "out.mp4", config)
    assert sorted(tmp_path.iterdir()) == before


def test_sound_comes_along(tmp_path, frames, config):
    path = tmp_path / "loud.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=24, options={"crf": "8"})
        video.height, video.width, video.pix_fmt = 128, 112, "yuv420p"
        sound = container.add_stream("aac", rate=16_000)
        for picture in frames:
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))
        wave = np.sin(np.arange(4000) / 20)[None].astype(np.float32)
        tone = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
        tone.sample_rate = 16_000
        container.mux(sound.encode(tone))
        container.mux(sound.encode(None))
    make_clip(path, LOOK, tmp_path / "out.mp4", config)

    def packets(file):
        with av.open(str(file)) as container:
            return [bytes(one) for one in container.demux(audio=0) if one.dts is not None]

    assert packets(tmp_path / "out.mp4") == packets(path)
    assert packets(path)


def test_names_that_do_not_go_together_are_refused(tmp_path, video, spin, config):
    with pytest.raises(ConfigError, match=r"has the suffix '\.gif': expected one of"):
        make_clip(video, LOOK, tmp_path / "out.gif", config)
    with pytest.raises(ConfigError, match="is the clip itself"):
        make_clip(video, LOOK, video, config)
    with pytest.raises(ConfigError, match="a spin is written to a folder"):
        make_clip(spin, LOOK, video, config)
    with pytest.raises(InputError, match="is missing"):
        make_clip(tmp_path / "none.mp4", LOOK, tmp_path / "out.mp4", config)
    painted = load_config(None, render={"mode": "artistic"})
    with pytest.raises(ConfigError, match="a clip is faithful, or nothing"):
        make_clip(video, LOOK, tmp_path / "out.mp4", painted)


def test_the_command_says_what_was_made(tmp_path, video):
    arguments = ["clip", "--video", video, "--look", LOOK, "--out", tmp_path / "out.mp4"]
    arguments += ["--size", "128"]
    told = CliRunner().invoke(app, list(map(str, arguments)))
    assert told.exit_code == 0, told.output
    assert told.stdout.startswith(f"6 frames in 1 shots: {(tmp_path / 'out.mp4').resolve()}\n")
    again = CliRunner().invoke(app, list(map(str, arguments)))
    assert again.stdout == f"nothing to do: {tmp_path / 'out.mp4'} is there\n"
