"""Photos on plain grounds with exact truth: cut-outs with exact alpha, composited with shadows.

Cut-outs: the garments with hand-drawn masks, the drawings of data/samples, and, where they have
been unpacked, 3-D renders with alpha (`npm pack @lobehub/fluent-emoji-3d@1.1.0`, MIT, unpacked to
downloads/emoji). Grounds: pure and near white, grey and coloured, graded, each with noise and JPEG.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from benchmarks.composites import soft_cut_out
from benchmarks.hand_masks.runs import read_masks
from features.images import decode, decode_with_alpha
from features.matting import product_mask

PHOTOS: Final = Path("../shared/data/products_clothing_cc0")
SAMPLES: Final = Path("data/samples")
EMOJI: Final = Path("downloads/emoji/package/assets")
SIZE_PX: Final = 384

KINDS: Final = (
    "cut-out on white",
    "white studio",
    "graded studio",
    "coloured paper",
    "hard shadow",
    "reflection",
    "white product",
    "in the ground's colour",
    "several",
    "cut by the frame",
)

# Renders of things that a shop sells, by code point.
_THINGS: Final = """
    1f451 1f452 1f453 1f454 1f455 1f456 1f457 1f458 1f459 1f45a 1f45b 1f45c 1f45d 1f45e
    1f45f 1f460 1f461 1f462 1f48d 1f4f7 1f4ba 1f4bb 1f4be 1f4bc 1f4d5 1f4d7 1f4da 1f4de
    1f4e6 1f4fa 1f4fb 1f50b 1f50d 1f511 1f526 1f528 1f52a 1f56f 1f576 1f57a 1f58a 1f5a8
    1f5d1 1f5dc 1f6b2 1f6b4 1f6bf 1f6c1 1f6cb 1f6d2 1f6e0 1f6f4 1f6f9 1f941 1f943 1f944
    1f94a 1f94e 1f95b 1f960 1f961 1f962 1f963 1f964 1f97b 1f97c 1f97d 1f97e 1f97f 1f9e2
    1f9e3 1f9e4 1f9e5 1f9e6 1f9e8 1f9ea 1f9eb 1f9ec 1f9ed 1f9ee 1f9f0 1f9f2 1f9f3 1f9f4
    1f9f5 1f9f6 1f9f7 1f9f8 1f9f9 1f9fa 1f9fb 1f9fc 1f9fd 1f9fe 1f9ff 1fa70 1fa71 1fa73
    1fa74 1fa80 1fa81 1fa83 1fa91 1fa92 1fa93 1fa95 1fa9a 1fa9b 1fa9c 1fa9e 1faa0 1faa1
    1faa2 1faa3 1faa4 1faa5 1faad 1fab4 1fad6 1fad7 2602 260e 2614 26f8 2702 270f 2712
    1f377 1f378 1f37c 1f37d 1f380 1f381 1f392 1f393 1f3a7 1f3a8 1f3a9 1f3ae 1f3b7 1f3b8
    1f3ba 1f3bb 1f3c0 1f3c8 1f3d3 1f3f8
""".split()  # noqa: SIM905


class CutOut(NamedTuple):
    """A product with nothing around it: `rgba` (h, w, 4) float32 in 0..1; `part` dev or test."""

    name: str
    part: str
    rgba: NDArray[np.float32]


class Photo(NamedTuple):
    """`picture` (h, w, 3) uint8; `alpha`, `shadow` (h, w) and `ground` (h, w, 3) float32, 0..1."""

    name: str
    kind: str
    part: str
    picture: NDArray[np.uint8]
    alpha: NDArray[np.float32]
    ground: NDArray[np.float32]
    shadow: NDArray[np.float32]


def read_cut_outs() -> list[CutOut]:
    """All cut-outs there are on this machine, in a fixed order."""
    found = []
    if PHOTOS.is_dir():
        for hand in read_masks():
            photo = decode(PHOTOS / hand.file)
            alpha = soft_cut_out(photo, hand.mask)
            found.append(CutOut(f"garment {hand.file}", hand.part, _crop(_rgba(photo, alpha))))
    items = pd.read_csv(SAMPLES / "items.csv")
    for number, row in enumerate(items.itertuples()):
        photo = decode(SAMPLES / str(row.image_path))
        alpha = decode(SAMPLES / str(row.mask_path))[..., 0] / np.float32(255)
        part = "dev" if number % 2 else "test"
        found.append(CutOut(f"drawing {row.item_id}", part, _crop(_rgba(photo, alpha))))
    things = [EMOJI / f"{code}.webp" for code in _THINGS]
    for number, path in enumerate(path for path in things if path.is_file()):
        picture, alpha = decode_with_alpha(path)
        if alpha is not None:
            part = "dev" if number % 2 else "test"
            rgba = _rgba(picture, alpha / np.float32(255))
            found.append(CutOut(f"render {path.stem}", part, _crop(rgba)))
    return found


def make_photos(cut_outs: list[CutOut], per_kind: int, seed: int) -> Iterator[Photo]:
    """`per_kind` photos of every kind, from cut-outs drawn at random."""
    rng = np.random.default_rng(seed)
    for kind in KINDS:
        for index in rng.permutation(len(cut_outs))[:per_kind]:
            others = [cut_outs[i] for i in rng.choice(len(cut_outs), 2)]
            yield make_photo(cut_outs[index], others, kind, rng)


def make_photo(cut_out: CutOut, others: list[CutOut], kind: str, rng: np.random.Generator) -> Photo:
    """The cut-out, with `others` beside it where `kind` is several, on a ground of that kind."""
    shape = (SIZE_PX, int(rng.integers(300, SIZE_PX + 1)))
    pieces = [cut_out.rgba]
    if kind == "several":
        pieces += [each.rgba for each in others[: int(rng.integers(1, 3))]]
    if kind == "white product":
        pieces[0] = _whiten(pieces[0], rng)
    rgba = _arrange(pieces, shape, cut=kind == "cut by the frame", rng=rng)
    ground = _ground(kind, shape, rng)
    if kind == "in the ground's colour":
        tint = ground.mean(axis=(0, 1)) + rng.normal(0, 0.03, 3)
        share = rgba.dtype.type(rng.uniform(0.5, 0.93))
        rgba[..., :3] = rgba[..., :3] * (1 - share) + (tint * share).clip(0, 1)
    shadow = _shadow(kind, rgba[..., 3], rng)
    # Light from elsewhere tints a shadow.
    behind = ground * shadow[..., None] ** (1 + rng.normal(0, 0.08, 3)).astype(np.float32)
    if kind == "reflection":
        behind = _reflect(behind, rgba, rng)
    alpha = rgba[..., 3:]
    mixed = behind * (1 - alpha) + rgba[..., :3] * alpha
    blur = rng.uniform(0.3, 0.7)
    mixed = cv2.GaussianBlur(mixed, (0, 0), blur)
    noise = 0.0 if kind == "cut-out on white" else rng.uniform(0, 1.6)
    grain = noise * rng.standard_normal(mixed.shape, dtype=np.float32)
    pixels = (255 * mixed + grain).clip(0, 255).round()
    picture = _jpeg(pixels.astype(np.uint8), int(rng.integers(78, 97)))
    # A glass shows its ground through, and is product as a whole all the same.
    core = cv2.erode((rgba[..., 3] > 0.1).astype(np.float32), np.ones((3, 3)))
    soft = cv2.GaussianBlur(np.maximum(rgba[..., 3], core), (0, 0), blur)
    return Photo(cut_out.name, kind, cut_out.part, picture, soft, ground, shadow)


def _rgba(picture: NDArray[np.uint8], alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    """Colours and alpha, the edge's colours replaced by the nearest ones well inside."""
    inside = alpha > 0.98
    nearest = distance_transform_edt(~inside, return_distances=False, return_indices=True)
    colours = (picture / np.float32(255))[nearest[0], nearest[1]]
    return np.dstack([colours, alpha]).astype(np.float32)


def _crop(rgba: NDArray[np.float32]) -> NDArray[np.float32]:
    rows, columns = (np.flatnonzero((rgba[..., 3] > 0.02).any(axis=axis)) for axis in (1, 0))
    return rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _whiten(rgba: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The product in white or cream, its light and folds kept, faint ones."""
    light = rgba[..., :3].mean(axis=2)
    inside = rgba[..., 3] > 0.5
    low, high = np.quantile(light[inside], (0.03, 0.97))
    unit = ((light - low) / max(high - low, 1e-3)).clip(0, 1)
    depth = rng.uniform(0.08, 0.25)
    tone = 1 - np.array([0, rng.uniform(0, 0.02), rng.uniform(0, 0.06)], dtype=np.float32)
    top = rng.uniform(0.93, 0.99)
    return np.dstack([(top - depth * (1 - unit))[..., None] * tone, rgba[..., 3]]).astype(
        np.float32
    )


def _arrange(
    pieces: list[NDArray[np.float32]],
    shape: tuple[int, int],
    cut: bool,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Pieces side by side on an empty canvas (h, w, 4), or one that leaves it at the bottom."""
    height, width = shape
    canvas = np.zeros((*shape, 4), dtype=np.float32)
    slot = width / len(pieces)
    for number, piece in enumerate(pieces):
        share = rng.uniform(0.6, 0.86)
        scale = share * min(height / piece.shape[0], slot / piece.shape[1])
        if cut:
            scale = rng.uniform(0.7, 0.9) * width / piece.shape[1]
        size = [max(round(side * scale), 8) for side in piece.shape[:2]]
        weighted = np.dstack([piece[..., :3] * piece[..., 3:], piece[..., 3]])
        interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        small = cv2.resize(weighted, (size[1], size[0]), interpolation=interpolation).clip(0, 1)
        top = round((height - size[0]) * rng.uniform(0.45, 0.75))
        if cut:
            top = height - round(size[0] * rng.uniform(0.75, 0.92))
            top = max(top, round(0.08 * height))
        left = round(number * slot + (slot - size[1]) * rng.uniform(0.3, 0.7))
        left = max(min(left, width - 1), 0)
        rows, columns = min(size[0], height - top), min(size[1], width - left)
        place = np.s_[top : top + rows, left : left + columns]
        part = small[:rows, :columns]
        canvas[place] = canvas[place] * (1 - part[..., 3:]) + part
    alpha = canvas[..., 3:]
    colours = canvas[..., :3] / np.maximum(alpha, 1e-3)
    return np.dstack([colours.clip(0, 1), alpha]).astype(np.float32)


def _ground(kind: str, shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    height, width = shape
    down, across = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)
    falloff = np.zeros(shape)
    if kind == "cut-out on white":
        colour = np.ones(3)
    elif kind in ("graded studio", "reflection"):
        colour = np.full(3, rng.uniform(0.6, 0.95)) + rng.normal(0, 0.01, 3)
        bend = rng.uniform(0.1, 0.5)
        falloff = rng.uniform(0, 0.18) / (1 + np.exp(-(down - bend) / rng.uniform(0.08, 0.3)))
        falloff = falloff + rng.uniform(0, 0.12) * (down**2 + across**2) / 2
        falloff = falloff + rng.uniform(-0.05, 0.05) * across
    elif kind == "coloured paper":
        hue = np.uint8([[[rng.integers(180), rng.integers(20, 170), rng.integers(120, 255)]]])
        colour = cv2.cvtColor(hue, cv2.COLOR_HSV2RGB)[0, 0] / 255.0
        falloff = rng.uniform(-0.06, 0.06) * across + rng.uniform(-0.06, 0.06) * down
    elif kind == "in the ground's colour":
        colour = rng.uniform(0.35, 0.95) + rng.normal(0, 0.06, 3)
        falloff = rng.uniform(0, 0.1) * (down**2 + across**2) / 2
    else:
        colour = np.full(3, rng.uniform(0.93, 1.02)) + rng.normal(0, 0.004, 3)
        falloff = rng.uniform(0, 0.06) * (down**2 + across**2) / 2
    ground: NDArray[np.float32] = (colour * (1 - falloff)[..., None]).clip(0, 1).astype(np.float32)
    return ground


def _shadow(kind: str, alpha: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Ratio of light (h, w): a soft shadow about the product, and a contact shadow below it."""
    shadow = np.ones_like(alpha)
    if kind == "cut-out on white":
        return shadow
    soft = cv2.GaussianBlur(alpha, (0, 0), rng.uniform(8, 22))
    move = np.array([[1, 0, rng.integers(-10, 11)], [0, 1, rng.integers(2, 14)]], dtype=np.float64)
    soft = cv2.warpAffine(soft, move, alpha.shape[::-1])
    shadow -= rng.uniform(0.0, 0.25) * soft
    rows = np.flatnonzero((alpha > 0.5).any(axis=1))
    bottom, height = rows[-1], rows[-1] - rows[0]
    lower = alpha.copy()
    lower[: bottom - int(0.15 * height)] = 0
    flat = cv2.warpAffine(
        lower,
        np.array([[1, 0, 0], [0, 0.35, 0.65 * bottom]]),
        alpha.shape[::-1],
        flags=cv2.INTER_AREA,
    )
    shadow *= 1 - rng.uniform(0.2, 0.7) * cv2.GaussianBlur(flat, (0, 0), rng.uniform(2.5, 7))
    if kind == "hard shadow" or (kind != "white product" and rng.random() < 0.15):
        slant = rng.uniform(-1.4, 1.4)
        squash = rng.uniform(0.12, 0.7)
        place = np.array([[1, slant, -slant * bottom], [0, squash, (1 - squash) * bottom]])
        cast = cv2.warpAffine(alpha, place, alpha.shape[::-1], flags=cv2.INTER_AREA)
        shadow *= 1 - rng.uniform(0.15, 0.6) * cv2.GaussianBlur(cast, (0, 0), rng.uniform(1, 5))
    clipped: NDArray[np.float32] = shadow.clip(0.05, 1).astype(np.float32)
    return clipped


def _reflect(
    behind: NDArray[np.float32], rgba: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """A glossy table: the product's mirror image below its lowest row, fading."""
    bottom = int(np.flatnonzero((rgba[..., 3] > 0.5).any(axis=1))[-1])
    mirrored = np.zeros_like(rgba)
    count = min(len(rgba) - bottom - 1, bottom)
    mirrored[bottom + 1 : bottom + 1 + count] = rgba[bottom : bottom - count : -1]
    mirrored = cv2.GaussianBlur(mirrored, (0, 0), rng.uniform(0.8, 2))
    fade = np.exp(-np.maximum(np.arange(len(rgba)) - bottom, 0) / rng.uniform(10, 40))
    weight = (rng.uniform(0.1, 0.35) * fade)[:, None, None] * mirrored[..., 3:]
    mixed: NDArray[np.float32] = behind * (1 - weight) + mirrored[..., :3] * weight
    return mixed.astype(np.float32)


def _jpeg(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    _, packed = cv2.imencode(".jpg", picture[..., ::-1], options)
    decoded: NDArray[np.uint8] = cv2.imdecode(packed, cv2.IMREAD_COLOR)[..., ::-1]
    return np.ascontiguousarray(decoded)


def read_training_cut_outs() -> list[CutOut]:
    """More cut-outs to train on: renders of other things, garments of the training photos.

    Garments are those whose estimated mask is trusted most; none is a photo with a hand-drawn mask.
    """
    found = []
    names = sorted(path.stem for path in EMOJI.glob("*.webp"))
    kept = [name for name in names if "-1f3f" not in name and name not in _THINGS]
    for name in kept[::2]:
        picture, alpha = decode_with_alpha(EMOJI / f"{name}.webp")
        if alpha is not None and 0.05 < (alpha > 127).mean() < 0.95:
            rgba = _crop(_rgba(picture, alpha / np.float32(255)))
            found.append(CutOut(f"render {name}", "dev", rgba))
    table = pd.read_csv(PHOTOS / "images.csv")
    drawn = {hand.file for hand in read_masks()}
    files = [file for file in table.loc[table["split"] == "train", "file"] if file not in drawn]
    for file in sorted(files)[::6]:
        photo = decode(PHOTOS / file)
        mask = product_mask(photo)
        if mask.source == "estimated" and mask.confidence > 0.97:
            rgba = _crop(_rgba(photo, soft_cut_out(photo, mask.alpha >= 0.5)))
            found.append(CutOut(f"garment {file}", "dev", rgba))
    return found
