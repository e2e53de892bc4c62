"""How far does a generator come that starts from random weights, in a bounded time?

    python -m benchmarks.train_scratch [--hours 3] [--photos 6] [--folder runs/train_scratch]

As `stylefeed train-generator --start scratch`, on the training part of the photos and looks that
`benchmarks.train_generator` parts, on one thread; hours are of the processor. Measured on the test
part as there, beside packaged and fine-tuned weights; curves and pictures are in the folder's
`training.html`.
"""

from __future__ import annotations

import argparse
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import torch
from torch import nn

from benchmarks.machine import describe
from benchmarks.train_generator import parted, tested
from pipelines.jobs.train_generator import from_scratch, write_page
from styletransfer.painters.generator.network import Generator, load_pretrained
from styletransfer.painters.generator.trained import RELEASE, load_trained
from styletransfer.training.config import TrainingConfig
from styletransfer.training.data import TrainingData
from styletransfer.training.health import measure
from styletransfer.training.loop import Trainer
from styletransfer.training.pictures import Pictures

CONFIG: Final = from_scratch(
    TrainingConfig(
        steps=100_000,
        batch=2,
        crop_px=128,
        look_px=192,
        generator_rate=1e-3,
        discriminator_rate=5e-4,
        health_every=250,
        grace_steps=2000,
    )
)


class TimeIsUp(Exception):
    """The hours are over."""


def main() -> None:
    """Train, or go on, and print what the test part shows."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--hours", type=float, default=3.0)
    parser.add_argument("--photos", type=int, default=6)
    parser.add_argument("--folder", type=Path, default=Path("runs/train_scratch"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    print(describe("torch"), flush=True)
    parts = parted()
    pictures = Pictures(asked.folder / "masks")
    torch.manual_seed(0)
    data = TrainingData(*parts, pictures, CONFIG, 0)
    trainer = Trainer(Generator(), data, CONFIG, asked.folder)

    def move(_: int) -> None:
        if time.process_time() > asked.hours * 3600:
            raise TimeIsUp

    with suppress(TimeIsUp):
        trainer.run(move, say=lambda line: print(line, flush=True))
    write_page(trainer, asked.folder)
    hours = time.process_time() / 3600
    print(f"{trainer.step:,} steps, {hours:.2f} h, {len(trainer.events)} rollbacks\n")
    watch = tested(*parts, pictures, asked.photos)
    print(f"{len(watch.photos)} photos x {len(watch.codes)} looks never trained on\n")
    print(
        "| generator | recognised | SSIM | spread within | spread between |\n|---|---|---|---|---|"
    )
    best = Generator()
    best.load_state_dict(trainer.best_weights if trainer.best else trainer.averaged.state_dict())
    generators: dict[str, nn.Module] = {
        "random weights": Generator(),
        "from scratch": best,
        "packaged": load_pretrained(),
        "release, fine-tuned": load_trained(Path(RELEASE)),
    }
    for name, generator in generators.items():
        found = measure(generator, watch)
        names = ("recognised", "ssim", "spread_within", "spread_between")
        print(f"| {name} | {' | '.join(f'{found[one]:.3f}' for one in names)} |", flush=True)


if __name__ == "__main__":
    main()
