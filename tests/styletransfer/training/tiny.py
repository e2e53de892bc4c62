"""What tests of training train: also imported by the process that is killed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from styletransfer.training.config import LossWeights, TrainingConfig
from styletransfer.training.data import TrainingData
from styletransfer.training.entries import Entry, part
from styletransfer.training.loop import Trainer
from styletransfer.training.pictures import Pictures
from styletransfer.training.team import Team

SIDE_PX = 72


class TinyGenerator(nn.Module):
    """A convolution whose channels a code scales and shifts: enough to learn and to collapse."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(5)
            self.first = nn.Conv2d(3, 8, 3, padding=1, padding_mode="reflect")
            self.code = nn.Linear(100, 16)
            self.last = nn.Conv2d(8, 3, 1)
            nn.init.normal_(self.code.weight, std=2.0)

    def forward(self, pictures: Tensor, codes: Tensor) -> Tensor:
        scale, shift = self.code(codes)[:, :, None, None].chunk(2, dim=1)
        painted: Tensor = torch.sigmoid(self.last(self.first(pictures) * (1 + scale) + shift))
        return painted


def only(**weights: float) -> LossWeights:
    """Loss weights that are 0 but for those given."""
    return LossWeights(**dict.fromkeys(LossWeights.__dataclass_fields__, 0.0) | weights)


def short(**settings: Any) -> TrainingConfig:
    """Settings of a training that takes seconds."""
    small = {"batch": 2, "crop_px": 64, "look_px": 64, "discriminator_channels": 4}
    few = {
        "validation_photos": 2,
        "validation_looks": 2,
        "health_every": 10,
        "max_photos": 4,
        "recolours": 0,
    }
    quick = {"weights": only(adversarial=0.1, ssim=1.0), "held_out": 0.2, "r1_every": 2}
    return TrainingConfig(**{**small, **few, **quick, **settings})


def tiny_data(
    folder: Path,
    config: TrainingConfig,
    seed: int = 0,
    sets: Mapping[str, Sequence[np.ndarray]] | None = None,
) -> TrainingData:
    """Ten photos by ten photographers and fifteen looks, drawn once in `folder`."""
    photos, looks = [], []
    for number in range(15):
        rng = np.random.default_rng(number)
        y, x = np.mgrid[0:SIDE_PX, 0:SIDE_PX]
        angle, colours = rng.uniform(0, np.pi), rng.integers(0, 256, (2, 3))
        wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) / rng.uniform(1, 6))
        looks.append(_entry(folder / f"look-{number}.png", np.where(wave[..., None] > 0, *colours)))
        ground, body = rng.integers(0, 256, (2, 3))
        inside = np.hypot(x - 36, y - 36) < rng.uniform(12, 26)
        if number < 10:
            picture = np.where(inside[..., None], body, ground)
            photos.append(_entry(folder / f"photo-{number}.png", picture))
    held = config.held_out
    pictures = Pictures(folder / "masks")
    return TrainingData(
        part(photos, "photos", held), part(looks, "looks", held), pictures, config, seed, sets
    )


def tiny_trainer(
    folder: Path, out: Path, config: TrainingConfig, team: Team | None = None
) -> Trainer:
    """A trainer of a tiny generator in the folder `out`."""
    return Trainer(TinyGenerator(), tiny_data(folder, config), config, out, team=team)


def train_along(team: Team, task: tuple[Path, Path, TrainingConfig]) -> None:
    """What a process beside the first one does."""
    torch.set_num_threads(1)
    tiny_trainer(*task, team).run()


def leave(team: Team, task: None) -> None:
    """A process that ends."""
    raise SystemExit(3)


def fail(team: Team, task: None) -> None:
    """A process with an error of its own."""
    raise RuntimeError("shapes differ")


def _entry(path: Path, picture: np.ndarray) -> Entry:
    if not path.is_file():
        Image.fromarray(picture.astype(np.uint8)).save(path)
    return Entry(path.stem, path.stem, path)


if __name__ == "__main__":
    import sys

    torch.set_num_threads(1)
    where, made = (Path(argument) for argument in sys.argv[1:3])
    tiny_trainer(where, made, short(steps=int(sys.argv[3]), checkpoint_every=2)).run()
