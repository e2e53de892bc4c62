"""Is a look recognised more often when its code is fitted on photos? At which SSIM?

    python -m benchmarks.fit_look [--photos 8] [--looks 19] [--side 256] [--judged 8]
        [--variants "plain;fitted code"] [--part all|paint|judge] [--folder runs/fit_look]

Photos of clothing parted by photographer, looks by painter and material, as in
`benchmarks.train_generator`; fitted on 60 photos of the training part, measured on photos and looks
of the test part, squares of `--side` px painted from grained canvases, as jobs paint. Choices
(steps, rate, losses) were made on the validation part, without grain. Recognised by
`../shared/tools/judge_recognise.py`, whole picture (an all-black mask), among all 77 looks by
VGG16, which serves for nothing else; beside it by the measure that is fitted to. SSIM is of luma.
`1.25 x` paints with the code's distance from the mean code stretched so far; `fitted norms` moves
all scales and shifts of the look's norms (694 numbers) in place of the code's 100. Pictures stay in
the folder, apart for each side and number of photos, and are not painted twice; `--judged` of the
photos go to the judge, which takes most of the time.
"""

from __future__ import annotations

import argparse
import copy
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor, nn

from benchmarks import vgg_judge
from benchmarks.machine import describe
from benchmarks.train_generator import BASE, DATA, entries
from features.images import crop_square, decode, resize, resize_longest
from features.networks.encoders import StyleEncoder
from styletransfer.fidelity.look_features import FeatureEncoder, LookRecogniser
from styletransfer.losses import ssim
from styletransfer.painters.generator.grain import grain
from styletransfer.painters.generator.network import StyledConv, load_pretrained
from styletransfer.training.data import as_tensor
from styletransfer.training.entries import Entry, part, spread
from styletransfer.training.health import as_levels
from styletransfer.training.look_fit import fit, fit_code
from styletransfer.training.objective import grey

FITTED_ON: Final = 60
VARIANTS: Final = ("plain", "1.25 x", "1.5 x", "fitted code", "fitted norms")


class Data:
    """Photos, looks and the generator that everything is painted with."""

    def __init__(self, n_photos: int, n_looks: int, side_px: int) -> None:
        photos, looks = entries()
        of_photos = part(photos, "photos", BASE.held_out)
        of_looks = part(looks, "looks", BASE.held_out)
        self.looks = [*of_looks.train, *of_looks.validation, *of_looks.test]
        self.asked = [self.looks.index(one) for one in spread(of_looks.test, n_looks)]
        pictures = [resize_longest(decode(one.path), 800) for one in self.looks]
        self.codes = torch.from_numpy(StyleEncoder().encode(pictures))
        named = zip((one.name for one in self.looks), pictures, strict=True)
        self.recogniser = LookRecogniser(dict(named), FeatureEncoder())
        self.trained_on = _squares(spread(of_photos.train, FITTED_ON), side_px)
        self.tested_on = _squares(spread(of_photos.test, n_photos), side_px)
        self.grain = torch.from_numpy(grain(side_px, side_px))
        self.canvases = self.trained_on + self.grain
        self.generator = load_pretrained()

    def painter(self, variant: str, row: int) -> tuple[nn.Module, Tensor]:
        """What paints look `row`: a generator and a code."""
        code = self.codes[row]
        if variant == "fitted code":
            return self.generator, fit_code(
                self.generator, code, row, self.recogniser, self.trained_on, self.canvases, 0
            )
        if variant == "fitted norms":
            return self._norms(code, row), code
        if variant.endswith("x"):
            centre = self.codes.mean(dim=0)
            return self.generator, centre + float(variant.split()[0]) * (code - centre)
        return self.generator, code

    def _norms(self, code: Tensor, row: int) -> nn.Module:
        fitted = copy.deepcopy(self.generator)
        norms = [module for module in fitted.modules() if isinstance(module, StyledConv)]
        moved = [linear.bias for norm in norms for linear in (norm.gamma, norm.beta)]
        for one in moved:
            one.requires_grad_(True)
        own = code[None].expand(2, -1)
        fit(moved, lambda cut: fitted(cut, own), lambda cut: self.generator(cut, own), row,
            self.recogniser, self.trained_on, self.canvases, 0)  # fmt: skip
        return fitted.requires_grad_(False)


def _squares(photos: tuple[Entry, ...], side_px: int) -> Tensor:
    cut = [crop_square(decode(one.path)) for one in photos]
    return as_tensor([resize(one, side_px, side_px) for one in cut])


def paint(data: Data, variant: str, folder: Path) -> None:
    """Write each test photo in each test look, and what was measured, unless they are there."""
    for row in data.asked:
        name = data.looks[row].name
        told = folder / variant.replace(" ", "-") / f"{name}.json"
        if told.is_file():
            continue
        begun = time.process_time()
        generator, code = data.painter(variant, row)
        seconds = time.process_time() - begun
        with torch.no_grad():
            canvases = data.tested_on + data.grain
            made = [generator(canvas[None], code[None])[0] for canvas in canvases]
            kept = [ssim(grey(a[None]), grey(b[None])).item()
                    for a, b in zip(made, data.tested_on, strict=True)]  # fmt: skip
        told.parent.mkdir(parents=True, exist_ok=True)
        nearest = []
        for number, one in enumerate(made):
            levels = as_levels(one)
            nearest.append(data.recogniser.nearest(levels) == name)
            Image.fromarray(levels).save(told.parent / f"{number:02}_{name}.png")
        found = {
            "look": data.looks[row].path.name,
            "seconds": seconds,
            "ssim": kept,
            "nearest": nearest,
        }
        told.write_text(json.dumps(found))
        print(f"{variant}: {name}", file=sys.stderr, flush=True)


def judge(variants: list[str], n_photos: int, folder: Path) -> pd.DataFrame:
    """One row per picture of the first `n_photos`, with SSIM, seconds and the judge's rank."""
    rows: list[dict[str, Any]] = []
    folder.mkdir(parents=True, exist_ok=True)
    black = folder / "black.png"
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(black)
    for variant in variants:
        for told in sorted((folder / variant.replace(" ", "-")).glob("*.json")):
            found = json.loads(told.read_text())
            for number, kept in enumerate(found["ssim"][:n_photos]):
                image = str(told.parent / f"{number:02}_{told.stem}.png")
                own = found["nearest"][number]
                rows.append(
                    {"who": variant, "image": image, "photo": image, "mask": str(black),
                     "look": found["look"], "ssim": kept, "own": own, "seconds": found["seconds"]}
                )  # fmt: skip
    table = pd.DataFrame(rows)
    looks = folder / "looks"
    looks.mkdir(exist_ok=True)
    for path in pd.read_csv(DATA / "shop" / "styles.csv", dtype="str")["image_path"]:
        shutil.copy(DATA / path, looks)
    return vgg_judge.judge(table, folder)


def show(table: pd.DataFrame, variants: list[str]) -> None:
    """A row per variant; the interval is of the gain over plain, looks drawn again."""
    by_look = table.assign(top1=table["rank"] == 1).groupby(["who", "look"])["top1"].mean()
    plain = by_look.get("plain")
    print("| code | recognised (judge) | gain, 95 % | by own measure | SSIM | s a look |")
    print("|---|---|---|---|---|---|")
    for variant in variants:
        rows, gain = table[table["who"] == variant], ""
        if variant != "plain" and plain is not None:
            gaps = (by_look[variant] - plain).to_numpy()
            low, high = vgg_judge.interval(gaps)
            gain = f"{gaps.mean():+.3f} ({low:+.3f} to {high:+.3f})"
        print(
            f"| {variant} | {(rows['rank'] == 1).mean():.3f} | {gain} | {rows['own'].mean():.3f} "
            f"| {rows['ssim'].mean():.3f} | {rows['seconds'].mean():.1f} |"
        )


def main() -> None:
    """Fit, paint, judge, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", type=int, default=8)
    parser.add_argument("--looks", type=int, default=19)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--judged", type=int, default=8)
    parser.add_argument("--variants", default=";".join(VARIANTS))
    parser.add_argument("--part", choices=("all", "paint", "judge"), default="all")
    parser.add_argument("--folder", type=Path, default=Path("runs/fit_look"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    variants = asked.variants.split(";")
    folder = asked.folder / f"{asked.side}px-{asked.photos}x{asked.looks}-grain"
    print(describe("torch"))
    sizes = f"{asked.photos} photos x {asked.looks} looks of the test part"
    print(f"{sizes}, of 77 looks, {asked.side} px; {asked.judged} photos judged\n")
    if asked.part in ("all", "paint"):
        data = Data(asked.photos, asked.looks, asked.side)
        for variant in variants:
            paint(data, variant, folder)
    if asked.part in ("all", "judge"):
        show(judge(variants, asked.judged, folder), variants)


if __name__ == "__main__":
    main()
