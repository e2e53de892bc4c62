"""Training from the command line: what it reads, refuses and writes."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from tensorboardX.proto.event_pb2 import Event
from typer.testing import CliRunner

from features.images import ImageLimits
from features.schema import InputError
from pipelines.cli import app
from pipelines.jobs.train_generator import _train_on, from_scratch, read_entries, usable
from pipelines.report.training_page import training_page
from styletransfer.painters.generator.network import load_pretrained
from styletransfer.painters.generator.trained import load_trained
from styletransfer.training.config import LossWeights, TrainingConfig
from styletransfer.training.entries import Entry
from styletransfer.training.health import UnhealthyTraining


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


SETTINGS = """
[training]
steps = 2
batch = 2
crop_px = 64
look_px = 64
recolours = 0
sets = 1
discriminator_channels = 4
"""


def scalars(folder):
    """(run, tag, step) of every scalar of a TensorBoard log."""
    found = []
    for file in sorted(folder.rglob("events.*")):
        data = file.read_bytes()
        while data:
            length = int.from_bytes(data[:8], "little")
            event = Event.FromString(data[12 : 12 + length])
            found += [(file.parent.name, value.tag, event.step) for value in event.summary.value]
            data = data[16 + length :]
    return found


@pytest.mark.slow
def test_the_fewest_pictures_all_grey_train_in_two_processes_to_whole_results(tmp_path):
    """Three photos and four looks: one of each is held out for validation, one for tests."""
    where = [draw(tmp_path / "p", 3, 72, "L"), draw(tmp_path / "l", 4)]
    (tmp_path / "small.toml").write_text(SETTINGS)
    paths = ("--photos", where[0], "--looks", where[1], "--out", tmp_path / "out")
    done = call(*paths, "--config", tmp_path / "small.toml", "--processes", 2)
    assert done.exit_code == 0, done.exception
    assert "2 steps, weights in" in done.stdout
    load_trained(tmp_path / "out" / "generator.safetensors")
    assert "Training of the generator" in (tmp_path / "out" / "training.html").read_text()
    told = scalars(tmp_path / "out" / "tensorboard")
    for tag in ("losses/generator", "losses/discriminator", "health/recognised"):
        assert [step for run, name, step in told if (run, name) == ("validation-0", tag)] == [0, 2]
    assert len(list((tmp_path / "out" / "sets").glob("*.png"))) == 2  # of the looks trained on
    again = call(*paths, "--config", tmp_path / "small.toml")
    assert "nothing to do: all steps are done" in again.stdout


def test_torn_and_too_large_pictures_are_left_out_before_training_and_masks_estimated(tmp_path):
    folder = draw(tmp_path / "p", 4)
    whole = (folder / "madea.png").read_bytes()
    (folder / "madea.png").write_bytes(whole[: len(whole) // 2])
    Image.fromarray(np.zeros((90, 90, 3), np.uint8)).save(folder / "madeb.png")
    (folder / "mask.txt").write_text("no picture")
    entries = [Entry(p.name, p.stem, p) for p in sorted(folder.glob("*.png"))]
    entries[2] = replace(entries[2], mask=folder / "mask.txt")
    said = []
    limits = ImageLimits(max_pixels=80 * 80)
    kept = usable(entries, "photos", TrainingConfig(crop_px=64), limits, said.append)
    assert [entry.name for entry in kept] == ["madec.png", "maded.png"]
    assert kept[0].mask is None
    assert said[0].startswith("photos: 1 masks cannot be used and are estimated: mask.txt: ")
    assert said[1].startswith("photos: 2 of 4 left out: madea.png cannot be read: ")


class Stopped:
    """A training that is stopped by its last check."""

    config = TrainingConfig(steps=2)
    curves: ClassVar[list] = []
    validation: ClassVar[list] = []

    def __init__(self):
        self.checks = []

    def run(self, move, say):
        self.checks.append({"step": 0, "attempt": 0, "recognised": 0.5})
        move(1)
        self.checks.append({"step": 2, "attempt": 0, "recognised": 0.1})
        raise UnhealthyTraining("stopped")


def test_the_check_that_stops_a_training_is_in_its_log(tmp_path, monkeypatch):
    monkeypatch.setattr("pipelines.jobs.train_generator.write_page", lambda trainer, out: None)
    with pytest.raises(UnhealthyTraining):
        _train_on(Stopped(), tmp_path, print)
    told = scalars(tmp_path / "tensorboard")
    assert [step for _, name, step in told if name == "health/recognised"] == [0, 2]


def test_weights_to_start_from_that_hold_nan_are_refused_before_any_picture_is_read(tmp_path):
    tensors = dict(load_pretrained().state_dict())
    tensors["contract.0.bias"] = torch.full((8,), torch.nan)
    save_file(tensors, tmp_path / "own.safetensors")
    paths = ("--photos", "p", "--looks", "l", "--out", tmp_path / "out")
    done = call(*paths, "--start", tmp_path / "own.safetensors")
    assert isinstance(done.exception, InputError)
    assert "hold NaN or infinity in contract.0.bias" in str(done.exception)
    assert not (tmp_path / "out").exists()


def test_processes_that_cannot_share_a_batch_are_refused_by_name(tmp_path):
    paths = ("--photos", "p", "--looks", "l", "--out", tmp_path / "out")
    done = call(*paths, "--processes", 3)
    assert str(done.exception).startswith("--processes is 3: expected a divisor of training.batch")


def test_another_start_is_refused_by_name(tmp_path):
    done = call("--photos", "p", "--looks", "l", "--out", tmp_path / "out", "--start", "magic")
    assert (
        str(done.exception)
        == "--start is 'magic': expected pretrained, scratch or a file of trained weights"
    )


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
    held = [{"step": 20, "attempt": 0, "style": 0.25}]
    page = training_page(rows, held, checks, events, [picture], [[picture, picture]], 10)
    assert "recognised by step, last 0.50" in page
    assert "style by step, last 0.05, on validation pictures 0.25" in page
    assert "stroke-dasharray" in page
    assert "those of step 10" in page
    assert "Step 20: collapse: &lt;b&gt;; back to step 0, rate 0.1." in page
    assert "<script" not in page


def test_from_scratch_the_photo_is_held_against_itself_unless_told_otherwise():
    weights = from_scratch(TrainingConfig()).weights
    assert (weights.content, weights.ssim, weights.structure, weights.likeness) == (0.4, 0.4, 0, 0)
    told = from_scratch(TrainingConfig(weights=LossWeights(ssim=3.0), grace_steps=900))
    assert (told.weights.content, told.weights.ssim, told.grace_steps) == (0, 3, 900)
