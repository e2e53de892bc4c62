"""Batches of training: a pure function of seed, attempt and step, so any step can be made again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from features.images import crop_square, resize
from features.networks.encoders import StyleEncoder
from styletransfer.painters.generator.grain import grain
from styletransfer.training.config import TrainingConfig
from styletransfer.training.entries import Entry, Parts, spread
from styletransfer.training.pictures import Pictures

_PLATES: Final = 0.3
_ON_WHITE: Final = 0.3
_WHOLE_LOOKS: Final = 0.5
_SETS: Final = 0.5
_LEAST_LOOK_SHARE: Final = 0.4
_HUES: Final = 180
_JITTER: Final = 0.2
_MOST_ZOOM: Final = 1.5


@dataclass(frozen=True, eq=False)
class Batch:
    """What one step trains on; pictures float32 (b, 3, s, s) sRGB in 0..1.

    `photos` are plates or photos whose product is in `masks` (b, 1, s, s), `canvases` the same with
    the grain that a generator paints from. `views` (b, 3, l, l) are the looks as coded in `codes`
    (b, 100), `patches` (b, 3, s, s) cuts of them or of sets made of the look; `looks` int64 (b,)
    are their rows among `TrainingData.bank`, `other_codes` (b, 100) codes of other views.
    """

    photos: Tensor
    canvases: Tensor
    masks: Tensor
    views: Tensor
    patches: Tensor
    codes: Tensor
    looks: Tensor
    other_codes: Tensor

    def part(self, number: int, of: int) -> Batch:
        """Part `number` of `of` equal parts, in the batch's order; `of` divides the batch."""
        size = len(self.photos) // of
        rows = slice(number * size, (number + 1) * size)
        return Batch(*(getattr(self, one.name)[rows] for one in fields(self)))

    def to(self, device: torch.device) -> Batch:
        """The batch on `device`."""
        return Batch(*(getattr(self, one.name).to(device) for one in fields(self)))


class TrainingData:
    """Photos and looks of the training and the validation part."""

    def __init__(
        self,
        photos: Parts,
        looks: Parts,
        pictures: Pictures,
        config: TrainingConfig,
        seed: int,
        sets: Mapping[str, Sequence[NDArray[np.uint8]]] | None = None,
    ) -> None:
        """Open what is trained on and validated on.

        `sets` are, by the look's name, pictures (s, s, 3) uint8 of at least the crop's side made of
        that look: further examples of it.
        """
        self._photos = spread(photos.train, config.max_photos)
        self._looks = looks.train
        self._watched = _two_at_least(photos, config.validation_photos)
        self._watched_looks = _two_at_least(looks, config.validation_looks)
        self._all_looks = (*looks.train, *looks.validation)
        self._pictures, self._config, self._seed = pictures, config, seed
        self._encoder = style_encoder()
        self.bank = [
            colouring
            for entry in self._looks
            for colouring in colourings(pictures.look(entry), config.recolours, entry.name)
        ]
        self._sets: list[list[NDArray[np.uint8]]] = []
        for entry in self._looks:
            made = [
                colourings(one, config.recolours, entry.name)
                for one in (sets or {}).get(entry.name, ())
            ]
            self._sets += [[one[row] for one in made] for row in range(1 + config.recolours)]
        self.codes = self._encoder.encode(self.bank)
        self.centre = torch.from_numpy(self.codes.mean(axis=0))

    def batch(self, step: int, attempt: int = 0) -> Batch:
        """The batch of `step` on the `attempt`-th start. Raises ImageError for a broken file."""
        rng = np.random.default_rng((self._seed, attempt, step))
        return self._drawn(rng, self._photos, self.bank, self._sets)

    def validation_batch(self, number: int) -> Batch:
        """Batch `number` of the validation part, the same at every call.

        Its looks have no row in `bank`; each is told from all of that but one, which `looks` names.
        """
        looks = [self._pictures.look(entry) for entry in self._watched_looks]
        batch = self._drawn(np.random.default_rng((self._seed, number)), self._watched, looks)
        return replace(batch, looks=batch.looks % len(self.bank))

    def _drawn(
        self,
        rng: np.random.Generator,
        entries: Sequence[Entry],
        looks: Sequence[NDArray[np.uint8]],
        sets: Sequence[Sequence[NDArray[np.uint8]]] = (),
    ) -> Batch:
        count = self._config.batch
        rows = np.resize(rng.permutation(len(looks))[:count], count).tolist()
        drawn = (entries[int(rng.integers(len(entries)))] for _ in range(count))
        photos, masks = zip(*(self._cut(entry, rng) for entry in drawn), strict=True)
        views = [self._view(looks[row], rng) for row in rows]
        side, cuts = self._config.crop_px, []
        for row, view in zip(rows, views, strict=True):
            shown = view
            if sets and sets[row] and rng.random() < _SETS:
                shown = sets[row][int(rng.integers(len(sets[row])))]
            top, left = rng.integers(0, len(shown) - side + 1, 2)
            cuts.append(shown[top : top + side, left : left + side])
        codes = torch.from_numpy(self._encoder.encode(views))
        clean = as_tensor(photos)
        return Batch(
            clean,
            clean + torch.from_numpy(grain(side, side, *rng.integers(0, 1 << 16, 2).tolist())),
            torch.from_numpy(np.stack(masks))[:, None],
            as_tensor(views),
            as_tensor(cuts),
            codes,
            torch.tensor(rows),
            codes.roll(1, 0),
        )

    def validation(self) -> tuple[Tensor, list[NDArray[np.uint8]], Tensor]:
        """Photos float32 (p, 3, s, s) and looks of the validation part, with codes (k, 100).

        Every second photo shows its product on white.
        Where the part holds one photo or look, one that is trained on is added.
        """
        side = self._config.look_px
        squares = [
            resize(crop_square(photo.on_white if number % 2 else photo.picture), side, side)
            for number, photo in enumerate(map(self._pictures.photo, self._watched))
        ]
        looks = [self._pictures.look(entry) for entry in self._watched_looks]
        return as_tensor(squares), looks, torch.from_numpy(self._encoder.encode(looks))

    def every_look(self) -> tuple[list[NDArray[np.uint8]], list[int]]:
        """All looks but the tested ones, and the rows among them of those that are watched."""
        names = [entry.name for entry in self._all_looks]
        rows = [names.index(entry.name) for entry in self._watched_looks]
        return [self._pictures.look(entry) for entry in self._all_looks], rows

    def _cut(
        self, entry: Entry, rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        photo, side = self._pictures.photo(entry), self._config.crop_px
        kind, mirrored = rng.random(), rng.random() < 0.5
        is_plate = kind < _PLATES
        picture = photo.on_white if kind > 1 - _ON_WHITE else photo.picture
        picture = photo.plate if is_plate else picture
        alpha = np.zeros_like(photo.alpha) if is_plate else photo.alpha
        height, width = alpha.shape
        short = round(side * rng.uniform(1.0, _MOST_ZOOM))
        scale = short / min(height, width)
        size = max(round(width * scale), side), max(round(height * scale), side)
        top, left = (int(rng.integers(extent - side + 1)) for extent in size[::-1])
        area = np.s_[top : top + side, left : left + side]
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)[area]
        alpha = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)[area]
        jittered = _jitter(picture, rng.uniform(-_JITTER, _JITTER, 3))
        turn = -1 if mirrored else 1
        return jittered[:, ::turn], np.ascontiguousarray(alpha[:, ::turn])

    def _view(self, picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        """A square of a look at `look_px`: its centre, or one of any place and scale."""
        side = self._config.look_px
        draws = rng.random(5)
        if draws[0] < _WHOLE_LOOKS:
            square = crop_square(picture)
        else:
            share = _LEAST_LOOK_SHARE + (1 - _LEAST_LOOK_SHARE) * draws[1]
            height, width = picture.shape[:2]
            extent = max(round(min(height, width) * float(np.sqrt(share))), 1)
            top = int(draws[2] * (height - extent + 1))
            left = int(draws[3] * (width - extent + 1))
            square = picture[top : top + extent, left : left + extent]
        if draws[4] < 0.5:
            square = square[:, ::-1]
        return resize(np.ascontiguousarray(square), side, side)


def _two_at_least(parts: Parts, count: int) -> tuple[Entry, ...]:
    """At most `count` validation entries; a lone one is watched beside one that is trained on,
    since what differs between two cannot be seen in one."""
    alone = len(parts.validation) < 2
    return spread(parts.validation, count) + (parts.train[:1] if alone else ())


def colourings(look: NDArray[np.uint8], count: int, name: str) -> list[NDArray[np.uint8]]:
    """`look` (h, w, 3) uint8 and `count` others whose hues are turned or channels exchanged.

    A look in other colours is another look, with a code of its own: they teach what a few dozen
    looks cannot. Drawn by `name`, so that the same look always has the same ones.
    """
    rng = np.random.default_rng(list(name.encode()))
    made = [look]
    for _ in range(count):
        hues = cv2.cvtColor(look, cv2.COLOR_RGB2HSV)
        turned = hues[..., 0].astype(np.int64) + int(rng.integers(_HUES)) * int(rng.integers(2))
        hues[..., 0] = turned % _HUES
        colours = cv2.cvtColor(hues, cv2.COLOR_HSV2RGB)
        made.append(np.ascontiguousarray(colours[..., rng.permutation(3)]))
    return made


@cache
def style_encoder() -> StyleEncoder:
    """The encoder of looks, opened once a process."""
    return StyleEncoder()


def as_tensor(pictures: object) -> Tensor:
    """Pictures (h, w, 3) uint8 of one size -> float32 (n, 3, h, w) in 0..1."""
    stacked = torch.from_numpy(np.stack(pictures))  # type: ignore[call-overload]
    return stacked.permute(0, 3, 1, 2).contiguous().float() / 255


def _jitter(picture: NDArray[np.uint8], draws: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Brightness, contrast and saturation changed by the shares `draws` (3,)."""
    values = picture.astype(np.float32)
    grey = values.mean(axis=2, keepdims=True)
    values = grey + (values - grey) * np.float32(1 + draws[2])
    values = (values - values.mean()) * np.float32(1 + draws[1]) + values.mean()
    levels = np.clip(np.rint(values * np.float32(1 + draws[0])), 0, 255)
    return np.asarray(levels, dtype=np.uint8)
