"""Exporting from the command line: what it writes, what jobs then paint with, what is refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from features.schema import InputError
from pipelines import verbosity
from pipelines.cli import app
from pipelines.jobs.doctor import inspect_picture
from pipelines.jobs.export import _made_before
from styletransfer.painters.generator.variants import REFERENCE, read_variants

SETTINGS = """
[training]
look_px = 64
crop_px = 64
validation_photos = 2
validation_looks = 2
held_out = 0.25
[render]
mode = "artistic"
size_px = 64
"""


def call(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)])


def draw(folder, count):
    folder.mkdir(parents=True)
    for number in range(count):
        rng = np.random.default_rng(number)
        pixels = rng.integers(0, 256, (9, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((96, 108)).save(folder / f"made{chr(97 + number)}.png")
    return folder


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    photos, looks = draw(folder / "p", 4), draw(folder / "l", 5)
    (folder / "s.toml").write_text(SETTINGS)
    arguments = ("--photos", photos, "--looks", looks, "--out", folder / "out")
    done = call("export", *arguments, "--config", folder / "s.toml", "--student-steps", 1, "--json")
    assert done.exit_code == 0, done.output
    return folder, arguments, json.loads(done.stdout)


def test_every_variant_is_a_file_with_its_measures_beside_it(shop):
    folder, _, result = shop
    assert result["worked"]
    told = json.loads((folder / "out" / "variants.json").read_text())
    rows = {(row["file"], row["engine"]): row for row in told["variants"]}
    files = {"float.onnx", "float-int8.onnx", "student.onnx", "student-int8.onnx"}
    assert {file for file, _ in rows} == files
    assert rows["float.onnx", "onnxruntime"]["ssim"] == 1.0
    for (file, _), row in rows.items():
        size = (folder / "out" / file).stat().st_size
        assert row["megabytes"] == pytest.approx(size / 1e6, abs=1e-3)
        assert row["seconds"] > 0
        assert 0 <= row["recognised"] <= 1
    fast, slow = rows["student-int8.onnx", "onnxruntime"], rows["float.onnx", "onnxruntime"]
    assert fast["megabytes"] < slow["megabytes"]
    assert (folder / "out" / "student.safetensors").is_file()


def test_a_second_export_of_the_same_does_no_work(shop):
    folder, arguments, _ = shop
    before = (folder / "out" / "variants.json").stat().st_mtime_ns
    again = call("export", *arguments, "--config", folder / "s.toml", "--student-steps", 1)
    assert "nothing to do" in again.stdout
    assert (folder / "out" / "variants.json").stat().st_mtime_ns == before


@pytest.mark.slow
def test_files_stay_and_are_measured_again_where_others_are_to_measure_on(shop):
    folder, arguments, result = shop
    (folder / "fewer.toml").write_text(SETTINGS.replace("look_px = 64", "look_px = 68"))
    before = {path.name: path.stat().st_mtime_ns for path in (folder / "out").glob("*.onnx")}
    call_ = ("export", *arguments, "--student-steps", 1, "--json", "--config")
    other = json.loads(call(*call_, folder / "fewer.toml").stdout)
    assert other["worked"]
    assert (other["learned"], other["student"]) == (result["learned"], result["student"])
    assert other["inputs"] != result["inputs"]
    now = {path.name: path.stat().st_mtime_ns for path in (folder / "out").glob("*.onnx")}
    assert now == before


@pytest.mark.parametrize("name", ["float-int8.onnx", "student.safetensors", "variants.json"])
def test_what_is_missing_or_damaged_is_noticed(shop, tmp_path, name):
    folder, _, result = shop
    copy = tmp_path / "copy"
    shutil.copytree(folder / "out", copy)
    assert _made_before(copy, result["learned"])[0] is not None
    assert _made_before(copy, "other") == (None, {})
    data = (copy / name).read_bytes()
    (copy / name).write_bytes(data[:-9])
    assert _made_before(copy, result["learned"]) == (None, {})
    (copy / name).unlink()
    assert _made_before(copy, result["learned"]) == (None, {})


@pytest.mark.slow
def test_a_damaged_file_is_made_again_the_same(shop):
    folder, arguments, _ = shop
    file = folder / "out" / "float-int8.onnx"
    data = file.read_bytes()
    file.write_bytes(data[:-9])
    again = call("export", *arguments, "--config", folder / "s.toml", "--student-steps", 1)
    assert again.exit_code == 0, again.exception
    assert file.read_bytes() == data


def settings_of(shop, path, allowed):
    auto = f'backend = "auto"\nexported = "{shop / "out"}"\nallowed_loss = {allowed}\n'
    path.write_text(SETTINGS + auto)
    return path


def test_a_job_paints_with_the_fastest_within_the_allowed_loss_and_says_so(
    shop, tiny_shop, tmp_path, monkeypatch
):
    folder, _, result = shop
    monkeypatch.setattr(verbosity, "quiet", False)
    best = min(result["variants"], key=lambda row: row["seconds"])
    table = folder / "out" / "variants.json"
    measured = table.read_text()
    # What a few small renders say is chance: here the float generator alone is recognised.
    for row in result["variants"]:
        row["recognised"] = float((row["file"], row["engine"]) == REFERENCE)
    told = {name: value for name, value in result.items() if name != "worked"}
    table.write_text(json.dumps(told))
    keys = []
    for allowed in (1.0, 0.0):
        out = tmp_path / str(allowed)
        tables = ("--items", tiny_shop / "items.csv", "--styles", tiny_shop / "styles.csv")
        few = ("--max-items", 1, "--max-styles", 1, "--workers", 1)
        config = ("--config", settings_of(folder, tmp_path / "s.toml", allowed))
        done = call("render", *tables, "--out", out, *few, *config)
        assert done.exit_code == 0, done.exception
        (row,) = pd.read_parquet(out / "renders.parquet").itertuples()
        keys.append(row.render_key)
        if allowed == 1.0:
            name = f"{Path(best['file']).stem} on {best['engine']}"
            assert f"render: {name}, " in done.stderr
            version = inspect_picture(out / row.image_uri)["model_version"]
            assert version.startswith(name.replace(" on ", "-"))
    table.write_text(measured)
    assert keys[0] != keys[1], "another variant is another picture"


def test_the_manifest_of_a_run_says_which_variant_painted(shop, job_copy, rerun):
    folder, _, _ = shop
    render = {"size_px": 96, "backend": "auto", "exported": str(folder / "out")}
    manifest = rerun(job_copy, render=render)
    assert "render" in manifest["worked"]
    versions = {
        f"{Path(row.file).stem}-{row.engine}-{row.digest[:12]}"
        for row in read_variants(folder / "out").variants
    }
    assert manifest["generator"] in versions
    assert rerun(job_copy, render=render)["worked"] == []


def test_what_cannot_be_exported_is_refused_in_one_line(shop):
    folder, arguments, _ = shop
    student = folder / "out" / "student.safetensors"
    done = call("export", *arguments, "--weights", student)
    assert isinstance(done.exception, InputError)
    assert "are a student's: expected the generator that it stands for" in str(done.exception)
    done = call("export", *arguments, "--student-steps", -1)
    assert "--student-steps is -1: expected at least 0" in str(done.exception)
