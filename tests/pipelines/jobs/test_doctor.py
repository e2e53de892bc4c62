import json
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from features.images import encode
from features.schema import ImageError, WeightsError
from pipelines.cli import app
from pipelines.jobs import doctor
from styletransfer.config import DEFAULT_KEY
from styletransfer.provenance.record import Provenance, embed_provenance
from styletransfer.provenance.watermark import embed


@pytest.fixture(scope="module")
def picture():
    """Blurred noise, like brush strokes."""
    rng = np.random.default_rng(2)
    rough = rng.normal(0, 60, (240, 200, 3))
    for axis in (0, 1):
        rough = rough + np.roll(rough, 1, axis) + np.roll(rough, -1, axis)
    return np.clip(128 + rough / 4, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("format", ["jpeg", "png", "webp"])
def test_a_picture_of_ours_tells_where_it_comes_from(format, picture, tmp_path):
    made = Provenance("faithful", "007", "waves", 0.75, "0a1b", "run-3")
    marked = embed(picture, 0x00C0FFEE, DEFAULT_KEY)
    path = tmp_path / f"render.{format}"
    path.write_bytes(embed_provenance(encode(marked, format), format, made))
    report = doctor.inspect_picture(path)
    assert json.loads(json.dumps(report)) == report
    assert report["watermark"]["found"] is True
    assert report["watermark"]["payload"] == "00c0ffee"
    assert 0.5 < report["watermark"]["confidence"] <= 1
    assert report["digital_source_type"] == made.digital_source_type
    assert (report["item_id"], report["style_id"], report["strength"]) == ("007", "waves", 0.75)
    assert (report["mode"], report["model_version"], report["run_id"]) == (
        "faithful",
        "0a1b",
        "run-3",
    )
    assert (report["width_px"], report["height_px"], report["format"]) == (200, 240, format)
    assert report["bytes"] == path.stat().st_size
    lines = doctor.picture_lines(report)
    assert "item: 007" in lines
    assert "look: waves, strength 0.75, faithful" in lines
    assert any(line.startswith("watermark: found, payload 00c0ffee") for line in lines)


def test_a_stranger_s_picture_tells_nothing(picture, tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(encode(picture, "png"))
    report = doctor.inspect_picture(path)
    assert report["watermark"]["found"] is False
    assert report["watermark"]["payload"] is None
    assert report["item_id"] is None
    assert "watermark: not found" in doctor.picture_lines(report)
    assert "provenance: none of ours" in doctor.picture_lines(report)


def test_the_mark_outlives_what_strips_the_tags(picture, tmp_path):
    path = tmp_path / "copied.jpg"
    path.write_bytes(encode(embed(picture, 7, DEFAULT_KEY), "jpeg", quality=75))
    report = doctor.inspect_picture(path)
    assert report["watermark"]["payload"] == "00000007"
    assert report["digital_source_type"] is None


def test_a_mark_of_another_key_stays_unread(picture, tmp_path):
    path = tmp_path / "other.png"
    path.write_bytes(encode(embed(picture, 7, key=99), "png"))
    assert not doctor.inspect_picture(path)["watermark"]["found"]
    assert doctor.inspect_picture(path, key=99)["watermark"]["payload"] == "00000007"


def test_control_characters_in_a_file_do_not_reach_the_terminal(picture, tmp_path):
    made = Provenance("accent", "\x1b[2J7\n8", "waves", 1.0, "v")
    path = tmp_path / "sly.png"
    path.write_bytes(embed_provenance(encode(picture, "png"), "png", made))
    assert "item: \\x1b[2J7\\n8" in doctor.picture_lines(doctor.inspect_picture(path))


@pytest.mark.parametrize("content", [None, b"", b"no picture", "cut"], ids=str)
def test_a_bad_picture_is_one_line(content, picture, tmp_path):
    path = tmp_path / "bad.png"
    if content is not None:
        path.write_bytes(encode(picture, "png")[:900] if content == "cut" else content)
    with pytest.raises(ImageError) as error:
        doctor.inspect_picture(path)
    assert "bad.png" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_is_no_picture(tmp_path):
    with pytest.raises(ImageError, match="no regular file"):
        doctor.inspect_picture(tmp_path)


def test_the_installation_is_checked_by_loading_every_model():
    report = doctor.check_installation()
    assert json.loads(json.dumps(report)) == report
    assert report["ok"] is True
    assert set(report["weights"]) == {"generator", "style encoder", "content encoder"}
    assert report["python"] == sys.version.split()[0]
    assert report["packages"]["torch"]
    assert report["cores"] >= 1
    assert set(report["extras"]) >= {"openvino", "ray", "web", "signing"}
    lines = doctor.installation_lines(report)
    assert "weights of the generator: ok" in lines
    assert all("\n" not in line for line in lines)


def test_what_is_broken_is_named(monkeypatch):
    def fail():
        raise WeightsError("weights file is not the one expected: reinstall")

    monkeypatch.setattr(doctor, "_models", lambda: {"generator": fail})
    report = doctor.check_installation()
    assert report["ok"] is False
    line = "weights of the generator: weights file is not the one expected: reinstall"
    assert line in doctor.installation_lines(report)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(doctor, "_PACKAGES", ("no-such-package",))
    monkeypatch.setattr(doctor, "_models", dict)
    assert "no-such-package is missing" in doctor.installation_lines(doctor.check_installation())


def test_an_unsound_installation_ends_with_exit_code_1(monkeypatch):
    def fail():
        raise WeightsError("the generator's file is missing")

    monkeypatch.setattr(doctor, "_models", lambda: {"generator": fail})
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1
    assert "the generator's file is missing" in result.output
