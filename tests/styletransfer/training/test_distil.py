"""Distillation: a student learns, goes on where it was stopped, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from features.schema import ConfigError
from styletransfer.training.distil import CHECKPOINT, CROP_PX, TaskPictures, _losses, distil
from styletransfer.training.entries import Entry
from styletransfer.training.pictures import Pictures


class Small(nn.Module):
    """A convolution that a code scales: a generator's features are its pictures."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.conv = nn.Conv2d(3, 3, 3, padding=1)
            self.code = nn.Linear(100, 3)

    def forward(self, features: Tensor, codes: Tensor) -> Tensor:
        return torch.sigmoid(self.conv(features) * (1 + self.code(codes)[:, :, None, None]))


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> TaskPictures:
    folder = tmp_path_factory.mktemp("tasks")
    entries = []
    for number in range(4):
        rng = np.random.default_rng(number)
        pixels = rng.integers(0, 256, (10, 9, 3)).astype(np.uint8)
        path = folder / f"{number}.png"
        Image.fromarray(pixels).resize((90, 100)).save(path)
        entries.append(Entry(path.stem, path.stem, path))
    return TaskPictures(tuple(entries[:2]), tuple(entries[2:]), Pictures(folder / "masks"), 0)


def teacher(pictures: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        return Small(1)(pictures, codes), pictures


def learn(tasks: TaskPictures, steps: int, folder: Path, progress=lambda n: None, name="a"):
    head = Small(2)
    distil(teacher, head, head, tasks, steps, folder, name, progress)
    return head


def test_tasks_are_the_same_for_the_same_step_and_of_all_kinds(tasks: TaskPictures) -> None:
    pictures, codes = tasks.batch(3, 6)
    assert pictures.shape == (6, 3, CROP_PX, CROP_PX)
    assert codes.shape == (6, 100)
    again, others = tasks.batch(3, 6), tasks.batch(4, 6)
    assert torch.equal(pictures, again[0])
    assert torch.equal(codes, again[1])
    assert not torch.equal(pictures, others[0])
    assert -0.2 < float(pictures.min()) < float(pictures.max()) < 1.2, "0..1, and grain"


def test_a_student_comes_nearer_to_its_teacher_on_pictures_it_has_not_seen(
    tasks: TaskPictures, tmp_path: Path
) -> None:
    student = learn(tasks, 25, tmp_path)
    pictures, codes = tasks.batch(10**6)
    wanted, features = teacher(pictures, codes)
    with torch.no_grad():
        losses = [_losses(one(features, codes), wanted) for one in (student, Small(2))]
    assert losses[0]["output"] < 0.9 * losses[1]["output"]
    assert losses[0]["texture"] < losses[1]["texture"]


def test_stopped_at_any_step_it_goes_on_to_the_same_weights(
    tasks: TaskPictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("styletransfer.training.distil._CHECKPOINT_EVERY", 4)
    whole = learn(tasks, 10, tmp_path / "whole")
    done: Iterator[int] = iter(range(100))

    def stop(steps: int) -> None:
        if next(done) == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn(tasks, 10, tmp_path / "cut", stop)
    went_on = []
    resumed = learn(tasks, 10, tmp_path / "cut", went_on.append)
    assert went_on[0] == 4, "from the last checkpoint"
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name])


def test_a_checkpoint_of_another_distillation_is_refused(
    tasks: TaskPictures, tmp_path: Path
) -> None:
    learn(tasks, 1, tmp_path)
    with pytest.raises(ConfigError, match=f"{CHECKPOINT} is of other pictures, weights, steps"):
        learn(tasks, 1, tmp_path, name="b")
