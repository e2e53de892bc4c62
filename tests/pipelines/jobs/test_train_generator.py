"""Training from the command line: what it reads, refuses and writes."""

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from features.schema import InputError
from pipelines.cli import app
from pipelines.jobs.train_generator import read_entries
from pipelines.report.training_page import training_page


def call(*arguments):
    return CliRunner().invoke(app, ["train-generator", *map(str, arguments)])


def draw(folder, count, side=72, mode="RGB"):
    folder.mkdir()
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)
        Image.fromarray(pixels).convert(mode).save(folder / f"made{chr(97 + number)}.png")
    return folder


@pytest.mark.parametrize(
    ("photos", "looks", "side", "said"),
    [
        (4, 0, 240, "looks: none can be trained on: no picture was found"),
        (4, 1, 240, "looks: got 1 of 1 different makers, expected at least 4"),
        (4, 4, 72, "madea.png is 72x72 px, below the crop of 224 px"),
        (0, 4, 240, "photos: none can be trained on"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_in_one_line(tmp_path, photos, looks, side, said):
    where = [draw(tmp_path / "p", photos, side, "L"), draw(tmp_path / "l", looks)]
    done = call("--photos", where[0], "--looks", where[1], "--out", tmp_path / "out")
    assert isinstance(done.exception, InputError)
    assert said in str(done.exception)
    assert "\n" not in str(done.exception)
    assert not (tmp_path / "out").exists()


def test_another_start_is_refused_by_name(tmp_path):
    done = call("--photos", "p", "--looks", "l", "--out", tmp_path / "out", "--start", "magic")
    assert str(done.exception) == "--start is 'magic': expected pretrained or scratch"


def test_a_table_names_pictures_masks_and_makers(tmp_path):
    draw(tmp_path / "p", 2)
    table = tmp_path / "items.csv"
    table.write_text(
        "item_id,image_path,mask_path,photographer\n"
        "007,p/madea.png,p/madeb.png,anna\n008,p/madeb.png,,ben\n"
    )
    first, second = read_entries(table, "photos")
    assert (first.group, second.group) == ("anna", "ben")
    assert first.mask == tmp_path / "p" / "madeb.png"
    assert second.mask is None
    table.write_text("item_id\n007\n")
    with pytest.raises(InputError, match="no column image_path"):
        read_entries(table, "photos")


def test_the_page_shows_curves_health_and_what_went_wrong():
    rows = [{"step": step, "attempt": 0, "style": 1 / step} for step in (10, 20)]
    checks = [{"step": 20, "attempt": 0, "wrong": 1.0, "recognised": 0.5}]
    events = [{"step": 20, "attempt": 0, "reason": "collapse: <b>", "back_to": 0, "rate": 0.1}]
    picture = np.zeros((20, 20, 3), np.uint8)
    page = training_page(rows, checks, events, [picture], [[picture, picture]])
    assert "recognised by step, last 0.50" in page
    assert "Step 20: collapse: &lt;b&gt;; back to step 0, rate 0.1." in page
    assert "<script" not in page
