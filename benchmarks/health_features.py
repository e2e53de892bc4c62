"""Which vectors tell whether renders lie among looks? Precision, recall, density and coverage.

    python -m benchmarks.health_features [--folder runs/health_features]

Six photos and ten looks of the validation part (photographers, painters and materials kept from
training). Real are six cuts of each look; scored against them are six other cuts of each, the
packaged generator's renders, its renders by codes half way to the mean code, by the mean code alone
(the look is ignored), and the photos themselves. Vectors: Gram matrices of EfficientNet-Lite0, and
centred style codes, both of unit length; balls of five neighbours.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.machine import describe
from benchmarks.train_generator import BASE, entries
from styletransfer.painters.generator.network import load_pretrained
from styletransfer.training.data import TrainingData
from styletransfer.training.entries import part
from styletransfer.training.health import Watch, as_levels, cut, gram_vectors, style_directions
from styletransfer.training.neighbours import neighbour_measures
from styletransfer.training.pictures import Pictures

CUTS = 6


def main() -> None:
    """Cut, paint, score, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, default=Path("runs/health_features"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    photos, looks = entries()
    config = replace(BASE, validation_photos=6, validation_looks=10, recolours=0)
    sides = part(photos, "photos", config.held_out), part(looks, "looks", config.held_out)
    data = TrainingData(*sides, Pictures(asked.folder / "masks"), config, 0)
    watch, rng = Watch.of(data), np.random.default_rng(0)
    _, pictures, codes = data.validation()
    generator, mean = load_pretrained(), codes.mean(dim=0, keepdim=True)

    def paint(chosen: Tensor) -> list[NDArray[np.uint8]]:
        with torch.inference_mode():
            painted = [generator(photo[None].expand(len(chosen), -1, -1, -1), chosen)
                       for photo in watch.photos]  # fmt: skip
        return [as_levels(one) for one in torch.cat(painted)]

    real = [cut(look, rng, config.look_px) for look in pictures for _ in range(CUTS)]
    scored = {
        "other cuts": [cut(look, rng, config.look_px) for look in pictures for _ in range(CUTS)],
        "packaged generator": paint(codes),
        "codes half way to the mean": paint(0.5 * (codes + mean)),
        "look ignored": paint(mean.expand(len(codes), -1)),
        "the photos": [as_levels(photo) for photo in watch.photos for _ in codes],
    }
    print(describe("torch"))
    print("| vectors | pictures | precision | recall | density | coverage |")
    print("|---|---|---|---|---|---|")
    for name, encode in (
        ("Gram matrices", lambda of: gram_vectors(watch.encoder, of)),
        ("style codes", lambda of: style_directions(of, watch.centre)),
    ):
        vectors = encode(real)
        for what, made in scored.items():
            found = neighbour_measures(vectors, encode(made), 5)
            figures = " | ".join(f"{found[one]:.2f}" for one in found)
            print(f"| {name} | {what} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
