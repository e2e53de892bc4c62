"""Trains the release weights of docs/model_card.md and says what the best check was.

    python -m benchmarks.train_release [--steps 500] [--folder runs/train_release]

From the packaged weights, on the training part of the clothing photos and looks that
`benchmarks.train_generator` parts; bit for bit the same on one thread of the same processor.
The folder's `generator.safetensors` is the best of the checks; copied to
styletransfer/painters/generator/release.safetensors it is what `render.weights = "release"` names.
`benchmarks.judge_generators` measures it on the test part.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Final

import torch

from benchmarks.machine import describe
from benchmarks.train_generator import parted
from styletransfer.painters.generator.network import load_pretrained
from styletransfer.training.config import LossWeights, TrainingConfig
from styletransfer.training.data import TrainingData
from styletransfer.training.loop import Trainer
from styletransfer.training.pictures import Pictures

CONFIG: Final = TrainingConfig(
    max_photos=900, ema=0.98, validation_photos=6, weights=LossWeights(likeness=20.0)
)


def main() -> None:
    """Train, or go on, and print the checks."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--folder", type=Path, default=Path("runs/train_release"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    print(describe("torch"), flush=True)
    parts = parted()
    config = replace(CONFIG, steps=asked.steps)
    data = TrainingData(*parts, Pictures(asked.folder / "masks"), config, 0)
    trainer = Trainer(load_pretrained(), data, config, asked.folder)
    trainer.run(say=lambda line: print(line, flush=True))
    print(f"kept: {trainer.best}; rollbacks: {len(trainer.events)}")


if __name__ == "__main__":
    main()
