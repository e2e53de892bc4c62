"""`stylefeed channels`: every file inside its channel's size, weight and safe area."""

import io
import json

import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from features.schema import InputError
from pipelines.cli import app
from pipelines.config import parse_config
from pipelines.jobs.channels import make_channels
from pipelines.stores import storage
from styletransfer.provenance.record import read_provenance

CONFIG = parse_config({"workers": 1})


@pytest.fixture(scope="module")
def sent(finished_job, tmp_path_factory):
    """(folder of the job, folder of its channels, manifest)."""
    out = tmp_path_factory.mktemp("channels") / "out"
    make_channels(finished_job[0], out, CONFIG, ["email", "marketplace"])
    return finished_job[0], out, storage.read_json(out / "manifest.json")


def test_every_file_has_its_channels_size_format_and_weight(sent):
    _, out, manifest = sent
    assert manifest["files"]
    for row in manifest["files"]:
        preset = manifest["channels"][row["channel"]]
        data = (out / row["file"]).read_bytes()
        assert len(data) == row["bytes"] <= preset["most_bytes"]
        assert storage.digest_content(data) == row["digest"]
        with Image.open(io.BytesIO(data)) as image:
            assert image.size == (preset["width_px"], preset["height_px"])
            assert image.format.lower() == preset["format"]


def test_every_render_is_sent_to_every_channel_or_told_why_not(sent):
    job, _, manifest = sent
    renders = pd.read_parquet(job / "renders.parquet")
    shown = renders[renders["served_mode"] != "original"]
    in_look = [row for row in manifest["files"] if row["style_id"]]
    left_out = manifest["left_out"]["count"]
    assert len(in_look) + left_out >= 2 * len(shown[["item_id", "style_id"]].drop_duplicates())
    told = {(row["item_id"], row["style_id"]) for row in in_look}
    assert told <= set(shown[["item_id", "style_id"]].itertuples(index=False, name=None))


def test_renders_say_what_they_are_and_main_pictures_stand_on_white(sent):
    _, out, manifest = sent
    mains = [row for row in manifest["files"] if not row["style_id"]]
    assert mains
    assert {row["channel"] for row in mains} == {"marketplace"}
    for row in manifest["files"]:
        data = (out / row["file"]).read_bytes()
        if row["style_id"]:
            told = read_provenance(data)
            assert (told.item_id, told.style_id) == (row["item_id"], row["style_id"])
            assert row["watermark_found"]
        else:
            with Image.open(io.BytesIO(data)) as image:
                width, height = image.size
                edges = [(0, 0), (width - 1, 0), (0, height - 1), (width // 2, 2)]
                assert all(min(image.getpixel(at)) >= 253 for at in edges)


def test_consistency_between_channels_is_told_for_every_look(sent):
    _, _, manifest = sent
    told = {row["style_id"]: row for row in manifest["consistency"]}
    looks = {row["style_id"] for row in manifest["files"] if row["style_id"]}
    assert set(told) == looks | {"all looks"}
    assert all(row["style_distance"] >= 0 and row["size_spread"] >= 0 for row in told.values())


def test_a_second_run_makes_nothing_and_what_is_damaged_is_made_again(sent):
    job, out, manifest = sent
    assert make_channels(job, out, CONFIG, ["email", "marketplace"])["made"] == 0
    victim = manifest["files"][0]
    (out / victim["file"]).write_bytes(b"torn")
    again = make_channels(job, out, CONFIG, ["email", "marketplace"])
    item = [row for row in manifest["files"] if row["item_id"] == victim["item_id"]]
    assert again["made"] == len(item)
    assert storage.read_json(out / "manifest.json")["files"] == manifest["files"]


def test_files_of_a_channel_that_is_not_asked_for_any_more_are_removed(sent):
    job, out, _ = sent
    make_channels(job, out, CONFIG, ["email"])
    assert not list((out / "marketplace").glob("*"))
    assert list((out / "email").glob("*.jpg"))


def test_a_folder_without_renders_or_items_is_refused_in_one_line(sent, tmp_path):
    with pytest.raises(InputError, match=r"no renders\.parquet"):
        make_channels(tmp_path, tmp_path / "out", CONFIG)
    (tmp_path / "renders").mkdir()
    job = sent[0]
    for name in (
        "renders.parquet",
        *pd.read_parquet(job / "renders.parquet")["image_uri"].dropna(),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((job / name).read_bytes())
    with pytest.raises(InputError, match="--items"):
        make_channels(tmp_path, tmp_path / "out", CONFIG)


def test_the_command_prints_what_was_made(finished_job, tmp_path):
    command = ["channels", "--renders", str(finished_job[0]), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, [*command, "--channel", "app", "--workers", "1", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert list(told["channels"]) == ["app"]
    assert told["made"] > 0
