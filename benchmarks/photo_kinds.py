"""Photos of the kinds a shop has, with the true mask where it is known.

Phone photos and hand-cut garments come from `../shared/data`, drawn products from `data/samples`.
Cut-outs and photos of people are read out of packages below `downloads/`, which hold:

    npm pack @lobehub/fluent-emoji-3d@1.1.0 --pack-destination downloads/photos
    pip download --no-deps -d downloads/photos ultralytics==8.4.190
    pip download --no-deps --no-binary :all: -d downloads/photos face_recognition==1.3.0

(3D renders with exact alpha, MIT; a street and a stadium photo, AGPL; portraits by the White House,
public domain.) Nothing of these is committed, trained on or tuned on. `python -m
benchmarks.photo_kinds [--folder runs/photo_kinds]` writes every photo and mask to look at.
"""

from __future__ import annotations

import argparse
import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from skimage import data as skimage_data

from benchmarks.hand_masks.runs import HandMask, read_masks
from benchmarks.studio import Alpha, CutOut, Picture, frame, lay_over, shoot
from features.images import decode, resize, resize_longest
from features.matting.guided_filter import guided_filter

CLOTHING: Final = Path("../shared/data/products_clothing_cc0")
SAMPLES: Final = Path("data/samples")
DOWNLOADS: Final = Path("downloads/photos")
OUTLINES: Final = Path(__file__).with_name("hand_masks") / "people.txt"
CUT_OUTS: Final = DOWNLOADS / "lobehub-fluent-emoji-3d-1.1.0.tgz"
SIZE_PX: Final = 480
SEED: Final = 9

# Products among the 3D renders, by code point: clothes, shoes, bags, furniture, objects, food;
# handles, straps, spokes, glass and white on white among them.
_PRODUCTS: Final = (
    "1f45f 1f457 1f9f3 1fa91 1f392 1f3a7 1f9e5 1f460 1f6b2 1f377 1f45c 1f9f8 1f456 1f4f7 1f452 "
    "1f6cb-fe0f 1f97c 1f9fa 1f462 1f453 1f4da 1f95b 1f9e3 1f48d 1f3b8 1f9e6 1f4a1 1f45b 1f6f4 "
    "1f34e 1f458 1f570-fe0f 1f9e2 1f9f4 1f97e 1f4ff 1f6cf-fe0f 1f455 1f375 1f3a9"
)
# People who wear clothes, standing, sitting, and down to the chest.
_PEOPLE: Final = (
    "1f9cd 1f483 1f935 1f6b6 1f57a 1f469-200d-1f680 1f9d8 1f575-fe0f 1f46b 1f930 1f9d5 1f3cc-fe0f "
    "1f470 1f468-200d-1f4bc 1f46f 1f64b 1f931 1f472"
)
# Phone photos of the test part whose garment lies, and those whose garment hangs in its room.
_LYING: Final = (
    "28b09463 4ceed2f1 11f2ff4e 1789bd08 1b93822d 0d73e759 105c3674 01033304 05814dc4 3f844e1e "
    "0dfec862 1e302085 0f4d9494 0558b2c5"
)
_HANGING: Final = (
    "06a00c0f 35f157d0 03a33083 f8ed83e3 0028956e 046d0a65 0e99edde 01b3083f 01fd527c 0af4203f "
    "24963db3 01e4ab4f 36ad54ae"
)


class Photo(NamedTuple):
    """A photo as a shop's file, and what is true of it.

    `file` holds the file's bytes and `suffix` its ending; `alpha` float32 (h, w) in 0..1 is the
    share of product, person included, None where nobody knows; `skin` bool (h, w) likewise.
    """

    kind: str
    name: str
    file: bytes
    suffix: str
    alpha: Alpha | None
    skin: NDArray[np.bool_] | None


def photos(kind: str, count: int) -> list[Photo]:
    """The first `count` photos of a kind, the same at every call.

    Raises KeyError for an unknown kind, FileNotFoundError where a package was not fetched.
    """
    return list(islice(_KINDS[kind](), count))


def _clothing(kind: str, begins: str = "") -> Iterator[Photo]:
    """Phone photos of the test part, or those whose names begin so; hand-drawn masks where known.

    Photos with a true mask come first, then one of each class in turn.
    """
    table = pd.read_csv(CLOTHING / "images.csv", dtype="str")
    files = table[table["split"] == "test"].groupby("class")["file"].apply(list)
    drawn = {hand.file: hand.mask for hand in read_masks() if hand.part == "test"}
    turns = [row[i] for i in range(max(map(len, files))) for row in files if i < len(row)]
    chosen = begins.split()
    if chosen:
        by_name = {Path(file).name[:8]: file for file in turns}
        turns = [by_name[name] for name in chosen]
    for file in [*(f for f in turns if f in drawn), *(f for f in turns if f not in drawn)]:
        mask = drawn.get(file)
        alpha = None if mask is None else mask.astype(np.float32)
        name = file.removeprefix("test/").replace("/", "-").removesuffix(".jpg")
        yield Photo(kind, name, (CLOTHING / file).read_bytes(), "jpg", alpha, None)


def _white_ground() -> Iterator[Photo]:
    """Hand-cut garments and drawn products on white and near-white studio grounds, as JPEG."""
    rng = np.random.default_rng(SEED)
    garments, drawn = list(_garments()), list(_drawn_products())
    mixed = [one for pair in zip(garments, drawn, strict=False) for one in pair]
    for number, cut_out in enumerate(mixed):
        ground = ("white", "sweep", "near-white", "packshot")[number // 2 % 4]
        yield _studio("white ground", cut_out, ground, rng)


def _cut_outs() -> Iterator[Photo]:
    """Products with exact alpha: a transparent PNG, then pure white, then white with a shadow."""
    rng = np.random.default_rng(SEED)
    for number, code in enumerate(_PRODUCTS.split()):
        cut_out = _rendered(code, stands=True)
        way = number % 3
        if way == 2:
            yield _studio("cut-out", cut_out, "packshot", rng)
            continue
        colours, alpha = frame(cut_out, (SIZE_PX, SIZE_PX), 0.8)
        if way == 0:
            pixels = np.dstack([colours, (alpha * 255).round().astype(np.uint8)])
        else:
            pixels = lay_over(colours, alpha, np.full(colours.shape, 255.0))
        yield Photo("cut-out", cut_out.name, _png(pixels), "png", alpha, None)


def _worn() -> Iterator[Photo]:
    """People in clothes: photos as they are, and renders of people on studio grounds."""
    rng = np.random.default_rng(SEED)
    taken = _people_photos()
    for code in _PEOPLE.split():
        yield from islice(taken, 1)
        ground = ("white", "sweep", "near-white", "coloured")[int(rng.integers(4))]
        photo = _studio("worn", _rendered(code, stands=True), ground, rng)
        assert photo.alpha is not None
        yield photo._replace(skin=_yellow_skin(decode(photo.file), photo.alpha))


def _people_photos() -> Iterator[Photo]:
    """Portraits and street photos; those with an outline have a true mask."""
    wheel = next(iter(sorted(DOWNLOADS.glob("ultralytics-*.whl"))), None)
    if wheel is None:
        raise FileNotFoundError(f"{DOWNLOADS} lacks ultralytics: see {__name__}'s first lines")
    with zipfile.ZipFile(wheel) as archive:
        street = decode(archive.read("ultralytics/assets/bus.jpg"))
        stadium = decode(archive.read("ultralytics/assets/zidane.jpg"))
    with tarfile.open(DOWNLOADS / "face_recognition-1.3.0.tar.gz") as portraits:

        def portrait(name: str) -> Picture:
            member = portraits.extractfile(f"face_recognition-1.3.0/tests/test_images/{name}.jpg")
            assert member is not None
            return decode(member.read())

        found = {
            "astronaut": np.asarray(skimage_data.astronaut()),
            "portrait": portrait("obama"),
            "suit": portrait("biden"),
            "standing": portrait("obama3"),
            "street": street[380:920, 30:330],
            "stadium": stadium[0:720, 720:1240],
        }
    lines = OUTLINES.read_text(encoding="utf-8").splitlines()
    outlines = {name: pairs for name, *pairs in map(str.split, lines) if name != "#"}
    for name, picture in found.items():
        small = resize_longest(picture, 800)
        outline = outlines.get(name)
        alpha = None if outline is None else _outlined(small, outline)
        skin = None if alpha is None else _skin(small, alpha)
        yield Photo("worn", name, _jpeg(small, 92), "jpg", alpha, skin)


def _studio(kind: str, cut_out: CutOut, ground: str, rng: np.random.Generator) -> Photo:
    picture, alpha = shoot(cut_out, ground, SIZE_PX, rng)
    quality = int(rng.integers(75, 96))
    return Photo(kind, f"{cut_out.name}-{ground}", _jpeg(picture, quality), "jpg", alpha, None)


def _garments() -> Iterator[CutOut]:
    for hand in read_masks():
        if hand.part == "test":
            name = f"{hand.file.split('/')[1]}-{Path(hand.file).stem[:4]}"
            yield _cut(name, decode(CLOTHING / hand.file), hand, False)


def _drawn_products() -> Iterator[CutOut]:
    items = pd.read_csv(SAMPLES / "items.csv", dtype="str").iloc[::3]
    for row in items.itertuples():
        picture = resize_longest(decode(SAMPLES / str(row.image_path)), 512)
        mask = resize(decode(SAMPLES / str(row.mask_path)), *picture.shape[:2])[..., 0]
        hand = HandMask(str(row.item_id), "samples", mask >= 128)
        yield _cut(str(row.item_id), picture, hand, True)


def _cut(name: str, picture: Picture, hand: HandMask, stands: bool) -> CutOut:
    """Cut a pixel inside the outline, so that nothing of the old ground comes along."""
    inner = cv2.erode(hand.mask.astype(np.uint8), np.ones((3, 3)))
    alpha = guided_filter(picture, inner.astype(np.float32), 2, 1e-4) * cv2.dilate(
        inner, np.ones((3, 3))
    )
    solid = cv2.erode(inner, np.ones((3, 3)))
    return CutOut(name, _spread(picture, solid), alpha.astype(np.float32), stands)


def _spread(picture: Picture, solid: NDArray[np.uint8]) -> Picture:
    """The colours of the `solid` part, carried on beyond its edge."""
    _, labels = cv2.distanceTransformWithLabels(
        1 - solid, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    lookup = np.zeros((labels.max() + 1, 3), dtype=np.uint8)
    lookup[labels[solid > 0]] = picture[solid > 0]
    return np.where(solid[..., None] > 0, picture, lookup[labels])


@cache
def _render_files() -> dict[str, bytes]:
    if not CUT_OUTS.is_file():
        raise FileNotFoundError(f"{CUT_OUTS} is missing: see {__name__}'s first lines")
    wanted = {f"package/assets/{code}.webp": code for code in f"{_PRODUCTS} {_PEOPLE}".split()}
    found = {}
    with tarfile.open(CUT_OUTS) as archive:
        for member in archive:
            if member.name in wanted:
                file = archive.extractfile(member)
                assert file is not None
                found[wanted[member.name]] = file.read()
    return found


def _rendered(code: str, stands: bool) -> CutOut:
    pixels = np.asarray(Image.open(io.BytesIO(_render_files()[code])).convert("RGBA"))
    alpha = np.asarray(pixels[..., 3] / 255, dtype=np.float32)
    solid = (pixels[..., 3] >= 250).astype(np.uint8)
    # Under soft edges the colours are as they are; beyond, those of the product's nearest pixel.
    colours = np.where(alpha[..., None] > 0.3, pixels[..., :3], _spread(pixels[..., :3], solid))
    return CutOut(f"render-{code}", colours.astype(np.uint8), alpha, stands)


def _outlined(picture: Picture, outline: list[str]) -> Alpha:
    height, width = picture.shape[:2]
    hundredths = np.array([pair.split(",") for pair in outline], dtype=np.float64)
    points = (hundredths / 100 * (width, height)).round().astype(np.int32)
    mask = np.zeros((height, width), dtype=np.uint8)
    cv2.fillPoly(mask, [points], 1)
    return mask.astype(np.float32)


def _yellow_skin(picture: Picture, alpha: Alpha) -> NDArray[np.bool_]:
    """Where the renders' people are bare: their skin is of one yellow."""
    hue, saturation, value = cv2.split(cv2.cvtColor(picture, cv2.COLOR_RGB2HSV))
    yellow = (hue >= 17) & (hue <= 27) & (saturation > 110) & (value > 190)
    return np.asarray(yellow & (alpha > 0.99))


def _skin(picture: Picture, alpha: Alpha) -> NDArray[np.bool_]:
    """Skin by chrominance (Chai and Ngan 1999) inside the outline."""
    _, red, blue = cv2.split(cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb))
    bare = (red >= 138) & (red <= 173) & (blue >= 77) & (blue <= 127) & (alpha > 0.99)
    opened = cv2.morphologyEx(bare.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5)))
    return np.asarray(opened > 0)


def _jpeg(picture: Picture, quality: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "jpeg", quality=quality)
    return file.getvalue()


def _png(pixels: Picture) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


_KINDS: Final[dict[str, Callable[[], Iterator[Photo]]]] = {
    "clothing": partial(_clothing, "clothing"),
    "white ground": _white_ground,
    "cut-out": _cut_outs,
    "worn": _worn,
    "flat lay": partial(_clothing, "flat lay", _LYING),
    "real room": partial(_clothing, "real room", _HANGING),
}
KINDS: Final = tuple(_KINDS)
"""`flat lay` and `real room` are phone photos chosen by eye, which `clothing` may hold too."""


def main() -> None:
    """Write every photo of every kind with its mask."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, default=Path("runs/photo_kinds"))
    folder = parser.parse_args().folder
    for kind in KINDS:
        for photo in photos(kind, 60):
            path = folder / kind.replace(" ", "-") / f"{photo.name}.{photo.suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(photo.file)
            if photo.alpha is not None:
                mask = Image.fromarray((photo.alpha * 255).astype(np.uint8))
                mask.save(path.with_suffix(".mask.png"))


if __name__ == "__main__":
    main()
