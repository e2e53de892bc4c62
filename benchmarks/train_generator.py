"""Does training make looks easier to recognise, and what does each part of it do?

    python -m benchmarks.train_generator [--ablations "full;no adversary"] [--steps 300]
        [--photos 6] [--folder runs/train_generator]

Photos of clothing parted by photographer, looks by painter and material; what is measured on is of
the test part, never trained on nor watched; every second photo shows its product on white. A render
counts as recognised when the Gram matrices of EfficientNet-Lite0 are nearest to its own look's
among all 77 looks'. SSIM is of luma, against the photo. Ablations are short and of small batches;
`benchmarks.judge_generators` measures whole trainings.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Final

import pandas as pd
import torch
from torch import nn

from benchmarks.machine import describe
from styletransfer.painters.generator.network import load_pretrained
from styletransfer.training.config import LossWeights, TrainingConfig
from styletransfer.training.data import TrainingData
from styletransfer.training.entries import Entry, Parts, group_of, part
from styletransfer.training.health import UnhealthyTraining, Watch, measure
from styletransfer.training.loop import Trainer
from styletransfer.training.pictures import Pictures

DATA: Final = Path("../shared/data")
BASE: Final = TrainingConfig(batch=2, crop_px=160, ema=0.98, validation_photos=4)
NOTHING: Final = dict.fromkeys(LossWeights.__dataclass_fields__, 0.0)
NAIVE: Final = LossWeights(**NOTHING | {"picture_mse": 1.0})
NAIVE_GAN: Final = LossWeights(**NOTHING | {"picture_mse": 1.0, "adversarial": 0.05})
ABLATIONS: Final = {
    "full": BASE,
    "no adversary": replace(BASE, adversary="none"),
    "no contrast": replace(BASE, weights=LossWeights(contrast=0.0)),
    "no recolourings": replace(BASE, recolours=0),
    "no per-look normalisation": replace(BASE, normalise_looks=False),
    "no SSIM": replace(BASE, weights=LossWeights(structure=0.0)),
    "naive GAN, MSE only": replace(BASE, weights=NAIVE_GAN),
    "naive, MSE only": replace(BASE, adversary="none", weights=NAIVE),
    "SGD": replace(BASE, optimiser="sgd", generator_rate=2e-2, discriminator_rate=4e-2),
}


def entries() -> tuple[list[Entry], list[Entry]]:
    """Photos with their photographers and looks with their painters or materials."""
    clothing = pd.read_csv(DATA / "products_clothing_cc0" / "images.csv", dtype="str")
    photos = [
        Entry(row.file, str(row.sender_id), DATA / "products_clothing_cc0" / str(row.file))
        for row in clothing[clothing["split"] == "train"].itertuples()
    ]
    works = pd.read_csv(DATA / "styles_paintings_a_dev" / "works.csv", dtype="str")
    painters = dict(zip(works["file"], works["painter"], strict=True))
    styles = pd.read_csv(DATA / "shop" / "styles.csv", dtype="str")["image_path"]
    looks = [
        Entry(path.stem, painters.get(path.name, group_of(path.stem)), DATA / path)
        for path in map(Path, styles)
    ]
    return photos, looks


def parted() -> tuple[Parts, Parts]:
    """Photos and looks in parts for training, validation and testing."""
    photos, looks = entries()
    return part(photos, "photos", BASE.held_out), part(looks, "looks", BASE.held_out)


def tested(photos: Parts, looks: Parts, pictures: Pictures, count: int) -> Watch:
    """What is measured: `count` photos and all looks of the test part."""
    config = replace(BASE, validation_photos=count, validation_looks=len(looks.test))
    sides = [
        Parts(side.train + side.validation, side.test, side.validation) for side in (photos, looks)
    ]
    return Watch.of(TrainingData(sides[0], sides[1], pictures, config, 0))


def main() -> None:
    """Measure, train, measure, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--ablations", default=";".join(ABLATIONS))
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--photos", type=int, default=6)
    parser.add_argument("--folder", type=Path, default=Path("runs/train_generator"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    parts = parted()
    pictures = Pictures(asked.folder / "masks")
    watch = tested(*parts, pictures, asked.photos)
    print(describe("torch"))
    print(f"{len(watch.photos)} photos x {len(watch.codes)} looks never trained on, of 77 looks\n")
    print("| generator | steps | recognised | SSIM | spread within | between | rollbacks |")
    print("|---|---|---|---|---|---|---|")

    def show(name: str, generator: nn.Module, steps: int, rollbacks: str) -> None:
        found = measure(generator, watch)
        names = ("recognised", "ssim", "spread_within", "spread_between")
        figures = " | ".join(f"{found[one]:.3f}" for one in names)
        print(f"| {name} | {steps} | {figures} | {rollbacks} |", flush=True)

    show("pretrained", load_pretrained(), 0, "")
    for name in asked.ablations.split(";"):
        config = replace(ABLATIONS[name], steps=asked.steps)
        data = TrainingData(*parts, pictures, config, 0)
        folder = asked.folder / name.replace(" ", "-")
        try:
            trainer = Trainer(load_pretrained(), data, config, folder)
        except UnhealthyTraining as error:
            # One that was stopped in an earlier call: its folder says so again.
            print(f"| {name} | | | | | | {error} |", flush=True)
            continue
        try:
            trainer.run()
            told = str(len(trainer.events))
        except UnhealthyTraining:
            told = f"stopped: {trainer.events[-1]['reason']}"
        show(name, trainer.averaged, trainer.step, told)


if __name__ == "__main__":
    main()
